"""The registry of model versions in SQL: numbers, roles, reports; knows no file content and no learner."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fieldwise_runtime.errors import FailedPrecondition, NotFound
from fieldwise_runtime.operations import request_id_reused

from .core.features import FeatureSet
from .core.versions import LearnerScore, Report, Role, StoredFile, Trained, Version

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_metadata = sa.MetaData()
_versions = sa.Table(
    "model_versions",
    _metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.String(64)),
    sa.Column("number", sa.Integer),
    sa.Column("role", sa.String(16)),
    sa.Column("train_micros", sa.BigInteger),
    sa.Column("path", sa.String(300)),
    sa.Column("checksum", sa.String(64)),
    sa.Column("size", sa.BigInteger),
    sa.Column("refusal", sa.Text),
    sa.Column("report", sa.Text),
)
_rollbacks = sa.Table(
    "rollbacks",
    _metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("place", sa.Integer),
)


def serving(connection: sa.Connection) -> list[Version]:
    """Champions and previous champions of all models, champions first."""
    wanted = _versions.c.role.in_([Role.CHAMPION, Role.PREVIOUS])
    return _read(connection, sa.select(_versions).where(wanted).order_by(_versions.c.role))


def page(connection: sa.Connection, before: int | None, most: int) -> list[Version]:
    """Versions newest first, those before a place when one is given."""
    statement = sa.select(_versions).order_by(_versions.c.place.desc()).limit(most)
    return _read(connection, statement if before is None else statement.where(_versions.c.place < before))


def named(connection: sa.Connection, model: str, number: int) -> Version | None:
    """One version; None when it is not kept."""
    wanted = sa.and_(_versions.c.model == model, _versions.c.number == number)
    return next(iter(_read(connection, sa.select(_versions).where(wanted))), None)


def add(connection: sa.Connection, trained: Trained, file: StoredFile, train_time: datetime) -> Version:
    """Number a version and, unless it was refused, make it champion in place of the one before."""
    model = trained.report.model
    highest = sa.select(sa.func.max(_versions.c.number)).where(_versions.c.model == model)
    if not trained.refusal:
        _change_role(connection, model, Role.PREVIOUS, Role.RETIRED)
        _change_role(connection, model, Role.CHAMPION, Role.PREVIOUS)
    row = {
        "model": model,
        "number": (connection.execute(highest).scalar() or 0) + 1,
        "role": Role.RETIRED if trained.refusal else Role.CHAMPION,
        "train_micros": (train_time - EPOCH) // timedelta(microseconds=1),
        "path": file.path,
        "checksum": file.checksum,
        "size": file.size,
        "refusal": trained.refusal,
        "report": json.dumps(asdict(trained.report), default=datetime.isoformat),
    }
    stored = connection.execute(sa.insert(_versions).values(row).returning(_versions)).one()
    return _version(stored)


def roll_back(connection: sa.Connection, model: str, request_id: str, fingerprint: str) -> Version:
    """Put the previous champion back and retire the one that serves; a request seen before changes nothing.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED, the request came with another body before.
        NotFound: Reason MODEL_NOT_FOUND, the model has no version at all.
        FailedPrecondition: Reason NO_PREVIOUS_VERSION.
    """
    done = connection.execute(sa.select(_rollbacks).where(_rollbacks.c.request_id == request_id)).first()
    if done is not None:
        if done.fingerprint != fingerprint:
            raise request_id_reused(request_id)
        return _at(connection, done.place)
    place = _previous_place(connection, model)
    _change_role(connection, model, Role.CHAMPION, Role.RETIRED)
    _change_role(connection, model, Role.PREVIOUS, Role.CHAMPION)
    row = {"request_id": request_id, "fingerprint": fingerprint, "place": place}
    connection.execute(sa.insert(_rollbacks).values(row))
    return _at(connection, place)


def _previous_place(connection: sa.Connection, model: str) -> int:
    statement = sa.select(_versions.c.place, _versions.c.role).where(_versions.c.model == model)
    roles = {row.role: int(row.place) for row in connection.execute(statement)}
    if not roles:
        raise NotFound(f"models/{model}", "train it first", reason="MODEL_NOT_FOUND")
    if Role.PREVIOUS not in roles:
        message = f"models/{model} has no previous champion to put back; train it and promote a version first"
        raise FailedPrecondition("NO_PREVIOUS_VERSION", message)
    return roles[Role.PREVIOUS]


def _change_role(connection: sa.Connection, model: str, old: Role, new: Role) -> None:
    wanted = sa.and_(_versions.c.model == model, _versions.c.role == old)
    connection.execute(sa.update(_versions).where(wanted).values(role=new))


def _at(connection: sa.Connection, place: int) -> Version:
    return _read(connection, sa.select(_versions).where(_versions.c.place == place))[0]


def _read(connection: sa.Connection, statement: sa.Select[Any]) -> list[Version]:
    return [_version(row) for row in connection.execute(statement)]


def _version(row: sa.Row[Any]) -> Version:
    return Version(
        place=row.place,
        number=row.number,
        role=Role(row.role),
        train_time=EPOCH + timedelta(microseconds=row.train_micros),
        file=StoredFile(row.path, row.checksum, row.size),
        refusal=row.refusal,
        report=_report(json.loads(row.report)),
    )


def _report(plain: dict[str, Any]) -> Report:
    columns = plain["feature_set"]
    return Report(
        **plain
        | {
            "feature_set": None if columns is None else FeatureSet.from_plain(columns),
            "train_cutoffs": _times(plain["train_cutoffs"]),
            "test_cutoff": datetime.fromisoformat(plain["test_cutoff"]),
            "leaderboard": tuple(LearnerScore(**score) for score in plain["leaderboard"]),
        }
    )


def _times(texts: Sequence[str]) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(text) for text in texts)
