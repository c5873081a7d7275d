"""What the worker process of a training does: fits the wanted models and says how far it is; knows no registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.worker_process import report

from .core import fitting, probability, weekly
from .core.features import FeatureSet, Snapshot
from .core.learners import RIVALS
from .core.questions import QUESTIONS, Question
from .core.versions import Trained
from .core.weekly import WeeklySeries

# What a question tells while it is fitted: the learner that serves, its rivals, the check.
STEPS_PER_QUESTION = 2 + len(RIVALS)


@dataclass(frozen=True)
class Job:
    """What to fit and on what. ``champions`` holds files by model, ``series_champion`` the learner that serves."""

    questions: tuple[str, ...]
    feature_set: FeatureSet | None
    snapshots: Sequence[Snapshot]
    series: WeeklySeries | None
    champions: Mapping[str, bytes] = field(default_factory=dict)
    series_champion: str = ""


@dataclass(frozen=True)
class Fitted:
    """The versions that came of it, and why others did not."""

    trained: list[Trained]
    refused: list[FailedPrecondition]


def fit_models(job: Job) -> Fitted:
    """Fit every wanted model; one that lacks history does not keep the others from being fitted."""
    tell = progress(STEPS_PER_QUESTION * len(job.questions) + (job.series is not None))
    asked = [question for question in QUESTIONS if question.model in job.questions]
    fits = [partial(fit_question, job, question, tell) for question in asked]
    if job.series is not None:
        fits.append(partial(weekly.fit, job.series, job.series_champion, time.process_time, tell))
    fitted = Fitted([], [])
    for one in fits:
        try:
            fitted.trained.append(one())
        except FailedPrecondition as refusal:
            fitted.refused.append(refusal)
    return fitted


def fit_question(job: Job, question: Question, tell: Callable[[str], None]) -> Trained:
    assert job.feature_set is not None
    file = job.champions.get(question.model)
    champion = None if file is None else probability.from_file(file)
    return fitting.fit(question, job.feature_set, job.snapshots, champion, time.process_time, tell)


def progress(steps: int) -> Callable[[str], None]:
    """Reports each step with the share of steps done before it."""
    done = iter(range(steps + 1))
    return lambda step: report((step, next(done, steps) / steps))
