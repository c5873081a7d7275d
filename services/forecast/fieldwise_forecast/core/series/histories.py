"""Series that begin at different periods and end together, as arrays without holes; knows no forecaster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features import Floats, Mask

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """Histories for recursions over time.

    Attributes:
        values: Shape (n_series, n_periods): holes are interpolated, what is missing at the end repeats the last value,
            and the periods before a series begins repeat its first. NaN only in series without any value.
        begins: Column of each series' first value, shape (n_series,).
    """

    values: Floats
    begins: Whole

    @classmethod
    def of(cls, values: Floats) -> Histories:
        """Histories of values with NaN before a series begins and where a period is missing."""
        missing = np.isnan(values)
        begins = np.argmin(missing, axis=1)
        filled = np.array(values, dtype=np.float64)
        for row in np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1)):
            known = np.flatnonzero(~missing[row])
            filled[row] = np.interp(np.arange(values.shape[1]), known, values[row, known])
        return cls(filled, begins)

    @property
    def size(self) -> int:
        """How many series."""
        return int(self.values.shape[0])

    @property
    def length(self) -> int:
        """How many periods."""
        return int(self.values.shape[1])

    @property
    def lengths(self) -> Whole:
        """Periods since each series began, shape (n_series,)."""
        return self.length - self.begins

    @property
    def ages(self) -> Whole:
        """Periods since the beginning, shape (n_series, n_periods); negative before it."""
        return np.arange(self.length)[None, :] - self.begins[:, None]

    @property
    def begun(self) -> Mask:
        """Where a series has begun, shape (n_series, n_periods)."""
        return np.asarray(self.ages >= 0)

    def at(self, rows: Mask | slice) -> Histories:
        """Some of the series."""
        return Histories(self.values[rows], self.begins[rows])

    def per(self, season: Floats) -> Histories:
        """The same histories divided by ``season``, shape (n_series, n_periods)."""
        return Histories(self.values / season, self.begins)


def straight_lines(histories: Histories) -> tuple[Floats, Floats]:
    """Least-squares line through each series: value at its first period and slope per period, shape (n_series,) each."""
    begun, lengths = histories.begun, histories.lengths
    centred = np.where(begun, histories.ages - (lengths[:, None] - 1) / 2, 0.0)
    mean = np.where(begun, histories.values, 0.0).sum(axis=1) / lengths
    slope = (centred * histories.values).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1.0)
    return mean - slope * (lengths - 1) / 2, slope
