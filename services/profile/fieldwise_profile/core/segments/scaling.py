"""Numbers of behaviour put on one scale that odd customers cannot stretch; knows no segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, log1p
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

# Beyond this many (robust) standard deviations a number says no more than "very": one wholesaler would else be a segment.
FURTHEST: Final = 3.0
# Customers who differ by less, in shares, days, views or money, do not differ.
_NO_SPREAD: Final = 1e-9
# The distance between the quartiles of a normal distribution, in standard deviations.
_QUARTILES_OF_NORMAL: Final = 1.349

Matrix = npt.NDArray[np.float64]


class Measure(NamedTuple):
    """One number of behaviour.

    Attributes:
        name: Its name.
        is_skewed: A count or a sum: its logarithm is taken.
        weight: What it counts when segments are found; 0: it only describes them.
    """

    name: str
    is_skewed: bool
    weight: float = 1.0


@dataclass(frozen=True)
class Scale:
    """How numbers of behaviour become comparable: (log of it - middle) x factor, cut off at `FURTHEST`, times a weight.

    Attributes:
        skewed, middles, factors, weights: One for each measure. NaN is taken for the middle. A measure in which customers do
            not differ has factor 0.
    """

    skewed: tuple[bool, ...]
    middles: tuple[float, ...]
    factors: tuple[float, ...]
    weights: tuple[float, ...]

    def deviations(self, numbers: Sequence[float]) -> list[float]:
        """Robust standard deviations from the middle, without weights. Plain Python: it runs when a profile is read."""
        return [
            0.0
            if isnan(number)
            else max(-FURTHEST, min(FURTHEST, ((log1p(number) if skewed else number) - middle) * factor))
            for number, skewed, middle, factor in zip(
                numbers, self.skewed, self.middles, self.factors, strict=True
            )
        ]

    def scaled(self, numbers: Sequence[float]) -> list[float]:
        """One customer's place in the space in which segments are found."""
        return [each * weight for each, weight in zip(self.deviations(numbers), self.weights, strict=True)]

    def deviations_of_all(self, rows: Matrix) -> Matrix:
        """The same as `deviations` for all rows, shape (n_customers, n_measures)."""
        turned = np.where(np.array(self.skewed), np.log1p(np.where(self.skewed, rows, 0.0)), rows)
        found = (turned - np.array(self.middles)) * np.array(self.factors)
        return np.clip(np.where(np.isnan(found), 0.0, found), -FURTHEST, FURTHEST)

    def scaled_all(self, rows: Matrix) -> Matrix:
        """The same as `scaled` for all rows."""
        weighted: Matrix = self.deviations_of_all(rows) * np.array(self.weights)
        return weighted


def scale_of(measures: Sequence[Measure], rows: Matrix) -> Scale:
    """The scale of these customers: medians and quartiles, so that no odd customer moves it."""
    skewed = [measure.is_skewed for measure in measures]
    turned = np.where(skewed, np.log1p(np.where(skewed, rows, 0.0)), rows)
    columns = [column[~np.isnan(column)] for column in turned.T]
    return Scale(
        skewed=tuple(skewed),
        middles=tuple(float(np.median(column)) if len(column) else 0.0 for column in columns),
        factors=tuple(_factor(column) for column in columns),
        weights=tuple(measure.weight for measure in measures),
    )


def _factor(column: Matrix) -> float:
    if not len(column):
        return 0.0
    low, high = np.quantile(column, (0.25, 0.75))
    # Most customers alike (no search at all, say): the quartiles meet, and the few others make the spread.
    spread = float(high - low) / _QUARTILES_OF_NORMAL or float(np.std(column))
    return 1.0 / spread if spread > _NO_SPREAD else 0.0
