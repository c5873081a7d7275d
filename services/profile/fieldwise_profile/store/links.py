"""Links and reviews in the database, one change at a time; knows no evidence.

Every change takes sequences of the log, whose lock makes changes of all processes follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.identity.graph import Link
from fieldwise_profile.store import appending
from fieldwise_profile.store.identity_tables import identity_links, identity_reviews
from fieldwise_profile.store.schema import changes, events

# Numbers of LinkSource, ReviewState and ChangeKind on the wire.
AUTO, REVIEW, MANUAL = 1, 2, 3
OPEN, SAME, DIFFERENT = 1, 2, 3
_IDENTITY: Final = 3

Pair = tuple[str, str]


@dataclass(frozen=True)
class LinkRow:
    """A link with its history."""

    id: int
    a: str
    b: str
    rank_a: int
    rank_b: int
    weight: float
    source: int
    created_at: int
    created_by: str
    valid_from: int
    revoked_at: int | None
    revoked_by: str | None
    changed: int

    @property
    def link(self) -> Link:
        return Link(self.id, self.a, self.b, self.rank_a, self.rank_b)


@dataclass(frozen=True)
class ReviewRow:
    """A pair queued or decided."""

    id: int
    a: str
    b: str
    probability: float
    reasons: str
    state: int
    created_at: int
    decided_at: int | None
    decided_by: str | None


@dataclass(frozen=True)
class Changed:
    """What a change came to.

    Args:
        after: Position of the log before it.
        last: Position after it.
        links: Links made or revoked by it, as they are now.
    """

    after: int
    last: int
    links: Sequence[LinkRow] = ()
    queued: int = 0


# A change, within a transaction.
Work = Callable[[sa.Connection], Changed]


@dataclass(frozen=True)
class Wanted:
    """A link to be made."""

    a: str
    b: str
    weight: float
    source: int
    at: int
    by: str


def position(connection: sa.Connection) -> int:
    """The last sequence given out."""
    return appending.position(connection)


def pair_of(one: str, other: str) -> Pair:
    """Both names, in the order of a review."""
    return (one, other) if one < other else (other, one)


def first_sequences(connection: sa.Connection, customers: Iterable[str]) -> dict[str, int]:
    """The sequence of each customer's first event; those without an event are left out."""
    found: dict[str, int] = {}
    for name in customers:
        first = connection.execute(
            sa.select(sa.func.min(events.c.sequence)).where(events.c.customer == name)
        ).scalar_one()
        if first is not None:
            found[name] = first
    return found


def living(connection: sa.Connection) -> list[Link]:
    """All links that hold."""
    columns = (
        identity_links.c.id,
        identity_links.c.a,
        identity_links.c.b,
        identity_links.c.rank_a,
        identity_links.c.rank_b,
    )
    found = connection.execute(sa.select(*columns).where(identity_links.c.revoked_at.is_(None)))
    return [Link(*row) for row in found]


def changed_after(connection: sa.Connection, sequence: int) -> list[LinkRow]:
    """Links made or revoked after a position, in that order."""
    statement = sa.select(identity_links).where(identity_links.c.changed > sequence)
    return [LinkRow(*row) for row in connection.execute(statement.order_by(identity_links.c.changed))]


def person_of(connection: sa.Connection, name: str) -> frozenset[str]:
    """All names linked with one, as the transaction sees them."""
    found, ahead = {name}, [name]
    while ahead:
        one = ahead.pop()
        for near, far in ((identity_links.c.a, identity_links.c.b), (identity_links.c.b, identity_links.c.a)):
            statement = sa.select(far).where(near == one, identity_links.c.revoked_at.is_(None))
            for other in connection.execute(statement).scalars():
                if other not in found:
                    found.add(other)
                    ahead.append(other)
    return frozenset(found)


def kept_apart(connection: sa.Connection, mine: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether a person decided that a name of the one group and a name of the other are two persons."""
    one, other = list(mine), list(theirs)
    a, b = identity_reviews.c.a, identity_reviews.c.b
    either = (a.in_(one) & b.in_(other)) | (a.in_(other) & b.in_(one))
    statement = sa.select(identity_reviews.c.id).where(identity_reviews.c.state == DIFFERENT, either).limit(1)
    return connection.execute(statement).first() is not None


def between(connection: sa.Connection, one: str, other: str) -> LinkRow | None:
    """The link of two names that holds."""
    a, b = identity_links.c.a, identity_links.c.b
    either = ((a == one) & (b == other)) | ((a == other) & (b == one))
    row = connection.execute(
        sa.select(identity_links).where(identity_links.c.revoked_at.is_(None), either)
    ).first()
    return None if row is None else LinkRow(*row)


def link(connection: sa.Connection, wanted: Wanted) -> Changed:
    """Links two customers and tells the log of it. Two that are one person already: by evidence nothing, by a person a link."""
    mine, theirs = person_of(connection, wanted.a), person_of(connection, wanted.b)
    existing = between(connection, wanted.a, wanted.b)
    if existing is not None or (wanted.source == AUTO and wanted.b in mine):
        now = position(connection)
        return Changed(now, now, [existing] if existing else [])
    ranks = first_sequences(connection, (wanted.a, wanted.b))
    one, other = sorted((wanted.a, wanted.b), key=lambda name: (ranks[name], name))
    touched = sorted(mine | theirs)
    last = appending.reserve(connection, 1 + len(touched))
    first = last - len(touched)
    row = LinkRow(
        first, one, other, ranks[one], ranks[other], wanted.weight, wanted.source, wanted.at, wanted.by, wanted.at, None, None, last
    )  # fmt: skip
    connection.execute(sa.insert(identity_links).values(vars(row)))
    _tell(connection, first + 1, touched)
    return Changed(first - 1, last, [row])


def revoke(connection: sa.Connection, number: int, at: int, by: str) -> Changed | None:
    """Revokes a link and tells the log of it; None when there is no such link."""
    found = connection.execute(sa.select(identity_links).where(identity_links.c.id == number)).first()
    if found is None:
        return None
    row = LinkRow(*found)
    if row.revoked_at is not None:
        now = position(connection)
        return Changed(now, now, [row])
    touched = sorted(person_of(connection, row.a))
    last = appending.reserve(connection, len(touched))
    values = {"revoked_at": at, "revoked_by": by, "changed": last}
    connection.execute(sa.update(identity_links).where(identity_links.c.id == number).values(values))
    _tell(connection, last - len(touched) + 1, touched)
    return Changed(last - len(touched), last, [LinkRow(**(vars(row) | values))])


def review_of(connection: sa.Connection, one: str, other: str) -> ReviewRow | None:
    """What is queued or decided of a pair."""
    a, b = pair_of(one, other)
    statement = sa.select(identity_reviews).where(identity_reviews.c.a == a, identity_reviews.c.b == b)
    row = connection.execute(statement).first()
    return None if row is None else ReviewRow(*row)


def review(connection: sa.Connection, number: int) -> ReviewRow | None:
    """One review."""
    row = connection.execute(sa.select(identity_reviews).where(identity_reviews.c.id == number)).first()
    return None if row is None else ReviewRow(*row)


def queue(
    connection: sa.Connection, one: str, other: str, probability: float, reasons: Sequence[str], at: int
) -> bool:
    """Queues a pair for a person; one that is queued is only told better, one that was decided stays. True when it is new."""
    known = review_of(connection, one, other)
    if known is not None:
        if known.state == OPEN:
            better = {"probability": probability, "reasons": " ".join(reasons)}
            connection.execute(
                sa.update(identity_reviews).where(identity_reviews.c.id == known.id).values(better)
            )
        return False
    _put_review(connection, one, other, probability, reasons, OPEN, at, None)
    return True


def decide(connection: sa.Connection, one: str, other: str, state: int, at: int, by: str) -> ReviewRow:
    """Keeps a person's decision on a pair, queued before or not."""
    known = review_of(connection, one, other)
    if known is None:
        return _put_review(connection, one, other, 1.0, ("DECIDED_DIRECTLY",), state, at, by)
    values = {"state": state, "decided_at": at, "decided_by": by}
    connection.execute(sa.update(identity_reviews).where(identity_reviews.c.id == known.id).values(values))
    return ReviewRow(**(vars(known) | values))


def _put_review(
    connection: sa.Connection, one: str, other: str, probability: float, reasons: Sequence[str], state: int, at: int, by: str | None
) -> ReviewRow:  # fmt: skip
    a, b = pair_of(one, other)
    number = appending.reserve(connection, 1)
    row = ReviewRow(number, a, b, probability, " ".join(reasons), state, at, None if by is None else at, by)
    connection.execute(sa.insert(identity_reviews).values(vars(row)))
    return row


def listed(
    connection: sa.Connection, names: Sequence[str], show_revoked: bool, after: int, most: int
) -> list[LinkRow]:
    """Links of the names (of all for no names), oldest first."""
    statement = sa.select(identity_links).where(identity_links.c.id > after)
    if names:
        statement = statement.where(identity_links.c.a.in_(names) | identity_links.c.b.in_(names))
    if not show_revoked:
        statement = statement.where(identity_links.c.revoked_at.is_(None))
    return [LinkRow(*row) for row in connection.execute(statement.order_by(identity_links.c.id).limit(most))]


def reviews(connection: sa.Connection, state: int, after: int, most: int) -> list[ReviewRow]:
    """Reviews in one state, oldest first."""
    statement = sa.select(identity_reviews).where(
        identity_reviews.c.state == state, identity_reviews.c.id > after
    )
    return [
        ReviewRow(*row) for row in connection.execute(statement.order_by(identity_reviews.c.id).limit(most))
    ]


def history_of(connection: sa.Connection, name: str) -> frozenset[str]:
    """All names that are or once were linked with one."""
    found, ahead = {name}, [name]
    while ahead:
        one = ahead.pop()
        for near, far in ((identity_links.c.a, identity_links.c.b), (identity_links.c.b, identity_links.c.a)):
            for other in connection.execute(sa.select(far).where(near == one)).scalars():
                if other not in found:
                    found.add(other)
                    ahead.append(other)
    return frozenset(found)


def _tell(connection: sa.Connection, first: int, customers: Sequence[str]) -> None:
    rows = [
        {"sequence": sequence, "customer": name, "kind": _IDENTITY}
        for sequence, name in enumerate(customers, first)
    ]
    connection.execute(sa.insert(changes), rows)
