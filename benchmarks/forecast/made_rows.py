"""Rows made from a number, so that any process can make its own."""

from __future__ import annotations

import numpy as np

from fieldwise_forecast.core.features import Floats, Singles

COLUMNS = 20


def load(block: tuple[int, int, bool]) -> tuple[Singles, Floats]:
    """Rows of a block (seed, how many, whether values are rounded so that they fit 256 bins)."""
    seed, rows, rounded = block
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, COLUMNS))
    if rounded:
        features = features.round(1).clip(-10, 10)
    raw = 1.5 * features[:, 0] - features[:, 1] + features[:, 2] * features[:, 0] + 0.3 * features[:, 3]
    labels = (rng.random(rows) < 1 / (1 + np.exp(-raw))).astype(np.float64)
    return features.astype(np.float32), labels
