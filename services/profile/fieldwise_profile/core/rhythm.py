"""A customer's buying rhythm: gaps between purchase days, and when he counts as silent; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import floor, sqrt
from typing import Final

# He is silent once the time since his last purchase passes this quantile of his own gaps...
SILENCE_QUANTILE: Final = 0.9
# ...but never sooner: with many small gaps a week's holiday would count as silence.
SILENCE_FLOOR_DAYS: Final = 14.0
# Two purchase days make one gap, which is no rhythm yet.
RHYTHM_PURCHASE_DAYS: Final = 3


def gaps(days: Sequence[int]) -> list[int]:
    """Days between purchase days (ascending, distinct)."""
    return [later - earlier for earlier, later in pairwise(days)]


def quantile(ascending: Sequence[int], share: float) -> float:
    """Quantile with linear interpolation between neighbours (type 7 of Hyndman and Fan, 1996)."""
    place = (len(ascending) - 1) * share
    below = floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (place - below)


def spread(values: Sequence[int]) -> float:
    """Population standard deviation; from exact integer sums, so the order of the values changes nothing."""
    n, total = len(values), sum(values)
    return sqrt((n * sum(value * value for value in values) - total * total) / (n * n))


def silence_after_days(ascending_gaps: Sequence[int]) -> float | None:
    """Days without a purchase after which the customer counts as silent; None without a rhythm."""
    if len(ascending_gaps) + 1 < RHYTHM_PURCHASE_DAYS:
        return None
    return max(SILENCE_FLOOR_DAYS, quantile(ascending_gaps, SILENCE_QUANTILE))
