"""Counts and sums whose weight halves with age, from the tallies of days; knows no event.

They are computed on reading, not kept: a number that is multiplied down as time goes by depends on the order in which events
come. Age is in whole UTC days, so an answer stays the same until the day ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp2, fsum
from typing import Final

HALF_LIVES_DAYS: Final = (7, 30, 180)
# Beyond so many halvings the weight is below one in a thousand billion, and is computed, not looked up.
_KEPT_HALVINGS: Final = 16


def weight(age_days: int, half_life_days: int) -> float:
    """What an event of that age counts; 1 for today's and later ones."""
    if age_days <= 0:
        return 1.0
    kept = _POWERS.get(half_life_days)
    if kept is not None and age_days < len(kept):
        return kept[age_days]
    return exp2(-age_days / half_life_days)


def decayed(
    tallies: Mapping[int, float] | Iterable[tuple[int, float]], today: int, half_life_days: int
) -> float:
    """Sum of the tallies of days (since 1970), each weighted by its age on the day ``today``."""
    days = tallies.items() if isinstance(tallies, Mapping) else tallies
    # Exactly rounded, so that the order of the days changes nothing.
    return fsum([tally * weight(today - day, half_life_days) for day, tally in days])


_POWERS: Final = {
    half_life: tuple(exp2(-age / half_life) for age in range(half_life * _KEPT_HALVINGS))
    for half_life in HALF_LIVES_DAYS
}
