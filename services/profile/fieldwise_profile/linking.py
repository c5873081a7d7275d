"""Linking customers that are one person, and undoing it; knows no wire and no record."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from fieldwise_profile.identities import Identities
from fieldwise_profile.states import States
from fieldwise_profile.store import appending, links
from fieldwise_profile.store.appending import Appended
from fieldwise_profile.store.links import Changed, LinkRow, ReviewRow, Wanted
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation

KEPT_APART = "KEPT_APART"


class Linking:
    """Makes and revokes links; what is durable is seen by every reading of this process at once."""

    def __init__(self, database: Database, identities: Identities, states: States) -> None:
        self._database = database
        self._identities = identities
        self._states = states

    async def link(self, one: str, other: str, by: str, at: int) -> LinkRow:
        """Links two customers because a person says so.

        Raises:
            InvalidRequest: It is one name twice.
            NotFound: Nothing is known of one of the two.
        """
        if one == other:
            raise InvalidRequest([Violation.of("other_name", other, "give two different customers")])

        def work(connection: sa.Connection) -> Changed:
            _check_known(connection, one, other)
            links.decide(connection, one, other, links.SAME, at, by)
            return links.link(connection, Wanted(one, other, 1.0, links.MANUAL, at, by))

        (row,) = (await self._done(work)).links
        return row

    async def unlink(self, number: int, by: str, at: int) -> LinkRow:
        """Revokes a link for good: evidence alone never makes it again.

        Raises:
            NotFound: There is no such link.
        """

        def work(connection: sa.Connection) -> Changed:
            changed = links.revoke(connection, number, at, by)
            if changed is None:
                remedy = "list the links of the customer and give the name of one"
                raise NotFound(f"identityLinks/{number}", remedy, reason="LINK_NOT_FOUND")
            row = changed.links[0]
            if changed.last > changed.after:
                links.decide(connection, row.a, row.b, links.DIFFERENT, at, by)
            return changed

        (row,) = (await self._done(work)).links
        return row

    async def decide(self, number: int, same: bool, by: str, at: int) -> ReviewRow:
        """Decides on a queued pair: links the two, or keeps them apart.

        Raises:
            NotFound: There is no such review.
        """
        decided: list[ReviewRow] = []

        def work(connection: sa.Connection) -> Changed:
            known = links.review(connection, number)
            if known is None:
                remedy = "list the reviews and give the name of one"
                raise NotFound(f"identityReviews/{number}", remedy, reason="REVIEW_NOT_FOUND")
            decided.append(
                links.decide(connection, known.a, known.b, links.SAME if same else links.DIFFERENT, at, by)
            )
            return _linked(connection, known, by, at) if same else _parted(connection, known, by, at)

        await self._done(work)
        return decided[-1]

    async def by_evidence(
        self, wanted: Sequence[Wanted], queued: Sequence[tuple[Wanted, Sequence[str]]] = ()
    ) -> Changed:
        """Links those pairs, unless a person keeps some of their persons apart; queues the others. Again changes nothing."""

        def work(connection: sa.Connection) -> Changed:
            return linked_by_evidence(connection, wanted, queued)

        return await self._done(work)

    async def catch_up(self) -> None:
        """Sees what other processes did; a process that is the database's only one never has to."""
        await self._identities.catch_up(self._database)

    async def take(self, changed: Changed) -> None:
        """Sees what became durable."""
        self._identities.take(changed.links)
        if changed.last > changed.after:
            await self._states.committed(Appended(changed.after, changed.last))

    async def _done(self, work: links.Work) -> Changed:
        def alone(connection: sa.Connection) -> Changed:
            # First of all the lock of the log: nobody is erased between looking at him and linking him.
            appending.reserve(connection, 0)
            return work(connection)

        changed = await self._database.write(alone)
        await self.take(changed)
        return changed


def linked_by_evidence(
    connection: sa.Connection, wanted: Sequence[Wanted], queued: Sequence[tuple[Wanted, Sequence[str]]]
) -> Changed:
    """The work of `Linking.by_evidence`, within a transaction."""
    # First of all the lock of the log: who was erased after he was compared is neither linked nor queued.
    after = appending.reserve(connection, 0)
    pairs = [*wanted, *(each for each, _ in queued)]
    erased = appending.erased_among(connection, {name for each in pairs for name in (each.a, each.b)})
    made: list[LinkRow] = []
    asked = 0
    for each in wanted:
        if not erased.isdisjoint((each.a, each.b)):
            continue
        mine, theirs = links.person_of(connection, each.a), links.person_of(connection, each.b)
        if each.b in mine:
            continue
        if links.kept_apart(connection, mine, theirs):
            # Somebody said so of these two or of others of their persons: only somebody can say otherwise.
            asked += links.queue(connection, each.a, each.b, each.weight, (KEPT_APART,), each.at)
            continue
        made.extend(links.link(connection, each).links)
    for each, reasons in queued:
        if not erased.isdisjoint((each.a, each.b)):
            continue
        if each.b not in links.person_of(connection, each.a):
            asked += links.queue(connection, each.a, each.b, each.weight, reasons, each.at)
    return Changed(after, links.position(connection), made, asked)


def _linked(connection: sa.Connection, known: ReviewRow, by: str, at: int) -> Changed:
    _check_known(connection, known.a, known.b)
    return links.link(connection, Wanted(known.a, known.b, 1.0, links.REVIEW, at, by))


def _parted(connection: sa.Connection, known: ReviewRow, by: str, at: int) -> Changed:
    existing = links.between(connection, known.a, known.b)
    changed = None if existing is None else links.revoke(connection, existing.id, at, by)
    if changed is None:
        now = links.position(connection)
        return Changed(now, now)
    return changed


def _check_known(connection: sa.Connection, *names: str) -> None:
    known = links.first_sequences(connection, names)
    for name in names:
        if name not in known:
            remedy = "ingest an event of the customer first, or correct the name"
            raise NotFound(name, remedy, reason="CUSTOMER_NOT_FOUND")
