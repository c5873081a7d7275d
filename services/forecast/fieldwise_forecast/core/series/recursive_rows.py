"""Rows for learners that forecast one period and go on from there, each series in its own standard deviations; knows no learner."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..features import Floats, Singles
from .blanks import mean_known, spread_known
from .direct_rows import Rows, drawn
from .prepared import RATES, Prepared

LAGS = 12
# Periods that a series must have shown before it teaches; lags that lie before its begin are unknown.
FIRST = 8
# A series that never moved has no spread of its own.
TINY = 1e-6
SMOOTHING = 0.3
INPUT_SPAN = 4

Predict = Callable[[Singles], Floats]


class RecursiveRows:
    """Series less their mean over their spread, both of all of their history.

    Because the mean is that of the whole history, also of what came after an origin, learners find that what is far from it
    comes back: they shrink towards the history, which the direct rows do not.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.mean = mean_known(prepared.targets)[:, None]
        self.spread = spread_known(prepared.targets)[:, None] + TINY
        self.season = prepared.panel.frequency.season
        self.values = (prepared.values - self.mean) / self.spread
        self.smooth = (prepared.paths[:, :, RATES.index(SMOOTHING)] - self.mean) / self.spread

    def at(self, values: Floats, smooth: Floats, origin: int) -> Singles:
        """Features of the period after ``origin`` periods, of which ``values`` holds all, shape (n_series, n_features)."""
        reach = min(LAGS, origin)
        lags = np.full((len(values), LAGS), np.nan, dtype=np.float32)
        lags[:, :reach] = values[:, origin - reach : origin][:, ::-1]
        long = lags[:, :8]
        moving = [long[:, :4].mean(axis=1), long.mean(axis=1), long.std(axis=1), smooth]
        columns = [*moving, self.same_season(values, origin), *self.inputs(origin)]
        return np.hstack([lags, *(column.reshape(len(lags), -1).astype(np.float32) for column in columns)])

    def same_season(self, values: Floats, column: int) -> Floats:
        """The same period of the last season; NaN without one."""
        ago = column - self.season
        return values[:, ago] if ago >= 0 else np.full(len(values), np.nan)

    def inputs(self, column: int) -> list[Floats]:
        """Known inputs of a period, of the periods around it, and their mean before it."""
        inputs = self.prepared.inputs
        last = inputs.shape[1] - 1
        before = inputs[:, max(column - INPUT_SPAN, 0) : column].mean(axis=1)
        return [inputs[:, column], inputs[:, min(column + 1, last)], inputs[:, column - 1], before]

    def rows(self, most: int, seed: int, newest: int | None = None) -> Rows:
        """Rows of all periods that are known, or of so many of the newest, drawn at random where they are more than ``most``."""
        length = self.prepared.length
        columns = range(FIRST if newest is None else max(FIRST, length - newest), length)
        share = min(1.0, most / max(len(columns) * len(self.values), 1))
        rng = np.random.default_rng(seed)
        features, targets = [np.empty((0, 0), dtype=np.float32)], [np.empty(0)]
        for column in columns:
            target = (self.prepared.targets[:, column] - self.mean[:, 0]) / self.spread[:, 0]
            chosen = drawn(np.isfinite(target) & np.isfinite(self.smooth[:, column - 1]), share, rng)
            found = self.at(self.values, self.smooth[:, column - 1], column)
            features.append(found[chosen])
            targets.append(target[chosen])
        return Rows(np.vstack(features[1:] or features), np.concatenate(targets))

    def forecast(self, predict: Predict, horizon: int) -> Floats:
        """Scaled values, shape (n_series, horizon): each period's forecast is the next one's last value."""
        length = self.prepared.length
        values = np.hstack([self.values, np.empty((len(self.values), horizon))])
        smooth = self.smooth[:, -1]
        for column in range(length, length + horizon):
            found = predict(self.at(values, smooth, column))
            values[:, column] = found
            smooth = smooth + SMOOTHING * (found - smooth)
        return np.asarray(values[:, length:] * self.spread + self.mean)
