"""One new week: what an update costs and brings beside a full training, and how long until the week is served.

Complete Journey, 202 commodities as profile streams them, without a promotion plan: an engine trained at a week is, in each of the next eight weeks, left alone (frozen),
updated with the newest week, and trained anew on all rows. All three see the new history; their error is the WAPE of the
eight weeks that follow. The issue's weeks are 37 to 44 (fitted at 36); a full run adds fits at weeks 20 and 28, because a
gain of one season is mostly noise.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import numpy as np

from benchmarks.forecast.journey_series import HORIZON, commodities, known
from benchmarks.forecast.served_week import Served, served
from benchmarks.report import Row
from fieldwise_forecast.core.series.engine import FittedSeries, fit
from fieldwise_forecast.core.series.panel import Known, Panel
from fieldwise_forecast.core.series.pool import POOL
from fieldwise_forecast.core.series.prepared import Prepared

ISSUE, MORE = 36, (20, 28)
WEEKS_AFTER = 8


@dataclass(frozen=True)
class Lived:
    """One engine over eight weeks: errors of the three ways, and CPU seconds."""

    frozen: list[float]
    updated: list[float]
    full: list[float]
    update_cpu: list[float]
    train_cpu: float

    @property
    def gain(self) -> float:
        """Of training anew, over leaving alone."""
        return mean(self.frozen) - mean(self.full)

    @property
    def update_gain(self) -> float:
        return mean(self.frozen) - mean(self.updated)


def rows(*, quick: bool) -> Iterator[Row]:
    panel = replace(commodities(), known=Known())
    issue = lived(panel, ISSUE)
    yield Row("WAPE, weeks 37-44, left alone since week 36", mean(issue.frozen), "share")
    yield Row("WAPE, weeks 37-44, trained anew each week", mean(issue.full), "share")
    yield Row("WAPE, weeks 37-44, updated each week", mean(issue.updated), "share")
    cpu = median(issue.update_cpu)
    yield Row("CPU of an update over that of a training", cpu / issue.train_cpu, "share", "must", "<= 0.02")
    yield Row("CPU of an update", cpu, "s", peer="a training", peer_value=issue.train_cpu)
    yield from gain_rows("weeks 37-44", [issue], asked=True)
    worse = mean(full > frozen for full, frozen in zip(issue.full, issue.frozen, strict=True))
    yield Row("weeks 37-44 in which training anew was worse than leaving alone", worse, "share")
    if not quick:
        fits = [issue, *(lived(panel, week) for week in MORE)]
        yield from gain_rows("three fits, 24 weeks", fits, asked=False)
    yield from served_rows(panel)


def gain_rows(which: str, fits: list[Lived], *, asked: bool) -> Iterator[Row]:
    """The gain of training anew, and the update's share of it; ``asked`` when they are the issue's weeks."""
    gain = sum(each.gain for each in fits) / sum(mean(each.frozen) for each in fits)
    share = sum(each.update_gain for each in fits) / sum(each.gain for each in fits)
    yield Row(f"{which}: gain of training anew, relative to the error left alone", gain, "share")
    words = f"{which}: gain of the update as a share of it"
    if not asked:
        yield Row(words, share, "share")
        return
    yield Row(words, share, "share", "must", ">= 0.8", "ten trees more, reference", 0.83)
    yield Row(f"{which}: the same, stretch", share, "share", "stretch", ">= 0.95")


def lived(panel: Panel, fitted_at: int) -> Lived:
    """The weeks after a fit, one after the other; the updated engine is updated with each of them."""
    begun = time.process_time()
    frozen = fit(panel.until(known(fitted_at)), HORIZON, cpu_seconds=time.process_time)
    found = Lived([], [], [], [], time.process_time() - begun)
    updated = frozen
    for week in range(fitted_at + 1, fitted_at + WEEKS_AFTER + 1):
        now = panel.until(known(week))
        begun = time.process_time()
        updated = updated.update(now)
        found.update_cpu.append(time.process_time() - begun)
        for errors, engine in (
            (found.frozen, frozen),
            (found.updated, updated),
            (found.full, anew(frozen, now)),
        ):
            errors.append(wape(panel, engine, week))
    return found


def anew(engine: FittedSeries, panel: Panel) -> FittedSeries:
    """The champions fitted on all rows there are; who they are stays."""
    prepared = Prepared.of(panel, HORIZON)
    fitted = {name: POOL[name].fitted(prepared, engine.seed) for name in engine.forecasters}
    return replace(engine, forecasters={name: each for name, each in fitted.items() if each is not None})


def wape(panel: Panel, engine: FittedSeries, week: int) -> float:
    actual = panel.values[:, known(week) : known(week) + HORIZON]
    missed = np.abs(engine.forecast(panel.until(known(week)), HORIZON) - actual)
    return float(missed.sum() / actual.sum())


def served_rows(panel: Panel) -> Iterator[Row]:
    """From the new week in profile to its forecast answered by a real service."""
    with tempfile.TemporaryDirectory() as folder:
        found: Served = asyncio.run(served(Path(folder), panel, known(43)))
    yield Row("from a new week to its forecast, by update", found.update_seconds, "s", "must", "<= 60")
    yield Row(
        "from a new week to its forecast, by a full training", found.train_seconds, "s", "must", "<= 60"
    )
