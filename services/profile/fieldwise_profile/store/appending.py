"""Appending events to the log, each once; knows nothing of what they fold into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Event
from fieldwise_profile.store import bulk
from fieldwise_profile.store.bulk import Row
from fieldwise_profile.store.schema import EVENT_COLUMNS, events, log, profiles

# Places in a row, whose first column is the sequence.
SEQUENCE: Final = 0
CUSTOMER: Final = 1 + EVENT_COLUMNS.index("customer")


@dataclass(frozen=True)
class Appended:
    """What one batch added to the log.

    Args:
        after: Position of the log before the batch.
        last: Position after it.
        rows: Events stored for the first time, each with its sequence before it, ascending.
        created: Customers who had no event before.
    """

    after: int
    last: int
    rows: Sequence[Row] = ()
    created: frozenset[str] = field(default_factory=frozenset)


def append(connection: sa.Connection, batch: Sequence[Event]) -> Appended:
    """Stores the events that are new, in order, and the customers that are new."""
    last = _reserved(connection, len(batch))
    after = last - len(batch)
    numbered = [(sequence, *event) for sequence, event in enumerate(batch, after + 1)]
    if not numbered:
        return Appended(after, last)
    stored = bulk.insert_new(connection, numbered)
    rows = numbered if stored == len(numbered) else _new_ones(connection, numbered, after, last, stored)
    created = _create(connection, {row[CUSTOMER] for row in rows})
    return Appended(after, last, rows, created)


def position(connection: sa.Connection) -> int:
    """The last sequence given out."""
    found: int = connection.execute(sa.select(log.c.position)).scalar_one()
    return found


def rows_after(connection: sa.Connection, sequence: int) -> Appended:
    """All that was appended after a position, by whomever."""
    last = position(connection)
    found = connection.execute(
        sa.select(*events.c).where(events.c.sequence > sequence).order_by(events.c.sequence)
    )
    return Appended(sequence, last, [tuple(row) for row in found])


def _reserved(connection: sa.Connection, count: int) -> int:
    advance = sa.update(log).values(position=log.c.position + count).returning(log.c.position)
    reserved: int = connection.execute(advance).scalar_one()
    return reserved


def _new_ones(
    connection: sa.Connection, numbered: Sequence[Row], after: int, last: int, stored: int
) -> Sequence[Row]:
    if not stored:
        return ()
    own = events.c.sequence.between(after + 1, last)
    kept = set(connection.execute(sa.select(events.c.sequence).where(own)).scalars())
    return [row for row in numbered if row[SEQUENCE] in kept]


def _create(connection: sa.Connection, customers: Iterable[str]) -> frozenset[str]:
    named = sorted(customers)
    known = connection.execute(sa.select(profiles.c.customer).where(profiles.c.customer.in_(named))).scalars()
    created = frozenset(named).difference(known)
    if created:
        connection.execute(sa.insert(profiles), [{"customer": name} for name in sorted(created)])
        connection.execute(sa.update(log).values(customers=log.c.customers + len(created)))
    return created
