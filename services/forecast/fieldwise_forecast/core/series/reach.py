"""Sums over series and periods ahead, and the probability that one reaches its target; knows no forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats
from .distribution import Distribution

# Draws of a sum: as many as fit into so many numbers, within these limits.
NUMBERS, FEWEST_DRAWS, MOST_DRAWS = 4_000_000, 200, 2000
SEED = 20170101


@dataclass(frozen=True)
class Total:
    """A sum as draws, ascending."""

    draws: Floats

    @property
    def mean(self) -> float:
        """Expected sum."""
        return float(self.draws.mean())

    def quantile(self, level: float) -> float:
        """The sum stays at or below it with probability ``level``."""
        return float(np.quantile(self.draws, level))

    def probability(self, target: float) -> float:
        """That the sum is at or above ``target``; never quite 0 or 1, as draws cannot tell that."""
        reached = len(self.draws) - int(np.searchsorted(self.draws, target, side="left"))
        return (reached + 0.5) / (len(self.draws) + 1)


def total(
    ahead: Distribution,
    series: Sequence[int] | None = None,
    periods: Sequence[int] | None = None,
    already: float = 0.0,
    seed: int = SEED,
) -> Total:
    """The sum over the chosen series and periods ahead (all, when none is named), on top of what is ``already`` there."""
    rows = len(ahead.forecast) if series is None else len(series)
    columns = ahead.horizon if periods is None else len(periods)
    count = int(np.clip(NUMBERS // max(rows * columns, 1), FEWEST_DRAWS, MOST_DRAWS))
    draws = ahead.samples(count, seed, series, periods).sum(axis=(1, 2))
    return Total(np.sort(draws) + already)


def reach(
    ahead: Distribution,
    target: float,
    series: Sequence[int] | None = None,
    periods: Sequence[int] | None = None,
    already: float = 0.0,
    seed: int = SEED,
) -> float:
    """Probability that ``already`` and the sum of the chosen series and periods are at or above the target."""
    return total(ahead, series, periods, already, seed).probability(target)
