"""What is popular with all customers, kept for a day; knows no customer and no wire."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.fold import UNKNOWN_CATEGORY
from fieldwise_profile.store import listings
from fieldwise_runtime.database import Database

WINDOW_DAYS: Final = 28
# The shares are read anew once the log has grown by this part, or by so many events in a small log.
GROWTH: Final = 0.01
FEWEST_NEW_EVENTS: Final = 100
# Yesterday's count does for today until today's is made. A later day's never does for an earlier: it would tell the future.
NEAR_DAYS: Final = 1

# Shares of the active customers below which one's spend is `low` and `middle`.
_TIERS: Final = (1 / 3, 2 / 3)


class Popular(NamedTuple):
    """What is known of all customers who bought in the window.

    Args:
        shares: Categories with the share of these customers who bought them, most popular first.
        tiers: Spend in micros below which a third, and two thirds, of them lie; empty when nobody bought.
    """

    shares: tuple[tuple[str, float], ...] = ()
    tiers: tuple[int, ...] = ()


class Popularity:
    """Share of active customers who bought each category in the 28 whole days (UTC) before the day of the moment.

    Counted by whole days, so that the answer stays while the clock runs, until the day ends or the log has grown by 1 %.
    Counting is one pass over these days' events, in a reader thread. A call waits for it only when nothing near its day has
    been counted; otherwise it gets the last count, of the same day or the day before, while the next is made.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_counts = asyncio.Lock()
        self._recount: asyncio.Task[None] | None = None
        self._day = -NEAR_DAYS - 1
        self._counted_at = 0
        self._popular = Popular()

    async def at(self, moment: int, log_position: int) -> Popular:
        """As counted last."""
        day = moment // DAY
        if self._is_current(day, log_position):
            return self._popular
        if not 0 <= day - self._day <= NEAR_DAYS:
            await self._counted(day, log_position)
        elif self._recount is None or self._recount.done():
            self._recount = asyncio.create_task(self._counted(day, log_position))
        return self._popular

    async def close(self) -> None:
        """Ends a count under way."""
        if self._recount is not None:
            self._recount.cancel()
            await asyncio.gather(self._recount, return_exceptions=True)

    def _is_current(self, day: int, log_position: int) -> bool:
        grown = log_position - self._counted_at
        return day == self._day and grown <= max(FEWEST_NEW_EVENTS, GROWTH * self._counted_at)

    async def _counted(self, day: int, log_position: int) -> None:
        async with self._one_counts:
            if not self._is_current(day, log_position):
                self._popular = await self._count(day)
                self._day, self._counted_at = day, log_position

    async def _count(self, day: int) -> Popular:
        start, end = (day - WINDOW_DAYS) * DAY, day * DAY
        counts, spent = await self._database.read(
            lambda connection: listings.buyers_by_category(connection, start, end)
        )
        counts.pop(UNKNOWN_CATEGORY, None)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        spent.sort()
        return Popular(
            tuple((category, buyers / len(spent)) for category, buyers in ranked),
            tuple(spent[int(len(spent) * share)] for share in _TIERS) if spent else (),
        )
