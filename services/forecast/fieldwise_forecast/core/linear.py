"""Logistic regression on the logarithms of features, as sums by column; knows no customer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .features import Floats, Singles

# Strength of the ridge on standardised columns (scikit-learn's C is its inverse); chosen as the trees' settings were.
PENALTY = 10.0
# Columns that hardly vary are left out: their slope would be noise times a large number.
FLAT = 1e-9


@dataclass(frozen=True)
class Linear:
    """intercept + sum over columns of slope x log(1 + |x|) with the sign of x, or of ``unknown`` where x is NaN.

    ``means`` are the mean terms of the training rows: contributions are told against them.
    """

    intercept: float
    slopes: Floats
    unknown: Floats
    means: Floats

    @property
    def base(self) -> float:
        return self.intercept + float(self.means.sum())

    def log_odds(self, rows: Singles) -> Floats:
        return np.asarray(self.intercept + self.terms(rows).sum(axis=1))

    @cached_property
    def plain(self) -> tuple[list[float], list[float]]:
        """Slopes and ``unknown`` as plain numbers."""
        return self.slopes.tolist(), self.unknown.tolist()

    def of_one(self, _: Singles, values: Sequence[float], /) -> float:
        """As ``log_odds``, by a loop: arrays cost a single row three times as much."""
        total, log1p = self.intercept, math.log1p
        for value, slope, unknown in zip(values, *self.plain, strict=True):
            if value >= 0:
                total += slope * log1p(value)
            elif value < 0:
                total -= slope * log1p(-value)
            else:
                total += unknown
        return total

    def contributions(self, rows: Singles) -> Floats:
        return self.terms(rows) - self.means

    def terms(self, rows: Singles) -> Floats:
        logs = signed_log(rows)
        return np.asarray(np.where(np.isnan(logs), self.unknown, self.slopes * logs))


def signed_log(values: NDArray[np.floating]) -> Floats:
    """log(1 + |x|) with the sign of x: counts, days and money all span orders of magnitude."""
    wide = values.astype(np.float64)
    return np.copysign(np.log1p(np.abs(wide)), wide)


def logistic(features: Floats, labels: Floats) -> Linear:
    """Fit. A NaN stands at the column's mean, with a coefficient of its own for being unknown."""
    from sklearn.linear_model import LogisticRegression

    logs = signed_log(features.astype(np.float32))
    blank = np.isnan(logs)
    count = np.maximum((~blank).sum(axis=0), 1)
    mean = np.where(blank, 0.0, logs).sum(axis=0) / count
    centred = np.where(blank, 0.0, logs - mean)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    scale = np.where(spread > FLAT, spread, np.inf)
    share = blank.mean(axis=0)
    learner = LogisticRegression(C=1 / PENALTY, max_iter=500)
    learner.fit(np.hstack([centred / scale, blank - share]), labels)
    weights, extra = np.split(learner.coef_[0], 2)
    slopes = weights / scale
    intercept = float(learner.intercept_[0] - (extra * share).sum() - (slopes * mean).sum())
    unknown = slopes * mean + extra
    means = np.where(blank, unknown, slopes * logs).mean(axis=0)
    return Linear(intercept, slopes, unknown, means)
