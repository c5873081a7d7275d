"""Logistic regression with a ridge, by Newton's method; knows no subject."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Floats

_STEPS: Final = 30
_ENOUGH: Final = 1e-9
# Beyond it a probability is 1 to thirteen digits.
_MOST_LOG_ODDS: Final = 30.0
# Rows that are nearly sure still bend the loss, so that a step never goes astray.
_LEAST_WEIGHT: Final = 1e-5


def fitted(columns: Floats, happened: NDArray[np.bool_] | Floats, pulls: Floats) -> Floats:
    """Coefficients with the least log loss plus half the sum of pull x coefficient^2.

    Args:
        columns: One of ones among them where a level is wanted, shape (n, columns).
        happened: 0 or 1, shape (n,).
        pulls: How strongly each coefficient is drawn to 0, shape (columns,).
    """
    coefficients = np.zeros(columns.shape[1])
    for _ in range(_STEPS):
        chance = probability(columns @ coefficients)
        weight = np.maximum(chance * (1.0 - chance), _LEAST_WEIGHT)
        bend = (columns.T * weight) @ columns + np.diag(pulls)
        step = np.linalg.solve(bend, columns.T @ (happened - chance) - pulls * coefficients)
        coefficients = coefficients + step
        if float(np.abs(step).max()) < _ENOUGH:
            break
    return np.asarray(coefficients, dtype=np.float64)


def probability(log_odds: Floats) -> Floats:
    """Of log-odds, of any shape."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS))))
