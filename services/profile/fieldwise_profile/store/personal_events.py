"""Events of customers with what is personal in them, as stored; knows no cipher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Event
from fieldwise_profile.store.schema import EVENT_COLUMNS, events, profiles

_COLUMNS: Final = tuple(events.c[name] for name in EVENT_COLUMNS)


def of(connection: sa.Connection, customers: Sequence[str], kinds: Sequence[int] = ()) -> list[Event]:
    """All events of these customers, of some kinds when given, in the order in which they became durable."""
    statement = sa.select(*_COLUMNS).where(events.c.customer.in_(customers))
    if kinds:
        statement = statement.where(events.c.kind.in_(kinds))
    return [Event._make(row) for row in connection.execute(statement.order_by(events.c.sequence))]


def after(
    connection: sa.Connection, customers: Sequence[str], sequence: int, most: int
) -> list[tuple[int, Event]]:
    """Some of their events after a place of the log."""
    statement = (
        sa.select(events.c.sequence, *_COLUMNS)
        .where(events.c.customer.in_(customers), events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(most)
    )
    return [(row[0], Event._make(row[1:])) for row in connection.execute(statement)]


def old(connection: sa.Connection, kind: int, before: int, most: int) -> list[tuple[int, str]]:
    """(sequence, customer) of some events of a kind before a moment that still hold something personal."""
    statement = (
        sa.select(events.c.sequence, events.c.customer)
        .where(events.c.kind == kind, events.c.event_time < before, events.c.personal.is_not(None))
        .order_by(events.c.event_time)
        .limit(most)
    )
    return [(row.sequence, row.customer) for row in connection.execute(statement)]


def count_old(connection: sa.Connection, kind: int, before: int) -> int:
    """How many there are."""
    statement = (
        sa.select(sa.func.count())
        .select_from(events)
        .where(events.c.kind == kind, events.c.event_time < before, events.c.personal.is_not(None))
    )
    found: int = connection.execute(statement).scalar_one()
    return found


def empty(connection: sa.Connection, sequences: Sequence[int]) -> None:
    """Takes what is personal out of events; the rest stays."""
    statement = sa.update(events).where(events.c.sequence.in_(sequences))
    connection.execute(statement.values(personal=None))


def drop_checkpoints(connection: sa.Connection, customers: Sequence[str]) -> None:
    """Has states folded anew: theirs may hold words that are no longer there."""
    statement = sa.update(profiles).where(profiles.c.customer.in_(customers))
    connection.execute(statement.values(state=None, position=0))
