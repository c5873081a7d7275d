"""An interval for a mean of rows that come in customers and may be heavy in the tail; knows no policy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from fieldwise_recommend.core.arrays import Floats, Ints

_FEWEST_CUSTOMERS: Final = 2
_CLOSE: Final = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and its two-sided interval."""

    value: float
    standard_error: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The longer of the two sides."""
        return max(self.value - self.low, self.high - self.value)


def standard_error(deviations: Floats, customers: Ints) -> float:
    """The error of a mean from what each row moves it by (its influence), rows of one customer taken together."""
    first = customers.min()
    # Codes lie close together as a rule, and need no sorting then.
    close = customers.max() - first <= _CLOSE * len(customers)
    position = customers - first if close else np.unique(customers, return_inverse=True)[1]
    count = int((np.bincount(position) > 0).sum())
    if count < _FEWEST_CUSTOMERS:
        return math.inf
    sums = np.bincount(position, weights=deviations)
    return math.sqrt(float((sums**2).sum()) * count / (count - 1)) / len(deviations)


def interval(
    value: float, error: float, customers: int, confidence: float, below: float = 0.0, above: float = 0.0
) -> Estimate:
    """Student's interval, with what bounds allow below and above it."""
    if not math.isfinite(error):
        return Estimate(value, error, -math.inf, math.inf)
    reach = float(stats.t.ppf(0.5 + confidence / 2.0, max(customers - 1, 1))) * error
    return Estimate(value, error, value - reach - below, value + reach + above)
