"""The one driver-level file: many event rows written at once, and the customers of a batch looked up; knows nothing of states.

SQLAlchemy's own insert of many rows takes two to three times the CPU, and its list of a thousand names as long as the search.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Kind
from fieldwise_profile.store.schema import EVENT_COLUMNS, events, profiles

_COLUMNS: Final = ", ".join(("sequence", *EVENT_COLUMNS))
_KIND: Final = 1 + EVENT_COLUMNS.index("kind")
_SOURCE, _EVENT_ID = 1 + EVENT_COLUMNS.index("source"), 1 + EVENT_COLUMNS.index("event_id")
# What every event has stands first, and is followed by what the commonest kinds have of the rest. The driver spends more
# time on a NULL than on a value.
_ALL: Final = ("sequence", *EVENT_COLUMNS)
_HEAD: Final = _ALL[: 1 + _KIND]
_OF_KIND: Final = {
    int(Kind.PURCHASE): ("product", "category", "quantity", "amount", "discount", "basket"),
    int(Kind.VIEW): ("product", "category", "channel", "measure", "flags"),
    int(Kind.CLICK): ("product", "category", "channel", "target", "flags"),
    int(Kind.SEARCH): ("product", "category", "channel", "measure", "personal"),
    int(Kind.MESSAGE): ("campaign", "channel", "target", "stage", "personal"),
    int(Kind.MAILING): ("campaign",),
}

_KNOWN: Final = f"SELECT customer, erased_at FROM {profiles.name} WHERE"
_AMONG: Final = "customer IN (SELECT value FROM json_each(?))"
_STAGING: Final = f"CREATE TEMP TABLE IF NOT EXISTS incoming (LIKE {events.name}) ON COMMIT DELETE ROWS"
_COPY: Final = f"COPY incoming ({_COLUMNS}) FROM STDIN"
# In the order sent, so that of two events with one id the first stays.
_TAKE: Final = (
    f"INSERT INTO {events.name} ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming "
    "WHERE sequence > %s AND sequence <= %s ORDER BY sequence ON CONFLICT DO NOTHING"
)

# An event with its sequence before it.
Row = tuple[Any, ...]


def insert_new(connection: sa.Connection, rows: Sequence[Row]) -> int:
    """Stores the rows (ascending sequences) whose source and event id are new; gives how many those are."""
    if connection.dialect.name != "sqlite":
        return _copied(connection, rows)
    by_kind: defaultdict[int, list[Row]] = defaultdict(list)
    for row in _first_of_each(rows):
        by_kind[row[_KIND]].append(row)
    return sum(_inserted(connection, kind, own) for kind, own in by_kind.items())


def _first_of_each(rows: Sequence[Row]) -> Sequence[Row]:
    """Of rows with one id the first: kinds are stored one after the other, not in the order sent."""
    first = {(row[_SOURCE], row[_EVENT_ID]): row for row in reversed(rows)}
    return rows if len(first) == len(rows) else sorted(first.values(), key=itemgetter(0))


def _inserted(connection: sa.Connection, kind: int, rows: list[Row]) -> int:
    if kind not in _OF_KIND:
        return connection.exec_driver_sql(_insert(_ALL), rows).rowcount
    columns = (*_HEAD, *_OF_KIND[kind])
    return connection.exec_driver_sql(_insert(columns), list(map(_picked(columns), rows))).rowcount


def known(connection: sa.Connection, names: Sequence[str]) -> dict[str, int | None]:
    """Those of the customers who are stored, each with when he was erased, if he was."""
    if connection.dialect.name != "sqlite":
        found = connection.exec_driver_sql(f"{_KNOWN} customer = ANY(%s::text[])", (list(names),))
        return dict(found.cursor.fetchall())
    asked = (json.dumps(names),)
    # From the index alone: looking into each row takes three times as long, and almost always nobody was ever erased.
    stored = connection.exec_driver_sql(f"SELECT customer FROM {profiles.name} WHERE {_AMONG}", asked)
    people: dict[str, int | None] = {name: None for (name,) in stored.cursor.fetchall()}
    if connection.exec_driver_sql(f"{_KNOWN} erased_at IS NOT NULL LIMIT 1").cursor.fetchone():
        erased = connection.exec_driver_sql(f"{_KNOWN} erased_at IS NOT NULL AND {_AMONG}", asked)
        people.update(erased.cursor.fetchall())
    return people


def stored_between(connection: sa.Connection, first: int, last: int) -> set[int]:
    """Sequences from the first to the last at which an event is stored."""
    found = connection.exec_driver_sql(
        f"SELECT sequence FROM {events.name} WHERE sequence BETWEEN {first:d} AND {last:d}"
    )
    return {sequence for (sequence,) in found.cursor.fetchall()}


def create(connection: sa.Connection, names: Sequence[str]) -> None:
    """Stores customers who are new."""
    if connection.dialect.name == "sqlite":
        statement = f"INSERT INTO {profiles.name} (customer) VALUES (?)"
        connection.exec_driver_sql(statement, [(name,) for name in names])
    else:
        statement = f"INSERT INTO {profiles.name} (customer) SELECT unnest(%s::text[])"
        connection.exec_driver_sql(statement, (list(names),))


@cache
def _picked(columns: tuple[str, ...]) -> Callable[[Row], Row]:
    return itemgetter(*map(_ALL.index, columns))


@cache
def _insert(columns: tuple[str, ...]) -> str:
    # "OR IGNORE" ignores a missing value as well: rows are checked before they come here.
    return (
        f"INSERT OR IGNORE INTO {events.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    )


def _copied(connection: sa.Connection, rows: Sequence[Row]) -> int:
    connection.exec_driver_sql(_STAGING)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.write("".join(map(_line, rows)))
        # Batches of one commit share the staging table; each takes its own range.
        cursor.execute(_TAKE, (rows[0][0] - 1, rows[-1][0]))
        stored: int = cursor.rowcount
    return stored


def _line(row: Row) -> str:
    """A row in COPY's text format."""
    return "\t".join([_NULL if value is None else _text(value) for value in row]) + "\n"


_NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    text = str(value)
    # None of the characters that COPY escapes is printable, but its own.
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
