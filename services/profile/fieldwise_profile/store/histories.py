"""Events of customers, read back for the fold; knows no cache and no wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Protocol

import sqlalchemy as sa

from fieldwise_profile.core.codec import decode
from fieldwise_profile.core.event import Happening, Kind
from fieldwise_profile.core.fold import State, fold
from fieldwise_profile.store.schema import events, profiles

# Only a search's words are folded; what else is personal stays where it is.
_WORDS: Final = sa.case((events.c.kind == Kind.SEARCH, events.c.personal)).label("personal")
_FOLDED: Final = tuple(_WORDS if name == "personal" else events.c[name] for name in Happening._fields)
# What the features of ``customer-behaviour`` read: all but the details and what is personal.
_NARROW: Final = _FOLDED[: 1 + Happening._fields.index("flags")]
_PERSONAL: Final = Happening._fields.index("personal")
# A compressed state begins so; one that is sealed does not.
_COMPRESSED: Final = b"\x78"


class Opener(Protocol):
    """Opens and seals with the customers' keys."""

    def opened(
        self, connection: sa.Connection, sealed: Sequence[tuple[str, str, str, bytes]]
    ) -> list[bytes | None]:
        """What is personal in events: of (customer, source, event id, sealed) each; None when the key was destroyed."""
        ...

    def opened_states(self, connection: sa.Connection, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """Checkpoints by customer; those whose key was destroyed are left out."""
        ...

    def sealed_states(self, connection: sa.Connection, states: Mapping[str, bytes]) -> dict[str, bytes]:
        """Checkpoints by customer, sealed."""
        ...


@dataclass(frozen=True)
class Loaded:
    """A customer's folded events up to ``position``; ``tail`` of them lay behind his checkpoint."""

    state: State
    position: int
    tail: int


@dataclass(frozen=True)
class Checkpoint:
    """A state to be kept: the bytes of all his events up to ``position``; sealed first when it holds his words."""

    customer: str
    position: int
    state: bytes
    has_words: bool = False


def load(
    connection: sa.Connection, customers: Iterable[str], opener: Opener | None = None
) -> dict[str, Loaded]:
    """The customers' states now: each from his checkpoint and the events after it.

    Customers who are unknown or erased are left out.
    """
    statement = sa.select(profiles.c.customer, profiles.c.position, profiles.c.state)
    rows = connection.execute(
        statement.where(profiles.c.customer.in_(list(customers)), profiles.c.erased_at.is_(None))
    ).all()
    states = _states(connection, {row.customer: row.state for row in rows if row.state}, opener)
    kept = {row.customer: (row.position, states.get(row.customer)) for row in rows}
    whole = [customer for customer, (_, state) in kept.items() if state is None]
    partly = [customer for customer, (_, state) in kept.items() if state is not None]
    behind = events.c.sequence > profiles.c.position
    tails = _tails(connection, partly, behind, opener) | _tails(connection, whole, sa.true(), opener)
    return {
        customer: _loaded(state, position, tails.get(customer, []))
        for customer, (position, state) in kept.items()
    }


def _states(
    connection: sa.Connection, kept: Mapping[str, bytes], opener: Opener | None
) -> dict[str, State | None]:
    """The states of checkpoints; None for one that has to be folded anew."""
    sealed = {customer: raw for customer, raw in kept.items() if not raw.startswith(_COMPRESSED)}
    opened = opener.opened_states(connection, sealed) if opener is not None and sealed else {}
    plain = {customer: opened.get(customer) if customer in sealed else raw for customer, raw in kept.items()}
    return {customer: decode(raw) if raw is not None else None for customer, raw in plain.items()}


def _tails(
    connection: sa.Connection,
    customers: Sequence[str],
    which: sa.ColumnElement[bool],
    opener: Opener | None,
) -> dict[str, list[Any]]:
    if not customers:
        return {}
    statement = (
        sa.select(events.c.customer, events.c.sequence, events.c.source, events.c.event_id, *_FOLDED)
        .join(profiles, profiles.c.customer == events.c.customer)
        .where(profiles.c.customer.in_(customers), which)
        .order_by(events.c.customer, events.c.sequence)
    )
    rows = _opened(connection, connection.execute(statement).all(), opener)
    return {customer: list(own) for customer, own in groupby(rows, itemgetter(0))}


def _opened(connection: sa.Connection, rows: Sequence[Any], opener: Opener | None) -> list[Any]:
    """Rows of (customer, sequence, source, event id, happening) as (customer, sequence, happening), its words open."""
    sealed = [(row[0], row[2], row[3], row[4 + _PERSONAL]) for row in rows if row[4 + _PERSONAL] is not None]
    words = iter(opener.opened(connection, sealed) if opener is not None and sealed else [None] * len(sealed))
    return [
        (row[0], row[1], row[4:] if row[4 + _PERSONAL] is None else (*row[4:-1], next(words))) for row in rows
    ]


def _loaded(state: State | None, position: int, tail: Sequence[Any]) -> Loaded:
    folded = fold((row[2] for row in tail), state)
    if folded.browsing is not None:
        # Here, in a reader's thread: whoever asks first would otherwise wait for it.
        folded.browsing.days()
    return Loaded(folded, tail[-1][1] if tail else position, len(tail))


def keep(connection: sa.Connection, checkpoints: Sequence[Checkpoint], opener: Opener | None = None) -> None:
    """Stores checkpoints; one that is behind the stored one is dropped, and one with words when nothing can seal it."""
    sealed: dict[str, bytes] = {}
    personal = {each.customer: each.state for each in checkpoints if each.has_words}
    if opener is not None and personal:
        sealed = opener.sealed_states(connection, personal)
    values = [
        {"name": c.customer, "reached": c.position, "bytes": sealed[c.customer] if c.has_words else c.state}
        for c in checkpoints
        if not c.has_words or c.customer in sealed
    ]
    if values:
        connection.execute(_KEEP, values)


_KEEP: Final = (
    sa.update(profiles)
    .where(
        profiles.c.customer == sa.bindparam("name"),
        profiles.c.position < sa.bindparam("reached"),
        profiles.c.erased_at.is_(None),
    )
    .values(position=sa.bindparam("reached"), state=sa.bindparam("bytes"))
)


def histories(
    connection: sa.Connection, customers: Sequence[str], until: int
) -> Iterator[tuple[str, list[Happening]]]:
    """Each customer's events that are visible at ``until`` (microseconds), customers ascending, events in no order.

    Only what the features of ``customer-behaviour`` read of them is there.

    Args:
        customers: Ascending. When it is a contiguous stretch of all customers, reading is one walk along the index.
    """
    statement = sa.select(events.c.customer, *_NARROW).where(*_visible(customers, until))
    # The driver's own tuples: wrapping a million rows would take as long as reading them.
    rows = connection.execute(statement.order_by(events.c.customer)).cursor.fetchall()
    for customer, own in groupby(rows, itemgetter(0)):
        yield customer, [Happening(*row[1:]) for row in own]


def whole_histories(
    connection: sa.Connection, customers: Sequence[str], until: int, opener: Opener | None = None
) -> Iterator[tuple[str, list[Happening]]]:
    """As `histories`, with all that is folded."""
    statement = sa.select(
        events.c.customer, events.c.sequence, events.c.source, events.c.event_id, *_FOLDED
    ).where(*_visible(customers, until))
    rows = connection.execute(statement.order_by(events.c.customer)).all()
    for customer, own in groupby(_opened(connection, rows, opener), itemgetter(0)):
        yield customer, [Happening._make(row[2]) for row in own]


def canonical(
    connection: sa.Connection, upto: Mapping[str, int], opener: Opener | None = None
) -> Iterator[tuple[str, list[Any]]]:
    """Each customer's events up to a place of the log, in canonical order: event time, source, event id."""
    statement = sa.select(
        events.c.customer, events.c.sequence, events.c.source, events.c.event_id, *_FOLDED
    ).where(events.c.customer.in_(list(upto)))
    rows = [row for row in connection.execute(statement).all() if row[1] <= upto[row[0]]]
    # Here and not in the database, whose order of texts depends on its language.
    rows.sort(key=lambda row: (row[0], row[4], row[2], row[3]))
    for customer, own in groupby(_opened(connection, rows, opener), itemgetter(0)):
        yield customer, [row[2] for row in own]


def drop(connection: sa.Connection, customers: Sequence[str]) -> None:
    """Drops the customers' checkpoints."""
    statement = sa.update(profiles).where(profiles.c.customer.in_(list(customers)))
    connection.execute(statement.values(position=0, state=None))


def _visible(customers: Sequence[str], until: int) -> tuple[sa.ColumnElement[bool], ...]:
    return events.c.customer.in_(customers), events.c.event_time < until, events.c.known_at <= until
