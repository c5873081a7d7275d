"""Losses of quantiles against what really came; knows no forecaster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..features import Floats

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def pinball(actual: Floats, quantiles: Floats, levels: Sequence[float] = LEVELS) -> Floats:
    """Loss of each quantile, shape of ``quantiles``: (..., n_levels) against ``actual`` of shape (...).

    Source: Koenker & Bassett (1978), Regression quantiles, equation 2.
    """
    missed = actual[..., None] - quantiles
    asked = np.asarray(levels)
    return np.asarray(np.maximum(asked * missed, (asked - 1) * missed))


def weighted_quantile_loss(actual: Floats, quantiles: Floats, levels: Sequence[float] = LEVELS) -> float:
    """Twice the mean pinball loss over the levels, over the sum of actuals; missing actuals are left out.

    At the median alone it is the WAPE. Source: Makridakis et al. (2022), The M5 uncertainty competition, section 2.3
    (there scaled by series).
    """
    known = ~np.isnan(actual)
    lost = pinball(actual[known], quantiles[known], levels)
    return float(2 * lost.sum(axis=0).mean() / np.abs(actual[known]).sum())
