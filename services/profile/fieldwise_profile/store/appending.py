"""Appending events to the log, each once; knows nothing of what they fold into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    erased: frozenset[str] = field(default_factory=frozenset)


# Seals what is personal in the events before they are stored (in the order given; the same number of them).
Seal = Callable[[sa.Connection, Sequence[Event]], Sequence[Event]]
# What is kept beside the events: called in the same transaction with the rows that are new, as they came, nothing sealed.
Beside = Callable[[sa.Connection, Sequence[Row]], None]


def append(
    connection: sa.Connection, batch: Sequence[Event], seal: Seal | None = None, beside: Sequence[Beside] = ()
) -> Appended:
    """Stores the events that are new, in order, and the customers that are new; those of erased customers are left out."""
    last = reserve(connection, len(batch))
    after = last - len(batch)
    # After the lock that `reserve` takes: an erasure that was committed before it is seen here, and none comes after it.
    known = bulk.known(connection, sorted({event.customer for event in batch}))
    erased = frozenset(name for name, erased_at in known.items() if erased_at is not None)
    if erased:
        batch = [event for event in batch if event.customer not in erased]
    if not batch:
        return Appended(after, last, erased=erased)
    numbered = [(sequence, *event) for sequence, event in enumerate(batch, after + 1)]
    sealed = numbered
    if seal is not None and any(event.personal is not None for event in batch):
        sealed = [
            row if row[-1] is None else (*row[:-1], event.personal)
            for row, event in zip(numbered, seal(connection, batch), strict=True)
        ]
    stored = bulk.insert_new(connection, sealed)
    rows = numbered if stored == len(numbered) else _new_ones(connection, numbered, after, last, stored)
    created = _create(connection, {row[CUSTOMER] for row in rows}.difference(known))
    for keep in beside:
        keep(connection, rows)
    return Appended(after, last, rows, created, erased)


def erased_among(connection: sa.Connection, customers: Iterable[str]) -> frozenset[str]:
    """Those of the customers who were erased."""
    # Almost always nobody is: one look at an index of the erased only.
    statement = sa.select(profiles.c.customer).where(
        profiles.c.erased_at.is_not(None), profiles.c.customer.in_(sorted(customers))
    )
    return frozenset(connection.execute(statement).scalars())


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


def reserve(connection: sa.Connection, count: int) -> int:
    """Gives out sequences; returns the last. Its lock makes the order of sequences the order of commits."""
    advance = sa.update(log).values(position=log.c.position + count).returning(log.c.position)
    reserved: int = connection.execute(advance).scalar_one()
    return reserved


def _new_ones(
    connection: sa.Connection, numbered: Sequence[Row], after: int, last: int, stored: int
) -> Sequence[Row]:
    if not stored:
        return ()
    kept = bulk.stored_between(connection, after + 1, last)
    return [row for row in numbered if row[SEQUENCE] in kept]


def _create(connection: sa.Connection, customers: Iterable[str]) -> frozenset[str]:
    created = frozenset(customers)
    if created:
        bulk.create(connection, sorted(created))
        connection.execute(sa.update(log).values(customers=log.c.customers + len(created)))
    return created
