"""Ingesting batches of events: stored once, folded after they are durable, answered in order; knows no wire.

While one batch waits for its commit the next are read, and those that wait together share the next commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from fieldwise_profile.core.event import Event
from fieldwise_profile.states import States
from fieldwise_profile.store import appending
from fieldwise_profile.store.appending import Appended
from fieldwise_runtime.database import Database

# Batches of one stream between reading and answer: enough to keep the disk and the processor busy, few enough to bound memory.
IN_FLIGHT: Final = 4

Read = TypeVar("Read")


@dataclass(frozen=True)
class Stored(Generic[Read]):
    """A batch as it was read, and how many of its events were new."""

    read: Read
    accepted: int


class Ingest:
    """Appends batches to the log and keeps the states level with it."""

    def __init__(self, database: Database, states: States) -> None:
        self._database = database
        self._states = states
        # Batches between reading and answer. Whoever goes away, they are stored and folded to the end: events that are
        # durable but not in the states would stay unseen until the next batch.
        self._storing: set[asyncio.Task[Any]] = set()

    async def store(self, events: Sequence[Event]) -> int:
        """Stores the events that are new; returns how many they were, once they are durable and folded in."""
        if not events:
            return 0

        appended: Appended = await self._database.write(
            lambda connection: appending.append(connection, events)
        )
        await self._states.committed(appended)
        await self._states.keep_due()
        return len(appended.rows)

    async def stored(
        self,
        requests: AsyncIterator[Callable[[], tuple[Read, Sequence[Event]]]],
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
        requests: AsyncIterator[Callable[[], tuple[Read, Sequence[Event]]]],
        line: asyncio.Queue[asyncio.Task[Stored[Read]] | None],
    ) -> None:
        try:
            async for request in requests:
                read, events = await asyncio.to_thread(request)
                await line.put(self._begun(read, events))
        finally:
            await line.put(None)

    def _begun(self, read: Read, events: Sequence[Event]) -> asyncio.Task[Stored[Read]]:
        storing = asyncio.create_task(self._stored(read, events))
        self._storing.add(storing)
        storing.add_done_callback(self._done)
        return storing

    def _done(self, storing: asyncio.Task[Any]) -> None:
        self._storing.discard(storing)
        # A failure is told to whoever waits; when nobody does any more, nobody was told that the batch is stored.
        if not storing.cancelled():
            storing.exception()

    async def _stored(self, read: Read, events: Sequence[Event]) -> Stored[Read]:
        return Stored(read, await self.store(events))


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
