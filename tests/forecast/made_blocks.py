"""Blocks of made rows: each is made from its number, here or on a worker."""

from __future__ import annotations

import numpy as np

from fieldwise_forecast.core.features import Floats, Singles

COLUMNS = 8


def load(block: tuple[int, int]) -> tuple[Singles, Floats]:
    """Rows of a block (seed, how many): a label that follows three of eight columns."""
    seed, rows = block
    rng = np.random.default_rng(seed)
    # Fewer values than bins: then the bins do not depend on where the rows are.
    features = rng.normal(size=(rows, COLUMNS)).round(1).astype(np.float32)
    raw = 1.5 * features[:, 0] - features[:, 1] + features[:, 2] * features[:, 0]
    return features, (rng.random(rows) < 1 / (1 + np.exp(-raw))).astype(np.float64)
