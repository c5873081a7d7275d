"""The business clock: the wall clock, or a recorded one that stands until it is moved. Nothing else reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime

from fieldwise_gateway.store import ClockStore
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation


class BusinessClock:
    """What "now" means for this installation."""

    def __init__(self, store: ClockStore, stands_at: datetime | None) -> None:
        self._store = store
        self._stands_at = stands_at

    @classmethod
    async def open(cls, start: datetime | None, store: ClockStore) -> BusinessClock:
        """The wall clock without ``start``; else a recorded one, which goes on from where it stood."""
        return cls(store, None if start is None else await store.start_at(start))

    @property
    def recorded(self) -> bool:
        """It stands until it is moved."""
        return self._stands_at is not None

    def now(self) -> datetime:
        """Now, on the business clock, in UTC."""
        return self._stands_at or datetime.now(UTC)

    async def refresh(self) -> datetime:
        """Read where a recorded clock stands now; for processes that do not move it themselves."""
        if self._stands_at is not None:
            self._stands_at = await self._store.read() or self._stands_at
        return self.now()

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
        self._stands_at = await self._store.move(to)
        return self._stands_at
