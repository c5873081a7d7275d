"""A kind of model that is trained in no time and whose quality is told: for tests of the registry and the gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from fieldwise_forecast.core.gate.evidence import Evidence
from fieldwise_forecast.core.gate.judging import judge
from fieldwise_forecast.core.versions import Champion, LearnerScore, Realised, Report, Trained
from fieldwise_forecast.fitting_job import Task
from fieldwise_forecast.kinds import Kind
from fieldwise_runtime.errors import FailedPrecondition

ROWS = 400


@dataclass
class ToyWorld:
    """What the next training will find: the mean loss of the model it makes, and how the champion did meanwhile.

    A quality of 0 stands for too little history.
    """

    quality: float = 1.0
    realised: tuple[Realised, ...] = ()

    def kind(self) -> Kind:
        return Kind("toy", lambda _: ("toy",), self.gather, json.loads, update=self.update)

    async def gather(self, _sources: Any, models: Sequence[str], at: datetime, _tell: Any) -> list[Task]:
        return [Task(model, 1, partial(fit_toy, model, self.quality, self.realised, at)) for model in models]

    async def update(self, _sources: Any, model: str, at: datetime, _tell: Any) -> Task:
        return Task(model, 1, partial(update_toy, model, self.quality, at))


def fit_toy(
    model: str,
    quality: float,
    realised: tuple[Realised, ...],
    at: datetime,
    champion: Champion | None,
    _cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """A model whose losses are around its quality, judged against the champion's."""
    tell("fitting a toy")
    if not quality:
        raise FailedPrecondition("NOT_ENOUGH_HISTORY", f"models/{model} cannot be trained: no toy at all")
    noise = np.random.default_rng(1).uniform(0.9, 1.1, ROWS)
    old = None if champion is None else json.loads(champion.file)["quality"]
    evidence = Evidence(
        champion=np.full(ROWS, np.nan) if old is None else old * noise,
        challenger=quality * noise,
        naive=2.0 * noise,
        block=np.arange(ROWS) % 8,
    )
    made = toy_version(model, quality, at)
    return replace(made, verdict=judge(evidence), realised=realised if champion else ())


def update_toy(
    model: str,
    quality: float,
    at: datetime,
    champion: Champion | None,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    assert champion is not None
    return replace(fit_toy(model, quality, (), at, None, cpu_seconds, tell), verdict=None)


def toy_version(model: str, quality: float, at: datetime) -> Trained:
    report = Report(
        model=model,
        learner="toy",
        feature_set=None,
        train_cutoffs=(),
        test_cutoff=at,
        train_rows=ROWS,
        test_rows=ROWS,
        leaderboard=(LearnerScore("toy", {"wape": quality}, 0.1), LearnerScore("naive", {"wape": 2.0}, 0.0)),
        engine_difference=0.0,
        base_rate=0.0,
        metric="wape",
    )
    return Trained(report, json.dumps({"quality": quality}).encode(), "")
