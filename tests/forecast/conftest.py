"""Models fitted once for all tests of forecast."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from fieldwise_forecast.core import fitting
from fieldwise_forecast.core.features import Snapshot
from fieldwise_forecast.core.questions import BUYS, SILENT
from fieldwise_forecast.core.series import weekly
from fieldwise_forecast.core.versions import Trained
from tests.forecast.forecast_worlds import FEATURES, MONDAY, World, aligned_cutoffs, weekly_amounts

# Forecasters that learn in milliseconds, for tests of anything but accuracy.
CHEAP = ("naive", "ses", "history-mean", "ses-mean-blend")


@dataclass(frozen=True)
class Fitted:
    """A world with a planted signal, its snapshots, and one version of each model."""

    world: World
    snapshots: list[Snapshot]
    models: dict[str, Trained]


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    world = World(strength=1.5)
    snapshots = world.snapshots(aligned_cutoffs())
    models = {
        q.model: fitting.fit(q, FEATURES, snapshots, None, time.process_time, silently)
        for q in (BUYS, SILENT)
    }
    series = weekly.series_of({name: (MONDAY, amounts) for name, amounts in weekly_amounts().items()})
    models["weekly-sales"] = weekly.fit(series, time.process_time, silently, CHEAP)
    return Fitted(world, snapshots, models)


def silently(_: str) -> None:
    """Progress that nobody watches."""
