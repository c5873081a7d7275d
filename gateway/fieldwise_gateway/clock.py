"""The business clock: the wall clock, or a recorded one that stands until it is moved. Nothing else reads a clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from fieldwise_gateway.store import ClockStore
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)


class BusinessClock:
    """What "now" means for this installation."""

    def __init__(self, store: ClockStore, stands_at: datetime | None) -> None:
        self._store = store
        self._stands_at = stands_at

    @classmethod
    async def open(cls, start: datetime | None, store: ClockStore) -> BusinessClock:
        """The wall clock without ``start``; else a recorded one, which goes on from where it stood."""
        return cls(store, None if start is None else await store.start_at(start))

    @classmethod
    async def follow(cls, start: datetime | None, store: ClockStore) -> BusinessClock:
        """The same clock for a process that only reads it; a clock that nobody has set yet stands at ``start``."""
        clock = cls(store, start)
        await clock.refresh()
        return clock

    @property
    def recorded(self) -> bool:
        """It stands until it is moved."""
        return self._stands_at is not None

    def now(self) -> datetime:
        """Now, on the business clock, in UTC."""
        return self._stands_at or datetime.now(UTC)

    async def refresh(self) -> datetime:
        """Read where a recorded clock stands now; another process may have moved it."""
        if self._stands_at is not None:
            read = await self._store.read()
            # A move that ended while this was read went further: the clock never goes back.
            self._stands_at = max(read or self._stands_at, self._stands_at)
        return self.now()

    async def refresh_every(self, seconds: float) -> None:
        """Refresh for ever; a database that does not answer leaves the clock where it stood."""
        while self.recorded:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
            except Exception as error:  # The next round asks again; health says that the database is away.
                log.warning("clock not refreshed", error=type(error).__name__)

    async def move(self, to: datetime) -> datetime:
        """Move a recorded clock forward.

        Raises:
            FailedPrecondition: WALL_CLOCK; the wall clock is not moved.
            InvalidRequest: ``to`` lies before the clock.
        """
        if self._stands_at is None:
            raise FailedPrecondition(
                "WALL_CLOCK",
                "the clock is the wall clock; start with FIELDWISE_CLOCK=recorded:<time> to move it",
            )
        if to < self._stands_at:
            remedy = f"send a time not before {self._stands_at.isoformat()}"
            raise InvalidRequest([Violation.of("to", to.isoformat(), remedy)])
        self._stands_at = max(await self._store.move(to), self._stands_at)
        return self._stands_at
