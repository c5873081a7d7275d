"""Features at cut-offs for training; knows no wire.

The events of some customers are read once; each customer's are folded in the order in which they become visible, so one fold
serves all cut-offs, and each cut-off sees what a fold of only its visible events would give.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Happening
from fieldwise_profile.core.features import features
from fieldwise_profile.core.fold import State
from fieldwise_profile.store import histories, listings
from fieldwise_runtime import engines
from fieldwise_runtime.database import Database
from fieldwise_runtime.workers import run_in_process

# About 30,000 events of the demo: a fraction of a second, and a few megabytes.
CUSTOMERS_AT_ONCE: Final = 50
# Fewer are folded in a thread. Many would hold up every other call for seconds: they go to a process of their own, in
# portions that bound the memory of its answer.
CUSTOMERS_FOR_A_PROCESS: Final = 250
CUSTOMERS_PER_PROCESS: Final = 5_000
_PORTION_SECONDS: Final = 600.0

_visible_from: Final = attrgetter("visible_from")


@dataclass
class Rows:
    """Feature rows of one cut-off: names, and the numbers of each row one after the other."""

    cutoff: int
    names: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


class Training:
    """Reads features at cut-offs.

    Args:
        url: Where a process of its own finds the database.
    """

    def __init__(
        self, database: Database, url: str, *, customers_for_a_process: int = CUSTOMERS_FOR_A_PROCESS
    ) -> None:
        self._database = database
        self._url = url
        self._for_a_process = customers_for_a_process

    async def rows(self, cutoffs: Sequence[int], customers: Sequence[str]) -> AsyncIterator[Rows]:
        """Rows of all customers known at each cut-off (microseconds, ascending); of ``customers`` only, when given."""
        async for names in self._portions(sorted(set(customers))):
            for rows in await self._read(names, cutoffs):
                if rows.names:
                    yield rows

    async def _read(self, names: Sequence[str], cutoffs: Sequence[int]) -> list[Rows]:
        if len(names) >= self._for_a_process:
            return await run_in_process(rows_in_process, self._url, names, cutoffs, timeout=_PORTION_SECONDS)
        return await self._database.read(lambda connection: _rows(connection, names, cutoffs))

    async def _portions(self, customers: Sequence[str]) -> AsyncIterator[Sequence[str]]:
        if customers:
            for start in range(0, len(customers), CUSTOMERS_PER_PROCESS):
                yield customers[start : start + CUSTOMERS_PER_PROCESS]
            return
        last = ""
        while names := await self._database.read(
            lambda connection: listings.customers_after(connection, last, CUSTOMERS_PER_PROCESS)  # noqa: B023  # awaited before the next
        ):
            yield names
            last = names[-1]


def rows_in_process(url: str, names: Sequence[str], cutoffs: Sequence[int]) -> list[Rows]:
    """What a worker process does: the rows of these customers (ascending), from its own connection."""
    engine = engines.reading(url, connections=1)
    try:
        with engine.begin() as connection:
            return _rows(connection, names, cutoffs)
    finally:
        engine.dispose()


def _rows(connection: sa.Connection, names: Sequence[str], cutoffs: Sequence[int]) -> list[Rows]:
    found = [Rows(cutoff) for cutoff in cutoffs]
    for start in range(0, len(names), CUSTOMERS_AT_ONCE):
        some = names[start : start + CUSTOMERS_AT_ONCE]
        for name, happenings in histories.histories(connection, some, cutoffs[-1]):
            _add_customer(found, name, happenings)
    return found


def _add_customer(found: Sequence[Rows], name: str, happenings: list[Happening]) -> None:
    happenings.sort(key=_visible_from)
    rest = iter(happenings)
    state = State()
    starts = [happening.visible_from for happening in happenings]
    done = 0
    for rows in found:
        visible = bisect_right(starts, rows.cutoff)
        for happening in islice(rest, visible - done):
            state.add(*happening)
        done = visible
        if done:
            rows.names.append(name)
            rows.values += features(state, rows.cutoff)
