"""Intervals of estimates: fixed, always valid, of shares and of medians; knows no decision.

Sources: shares by Wilson (1927). Always valid: the mixture boundary of Robbins (1970) with
an estimated variance, an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, 2024, *Time-uniform
central limit theory and asymptotic confidence sequences*, Annals of Statistics 52(6), theorem 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

ALPHA: Final = 0.05
POWER: Final = 0.8
_NORMAL: Final = NormalDist()
# The boundary is narrowest, against the fixed interval, when both groups together tell as much as two of so many customers.
_TUNED_AT: Final = 500.0


@dataclass(frozen=True)
class Interval:
    """From ``low`` to ``high``; infinite where nothing is known."""

    low: float = -inf
    high: float = inf


@dataclass(frozen=True)
class Share:
    """``count`` of ``total``, and the interval of the share; nothing is known of 0."""

    count: int
    total: int

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else 0.0

    @property
    def interval(self) -> Interval:
        """Wilson's interval at 95 %."""
        if not self.total:
            return Interval(0.0, 1.0)
        z = _NORMAL.inv_cdf(1.0 - ALPHA / 2.0)
        n, p = self.total, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return Interval(max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True)
class Median:
    """The middle of ``total`` numbers, and the interval of the population's; nothing is known of 0."""

    value: float
    interval: Interval
    total: int


def median_of(values: NDArray[np.float64]) -> Median:
    """Median with the interval between two ordered values (the binomial of how many lie below, by its normal approximation)."""
    ordered = np.sort(values[~np.isnan(values)])
    n = len(ordered)
    if not n:
        return Median(0.0, Interval(), 0)
    half = _NORMAL.inv_cdf(1.0 - ALPHA / 2.0) * sqrt(n) / 2.0
    low, high = int(np.floor(n / 2 - half)) - 1, int(np.ceil(n / 2 + half))
    interval = Interval(float(ordered[low]) if low >= 0 else -inf, float(ordered[high]) if high < n else inf)
    return Median(float(np.median(ordered)), interval, n)


def _student(z: float, freedom: float) -> float:
    """What Student's t exceeds as seldom as a normal number exceeds ``z``."""
    return -float(stdtrit(freedom, ndtr(-z)))


def fixed(estimate: float, error: float, freedom: float, alpha: float = ALPHA) -> Interval:
    """The interval of one look at a moment chosen before."""
    half = _student(_NORMAL.inv_cdf(1.0 - alpha / 2.0), freedom) * error
    return Interval(estimate - half, estimate + half)


def always_valid(
    estimate: float, error: float, freedom: float, information: float, alpha: float = ALPHA
) -> Interval:
    """The interval that may be looked at every day: all of them together miss the truth with probability ``alpha``.

    Args:
        error: Standard error by now.
        freedom: Degrees of freedom of the error: with few of them the boundary is widened as Student's t is against the normal.
        information: How many pairs of customers tell as much: treated x control / both.
    """
    wanted = -2.0 * log(alpha)
    ratio = max(information, 1e-9) * (wanted + log(wanted + 1.0)) / _TUNED_AT
    deviations = sqrt((1.0 + 1.0 / ratio) * (log(ratio + 1.0) + wanted))
    half = error * _student(deviations, freedom)
    return Interval(estimate - half, estimate + half)


def smallest_detectable(error: float, freedom: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """The effect that one look would find with probability ``power``, of this size or larger."""
    return (_student(_NORMAL.inv_cdf(1.0 - alpha / 2.0), freedom) + _NORMAL.inv_cdf(power)) * error
