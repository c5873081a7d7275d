"""Value and workload of an account, derived from what profile and forecast say of the customer; plain numbers only.

The minutes are assumptions of this product, stated here and marked as assumed in every plan that derives from them.
"""

from __future__ import annotations

from dataclasses import dataclass

# A rep of inside sales spends about this long on the follow-up of one order, and on a call that keeps a customer.
MINUTES_PER_ORDER = 4.0
MINUTES_PER_RESCUE = 12.0
WEEKS_AHEAD = 4.0
HORIZON_DAYS = 28.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of a customer within 28 days.

    Attributes:
        p_buys: Probability of any purchase, in [0, 1].
        p_silent: Probability of falling silent, in [0, 1].
        spend_if_buys: Money in micros, given that he buys.
        usual_gap_days: Median days between purchase days; None without a rhythm.
        orders_last_28_days: Purchase days in the 28 days before.
    """

    p_buys: float
    p_silent: float
    spend_if_buys: int
    usual_gap_days: float | None
    orders_last_28_days: float


def expected_orders(outlook: Outlook) -> float:
    """Orders expected within 28 days: what his rhythm and his last 28 days say, weighed by P(buys)."""
    rhythm = HORIZON_DAYS / max(outlook.usual_gap_days, 1.0) if outlook.usual_gap_days else 1.0
    return outlook.p_buys * max(1.0, (rhythm + outlook.orders_last_28_days) / 2.0)


def workload_hours(outlook: Outlook) -> float:
    """Hours of a rep's time per week that the customer calls for."""
    minutes = MINUTES_PER_ORDER * expected_orders(outlook) + MINUTES_PER_RESCUE * outlook.p_silent
    return minutes / WEEKS_AHEAD / 60.0


def account_value(outlook: Outlook, margin: float) -> int:
    """Margin expected within 28 days, in micros."""
    return round(outlook.p_buys * outlook.spend_if_buys * margin)
