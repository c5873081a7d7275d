"""Users' tables in SQL: which files there are, which training gave which version; knows no row and no learner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from fieldwise_runtime.database import upsert

from . import micros_of, time_of

_metadata = sa.MetaData()
_tables = sa.Table(
    "tables",
    _metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("size", sa.BigInteger),
    sa.Column("checksum", sa.String(64)),
    sa.Column("complete", sa.Boolean),
    sa.Column("create_micros", sa.BigInteger),
)
_trainings = sa.Table(
    "table_trainings",
    _metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer),
    sa.Column("report", sa.LargeBinary),
)


@dataclass(frozen=True)
class TableFile:
    """A file of rows.

    Attributes:
        size: Bytes in all.
        checksum: SHA-256 in hex.
        complete: Whether all of it has arrived and is what its checksum says.
    """

    id: str
    size: int
    checksum: str
    complete: bool
    created: datetime


@dataclass(frozen=True)
class Training:
    """The version that a training gave, and its report without that version, serialised."""

    number: int
    report: bytes


def named(connection: sa.Connection, table: str) -> TableFile | None:
    """One table; None when there is none."""
    row = connection.execute(sa.select(_tables).where(_tables.c.id == table)).first()
    return None if row is None else _file(row)


def page(connection: sa.Connection, after: str, most: int) -> list[TableFile]:
    """Tables by name, those after one when it is given."""
    statement = sa.select(_tables).where(_tables.c.id > after).order_by(_tables.c.id).limit(most)
    return [_file(row) for row in connection.execute(statement)]


def put(connection: sa.Connection, dialect: str, file: TableFile) -> None:
    """Keep a table, in place of one with the same id."""
    row = {
        "id": file.id,
        "size": file.size,
        "checksum": file.checksum,
        "complete": file.complete,
        "create_micros": micros_of(file.created),
    }
    statement = upsert(_tables, dialect).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))


def complete(connection: sa.Connection, table: str) -> None:
    connection.execute(sa.update(_tables).where(_tables.c.id == table).values(complete=True))


def remove(connection: sa.Connection, table: str) -> None:
    """Forget a table and what was trained on it; versions in the registry stay."""
    connection.execute(sa.delete(_tables).where(_tables.c.id == table))
    connection.execute(sa.delete(_trainings).where(_trainings.c.id == table))


def training(connection: sa.Connection, table: str, fingerprint: str) -> Training | None:
    """What the same training gave before; None when there was none."""
    same = sa.and_(_trainings.c.id == table, _trainings.c.fingerprint == fingerprint)
    row = connection.execute(sa.select(_trainings).where(same)).first()
    return None if row is None else Training(row.number, bytes(row.report))


def remember(connection: sa.Connection, dialect: str, table: str, fingerprint: str, done: Training) -> None:
    """Keep what a training gave, in place of what the same one gave before."""
    row = {"id": table, "fingerprint": fingerprint, "number": done.number, "report": done.report}
    statement = upsert(_trainings, dialect).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["id", "fingerprint"], set_=row))


def _file(row: sa.Row[tuple[object, ...]]) -> TableFile:
    return TableFile(row.id, row.size, row.checksum, row.complete, time_of(row.create_micros))
