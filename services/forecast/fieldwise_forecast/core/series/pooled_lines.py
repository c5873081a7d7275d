"""One linear model for many series, a line of lags for each step ahead; knows no dates.

Source: Montero-Manso & Hyndman (2021), Principles and algorithms for forecasting groups of time series: locality and
globality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats
from .members import year

RIDGE = 1.0
FEWEST_ROWS_PER_LAG = 20


@dataclass(frozen=True)
class PooledLines:
    """Coefficients of the lags, oldest first, and of a constant, shape (horizon, n_lags + 1)."""

    coefficients: Floats
    season: int

    def forecast(self, logs: Floats) -> Floats:
        """Forecasts in logs, shape (n_series, horizon)."""
        lags = self.coefficients.shape[1] - 1
        rows = completed(logs, lags, self.season)
        level = rows[:, -year(self.season) :].mean(axis=1, keepdims=True)
        return np.asarray(level + with_constant(rows - level) @ self.coefficients.T)


def fit(logs: Floats, season: int, horizon: int) -> PooledLines | None:
    """Least squares over all series and periods; None where there are too few of them.

    Args:
        logs: Shape (n_series, n_periods), NaN before a series begins.
    """
    lags = 2 * year(season)
    squares = np.zeros((horizon, lags + 1, lags + 1))
    products, counts = np.zeros((horizon, lags + 1)), np.zeros(horizon)
    for origin in range(lags, logs.shape[1]):
        rows = logs[~np.isnan(logs[:, origin - lags])]
        level = rows[:, origin - year(season) : origin].mean(axis=1, keepdims=True)
        inputs = with_constant(rows[:, origin - lags : origin] - level)
        targets = rows[:, origin : origin + horizon] - level
        steps = targets.shape[1]
        squares[:steps] += inputs.T @ inputs
        products[:steps] += (inputs.T @ targets).T
        counts[:steps] += len(rows)
    if counts[-1] < FEWEST_ROWS_PER_LAG * lags:
        return None
    solved = np.linalg.solve(squares + RIDGE * np.eye(lags + 1), products[:, :, None])[:, :, 0]
    return PooledLines(np.asarray(solved, dtype=np.float64), season)


def with_constant(rows: Floats) -> Floats:
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def completed(logs: Floats, lags: int, season: int) -> Floats:
    """The last ``lags`` periods, shape (n_series, lags); what lies before a series began repeats its seasons."""
    rows = np.full((len(logs), lags), np.nan)
    rows[:, max(lags - logs.shape[1], 0) :] = logs[:, -lags:]
    for column in range(lags - 2, -1, -1):
        later = rows[:, column + season] if column + season < lags else np.full(len(rows), np.nan)
        repeated = np.where(np.isnan(later), rows[:, column + 1], later)
        rows[:, column] = np.where(np.isnan(rows[:, column]), repeated, rows[:, column])
    return rows
