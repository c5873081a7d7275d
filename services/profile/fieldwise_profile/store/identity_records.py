"""Records of persons in the database: where they stand, their keys, who waits to be looked up; knows no weight.

Keys are stored as 64 bits of their keyed digests: from the table alone no phone and no name can be read or tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Kind
from fieldwise_profile.core.identity import blocking
from fieldwise_profile.core.identity.comparing import Field
from fieldwise_profile.core.identity.record import Record, record_of
from fieldwise_profile.core.identity.weighing import COMMON, value_of
from fieldwise_profile.store.appending import CUSTOMER, SEQUENCE
from fieldwise_profile.store.bulk import Row
from fieldwise_profile.store.identity_tables import (
    identity_keys,
    identity_links,
    identity_records,
    identity_reviews,
    identity_waiting,
)
from fieldwise_profile.store.schema import EVENT_COLUMNS, events
from fieldwise_runtime.database import upsert

# A keyed digest of a field's value, at least 8 bytes.
Blind = Callable[[str, str], bytes]

_KIND, _KNOWN_AT, _PERSONAL = (1 + EVENT_COLUMNS.index(name) for name in ("kind", "known_at", "personal"))
_RECENT: Final = 5


@dataclass(frozen=True)
class SealedRecord:
    """A record as it stands in the log."""

    sequence: int
    source: str
    event_id: str
    customer: str
    personal: bytes


def stated(personal: bytes) -> Record:
    """The record in the personal part of an identification."""
    read: dict[str, Any] = json.loads(personal)
    return record_of({field: value for field, value in read.items() if isinstance(value, str)})


class Registry:
    """Writes and finds keys; ``blind`` is the installation's."""

    def __init__(self, blind: Blind) -> None:
        self._blind = blind

    def keep(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Keeps what is needed to find the identifications among new events: to be called in their transaction."""
        found = [row for row in rows if row[_KIND] == Kind.IDENTIFICATION and row[_PERSONAL] is not None]
        if not found:
            return
        keys: dict[tuple[int, str], int] = {}
        for row in found:
            record = stated(row[_PERSONAL])
            for key, kind in self.digests(record):
                keys[key, row[CUSTOMER]] = kind
        places = [{"sequence": row[SEQUENCE], "customer": row[CUSTOMER]} for row in found]
        connection.execute(sa.insert(identity_records), places)
        waiting = [place | {"at": row[_KNOWN_AT]} for place, row in zip(places, found, strict=True)]
        connection.execute(sa.insert(identity_waiting), waiting)
        if keys:
            values = [
                {"key": key, "customer": name, "kind": kind} for (key, name), kind in sorted(keys.items())
            ]
            insert = upsert(identity_keys, connection.dialect.name).on_conflict_do_nothing()
            connection.execute(insert, values)

    def digests(self, record: Record) -> list[tuple[int, int]]:
        """Digests of the record's keys and of its counted values, each with its kind."""
        if record.is_empty:
            return []
        keys = [(self._digest("identity", key), 0) for key in blocking.keys_of(record)]
        values = [
            (self.value_digest(field, value_of(record, field)), 1 + field)
            for field in COMMON
            if value_of(record, field)
        ]
        return keys + values

    def value_digest(self, field: Field, value: str) -> int:
        return self._digest(f"identity {field.name}", value)

    def _digest(self, field: str, value: str) -> int:
        return int.from_bytes(self._blind(field, value)[:8], "big", signed=True)

    def sharing(self, connection: sa.Connection, record: Record, most_sharing: int) -> dict[str, float]:
        """Customers who share a key with the record, each with how much that says (rare keys say more)."""
        keys = [key for key, kind in self.digests(record) if kind == 0]
        if not keys:
            return {}
        found: dict[int, list[str]] = {}
        looks = _looks(len(keys), most_sharing + 1)
        for key, customer in connection.execute(looks, {f"k{place}": key for place, key in enumerate(keys)}):
            found.setdefault(key, []).append(customer)
        said: dict[str, float] = {}
        for customers in found.values():
            if len(customers) <= most_sharing:
                for customer in customers:
                    said[customer] = said.get(customer, 0.0) + 1 / len(customers)
        return said

    def count(self, connection: sa.Connection, field: Field, value: str) -> int:
        """Customers with that value."""
        counted: int = connection.execute(_COUNT, {"wanted": self.value_digest(field, value)}).scalar_one()
        return counted


@cache
def _looks(keys: int, most: int) -> sa.TextClause:
    """One limited look a key: a key that half the town shares must not be read whole. As text: built from parts, the statement
    takes longer than its execution.
    """
    table = identity_keys.name
    look = f"SELECT * FROM (SELECT key, customer FROM {table} WHERE key = :k%d LIMIT {int(most)}) AS l%d"
    return sa.text(" UNION ALL ".join(look % (place, place) for place in range(keys)))


_PLACES: Final = (
    sa.select(identity_records.c.customer, identity_records.c.sequence)
    .where(identity_records.c.customer.in_(sa.bindparam("names", expanding=True)))
    .order_by(identity_records.c.sequence.desc())
)
_SEALED: Final = sa.select(
    events.c.sequence, events.c.source, events.c.event_id, events.c.customer, events.c.personal
).where(events.c.sequence.in_(sa.bindparam("sequences", expanding=True)), events.c.personal.is_not(None))
_COUNT: Final = sa.select(sa.func.count()).where(identity_keys.c.key == sa.bindparam("wanted"))


def totals(connection: sa.Connection, sample: int) -> dict[Field, int]:
    """About how many customers state each counted field: all who have a record, by the share among the latest of them."""
    customers = connection.execute(
        sa.select(sa.func.count(sa.distinct(identity_records.c.customer)))
    ).scalar_one()
    latest = sa.select(identity_records.c.customer).order_by(identity_records.c.sequence.desc()).limit(sample)
    names = set(connection.execute(latest).scalars())
    if not names:
        return {}
    statement = (
        sa.select(identity_keys.c.kind, sa.func.count())
        .where(identity_keys.c.customer.in_(names), identity_keys.c.kind > 0)
        .group_by(identity_keys.c.kind)
    )
    return {
        Field(kind - 1): max(1, round(customers * min(1.0, count / len(names))))
        for kind, count in connection.execute(statement)
    }


def sealed_records(connection: sa.Connection, customers: Iterable[str]) -> list[SealedRecord]:
    """The latest records of the customers, newest first; at most five each."""
    named = sorted(customers)
    if not named:
        return []
    places = connection.execute(_PLACES, {"names": named})
    latest: dict[str, list[int]] = {}
    for customer, sequence in places:
        own = latest.setdefault(customer, [])
        if len(own) < _RECENT:
            own.append(sequence)
    return sealed_at(connection, [sequence for own in latest.values() for sequence in own])


def sealed_at(connection: sa.Connection, sequences: Sequence[int]) -> list[SealedRecord]:
    """The records that stand there."""
    return [SealedRecord(*row) for row in connection.execute(_SEALED, {"sequences": list(sequences)})]


def records_after(connection: sa.Connection, sequence: int, most: int) -> list[SealedRecord]:
    """All records in the order of the log, a portion at a time."""
    columns = (events.c.sequence, events.c.source, events.c.event_id, events.c.customer, events.c.personal)
    statement = (
        sa.select(*columns)
        .join(identity_records, identity_records.c.sequence == events.c.sequence)
        .where(identity_records.c.sequence > sequence, events.c.personal.is_not(None))
        .order_by(identity_records.c.sequence)
        .limit(most)
    )
    return [SealedRecord(*row) for row in connection.execute(statement)]


def waiting(connection: sa.Connection, most: int) -> list[tuple[int, str, int]]:
    """Records that wait to be looked up, oldest first: sequence, customer, time."""
    columns = (identity_waiting.c.sequence, identity_waiting.c.customer, identity_waiting.c.at)
    return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(columns[0]).limit(most))]


def looked_up(connection: sa.Connection, sequences: Sequence[int]) -> None:
    """Takes records off the line."""
    if sequences:
        connection.execute(
            sa.delete(identity_waiting).where(identity_waiting.c.sequence.in_(list(sequences)))
        )


def all_looked_up(connection: sa.Connection, last: int) -> None:
    """Takes all records up to a place of the log off the line."""
    connection.execute(sa.delete(identity_waiting).where(identity_waiting.c.sequence <= last))


def erase(connection: sa.Connection, customers: Iterable[str]) -> Mapping[str, int]:
    """Deletes all that identity keeps of the customers; how many rows of which table."""
    named = sorted(customers)
    return {
        table.name: connection.execute(
            sa.delete(table).where(sa.or_(*(table.c[column].in_(named) for column in columns)))
        ).rowcount
        for table, columns in (
            (identity_keys, ("customer",)),
            (identity_records, ("customer",)),
            (identity_waiting, ("customer",)),
            (identity_links, ("a", "b")),
            (identity_reviews, ("a", "b")),
        )
    }
