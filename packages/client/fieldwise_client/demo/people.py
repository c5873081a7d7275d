"""The demo's reps and weekly budgets: made up, labelled synthetic, sized so that calls, coupons and e-mails are scarce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fieldwise.allocation.v1 import price_pb2, rep_pb2

_NAMES: Final = (
    ("ana", "Ana Moreno"),
    ("ben", "Ben Okafor"),
    ("chen", "Chen Yu"),
    ("dana", "Dana Levi"),
    ("emil", "Emil Novak"),
    ("farah", "Farah Haddad"),
    ("george", "George Mbeki"),
    ("hanna", "Hanna Virtanen"),
)
# Households a rep can look after, and what the budgets give each household per week.
HOUSEHOLDS_PER_REP_SUBSET: Final = 103
HOUSEHOLDS_PER_REP_FULL: Final = 309
MINUTES_PER_HOUSEHOLD: Final = 1.0
COUPON_MONEY_PER_HOUSEHOLD: Final = 0.4
EMAIL_SLOTS_PER_HOUSEHOLD: Final = 0.25


@dataclass(frozen=True)
class Staff:
    """Who calls, and what there is to give per week."""

    reps: tuple[rep_pb2.Rep, ...]
    budgets: tuple[price_pb2.Budget, ...]


def staff(households: int, *, full: bool) -> Staff:
    """Reps and budgets for so many households: eight reps for all, four for the default subset."""
    names = _NAMES if full else _NAMES[:4]
    hours = households * MINUTES_PER_HOUSEHOLD / 60 / len(names)
    reps = tuple(
        # Inside sales: they call, nobody travels, so they need no home.
        rep_pb2.Rep(name=f"reps/{key}", display_name=f"{name} (synthetic)", hours_per_week=round(hours, 1))
        for key, name in names
    )
    budgets = (
        price_pb2.Budget(
            resource="coupon-money",
            unit="{currency}",
            capacity=round(households * COUPON_MONEY_PER_HOUSEHOLD),
        ),
        price_pb2.Budget(
            resource="email-slots", unit="1", capacity=round(households * EMAIL_SLOTS_PER_HOUSEHOLD)
        ),
    )
    return Staff(reps, budgets)
