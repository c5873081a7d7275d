"""The forecasters that compete: rules without memory, and learners fitted over all series; knows no backtest and no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..features import Floats
from . import classical
from .blanks import mean_known
from .boosters import DIRECT, FOREST, RECURSIVE, TREE, Settings, grown, hastened, loaded, saved
from .direct_rows import DirectRows
from .linear import Linear
from .prepared import Prepared
from .recursive_rows import RecursiveRows

if TYPE_CHECKING:
    from xgboost import Booster

DIRECT_BOOSTER, RECURSIVE_BOOSTER = "xgboost-direct", "xgboost-recursive"
# More rows than this cost time and no longer change the error (Complete Journey: 20,000 of 60,000 lose nothing).
MOST_DIRECT_ROWS = 20_000
MOST_RECURSIVE_ROWS = 100_000
# An update refits on a sample, the recursive trees on the newest rows: they bring more than as many of all times. A few more
# trees on the newest week alone, as is usual, brought less and did harm at times.
UPDATE_DIRECT_ROWS, UPDATE_RECURSIVE_ROWS = 6_000, 8_000
# So many of the newest periods, more where the series are few; 14 were too few.
UPDATE_PERIODS, UPDATE_FEWEST_ROWS = 20, 4_000
# What one byte of the file can say.
FARTHEST = 255
DIRECT_TREES = RECURSIVE_TREES = 60
YEAR = 52


class Forecaster(Protocol):
    """What was fitted, ready for any panel of the same kind."""

    def forecast(self, prepared: Prepared) -> Floats:
        """Shape (n_series, horizon of the panel); NaN for a series without any value."""

    def updated(self, prepared: Prepared, seed: int) -> Forecaster:
        """With what has come since, at a fraction of the cost of a training."""

    def packed(self) -> bytes:
        """All that it remembers."""


class Learner(Protocol):
    """Fits a forecaster, and opens a packed one."""

    def fitted(self, prepared: Prepared, seed: int) -> Forecaster | None:
        """None where the history is too short to learn from."""

    def opened(self, raw: bytes) -> Forecaster:
        """The forecaster that packed itself so."""


@dataclass(frozen=True)
class Rule:
    """A forecaster that needs no fitting."""

    rule: Callable[[Prepared], Floats]

    def fitted(self, _prepared: Prepared, _seed: int) -> Rule:
        return self

    def opened(self, _raw: bytes) -> Rule:
        return self

    def forecast(self, prepared: Prepared) -> Floats:
        return self.rule(prepared)

    def updated(self, _prepared: Prepared, _seed: int) -> Rule:
        return self

    def packed(self) -> bytes:
        return b""


@dataclass(frozen=True)
class DirectForecaster:
    """One booster for all periods ahead.

    Attributes:
        reach: Periods ahead that it was fitted for; what lies further is forecast like the last of them.
    """

    booster: Booster
    reach: int

    def forecast(self, prepared: Prepared) -> Floats:
        rows = DirectRows(prepared)
        features = rows.features(prepared.length, min(prepared.horizon, self.reach))
        away = self.booster.inplace_predict(features).reshape(-1, prepared.panel.size).T
        last = np.repeat(away[:, -1:], prepared.horizon - away.shape[1], axis=1)
        return prepared.unscaled(rows.forecast(np.hstack([away, last]), prepared.length))

    def updated(self, prepared: Prepared, seed: int) -> DirectForecaster:
        """Itself without known inputs: a few new periods brought nothing then (Complete Journey) and cost the most."""
        if not prepared.inputs.shape[2]:
            return self
        found = DirectLearner(UPDATE_DIRECT_ROWS).grown(prepared, self.reach, seed)
        return self if found is None else DirectForecaster(found, self.reach)

    def packed(self) -> bytes:
        return bytes([self.reach]) + saved(self.booster)


@dataclass(frozen=True)
class DirectLearner:
    """XGBoost relative to the level of each series, for each period ahead."""

    most_rows: int = MOST_DIRECT_ROWS

    def fitted(self, prepared: Prepared, seed: int) -> DirectForecaster | None:
        reach = min(prepared.horizon, FARTHEST)
        booster = self.grown(prepared, reach, seed)
        return None if booster is None else DirectForecaster(booster, reach)

    def grown(self, prepared: Prepared, reach: int, seed: int) -> Booster | None:
        rows = DirectRows(prepared).rows(reach, self.most_rows, seed)
        return grown(DIRECT, DIRECT_TREES, rows.features, rows.targets, seed)

    def opened(self, raw: bytes) -> DirectForecaster:
        return DirectForecaster(loaded(raw[1:]), raw[0])


@dataclass(frozen=True)
class RecursiveForecaster:
    """Trees that forecast one period and go on from there."""

    booster: Booster
    settings: Settings
    rounds: int

    def forecast(self, prepared: Prepared) -> Floats:
        return prepared.unscaled(
            RecursiveRows(prepared).forecast(self.booster.inplace_predict, prepared.horizon)
        )

    def updated(self, prepared: Prepared, seed: int) -> RecursiveForecaster:
        newest = max(UPDATE_PERIODS, -(-UPDATE_FEWEST_ROWS // prepared.panel.size))
        rows = RecursiveRows(prepared).rows(UPDATE_RECURSIVE_ROWS, seed, newest)
        booster = grown(*hastened(self.settings, self.rounds), rows.features, rows.targets, seed)
        return self if booster is None else replace(self, booster=booster)

    def packed(self) -> bytes:
        return saved(self.booster)


@dataclass(frozen=True)
class RecursiveLearner:
    """Trees on standardised series: a booster, a forest or a single tree."""

    settings: Settings
    rounds: int
    most_rows: int = MOST_RECURSIVE_ROWS

    def fitted(self, prepared: Prepared, seed: int) -> RecursiveForecaster | None:
        rows = RecursiveRows(prepared).rows(self.most_rows, seed)
        booster = grown(self.settings, self.rounds, rows.features, rows.targets, seed)
        return None if booster is None else RecursiveForecaster(booster, self.settings, self.rounds)

    def opened(self, raw: bytes) -> RecursiveForecaster:
        return RecursiveForecaster(loaded(raw), self.settings, self.rounds)


@dataclass(frozen=True)
class LinearForecaster:
    """A regression that forecasts one period and goes on from there."""

    linear: Linear

    def forecast(self, prepared: Prepared) -> Floats:
        return prepared.unscaled(RecursiveRows(prepared).forecast(self.linear, prepared.horizon))

    def updated(self, prepared: Prepared, seed: int) -> LinearForecaster:
        return LinearLearner().fitted(prepared, seed) or self

    def packed(self) -> bytes:
        return json.dumps(self.linear.to_plain()).encode()


@dataclass(frozen=True)
class LinearLearner:
    """Linear regression on standardised series."""

    def fitted(self, prepared: Prepared, seed: int) -> LinearForecaster | None:
        rows = RecursiveRows(prepared).rows(MOST_RECURSIVE_ROWS, seed)
        if len(rows) <= 2 * rows.features.shape[1]:
            return None
        return LinearForecaster(Linear.fitted(rows.features, rows.targets))

    def opened(self, raw: bytes) -> LinearForecaster:
        return LinearForecaster(Linear.from_plain(json.loads(raw)))


def naive(prepared: Prepared) -> Floats:
    """The last value, month and all."""
    return classical.naive(prepared.panel.values, 1, prepared.horizon)


def seasonal_naive(prepared: Prepared) -> Floats:
    """The value one season ago."""
    season = prepared.panel.frequency.season
    return classical.seasonal_naive(prepared.panel.values, season, prepared.horizon)


def history_mean(prepared: Prepared) -> Floats:
    """The mean of the last year, or of the last 52 periods."""
    recent = prepared.plain[:, -YEAR:]
    mean = np.where(np.isfinite(recent).any(axis=1), mean_known(recent), np.nan)
    return flat(prepared, mean)


def history_median(prepared: Prepared) -> Floats:
    """The median of the last year; half of the weeks lie above, which suits absolute errors."""
    recent = prepared.plain[:, -YEAR:]
    median = np.full(len(recent), np.nan)
    begun = np.isfinite(recent).any(axis=1)
    median[begun] = np.nanmedian(recent[begun], axis=1)
    return flat(prepared, median)


def smoothed_level(prepared: Prepared) -> Floats:
    """The smoothed level on the learners' scale: what the direct booster starts from."""
    return prepared.unscaled(np.repeat(prepared.paths[:, -1:, 0], prepared.horizon, axis=1))


def blend(prepared: Prepared) -> Floats:
    """Half smoothing, half mean."""
    return (without_month(classical.ses)(prepared) + history_mean(prepared)) / 2


def flat(prepared: Prepared, level: Floats) -> Floats:
    return prepared.with_month(np.repeat(level[:, None], prepared.horizon, axis=1))


def without_month(forecaster: classical.Classical) -> Callable[[Prepared], Floats]:
    """A classical forecaster of the values without the month, which is multiplied back."""
    return lambda prepared: prepared.with_month(
        forecaster(prepared.plain, prepared.panel.frequency.season, prepared.horizon)
    )


POOL: Mapping[str, Learner] = {
    "naive": Rule(naive),
    "seasonal-naive": Rule(seasonal_naive),
    "history-mean": Rule(history_mean),
    "history-median": Rule(history_median),
    "smoothed-level": Rule(smoothed_level),
    "ses": Rule(without_month(classical.ses)),
    "ses-mean-blend": Rule(blend),
    "theta": Rule(without_month(classical.theta)),
    "ets": Rule(without_month(classical.ets)),
    "linear-regression": LinearLearner(),
    "decision-tree": RecursiveLearner(TREE, 1),
    "random-forest": RecursiveLearner(FOREST, 1),
    DIRECT_BOOSTER: DirectLearner(),
    RECURSIVE_BOOSTER: RecursiveLearner(RECURSIVE, RECURSIVE_TREES),
}
