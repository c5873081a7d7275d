"""Usual size of an error from the traits of a series and the period ahead: one regression for a panel; knows no forecaster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..features import Floats, Mask
from .traits import FEATURES, Traits

# Errors as large as a surprise, and half as large again eight periods ahead.
UNLEARNED = (0.0, 0.22, 0.0, 0.0, 0.0)
STEPS = 1
# Coefficients are drawn to 0, errors as large as a surprise, as if by this many periods of one series.
RIDGE = 20.0
ROUNDS = 12
# One error this many times the usual does not bend the regression further.
OUTLIER = 20.0
LEAST, MOST = 1e-3, 50.0


def scales(coefficients: Sequence[float], seen: Traits, forecast: Floats) -> Floats:
    """Expected absolute error, shape (n_series, horizon), in the unit of the series."""
    ratio = np.exp(seen.features(forecast) @ np.asarray(coefficients))
    return np.asarray(seen.restlessness[:, None] * np.clip(ratio, LEAST, MOST))


def fitted(features: Floats, sizes: Floats, worth: float) -> tuple[float, ...]:
    """Coefficients that make exp(features @ coefficients) the mean of ``sizes``, NaN left out; each counts for ``worth``.

    Gamma regression with a logarithmic link, which is the likelihood of Laplace's law with that scale. Errors never
    grow smaller further ahead.

    Source: McCullagh & Nelder (1989), Generalized Linear Models, section 8.3.
    """
    known = ~np.isnan(sizes)
    if not known.any():
        return UNLEARNED
    rows, target = features[known], np.maximum(sizes[known], LEAST)
    found = newton(rows, target, worth, np.ones(FEATURES, dtype=bool))
    if found[STEPS] < 0:
        free = np.arange(FEATURES) != STEPS
        found = newton(rows, target, worth, free)
    return tuple(found.tolist())


def newton(rows: Floats, target: Floats, worth: float, free: Mask) -> Floats:
    found = np.zeros(FEATURES)
    found[0] = np.log(target.mean())
    for _ in range(ROUNDS):
        ratio = np.minimum(target / np.exp(np.clip(rows @ found, -15.0, 15.0)), OUTLIER)
        gradient = worth * rows.T @ (ratio - 1) - RIDGE * found
        # Expected rather than observed curvature where an error is small: the step stays short.
        curvature = worth * (rows * np.maximum(ratio, 0.3)[:, None]).T @ rows + RIDGE * np.eye(FEATURES)
        step = np.zeros(FEATURES)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        found += np.clip(step, -1.0, 1.0)
    return found
