"""Small panels whose truth is known, for tests of series; knows no forecaster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.panel import Frequency, Known, Panel

MONDAY = datetime(2023, 1, 2, tzinfo=UTC)


def panel_of(values: Floats, known: Known | None = None, frequency: Frequency = Frequency.WEEK) -> Panel:
    keys = tuple((f"s{i}",) for i in range(len(values)))
    return Panel(keys, MONDAY, frequency, values, known or Known())


def noisy(series: int, weeks: int, seed: int = 0) -> Floats:
    """Levels that stand still under noise of 15 %."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(100, 900, (series, 1)) * rng.gamma(44.0, 1 / 44.0, (series, weeks)))


def promoted(series: int, weeks: int, ahead: int, lift: float = 0.6, seed: int = 0) -> Panel:
    """Noisy levels that a promotion, planned in one week of four, lifts."""
    rng = np.random.default_rng(seed + 1)
    plan = (rng.random((series, weeks + ahead)) < 0.25).astype(np.float64)
    values = noisy(series, weeks + ahead, seed) * (1 + lift * plan)
    return replace(panel_of(values, Known(("promotion",), plan[:, :, None])))
