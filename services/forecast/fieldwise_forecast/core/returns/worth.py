"""What a percentage point of accuracy is worth in a year, through the decisions it feeds; knows no learner and no SQL.

Accuracy is 1 - error / base: base is 1 for WAPE, and the log loss of the base rate for probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .customer_trials import CAPACITY
from .trials import YEAR, Result, Trial

MARGIN = 0.25
CPU_HOUR_COST = 0.05
# Of an absolute error half is too little and half too much, where forecasts are not biased.
MISSED_HALF = 0.5
# Share of the sales to a rightly chosen customer that the contact causes.
RESPONSE = 0.1
POINT = 0.01


@dataclass(frozen=True)
class Worth:
    """Attributes:
    per_point: Currency units in a year for one percentage point of accuracy, at least 0.
    basis: How it was reckoned and what is assumed, in words.
    """

    per_point: float
    basis: str

    def per_error(self, base: float) -> float:
        """Worth of one unit of error in a year."""
        return self.per_point / (POINT * base)


@dataclass(frozen=True)
class Margin:
    """What is earned on sales, as a share; ``assumed`` where nobody said."""

    share: float = MARGIN
    assumed: bool = True

    @property
    def words(self) -> str:
        return f"a margin of {self.share:.0%} ({'assumed' if self.assumed else 'as given'})"


def sales_worth(sales_a_year: float, margin: Margin) -> Worth:
    """Of stock or effort laid out by forecasts: what was forecast too low is sold too little of.

    That is the newsvendor's cost of being short. What was laid out too much costs too, but nobody has said how much: it is
    left out, and the worth is a lower bound.
    """
    per_point = POINT * sales_a_year * MISSED_HALF * margin.share
    basis = (
        f"one point of WAPE is 1 % of {sales_a_year:,.0f} sold in a year; half of it is demand that was not served, which "
        f"costs {margin.words}; that forecasts are followed to the full is assumed; the cost of too much is left out"
    )
    return Worth(per_point, basis)


def customers_worth(
    results: Mapping[Trial, Result], window_days: float, base: float, margin: Margin
) -> Worth:
    """Of contacting the customers with the highest probabilities: what they spend, over the accuracy that found them.

    The slope of spend held on accuracy over all trials, each against the mean of its origin.
    """
    slope = slope_within(list(results.items()), base)
    per_window = POINT * max(0.0, slope) * margin.share * RESPONSE
    basis = (
        f"the {CAPACITY:.0%} of customers with the highest probability are contacted every {window_days:g} days (assumed); "
        f"with each point of accuracy they are people who spend {POINT * slope:,.2f} more in four weeks (measured); a "
        f"contact causes {RESPONSE:.0%} of it (assumed), at {margin.words}"
    )
    return Worth(per_window * YEAR / window_days, basis)


def slope_within(results: Sequence[tuple[Trial, Result]], base: float) -> float:
    """Currency units for one unit of accuracy; 0 where the trials do not differ."""
    usable = [(trial, one) for trial, one in results if np.isfinite(one.error) and np.isfinite(one.value)]
    origins = np.array([trial.origin for trial, _ in usable], dtype=np.int64)
    accuracy = np.array([1 - one.error / base for _, one in usable])
    value = np.array([one.value for _, one in usable])
    for origin in set(origins.tolist()):
        own = origins == origin
        accuracy[own] -= accuracy[own].mean()
        value[own] -= value[own].mean()
    spread = float(accuracy @ accuracy)
    return float(accuracy @ value) / spread if spread > 0 else 0.0
