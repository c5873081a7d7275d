"""Forecasts from rolling origins beside what came; knows no forecaster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features import Floats, Mask

FEWEST_ORIGINS = 2
MOST_ORIGINS = 6
# Periods that have to be known at an origin for anything to be learned.
FIRST_ORIGIN = 12


@dataclass(frozen=True)
class Backtest:
    """Attributes:
    origins: Number of periods known at each, ascending.
    actual, forecast: Shape (n_origins, n_series, horizon); actual is NaN where missing or not yet known.
    """

    origins: tuple[int, ...]
    actual: Floats
    forecast: Floats


def usual_origins(length: int, horizon: int) -> tuple[int, ...]:
    """At most six origins, a quarter of the horizon apart; the last has half a horizon after it.

    Windows that are not over count as far as they go: the newest weeks say most about which forecaster serves next.
    """
    step = max(1, horizon // 4)
    last = length - max(1, horizon // 2)
    first = min(FIRST_ORIGIN, last)
    origins = [last - step * back for back in range(MOST_ORIGINS)]
    return tuple(sorted(origin for origin in origins if origin >= first))


def actuals(values: Floats, origins: tuple[int, ...], horizon: int) -> Floats:
    """What came after each origin, shape (n_origins, n_series, horizon); NaN beyond the end."""
    padded = np.hstack([values, np.full((len(values), horizon), np.nan)])
    return np.stack([padded[:, origin : origin + horizon] for origin in origins])


def known_at(origins: tuple[int, ...], horizon: int, moment: int) -> Mask:
    """Which (origin, period ahead) had come when ``moment`` periods were known, shape (n_origins, 1, horizon)."""
    ahead = np.array(origins)[:, None, None] + np.arange(horizon)[None, None]
    return np.asarray(ahead < moment)


def sums_by_series(test: Backtest, known: Mask) -> NDArray[np.float64]:
    """Sum of absolute errors and of absolute actuals of each series over known cells, shape (2, n_series)."""
    usable = known & np.isfinite(test.actual) & np.isfinite(test.forecast)
    missed = np.where(usable, np.abs(test.actual - test.forecast), 0.0).sum(axis=(0, 2))
    actual = np.where(usable, np.abs(test.actual), 0.0).sum(axis=(0, 2))
    return np.stack([missed, actual])
