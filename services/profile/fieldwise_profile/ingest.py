"""Ingesting batches of events: stored once, folded after they are durable, answered in order; knows no wire.

While one batch waits for its commit the next are read, and those that wait together share the next commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

from fieldwise_profile import dead_letters
from fieldwise_profile.core.event import Event
from fieldwise_profile.dead_letters import Letter
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.states import States
from fieldwise_profile.store import appending
from fieldwise_profile.store.appending import Appended, Beside
from fieldwise_runtime.database import Database

# Batches of one stream between reading and answer: enough to keep the disk and the processor busy, few enough to bound memory.
IN_FLIGHT: Final = 8

Read = TypeVar("Read")
# A batch as it was read, the events to be stored, and those refused.
Reading = tuple[Read, Sequence[Event], Sequence[Letter]]


@dataclass(frozen=True)
class Stored(Generic[Read]):
    """A batch as it was read, how many of its events were new, and whose were left out because he was erased."""

    read: Read
    accepted: int
    erased: frozenset[str] = frozenset()


class Ingest:
    """Appends batches to the log and keeps the states level with it.

    Args:
        sealing: Seals what is personal, in the transaction of the batch.
        beside: What is kept beside the events, in the same transaction.
    """

    def __init__(
        self, database: Database, states: States, sealing: Sealing, beside: Sequence[Beside] = ()
    ) -> None:
        self._database = database
        self._states = states
        self._sealing = sealing
        self._beside = beside
        # Batches between reading and answer. Whoever goes away, they are stored and folded to the end: events that are
        # durable but not in the states would stay unseen until the next batch.
        self._storing: set[asyncio.Task[Any]] = set()

    async def store(self, events: Sequence[Event], letters: Sequence[Letter] = ()) -> Appended:
        """Stores the events that are new and the letters; returns what that came to, once they are durable and folded in."""
        if not events and not letters:
            return Appended(0, 0)
        sealer = self._sealing.sealer()

        def work(connection: sa.Connection) -> Appended:
            appended = appending.append(connection, events, sealer, self._beside)
            if letters:
                dead_letters.post(connection, letters, self._sealing, sealer)
            return appended

        appended = await self._database.write(work)
        sealer.durable()
        await self._states.committed(appended)
        await self._states.keep_due()
        return appended

    async def stored(
        self,
        requests: AsyncIterator[Callable[[], Reading[Read]]],
    ) -> AsyncIterator[Stored[Read]]:
        """Stores each batch; gives the results in the order of the batches.

        Args:
            requests: For each batch a function that reads it; it is called in a thread.
        Raises:
            Exception: What ``requests`` raised, after the results of the batches before it.
        """
        line: asyncio.Queue[asyncio.Task[Stored[Read]] | None] = asyncio.Queue(IN_FLIGHT)
        pump = asyncio.create_task(self._pump(requests, line))
        try:
            while (storing := await line.get()) is not None:
                yield await asyncio.shield(storing)
            await pump
        finally:
            await _ended(pump, line)

    async def _pump(
        self,
        requests: AsyncIterator[Callable[[], Reading[Read]]],
        line: asyncio.Queue[asyncio.Task[Stored[Read]] | None],
    ) -> None:
        try:
            async for request in requests:
                await line.put(self._begun(*await asyncio.to_thread(request)))
        finally:
            await line.put(None)

    def _begun(
        self, read: Read, events: Sequence[Event], letters: Sequence[Letter]
    ) -> asyncio.Task[Stored[Read]]:
        storing = asyncio.create_task(self._stored(read, events, letters))
        self._storing.add(storing)
        storing.add_done_callback(self._done)
        return storing

    def _done(self, storing: asyncio.Task[Any]) -> None:
        self._storing.discard(storing)
        # A failure is told to whoever waits; when nobody does any more, nobody was told that the batch is stored.
        if not storing.cancelled():
            storing.exception()

    async def _stored(self, read: Read, events: Sequence[Event], letters: Sequence[Letter]) -> Stored[Read]:
        appended = await self.store(events, letters)
        return Stored(read, len(appended.rows), appended.erased)


async def _ended(pump: asyncio.Task[None], line: asyncio.Queue[asyncio.Task[Stored[Read]] | None]) -> None:
    """Takes no more batches."""
    pump.cancel()
    while not pump.done():
        # Its last word may wait for room in the line.
        while not line.empty():
            line.get_nowait()
        await asyncio.sleep(0)
    if not pump.cancelled():
        pump.exception()
