"""The registry of model versions in SQL: numbers, roles, reports; knows no file content and no learner."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fieldwise_runtime.errors import FailedPrecondition, NotFound
from fieldwise_runtime.operations import request_id_reused

from ..core.features import FeatureSet
from ..core.gate.judging import Action, Check, Verdict
from ..core.versions import WEEKLY_SALES, LearnerScore, Report, Role, StoredFile, Trained, Version

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
    sa.Column("kind", sa.String(32)),
    sa.Column("parent", sa.Integer),
    sa.Column("verdict", sa.Text),
    sa.Column("asked_by", sa.String(16)),
    sa.Column("cpu_seconds", sa.Float),
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
    return _with_roles(connection, Role.CHAMPION, Role.PREVIOUS)


def living(connection: sa.Connection) -> list[Version]:
    """Champions, challengers and previous champions of all models, in this order."""
    return _with_roles(connection, Role.CHAMPION, Role.CHALLENGER, Role.PREVIOUS)


def champion(connection: sa.Connection, model: str) -> Version | None:
    """The version that serves; None before the first."""
    wanted = sa.and_(_versions.c.model == model, _versions.c.role == Role.CHAMPION)
    return next(iter(_read(connection, sa.select(_versions).where(wanted))), None)


def fitted_time(connection: sa.Connection, version: Version) -> datetime:
    """When a version was last trained in full: the time of the oldest version that it was updated from."""
    while version.parent:
        before = named(connection, version.model, version.parent)
        if before is None:
            break
        version = before
    return version.train_time


def _with_roles(connection: sa.Connection, *roles: Role) -> list[Version]:
    found = _read(connection, sa.select(_versions).where(_versions.c.role.in_(roles)))
    return sorted(found, key=lambda version: (roles.index(version.role), version.model))


def page(connection: sa.Connection, before: int | None, most: int) -> list[Version]:
    """Versions newest first, those before a place when one is given."""
    statement = sa.select(_versions).order_by(_versions.c.place.desc()).limit(most)
    return _read(connection, statement if before is None else statement.where(_versions.c.place < before))


def named(connection: sa.Connection, model: str, number: int) -> Version | None:
    """One version; None when it is not kept."""
    wanted = sa.and_(_versions.c.model == model, _versions.c.number == number)
    return next(iter(_read(connection, sa.select(_versions).where(wanted))), None)


@dataclass(frozen=True)
class Making:
    """How a version came about.

    Attributes:
        train_time: On the business clock.
        kind: Kind of the model; empty stands for that of the built-in model.
        parent: Number of the version that it updates; 0 for a full training.
        asked_by: ``request``, ``schedule``, ``volume`` or ``drift``.
    """

    train_time: datetime
    kind: str = ""
    parent: int = 0
    asked_by: str = "request"
    cpu_seconds: float = 0.0


def add(
    connection: sa.Connection,
    trained: Trained,
    file: StoredFile,
    train_time: datetime,
    making: Making | None = None,
) -> Version:
    """Number a version and give it the role that it has earned; champions and challengers make room."""
    made = making or Making(train_time)
    model, role = trained.report.model, trained.role
    highest = sa.select(sa.func.max(_versions.c.number)).where(_versions.c.model == model)
    number = (connection.execute(highest).scalar() or 0) + 1
    make_room(connection, model, role, is_update=made.parent > 0)
    row = {
        "model": model,
        "number": number,
        "role": role,
        "train_micros": micros_of(train_time),
        "path": file.path,
        "checksum": file.checksum,
        "size": file.size,
        "refusal": trained.refusal_words,
        "report": json.dumps(asdict(trained.report), default=datetime.isoformat),
        "kind": made.kind or ("weekly-sales" if model == WEEKLY_SALES else "probability"),
        "parent": made.parent,
        "verdict": "" if trained.verdict is None else json.dumps(asdict(trained.verdict)),
        "asked_by": made.asked_by,
        "cpu_seconds": made.cpu_seconds,
    }
    stored = connection.execute(sa.insert(_versions).values(row).returning(_versions)).one()
    return _version(stored)


def make_room(connection: sa.Connection, model: str, role: Role, *, is_update: bool = False) -> None:
    """Move those aside whose place a version with this role takes; an update leaves the challenger waiting."""
    if role is Role.CHAMPION:
        _change_role(connection, model, Role.PREVIOUS, Role.RETIRED)
        _change_role(connection, model, Role.CHAMPION, Role.PREVIOUS)
    if role is Role.CHALLENGER or (role is Role.CHAMPION and not is_update):
        # What waited was judged against data that are older than what takes its place.
        _change_role(connection, model, Role.CHALLENGER, Role.RETIRED)


def micros_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def time_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def promote(connection: sa.Connection, wanted: Version, request_id: str, fingerprint: str) -> Version:
    """Make a kept version champion; a request seen before, or a version that serves already, changes nothing.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    place = _done(connection, request_id, fingerprint)
    if place is not None:
        return _at(connection, place)
    if _at(connection, wanted.place).role is not Role.CHAMPION:
        by_place = sa.update(_versions).where(_versions.c.place == wanted.place)
        connection.execute(by_place.values(role=Role.RETIRED))
        make_room(connection, wanted.model, Role.CHAMPION)
        connection.execute(by_place.values(role=Role.CHAMPION))
    _remember(connection, request_id, fingerprint, wanted.place)
    return _at(connection, wanted.place)


def to_put_back(connection: sa.Connection, model: str, request_id: str, fingerprint: str) -> Version | None:
    """The version that `roll_back` would put in front; None for a request that was seen before.

    Raises:
        As `roll_back`.
    """
    if _done(connection, request_id, fingerprint) is not None:
        return None
    return _at(connection, _previous_place(connection, model))


def roll_back(connection: sa.Connection, model: str, request_id: str, fingerprint: str) -> Version:
    """Put the previous champion back and retire the one that serves; a request seen before changes nothing.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED, the request came with another body before.
        NotFound: Reason MODEL_NOT_FOUND, the model has no version at all.
        FailedPrecondition: Reason NO_PREVIOUS_VERSION.
    """
    done = _done(connection, request_id, fingerprint)
    if done is not None:
        return _at(connection, done)
    place = _previous_place(connection, model)
    _change_role(connection, model, Role.CHAMPION, Role.RETIRED)
    _change_role(connection, model, Role.PREVIOUS, Role.CHAMPION)
    _remember(connection, request_id, fingerprint, place)
    return _at(connection, place)


def _done(connection: sa.Connection, request_id: str, fingerprint: str) -> int | None:
    """The place of the version that an earlier rollback or promotion with this id put in front."""
    done = connection.execute(sa.select(_rollbacks).where(_rollbacks.c.request_id == request_id)).first()
    if done is None:
        return None
    if done.fingerprint != fingerprint:
        raise request_id_reused(request_id)
    return int(done.place)


def _remember(connection: sa.Connection, request_id: str, fingerprint: str, place: int) -> None:
    row = {"request_id": request_id, "fingerprint": fingerprint, "place": place}
    connection.execute(sa.insert(_rollbacks).values(row))


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
        train_time=time_of(row.train_micros),
        file=StoredFile(row.path, row.checksum, row.size),
        refusal=row.refusal,
        report=_report(json.loads(row.report)),
        kind=row.kind,
        parent=row.parent,
        verdict=_verdict(json.loads(row.verdict)) if row.verdict else None,
        asked_by=row.asked_by,
        cpu_seconds=row.cpu_seconds,
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


def _verdict(plain: dict[str, Any]) -> Verdict:
    checks = tuple(Check(**check) for check in plain["checks"])
    return Verdict(**plain | {"action": Action(plain["action"]), "checks": checks})


def _times(texts: Sequence[str]) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(text) for text in texts)
