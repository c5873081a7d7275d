"""Dead letters in SQL; knows no cipher and no reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from fieldwise_profile.store.privacy_tables import dead_letters
from fieldwise_runtime.database import upsert

_CHUNK = 900


@dataclass(frozen=True)
class LetterRow:
    """A refused event as it is stored; times in microseconds. ``fields`` is the JSON list of what was wrong."""

    id: str
    received_at: int
    last_received_at: int
    times: int
    source: str | None
    event_id: str | None
    customer: str | None
    kind: str
    fields: str
    sealed: bytes


@dataclass(frozen=True)
class Wanted:
    """Which letters; an empty condition is none."""

    customer: str = ""
    source: str = ""
    kind: str = ""
    field: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        table = dead_letters.c
        exact = ((table.customer, self.customer), (table.source, self.source), (table.kind, self.kind))
        found: list[sa.ColumnElement[bool]] = [column == value for column, value in exact if value]
        if self.field:
            # The list holds the names in quotation marks, so that no name is found inside another.
            found.append(table.fields.contains(f'"{self.field}"', autoescape=True))
        return found


def add(connection: sa.Connection, rows: Sequence[LetterRow]) -> None:
    """Stores letters; one that came before counts once more and keeps its place, with the newest reasons."""
    insert = upsert(dead_letters, connection.dialect.name)
    statement = insert.on_conflict_do_update(
        index_elements=[dead_letters.c.id],
        set_={
            "last_received_at": insert.excluded.last_received_at,
            "times": dead_letters.c.times + 1,
            "fields": insert.excluded.fields,
            "sealed": insert.excluded.sealed,
        },
    )
    # Sorted, so that two processes take the locks of the same letters in the same order.
    connection.execute(statement, [asdict(row) for row in sorted(rows, key=lambda row: row.id)])


def explain(connection: sa.Connection, rows: Sequence[LetterRow]) -> None:
    """Writes the reasons of these letters anew."""
    statement = (
        sa.update(dead_letters)
        .where(dead_letters.c.id == sa.bindparam("letter"))
        .values(fields=sa.bindparam("wrong"), sealed=sa.bindparam("text"))
    )
    values = [{"letter": row.id, "wrong": row.fields, "text": row.sealed} for row in rows]
    connection.execute(statement, values)


def page(connection: sa.Connection, wanted: Wanted, after: tuple[int, str], most: int) -> list[LetterRow]:
    """Letters after one (its time and id), oldest first."""
    table = dead_letters.c
    behind = sa.or_(table.received_at > after[0], sa.and_(table.received_at == after[0], table.id > after[1]))
    statement = sa.select(dead_letters).where(behind, *wanted.conditions())
    rows = connection.execute(statement.order_by(table.received_at, table.id).limit(most))
    return [LetterRow(**row._mapping) for row in rows]


def of(connection: sa.Connection, ids: Sequence[str]) -> list[LetterRow]:
    """The letters with these ids, oldest first; those that are not there are left out."""
    found: list[LetterRow] = []
    for start in range(0, len(ids), _CHUNK):
        some = dead_letters.c.id.in_(ids[start : start + _CHUNK])
        rows = connection.execute(sa.select(dead_letters).where(some))
        found += [LetterRow(**row._mapping) for row in rows]
    return sorted(found, key=lambda row: (row.received_at, row.id))


def count(connection: sa.Connection, wanted: Wanted) -> int:
    """How many there are."""
    statement = sa.select(sa.func.count()).select_from(dead_letters).where(*wanted.conditions())
    found: int = connection.execute(statement).scalar_one()
    return found


def delete(connection: sa.Connection, ids: Sequence[str]) -> int:
    """Deletes letters; how many there were."""
    return connection.execute(sa.delete(dead_letters).where(dead_letters.c.id.in_(ids))).rowcount


def delete_before(connection: sa.Connection, moment: int) -> int:
    """Deletes letters that last came before a moment."""
    old = dead_letters.c.last_received_at < moment
    return connection.execute(sa.delete(dead_letters).where(old)).rowcount


def count_before(connection: sa.Connection, moment: int) -> int:
    """How many last came before a moment."""
    old = dead_letters.c.last_received_at < moment
    found: int = connection.execute(
        sa.select(sa.func.count()).select_from(dead_letters).where(old)
    ).scalar_one()
    return found


def delete_of(connection: sa.Connection, customers: Sequence[str]) -> int:
    """Deletes the letters of customers."""
    some = dead_letters.c.customer.in_(customers)
    return connection.execute(sa.delete(dead_letters).where(some)).rowcount
