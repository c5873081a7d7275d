"""What is known of models beside their versions, in SQL: how they really did, settings, trainings; knows no learner."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fieldwise_runtime.database import upsert

from ..core.versions import Realised
from . import micros_of, time_of

_metadata = sa.MetaData()
_realised = sa.Table(
    "realised",
    _metadata,
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("begin_micros", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.Integer),
    sa.Column("figures", sa.Text),
)
_settings = sa.Table(
    "model_settings",
    _metadata,
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("settings", sa.Text),
)
_trainings = sa.Table(
    "trainings",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.String(64)),
    sa.Column("time_micros", sa.BigInteger),
    sa.Column("asked_by", sa.String(16)),
    sa.Column("outcome", sa.String(16)),
    sa.Column("detail", sa.Text),
    sa.Column("version", sa.Integer),
    sa.Column("seconds", sa.Float),
)
# Half a year of weeks: what is older says nothing of the model that serves.
KEPT_PERIODS = 26


@dataclass(frozen=True)
class Training:
    """One training that was asked for.

    Attributes:
        outcome: ``promoted``, ``challenger``, ``refused``, ``skipped`` or ``failed``.
        version: Number of the version that came of it; 0 for none.
        seconds: Wall time from its begin to the version that serves.
        number: Rises with each training; 0 before it is kept.
    """

    model: str
    time: datetime
    asked_by: str
    outcome: str
    detail: str
    version: int = 0
    seconds: float = 0.0
    number: int = 0


def keep_realised(
    connection: sa.Connection, dialect: str, model: str, number: int, periods: Sequence[Realised]
) -> None:
    """Keep how a champion did; a period that was kept before is replaced: late actuals correct it."""
    for period in periods:
        figures = json.dumps({key: value for key, value in asdict(period).items() if key != "begin"})
        row = {"model": model, "begin_micros": micros_of(period.begin), "number": number, "figures": figures}
        statement = upsert(_realised, dialect).values(row)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["model", "begin_micros"], set_={"figures": figures}
            )
        )


def realised(connection: sa.Connection) -> dict[str, list[Realised]]:
    """The newest half year of every model, oldest first."""
    found: dict[str, list[Realised]] = {}
    for row in connection.execute(sa.select(_realised).order_by(_realised.c.model, _realised.c.begin_micros)):
        found.setdefault(row.model, []).append(
            Realised(begin=time_of(row.begin_micros), **json.loads(row.figures))
        )
    return {model: periods[-KEPT_PERIODS:] for model, periods in found.items()}


def settings(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """What was set of each model, by field; fields never set are missing."""
    return {row.model: json.loads(row.settings) for row in connection.execute(sa.select(_settings))}


def keep_settings(connection: sa.Connection, dialect: str, model: str, fields: dict[str, Any]) -> None:
    """Keep all settings of a model in place of those before."""
    text = json.dumps(fields)
    statement = upsert(_settings, dialect).values(model=model, settings=text)
    connection.execute(statement.on_conflict_do_update(index_elements=["model"], set_={"settings": text}))


def note(connection: sa.Connection, training: Training) -> None:
    """Keep what came of a training."""
    row = asdict(training) | {"time_micros": micros_of(training.time)}
    del row["time"], row["number"]
    connection.execute(sa.insert(_trainings).values(row))


def trainings(connection: sa.Connection, model: str, before: int | None, most: int) -> list[Training]:
    """Trainings newest first, of one model when it is named, those before a number when one is given."""
    chosen = sa.select(_trainings).order_by(_trainings.c.number.desc()).limit(most)
    if model:
        chosen = chosen.where(_trainings.c.model == model)
    if before is not None:
        chosen = chosen.where(_trainings.c.number < before)
    return [_training(row._asdict()) for row in connection.execute(chosen)]


def _training(row: dict[str, Any]) -> Training:
    return Training(time=time_of(row.pop("time_micros")), **row)
