"""Which household's decision is worth showing: pure arithmetic on columns.

A good customer who has just broken his own rhythm: he bought on twenty days at least, has been away for longer than nine
of ten of his own gaps (never less than 14 days, the rule of profile), but not for longer than three times that.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldwise_client.demo.complete_journey import CLOCK, Numbers, Purchases

FEWEST_DAYS: Final = 20
SILENCE_QUANTILE: Final = 0.9
SHORTEST_SILENCE_DAYS: Final = 14.0
LONGEST_SILENCE: Final = 3.0
_DAY_SECONDS: Final = 86_400


def worth_showing(purchases: Purchases, most: int = 8) -> tuple[str, ...]:
    """`customers/{id}`, highest spend first, ties to the smaller id; those with the longest history when none fits."""
    order = np.argsort(purchases.household, kind="stable")
    cuts = np.flatnonzero(np.diff(purchases.household[order])) + 1
    found: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    for lines in np.split(order, cuts):
        if len(lines):
            household = int(purchases.household[lines[0]])
            ranked = (-int(purchases.amount_micros[lines].sum()), household)
            (found if _just_fell_silent(purchases.seconds[lines]) else others).append(ranked)
    return tuple(f"customers/{household}" for _, household in (sorted(found) + sorted(others))[:most])


def _just_fell_silent(seconds: Numbers) -> bool:
    days = np.unique(seconds // _DAY_SECONDS)
    if len(days) < FEWEST_DAYS:
        return False
    silent_after = max(SHORTEST_SILENCE_DAYS, float(np.quantile(np.diff(days), SILENCE_QUANTILE)))
    away = (CLOCK.timestamp() - float(seconds.max())) / _DAY_SECONDS
    return silent_after < away <= LONGEST_SILENCE * silent_after
