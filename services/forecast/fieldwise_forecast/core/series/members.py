"""What the seasonal ensemble is made from: classical forecasts, in logs, of all series at one origin; knows no learner."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..features import Floats, Mask
from . import ets as smoothing
from . import season as seasons
from . import theta as thetas
from .histories import Histories

NAMES = ("seasonal-naive", "ses", "damped", "theta", "dynamic-theta", "tested-dynamic-theta")
DAMPED, DYNAMIC, TESTED = (NAMES.index(name) for name in ("damped", "dynamic-theta", "tested-dynamic-theta"))
# Their mean is what learners correct.
BASE = tuple(NAMES.index(name) for name in ("damped", "theta", "dynamic-theta", "tested-dynamic-theta"))
# A value below this share of the last year's mean counts as this share: the log of nothing has no size.
SMALLEST_SHARE = 0.02
FEWEST_PERIODS = 4


@dataclass(frozen=True)
class Members:
    """Forecasts of one origin.

    Attributes:
        logs: Logs of what is known, shape (n_series, n_periods); NaN before a series begins.
        factors: Logs of the season's factors by phase, shape (n_series, season).
        seasonal: Series that pass the test for a season.
        forecasts: Logs, shape (n_members, n_series, horizon), in the order of ``NAMES``.
        floor: Smallest value a log is taken of, shape (n_series, 1).
    """

    floor: Floats
    logs: Floats
    factors: Floats
    seasonal: Mask
    forecasts: Floats

    @property
    def base(self) -> Floats:
        """What learners correct, shape (n_series, horizon)."""
        return np.asarray(self.forecasts[list(BASE)].mean(axis=0))

    def at(self, rows: Mask) -> Members:
        """Some of the series."""
        return Members(
            self.floor[rows],
            self.logs[rows],
            self.factors[rows],
            self.seasonal[rows],
            self.forecasts[:, rows],
        )

    def until(self, horizon: int) -> Members:
        """The first steps ahead."""
        return replace(self, forecasts=self.forecasts[:, :, :horizon])

    @property
    def season(self) -> int:
        return int(self.factors.shape[1])

    @property
    def deseasonalised(self) -> Floats:
        """Logs less the season, shape (n_series, n_periods)."""
        return np.asarray(self.logs - seasons.spread(self.factors, self.logs.shape[1]))


def year(season: int) -> int:
    """Periods whose mean is a series' level."""
    return max(season, FEWEST_PERIODS)


def floors(values: Floats, season: int) -> Floats:
    """Smallest value a series' log is taken of, shape (n_series, 1)."""
    recent = np.abs(Histories.of(values).values[:, -year(season) :]).mean(axis=1, keepdims=True)
    return np.asarray(np.maximum(SMALLEST_SHARE * recent, 1e-9))


def raised(values: Floats, floor: Floats) -> Histories:
    """Histories of values that are at least their floor."""
    return Histories.of(np.where(np.isnan(values), np.nan, np.maximum(values, floor)))


def logs_of(known: Histories) -> Floats:
    """Logs, NaN before a series begins, shape (n_series, n_periods)."""
    return np.where(known.begun, np.log(known.values), np.nan)


def members(values: Floats, season: int, horizon: int) -> Members:
    """Forecast from values of shape (n_series, n_periods), each series with one value at least."""
    floor = floors(values, season)
    known = raised(values, floor)
    factors, seasonal = seasons.shrunk(known, season), seasons.is_seasonal(known, season)
    tested = np.where(seasonal[:, None], factors, 1.0)
    flat, tested_flat = (known.per(seasons.spread(each, known.length)) for each in (factors, tested))
    coming, tested_coming = (seasons.ahead(each, horizon) for each in (factors, tested))
    found = [
        seasons.ahead(last_season(known, season), horizon),
        smoothing.simple(flat, horizon) * coming,
        smoothing.smoothed(flat, smoothing.Trend.DAMPED, horizon) * coming,
        thetas.theta(flat, horizon) * coming,
        thetas.dynamic_theta(flat, horizon) * coming,
        thetas.dynamic_theta(tested_flat, horizon) * tested_coming,
    ]
    return Members(floor, logs_of(known), np.log(factors), seasonal, np.log(np.maximum(found, floor)))


def members_of(values: Floats, rows: Mask, season: int, horizon: int) -> Members:
    """Forecasts of some rows; NaN, and no season, in the others."""
    some = members(values[rows], season, horizon)
    every = Members(
        np.ones((len(rows), 1)),
        np.full(values.shape, np.nan),
        np.zeros((len(rows), some.season)),
        np.zeros(len(rows), dtype=bool),
        np.full((len(NAMES), len(rows), horizon), np.nan),
    )
    every.floor[rows], every.logs[rows], every.factors[rows] = some.floor, some.logs, some.factors
    every.seasonal[rows], every.forecasts[:, rows] = some.seasonal, some.forecasts
    return every


def last_season(known: Histories, season: int) -> Floats:
    """The last value of each phase, or the last value at all, shape (n_series, season)."""
    if known.length < season:
        return np.repeat(known.values[:, -1:], season, axis=1)
    return np.where(known.lengths[:, None] >= season, known.values[:, -season:], known.values[:, -1:])
