"""Erasing customers: keys destroyed and rows deleted in one transaction, memory and files cleaned after it; knows no wire.

The transaction is the erasure: after it nobody can read anything of the customer. What follows (memory of this and of other
processes, the database's own files) is begun again at start until it is done, wherever a process died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core import signing
from fieldwise_profile.core.receipt import Part, Receipt
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import appending, customer_keys, erasures, links
from fieldwise_profile.store.appending import Appended
from fieldwise_runtime import scrubbing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import AlreadyExists, FailedPrecondition, NotFound
from fieldwise_runtime.logs import get_logger

log: Final = get_logger(__name__)

PLACE: Final = "profile"
_REMAINS: Final = "the customer's id, so that late events of his are refused"
_REMAINS_POSTGRESQL: Final = f"{_REMAINS}; sealed bytes whose key is destroyed, in PostgreSQL's own log and backups until they are recycled"

# Deletes the customers' rows in the erasure's transaction; how many, by table.
Eraser = Callable[[sa.Connection, Sequence[str]], Mapping[str, int]]
# Drops what is in memory of customers.
Forgetter = Callable[[Sequence[str]], object]


@dataclass
class Around:
    """What erasing needs of the rest of the service.

    Args:
        url: Where the database is, for connections of its own.
        members: Everybody who is the same person as a customer, himself among them.
        committed: Told of the places of the log that an erasure took.
        erasers: Of tables that others own.
        forgetters: Of memory that others own.
    """

    url: str
    members: Callable[[str], Sequence[str]]
    committed: Callable[[Appended], Awaitable[None]]
    erasers: Sequence[Eraser] = ()
    forgetters: Sequence[Forgetter] = ()


class Erasing:
    """Erases customers and keeps the receipts."""

    def __init__(self, database: Database, sealing: Sealing, auditing: Auditing, around: Around) -> None:
        self._database = database
        self._sealing = sealing
        self._auditing = auditing
        self._around = around
        self._followed = 0
        self._one_scrubs = asyncio.Lock()

    async def begin(self) -> None:
        """Begins to follow erasures of other processes."""
        self._followed = await self._database.read(appending.position)

    async def take_up(self) -> None:
        """Finishes what a process that died, or readers that were in the way, left unfinished.

        Raises:
            FailedPrecondition: Reason ERASURE_UNFINISHED.
        """
        unfinished = await self._database.read(erasures.unscrubbed)
        if unfinished:
            log.info("erasures taken up again", erasures=len(unfinished))
            await self._scrub(unfinished)

    async def follow(self) -> None:
        """Drops from memory who was erased by another process."""
        after = self._followed
        position, names = await self._database.read(lambda c: erasures.told_after(c, after))
        self._followed = max(self._followed, position)
        if names:
            self._forget(names)

    async def erase(self, name: str, request_id: str, at: int) -> Receipt:
        """Erases a customer and everybody merged with him; the same request gives the same receipt.

        One of whom nothing is stored here gets a receipt too: plans may name who never sent an event.

        Raises:
            AlreadyExists: Reason REQUEST_ID_TAKEN; the request erased somebody else.
            FailedPrecondition: Reason ERASURE_UNFINISHED; unreadable, but a file may hold the bytes still.
        """
        customers = sorted({name, *self._around.members(name)})

        def work(connection: sa.Connection) -> tuple[Receipt, Appended | None]:
            with scrubbing.zeroing(connection):
                return self._erased(connection, name, customers, request_id, at)

        receipt, appended = await self._database.write(work)
        self._forget(receipt.customers)
        if appended is not None:
            await self._around.committed(appended)
            log.info("customer erased", customers=len(receipt.customers))
        await self._scrub_if_needed(receipt)
        return await self._stored(receipt.request_id)

    async def confirm(self, request_id: str, part: Part) -> Receipt:
        """Adds what another place destroyed.

        Raises:
            NotFound: Reason ERASURE_NOT_FOUND.
            FailedPrecondition: Reason PART_OF_PROFILE; that one is written here.
        """
        if part.place == PLACE:
            raise FailedPrecondition(
                "PART_OF_PROFILE", "profile writes its own part; send the parts of other places"
            )

        def work(connection: sa.Connection) -> Receipt:
            # Its lock: two places that confirm at once must not overwrite each other.
            appending.reserve(connection, 0)
            made = _found(erasures.of_request(connection, request_id), request_id).receipt.with_part(part)
            erasures.change(connection, made)
            return made

        return await self._database.write(work)

    async def page(
        self, after: tuple[int, str], most: int, missing: Sequence[str]
    ) -> tuple[list[Receipt], bool]:
        """Receipts after one, oldest first, those that lack a part of ``missing`` only; and whether more follow."""
        found: list[Receipt] = []
        while True:
            since = after
            some = await self._database.read(lambda c: erasures.page(c, since, most + 1))  # noqa: B023  # awaited before the next
            found += [each for each in some if not missing or each.lacks(missing)]
            if len(found) > most or len(some) <= most:
                return found[:most], len(found) > most
            after = (some[-1].erased_at, some[-1].request_id)

    def signature(self, receipt: Receipt) -> bytes:
        """The signature of a receipt's statement."""
        return signing.signature(self._sealing.ring.receipts, receipt.statement().encode())

    @property
    def public_key(self) -> bytes:
        """What receipts are checked with."""
        return signing.public_key(self._sealing.ring.receipts)

    def _erased(
        self, connection: sa.Connection, name: str, customers: Sequence[str], request_id: str, at: int
    ) -> tuple[Receipt, Appended | None]:
        # First of all the lock of the log: no event is stored between looking and deleting.
        appending.reserve(connection, 0)
        before = _before(connection, name, request_id)
        if before is not None:
            return before, None
        # A link that another process made a moment ago is not in memory yet.
        customers = sorted({*customers, *links.person_of(connection, name)})
        keys = len(customer_keys.of(connection, customers))
        # Names in the audit log go with the key: they are taken before it is destroyed, and give a key to who had none.
        self._auditing.note_in(connection, "CUSTOMER_ERASED", at, customers=customers)
        counts = {**erasures.destroy(connection, customers, at), "customer_keys": keys}
        for eraser in self._around.erasers:
            counts |= eraser(connection, customers)
        appended = erasures.tell(connection, customers)
        remains = _REMAINS_POSTGRESQL if connection.dialect.name == "postgresql" else _REMAINS
        receipt = Receipt(request_id, tuple(customers), at).with_part(Part(PLACE, counts, at, (), remains))
        erasures.add(connection, receipt, name)
        return receipt, appended

    def _forget(self, customers: Sequence[str]) -> None:
        self._sealing.forget(customers)
        for forget in self._around.forgetters:
            forget(customers)

    async def _scrub_if_needed(self, receipt: Receipt) -> None:
        kept = await self._database.read(lambda c: erasures.of_request(c, receipt.request_id))
        if kept is not None and not kept.is_scrubbed:
            await self._scrub([receipt])

    async def _scrub(self, receipts: Sequence[Receipt]) -> None:
        tables = {table for receipt in receipts for table in _tables(receipt)}
        async with self._one_scrubs:
            await asyncio.to_thread(scrubbing.scrub, self._around.url, tables)
        await self._database.write(lambda connection: _mark(connection, receipts))

    async def _stored(self, request_id: str) -> Receipt:
        kept = await self._database.read(lambda c: erasures.of_request(c, request_id))
        return _found(kept, request_id).receipt


def _before(connection: sa.Connection, name: str, request_id: str) -> Receipt | None:
    """The receipt of the same request, or of the customer's earlier erasure; None when he is to be erased.

    Raises:
        AlreadyExists: The request was for somebody else.
    """
    same = erasures.of_request(connection, request_id)
    if same is not None:
        if name not in same.receipt.customers:
            remedy = "it erased another customer; give this erasure an id of its own"
            raise AlreadyExists(f"erasure {request_id!r}", remedy, reason="REQUEST_ID_TAKEN")
        return same.receipt
    if erasures.known(connection, [name]).get(name):
        earlier = erasures.of_customer(connection, name)
        return _found(earlier, request_id).receipt
    return None


def _found(kept: erasures.Kept | None, request_id: str) -> erasures.Kept:
    if kept is None:
        remedy = "ListErasures shows all there are"
        raise NotFound(f"erasure {request_id!r}", remedy, reason="ERASURE_NOT_FOUND")
    return kept


def _mark(connection: sa.Connection, receipts: Iterable[Receipt]) -> None:
    for receipt in receipts:
        erasures.scrubbed(connection, receipt)


def _tables(receipt: Receipt) -> set[str]:
    # Counts of other places and of what is no table are other places' matter.
    return {table for part in receipt.parts if part.place == PLACE for table in part.counts}
