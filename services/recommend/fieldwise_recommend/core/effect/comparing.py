"""Two groups compared in one number per customer, adjusted by what was known before; knows no decision.

Source of the adjustment: Deng, Xu, Kohavi and Walker (2013), *Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data* (CUPED); the slope that is best for groups of unequal size: Lin (2013), *Agnostic notes on regression adjustments*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf, sqrt
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats
from fieldwise_recommend.core.effect.intervals import (
    Interval,
    always_valid,
    fixed,
    smallest_detectable,
)

# Below so many customers in a group, or so few who differ from 0 at all, the normal approximation says nothing.
FEWEST: Final = 100
FEWEST_EVENTS: Final = 10
# Slopes are estimated: a group must be so many times larger than they are many.
_CUSTOMERS_PER_SLOPE: Final = 20
# Customers that the larger group's variance counts for in the smaller group's.
_BORROWED: Final = 400.0


class Verdict(Enum):
    """What the always valid interval allows to say."""

    HIGHER = "higher"
    LOWER = "lower"
    NOT_ENOUGH_EVIDENCE = "not enough evidence"


class Basis(Enum):
    """On what a difference rests."""

    RANDOMISED = "a group drawn by hash"
    CHANCE = "choices made by chance"
    PARALLEL = "two groups that would have moved alike without us"
    OBSERVED = "who acted was not drawn: no effect can be read from it"


@dataclass(frozen=True)
class Comparison:
    """Treated against control; ``difference`` is adjusted, the two means are not.

    Args:
        treated, control: Means, in the unit of the measure.
        treated_count, control_count: Customers (decisions, where the basis is CHANCE).
        error: Standard error of the difference.
        interval: 95 % at one look.
        always: 95 % over all looks.
        detectable: Smallest difference that one look finds with probability 0.8.
        variance_left: Of the plain difference's variance, after the adjustment; 1 without one.
    """

    measure: str
    basis: Basis
    treated: float = 0.0
    control: float = 0.0
    treated_count: int = 0
    control_count: int = 0
    difference: float = 0.0
    error: float = inf
    interval: Interval = Interval()
    always: Interval = Interval()
    detectable: float = inf
    variance_left: float = 1.0

    @property
    def verdict(self) -> Verdict:
        if self.basis is Basis.OBSERVED:
            return Verdict.NOT_ENOUGH_EVIDENCE
        if self.always.low > 0:
            return Verdict.HIGHER
        return Verdict.LOWER if self.always.high < 0 else Verdict.NOT_ENOUGH_EVIDENCE

    @property
    def relative(self) -> Interval:
        """The fixed interval as a share of the control's mean (its own error left out: it is the smaller one by far)."""
        if self.control <= 0:
            return Interval()
        return Interval(self.interval.low / self.control, self.interval.high / self.control)


def compare(
    measure: str,
    values: Floats,
    treated: Bools,
    before: Floats | None = None,
    basis: Basis = Basis.RANDOMISED,
) -> Comparison:
    """Means of two groups and their difference, adjusted by ``before`` (shape (customers, columns), or None).

    Too few customers, or too few who did anything, give a comparison without an interval.
    """
    chosen, other = values[treated], values[~treated]
    means = (float(chosen.mean()) if len(chosen) else 0.0, float(other.mean()) if len(other) else 0.0)
    counts = (len(chosen), len(other))
    if min(counts) < FEWEST or np.count_nonzero(values) < FEWEST_EVENTS:
        return Comparison(measure, basis, *means, *counts)
    plain = _error(chosen, other)
    adjusted = values
    if before is not None and min(counts) >= _CUSTOMERS_PER_SLOPE * (before.shape[1] + 1):
        adjusted = values - (before - before.mean(axis=0)) @ slopes(values, treated, before)
    difference = float(adjusted[treated].mean() - adjusted[~treated].mean())
    error = _error(adjusted[treated], adjusted[~treated])
    if not error:
        return Comparison(measure, basis, *means, *counts)
    freedom = _freedom(adjusted[treated], adjusted[~treated])
    return Comparison(
        measure,
        basis,
        *means,
        *counts,
        difference,
        error,
        fixed(difference, error, freedom),
        always_valid(difference, error, freedom, counts[0] * counts[1] / sum(counts)),
        smallest_detectable(error, freedom),
        (error / plain) ** 2 if plain else 1.0,
    )


def slopes(values: Floats, treated: Bools, before: Floats) -> Floats:
    """What of a number before goes on after: the slopes that leave the difference the least variance.

    Each group weighs by one over its size, as its mean does in the variance of the difference.
    """
    square = np.zeros((before.shape[1], before.shape[1]))
    cross = np.zeros(before.shape[1])
    for group in (treated, ~treated):
        x = before[group] - before[group].mean(axis=0)
        weight = 1.0 / len(x) / (len(x) - 1)
        square += weight * (x.T @ x)
        cross += weight * (x.T @ (values[group] - values[group].mean()))
    return np.asarray(np.linalg.lstsq(square, cross, rcond=1e-10)[0], dtype=np.float64)


def _error(chosen: Floats, other: Floats) -> float:
    """Standard error of the difference; the smaller group's variance borrows from the larger group's while it is small.

    Few customers spend most of the money, and a group that happens to lack them has a low mean and a low variance at once. With
    its own variance, the interval held the truth in 93.4 % of 3,000 worlds with 400 customers left alone (95.1 % so), and
    looking every day gave false alarms in 8 % of 300 worlds without any effect (0.3 % so).
    """
    small, large = sorted((chosen, other), key=len)
    variance = float(large.var(ddof=1))
    own = len(small) / (len(small) + _BORROWED)
    return sqrt(
        (own * float(small.var(ddof=1)) + (1.0 - own) * variance) / len(small) + variance / len(large)
    )


def _freedom(chosen: Floats, other: Floats) -> float:
    """Welch and Satterthwaite's degrees of freedom."""
    parts = [(float(group.var(ddof=1)) / len(group), len(group)) for group in (chosen, other)]
    whole = sum(part for part, _ in parts)
    return whole**2 / sum(part**2 / (count - 1) for part, count in parts) if whole else 1.0
