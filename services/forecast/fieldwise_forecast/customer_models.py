"""Training the questions about customers: what is read, and each fit judged against its champion; knows no registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from .core import fitting
from .core.features import FeatureSet, Snapshot, demand_columns
from .core.gate.customers import compared_customers
from .core.questions import QUESTIONS, Question, cutoffs
from .core.versions import Champion, Trained
from .fitting_job import Task
from .profile_reader import ProfileReader


async def question_tasks(
    reader: ProfileReader, models: Sequence[str], decision_time: datetime, tell: Callable[[str, float], None]
) -> list[Task]:
    """One task for each question; all of them share the snapshots."""
    tell("reading features", 0.0)
    columns, snapshots = await reader.snapshots(cutoffs(decision_time))
    demand_columns(columns)
    return [
        Task(model, fitting.STEPS, partial(fit_question, model, columns, tuple(snapshots)))
        for model in QUESTIONS_BY_MODEL
        if model in models
    ]


def fit_question(
    model: str,
    columns: FeatureSet,
    snapshots: Sequence[Snapshot],
    champion: Champion | None,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """A version of the question with the gate's verdict on it."""
    question = QUESTIONS_BY_MODEL[model]
    trained = fitting.fit(question, columns, snapshots, None, cpu_seconds, tell)
    verdict, realised = compared_customers(question, columns, snapshots, trained, champion, cpu_seconds)
    return replace(trained, verdict=verdict, realised=realised)


QUESTIONS_BY_MODEL: dict[str, Question] = {question.model: question for question in QUESTIONS}
