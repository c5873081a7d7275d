"""Events of customers, read back for the fold; knows no cache and no wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile.core.codec import decode
from fieldwise_profile.core.event import Happening
from fieldwise_profile.core.fold import State, fold
from fieldwise_profile.store.schema import events, profiles

_FOLDED: Final = tuple(events.c[name] for name in Happening._fields)


@dataclass(frozen=True)
class Loaded:
    """A customer's folded events up to ``position``; ``tail`` of them lay behind his checkpoint."""

    state: State
    position: int
    tail: int


@dataclass(frozen=True)
class Checkpoint:
    """A state to be kept: the bytes of all his events up to ``position``."""

    customer: str
    position: int
    state: bytes


def load(connection: sa.Connection, customers: Iterable[str]) -> dict[str, Loaded]:
    """The customers' states now: each from his checkpoint and the events after it. Unknown customers are left out."""
    rows = connection.execute(sa.select(profiles).where(profiles.c.customer.in_(list(customers)))).all()
    kept = {row.customer: (row.position, decode(row.state) if row.state else None) for row in rows}
    whole = [customer for customer, (_, state) in kept.items() if state is None]
    partly = [customer for customer, (_, state) in kept.items() if state is not None]
    behind = events.c.sequence > profiles.c.position
    tails = _tails(connection, partly, behind) | _tails(connection, whole, sa.true())
    return {
        customer: _loaded(state, position, tails.get(customer, []))
        for customer, (position, state) in kept.items()
    }


def _tails(
    connection: sa.Connection, customers: Sequence[str], which: sa.ColumnElement[bool]
) -> dict[str, list[Any]]:
    if not customers:
        return {}
    statement = (
        sa.select(events.c.customer, events.c.sequence, *_FOLDED)
        .join(profiles, profiles.c.customer == events.c.customer)
        .where(profiles.c.customer.in_(customers), which)
        .order_by(events.c.customer, events.c.sequence)
    )
    rows = connection.execute(statement)
    return {customer: list(own) for customer, own in groupby(rows, itemgetter(0))}


def _loaded(state: State | None, position: int, tail: Sequence[Any]) -> Loaded:
    folded = fold((row[2:] for row in tail), state)
    return Loaded(folded, tail[-1][1] if tail else position, len(tail))


def keep(connection: sa.Connection, checkpoints: Sequence[Checkpoint]) -> None:
    """Stores checkpoints; one that is behind the stored one is dropped."""
    statement = (
        sa.update(profiles)
        .where(profiles.c.customer == sa.bindparam("name"), profiles.c.position < sa.bindparam("reached"))
        .values(position=sa.bindparam("reached"), state=sa.bindparam("bytes"))
    )
    values = [{"name": c.customer, "reached": c.position, "bytes": c.state} for c in checkpoints]
    connection.execute(statement, values)


def histories(
    connection: sa.Connection, customers: Sequence[str], until: int
) -> Iterator[tuple[str, list[Happening]]]:
    """Each customer's events that are visible at ``until`` (microseconds), customers ascending, events in no order.

    Args:
        customers: Ascending. When it is a contiguous stretch of all customers, reading is one walk along the index.
    """
    statement = (
        sa.select(events.c.customer, *_FOLDED)
        .where(events.c.customer.in_(customers), events.c.event_time < until, events.c.known_at <= until)
        .order_by(events.c.customer)
    )
    # The driver's own tuples: wrapping a million rows would take as long as reading them.
    rows = connection.execute(statement).cursor.fetchall()
    for customer, own in groupby(rows, itemgetter(0)):
        yield customer, [Happening._make(row[1:]) for row in own]
