"""Events of some customers as they are listed, and the order of all changes; knows no weight and no cipher."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from fieldwise_profile.core.event import HOUR, OPENED, OPTED_OUT, Event, Kind
from fieldwise_profile.store.schema import EVENT_COLUMNS, changes, events, log

_COLUMNS: Final = tuple(events.c[name] for name in EVENT_COLUMNS)
# Kinds of change, as in the contract.
_EVENT: Final = 1
_CONSENT: Final = 2
# What a customer allows or refuses. An event that is no outcome has none, and none is never equal.
_is_word: Final = sa.or_(
    events.c.kind == Kind.CONSENT, sa.func.coalesce(events.c.outcome, 0) == int(OPTED_OUT)
)


@dataclass(frozen=True)
class Wanted:
    """Which events.

    Args:
        members: All names of the person.
        until: Only events before this moment that were known by it, microseconds.
        kinds: Only these; empty for all.
        before: Time and sequence of the last one that was listed; None for the first page.
    """

    members: Sequence[str]
    until: int
    kinds: Sequence[int] = ()
    before: tuple[int, int] | None = None


class Listed(NamedTuple):
    """An event and its place in the log."""

    sequence: int
    event: Event


class Changed(NamedTuple):
    """One change: its place in the log, whose it is, and its `ChangeKind` in the contract."""

    sequence: int
    customer: str
    kind: int


def newest_first(connection: sa.Connection, wanted: Wanted, most: int) -> list[Listed]:
    """Some events, newest first; of two at one moment the one that came later."""
    statement = _visible(wanted.members, wanted.until)
    if wanted.kinds:
        statement = statement.where(events.c.kind.in_(list(wanted.kinds)))
    if wanted.before is not None:
        time, sequence = wanted.before
        statement = statement.where(
            sa.or_(
                events.c.event_time < time,
                sa.and_(events.c.event_time == time, events.c.sequence < sequence),
            )
        )
    ordered = statement.order_by(events.c.event_time.desc(), events.c.sequence.desc()).limit(most)
    return [Listed(row[0], Event._make(row[1:])) for row in connection.execute(ordered)]


def browsing_of_hour(
    connection: sa.Connection, members: Sequence[str], until: int, hour: int, most: int
) -> list[Event]:
    """What is weighed together with any event of an hour (since 1970); no more than ``most`` of it."""
    weighed = sa.or_(
        events.c.kind.in_([Kind.VIEW, Kind.CLICK, Kind.SEARCH]),
        sa.and_(events.c.kind == Kind.MESSAGE, events.c.stage == OPENED),
    )
    within = events.c.event_time.between(hour * HOUR, (hour + 1) * HOUR - 1)
    statement = _visible(members, until).where(weighed, within).limit(most)
    return [Event._make(row[1:]) for row in connection.execute(statement)]


def changes_after(
    connection: sa.Connection, sequence: int, most: int, kinds: Collection[int] = ()
) -> tuple[list[Changed], int]:
    """What changed after a place in the log, in order, and the place to go on from; of some kinds only, if any are given."""
    kind = sa.case((_is_word, sa.literal_column("2")), else_=sa.literal_column("1"))
    of_events = _after(sa.select(events.c.sequence, events.c.customer, kind), events, sequence, most)
    others = _after(
        sa.select(changes.c.sequence, changes.c.customer, changes.c.kind), changes, sequence, most
    )
    if kinds:
        others = others.where(changes.c.kind.in_(kinds))
        if _EVENT not in kinds:
            of_events = of_events.where(_is_word if _CONSENT in kinds else sa.false())
        elif _CONSENT not in kinds:
            of_events = of_events.where(sa.not_(_is_word))
    found = [*connection.execute(of_events), *connection.execute(others)]
    listed = sorted(Changed(*row) for row in found)[:most]
    # Whoever asks for few kinds must not walk over all the others again with every question.
    return listed, listed[-1].sequence if len(listed) == most else max(sequence, position(connection))


def position(connection: sa.Connection) -> int:
    """The end of the log."""
    found: int = connection.execute(sa.select(log.c.position)).scalar_one()
    return found


def _after(statement: sa.Select[Any], table: sa.Table, sequence: int, most: int) -> sa.Select[Any]:
    return statement.where(table.c.sequence > sequence).order_by(table.c.sequence).limit(most)


def latest_moment(connection: sa.Connection) -> int:
    """The latest time of an event, or that one was known at; of the latter, that of the newest event. 0 without any."""
    last = sa.select(sa.func.max(events.c.event_time))
    newest = sa.select(events.c.known_at).order_by(events.c.sequence.desc()).limit(1)
    times: Iterable[int | None] = (connection.execute(each).scalar() for each in (last, newest))
    return max(time or 0 for time in times)


def _visible(members: Sequence[str], until: int) -> sa.Select[Any]:
    return sa.select(events.c.sequence, *_COLUMNS).where(
        events.c.customer.in_(list(members)), events.c.event_time < until, events.c.known_at <= until
    )
