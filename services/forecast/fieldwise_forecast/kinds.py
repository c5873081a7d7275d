"""The kinds of models: which there are, what each reads for a training, how its files are loaded; knows no registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fieldwise_runtime.database import Database

from .core import probability
from .core.questions import QUESTIONS
from .core.series import set_model, weekly_model
from .core.table import model_file
from .core.table.model_file import TableModel
from .core.versions import WEEKLY_SALES
from .customer_models import question_tasks
from .fitting_job import Task
from .interest_training import INTEREST_MODELS, interest_from_file, interest_tasks
from .profile_reader import ProfileReader
from .sales_model import sales_tasks, sales_update
from .series_training import set_tasks
from .store import series as series_store
from .table_learners import installed

Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Sources:
    """Where the data of a training come from."""

    reader: ProfileReader
    db: Database


@dataclass(frozen=True)
class Kind:
    """One family of models.

    Attributes:
        name: Stored with each version.
        models: Ids of the models that there are to train now.
        gather: Reads what these models need, seeing nothing after a time, and gives the tasks of the worker process.
        load: A model file as what serves.
        update: Like ``gather``, for the incremental update of one model; None where there is none.
        always_trained: Whether a training that names no model trains these too.
    """

    name: str
    models: Callable[[sa.Connection], Sequence[str]]
    gather: Callable[[Sources, Sequence[str], datetime, Tell], Awaitable[list[Task]]]
    load: Callable[[bytes], Any]
    update: Callable[[Sources, str, datetime, Tell], Awaitable[Task]] | None = None
    always_trained: bool = True


def fixed(*models: str) -> Callable[[sa.Connection], Sequence[str]]:
    """Models that are there without having been created."""
    return lambda _: models


async def nothing_to_gather(_: Sources, _models: Sequence[str], _at: datetime, _tell: Tell) -> list[Task]:
    """No tasks: for models that TrainModel does not train."""
    return []


def table_model(content: bytes) -> TableModel:
    """A model of a table, by whichever learner is installed here."""
    return model_file.from_bytes(content, installed())


QUESTION_MODELS = tuple(question.model for question in QUESTIONS)
KINDS: tuple[Kind, ...] = (
    Kind(
        "probability",
        fixed(*QUESTION_MODELS),
        lambda sources, models, at, tell: question_tasks(sources.reader, models, at, tell),
        probability.from_file,
    ),
    Kind(
        "weekly-sales",
        fixed(WEEKLY_SALES),
        lambda sources, _, at, tell: sales_tasks(sources.reader, at, tell),
        weekly_model.from_file,
        update=lambda sources, _, at, tell: sales_update(sources.reader, at, tell),
    ),
    Kind(
        "series-set",
        series_store.ids,
        lambda sources, models, at, tell: set_tasks(sources.db, models, at, tell),
        set_model.from_file,
    ),
    Kind(
        "interest",
        fixed(*INTEREST_MODELS),
        lambda sources, models, at, tell: interest_tasks(sources.reader, models, at, tell),
        interest_from_file,
    ),
    # Trained by TrainTable alone, on the file that was uploaded for it.
    Kind("table", fixed(), nothing_to_gather, table_model),
)
BY_NAME = {kind.name: kind for kind in KINDS}
# There from the start, with a prior or a refusal instead of an answer until they are trained.
BUILT_IN = (*QUESTION_MODELS, WEEKLY_SALES)
