"""Accuracy by retraining cycle on daily sales that drift: trained anew every 1, 7, 14, 28 days, never, or by drift alone.

Every day the next seven days are forecast; between two trainings the model stays, its history is always the newest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import mean

import numpy as np

from benchmarks.forecast.drifting_days import AHEAD, BEFORE, JUDGED, drifting
from benchmarks.report import Row
from fieldwise_forecast.core.drift.cusum import LIMIT, SLACK
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.panel import Panel
from fieldwise_forecast.core.series.pool import POOL, RECURSIVE_BOOSTER, Forecaster
from fieldwise_forecast.core.series.prepared import Prepared

SEEDS = (101, 102, 103)
CYCLES = (1, 7, 14, 28)
NEVER = BEFORE + JUDGED
SEED = 1


@dataclass
class Year:
    """What a cycle gave: errors and sales of each day's forecast, trainings and their CPU seconds."""

    missed: list[float] = field(default_factory=list)
    sold: list[float] = field(default_factory=list)
    cpu: float = 0.0
    trainings: int = 0

    @property
    def accuracy(self) -> float:
        return 1 - sum(self.missed) / sum(self.sold)


Due = Callable[[int, Floats], bool]


def rows(*, quick: bool) -> Iterator[Row]:
    panels = [drifting(seed) for seed in (SEEDS[:1] if quick else SEEDS)]
    years = {cycle: [lived(panel, every(cycle)) for panel in panels] for cycle in (*CYCLES, NEVER)}
    by_drift = [lived(panel, ErrorWatch()) for panel in panels]
    naive = mean(naive_accuracy(panel) for panel in panels)
    for cycle, found in years.items():
        words = "never trained again" if cycle == NEVER else f"trained every {cycle} days"
        yield Row(f"accuracy, {words}", mean(one.accuracy for one in found), "1 - WAPE")
        yield Row(f"CPU, {words}", mean(one.cpu for one in found), "s")
    yield Row("accuracy, trained when drift alarms", mean(one.accuracy for one in by_drift), "1 - WAPE")
    yield Row("trainings by drift", mean(one.trainings for one in by_drift), "of 84 days")
    daily, monthly, never = (mean(one.accuracy for one in years[cycle]) for cycle in (1, 28, NEVER))
    yield Row("accuracy of the naive forecast, the same weekday a week ago", naive, "1 - WAPE")
    yield Row("a daily cycle over one of 28 days, accuracy", daily - monthly, "points", "must", "> 0")
    drifted = mean(one.accuracy for one in by_drift)
    share = (drifted - never) / (daily - never)
    yield Row("share of a daily cycle's gain that drift alone brings", share, "share")


def every(cycle: int) -> Due:
    return lambda age, _: age >= cycle


class ErrorWatch:
    """Trains when the sum of what yesterday's errors exceed their usual size passes the limit.

    Usual is what the errors were in the week after the last training; the same tabular sums as the weekly watch.
    """

    def __init__(self) -> None:
        self.usual: list[float] = []
        self.sum = 0.0

    def __call__(self, age: int, errors: Floats) -> bool:
        size = float(np.abs(errors).mean())
        if age <= AHEAD:
            self.usual = [size] if age <= 1 else [*self.usual, size]
            self.sum = 0.0
            return False
        spread = max(float(np.std(self.usual)), 0.1 * mean(self.usual))
        self.sum = max(0.0, self.sum + (size - mean(self.usual)) / spread - SLACK)
        return self.sum >= LIMIT


def lived(panel: Panel, due: Due) -> Year:
    """Day after day: train when it is due, then forecast the week ahead."""
    year, model, age = Year(), None, 0
    errors = np.zeros(panel.size)
    for day in range(BEFORE, BEFORE + JUDGED):
        now = Prepared.of(panel.until(day), AHEAD)
        age += 1
        if model is None or due(age, errors):
            model, age = trained(now, year), 0
        forecast = model.forecast(now)
        actual = panel.values[:, day : day + AHEAD]
        year.missed.append(float(np.abs(forecast - actual).sum()))
        year.sold.append(float(actual.sum()))
        errors = forecast[:, 0] / actual[:, 0] - 1
    return year


def trained(now: Prepared, year: Year) -> Forecaster:
    begun = time.process_time()
    model = POOL[RECURSIVE_BOOSTER].fitted(now, SEED)
    year.cpu += time.process_time() - begun
    year.trainings += 1
    assert model is not None
    return model


def naive_accuracy(panel: Panel) -> float:
    """Every day like the same weekday of the last week."""
    missed = sold = 0.0
    for day in range(BEFORE, BEFORE + JUDGED):
        actual = panel.values[:, day : day + AHEAD]
        missed += float(np.abs(panel.values[:, day - 7 : day] - actual).sum())
        sold += float(actual.sum())
    return 1 - missed / sold
