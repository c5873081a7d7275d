"""What the worker process of a training does: fits the wanted models and says how far it is; knows no registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.worker_process import report

from .core.versions import Champion, Trained

Fit = Callable[[Champion | None, Callable[[], float], Callable[[str], None]], Trained]


@dataclass(frozen=True)
class Task:
    """One model to fit.

    Attributes:
        model: Its id, such as ``buys-28d``.
        steps: How often ``fit`` tells what it does.
        fit: Gets the champion (None where there is none), the CPU clock and what is told of each step. A partial of a
            module-level function: it is pickled into the worker process.
    """

    model: str
    steps: int
    fit: Fit


@dataclass(frozen=True)
class Job:
    """What to fit, and what serves now, by model."""

    tasks: Sequence[Task]
    champions: Mapping[str, Champion] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """The versions that came of it with their CPU seconds, and why others did not, by model."""

    trained: list[Trained]
    refused: dict[str, FailedPrecondition]
    cpu_seconds: dict[str, float]


def fit_models(job: Job) -> Fitted:
    """Fit every wanted model; one that lacks history does not keep the others from being fitted."""
    tell = progress(sum(task.steps for task in job.tasks))
    fitted = Fitted([], {}, {})
    for task in job.tasks:
        begun = time.process_time()
        try:
            fitted.trained.append(task.fit(job.champions.get(task.model), time.process_time, tell))
        except FailedPrecondition as refusal:
            fitted.refused[task.model] = refusal
        fitted.cpu_seconds[task.model] = time.process_time() - begun
    return fitted


def progress(steps: int) -> Callable[[str], None]:
    """Reports each step with the share of steps done before it."""
    done = iter(range(steps + 1))
    return lambda step: report((step, next(done, steps) / max(steps, 1)))
