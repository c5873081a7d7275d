"""What a customer did lately as the numbers that segments are found in; knows no state and no segment.

Everything is of the last `WINDOW_DAYS` whole UTC days, per 28 days of the time in which he was there: from his first event (or the
window's beginning) to his last purchase or look. So somebody who fell silent keeps the behaviour he had; that he is
silent says his stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Final, NamedTuple

from fieldwise_profile.core.rhythm import gaps, quantile, spread
from fieldwise_profile.core.segments.scaling import Measure

# A year of whole weeks: seasons cancel, and rare buyers are seen more than a few times.
WINDOW_DAYS: Final = 364
PERIOD_DAYS: Final = 28
# Fewer looks or lines say nothing about whether he buys what he looks at.
_FEWEST: Final = 3


class BehaviourMeasure(NamedTuple):
    """A measure with its unit (UCUM; ``{currency}`` is the installation's)."""

    measure: Measure
    unit: str


def _found(name: str, unit: str, *, skewed: bool) -> BehaviourMeasure:
    return BehaviourMeasure(Measure(name, skewed), unit)


def _shown(name: str, unit: str, *, skewed: bool) -> BehaviourMeasure:
    """Says over again what another measure says, or varies too much by chance to find segments in; describes them."""
    return BehaviourMeasure(Measure(name, skewed, 0.0), unit)


BEHAVIOUR: Final = (
    _found("purchase_days_28d", "1", skewed=True),
    _found("lines_per_purchase_day", "1", skewed=True),
    _found("spend_per_line", "{currency}", skewed=True),
    _found("discount_share", "1", skewed=False),
    _found("redemptions_28d", "1", skewed=True),
    _found("views_28d", "1", skewed=True),
    _found("views_per_purchase_day", "1", skewed=True),
    _found("looks_elsewhere", "1", skewed=False),
    _found("web_share", "1", skewed=False),
    _found("app_share", "1", skewed=False),
    _found("store_share", "1", skewed=False),
    _found("personal_share", "1", skewed=False),
    _found("gap_irregularity", "1", skewed=False),
    _shown("spend_28d", "{currency}", skewed=True),
    _shown("categories", "1", skewed=True),
    _shown("clicks_28d", "1", skewed=True),
    _shown("searches_28d", "1", skewed=True),
    _shown("dwell_per_view", "s", skewed=True),
    _shown("opened_share", "1", skewed=False),
    _shown("gap_median", "d", skewed=True),
    _shown("weekend_share", "1", skewed=False),
)
MEASURES: Final = tuple(each.measure for each in BEHAVIOUR)
NAMES: Final = tuple(measure.name for measure in MEASURES)
_PERSONAL: Final = ("call", "visit")


class Year(NamedTuple):
    """What a customer did in the window, a year; weighted where noise is weighed.

    Attributes:
        active_days: Days from his first event to his last purchase or look, both within the window.
        purchase_days: Distinct days, ascending, as days since 1970.
        spend: Money received, in the currency's unit.
        discount: Discounts given, likewise.
        dwell_seconds: Looking time of the views.
        bought: Purchase days by category.
        viewed: Views by category.
        channels: Events through each channel.
    """

    active_days: int
    purchase_days: Sequence[int]
    lines: int
    spend: float
    discount: float
    redemptions: int
    views: float
    clicks: float
    searches: float
    dwell_seconds: float
    bought: Mapping[str, int]
    viewed: Mapping[str, float]
    channels: Mapping[str, float]
    messages_sent: int
    messages_opened: float


def behaviour(done: Year) -> list[float] | None:
    """The numbers of `BEHAVIOUR`, NaN for what is not known; None when he neither bought nor looked."""
    bought = len(done.purchase_days)
    if not bought and not done.views + done.clicks + done.searches:
        return None
    periods = max(done.active_days, PERIOD_DAYS) / PERIOD_DAYS
    median, irregularity, weekend = _rhythm(done)
    return [
        bought / periods,
        _share(done.lines, bought),
        _share(done.spend, done.lines),
        _share(done.discount, done.spend + done.discount),
        done.redemptions / periods,
        done.views / periods,
        # One more day than he bought on: who never buys and looks a lot is far out, and not unknown.
        done.views / (bought + 1),
        _elsewhere(done.viewed, done.bought),
        *_channels(done.channels),
        irregularity,
        done.spend / periods,
        float(len(done.bought)),
        done.clicks / periods,
        done.searches / periods,
        _share(done.dwell_seconds, done.views),
        _share(done.messages_opened, done.messages_sent),
        median,
        weekend,
    ]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else nan


def _elsewhere(viewed: Mapping[str, float], bought: Mapping[str, int]) -> float:
    """How little the categories he looks at are those he buys: 0 for the same shares, 1 for none in common."""
    looks, buys = sum(viewed.values()), sum(bought.values())
    if looks < _FEWEST or buys < _FEWEST:
        return nan
    return 1.0 - sum(min(views / looks, bought.get(category, 0) / buys) for category, views in viewed.items())


def _channels(channels: Mapping[str, float]) -> tuple[float, float, float, float]:
    total = sum(channels.values())
    web, app, store = (_share(channels.get(each, 0.0), total) for each in ("web", "app", "store"))
    return web, app, store, _share(sum(channels.get(each, 0.0) for each in _PERSONAL), total)


def _rhythm(done: Year) -> tuple[float, float, float]:
    days = done.purchase_days
    ascending = sorted(gaps(days))
    # 1970-01-01 was a Thursday: day 2 was a Saturday.
    weekend = _share(sum(1 for day in days if (day - 2) % 7 < 2), len(days))
    if not ascending:
        # Who bought once or never has no gap shorter than the time he was there.
        return float(max(done.active_days, PERIOD_DAYS)), nan, weekend
    mean = sum(ascending) / len(ascending)
    irregular = spread(ascending) / mean if len(ascending) > 1 else nan
    return quantile(ascending, 0.5), irregular, weekend
