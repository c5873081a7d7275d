"""Daily sales of shops whose world moves: what a promotion does and which weekdays are good are not the same for long.

Fixed before anything was measured on it; seeds are the benchmark's. Knows no learner.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.panel import Frequency, Known, Panel

SERIES = 40
# Days before the first forecast, and days on which each cycle is judged.
BEFORE, JUDGED = 84, 84
AHEAD = 7
NOISE = 0.08
# A promotion runs on every fifth day or so. What it adds (log) wanders so much a day, and weekday effects likewise.
PROMOTED = 0.2
WANDER = 0.06
FIRST_EFFECT = 0.3
LEVEL_WANDER = 0.01


def drifting(seed: int) -> Panel:
    """Shape (SERIES, BEFORE + JUDGED + AHEAD); the promotion plan is known in advance."""
    chance = np.random.default_rng(seed)
    days = BEFORE + JUDGED + AHEAD
    promoted = (chance.random((SERIES, days)) < PROMOTED).astype(np.float64)
    level = chance.normal(5, 0.7, (SERIES, 1)) + wandering(chance, (SERIES, days), LEVEL_WANDER)
    effect = FIRST_EFFECT + wandering(chance, (1, days), WANDER)
    weekday = chance.normal(0, 0.2, 7)[:, None] + wandering(chance, (7, days), WANDER / 2)
    today = np.arange(days)
    log_sales = level + effect * promoted + weekday[today % 7, today][None, :]
    values = np.exp(log_sales + chance.normal(0, NOISE, (SERIES, days)))
    keys = tuple((f"shop {i}",) for i in range(SERIES))
    known = Known(("promotion",), promoted[:, :, None])
    return Panel(keys, datetime(2024, 1, 1, tzinfo=UTC), Frequency.DAY, values, known)


def wandering(chance: np.random.Generator, shape: tuple[int, int], step: float) -> Floats:
    """Random walks from 0, one for each row."""
    return np.asarray(np.cumsum(chance.normal(0, step, shape), axis=1))
