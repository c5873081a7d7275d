"""Features at cut-offs for training; knows no wire.

The events of some customers are read once; each customer's are folded in the order in which they become visible, so one fold
serves all cut-offs, and each cut-off sees what a fold of only its visible events would give.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Happening, Kind
from fieldwise_profile.core.features import features
from fieldwise_profile.core.fold import State
from fieldwise_profile.store import histories, listings
from fieldwise_profile.viewing import People, Strangers
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

# All names of one person, the canonical one first.
Person = tuple[str, ...]
Permitted = Callable[[list[Person]], Awaitable[list[Person]]]


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
        self,
        database: Database,
        url: str,
        *,
        people: People | None = None,
        customers_for_a_process: int = CUSTOMERS_FOR_A_PROCESS,
    ) -> None:
        self._database = database
        self._url = url
        self._people = people or Strangers()
        self._for_a_process = customers_for_a_process

    async def rows(
        self, cutoffs: Sequence[int], customers: Sequence[str], permitted: Permitted | None = None
    ) -> AsyncIterator[Rows]:
        """Rows of all customers known at each cut-off (microseconds, ascending); of ``customers`` only, when given.

        Names that are linked are one person with one row, under the canonical name. Links count as they are now, at every
        cut-off: they say who somebody is, not what he did.

        Args:
            permitted: Which persons may be read; all, when it is not given.
        """
        async for persons in self.persons(customers, permitted):
            for rows in await self._read(persons, cutoffs):
                if rows.names:
                    yield rows

    async def persons(
        self,
        customers: Sequence[str],
        permitted: Permitted | None = None,
        at_once: int = CUSTOMERS_PER_PROCESS,
    ) -> AsyncIterator[list[Person]]:
        """The persons who may be read, each once, in portions: of ``customers`` only, when given."""
        async for names in self._portions(sorted(set(customers)), at_once):
            persons = self._persons(names, whole=not customers)
            yield persons if permitted is None else await permitted(persons)

    def _persons(self, names: Sequence[str], *, whole: bool) -> list[Person]:
        """The persons of these names, each once. In a walk over all names, each stands where his canonical name does."""
        persons = dict.fromkeys(self._people.members(name) for name in names)
        stretch = frozenset(names)
        return sorted(person for person in persons if not whole or person[0] in stretch)

    async def _read(self, persons: Sequence[Person], cutoffs: Sequence[int]) -> list[Rows]:
        if len(persons) >= self._for_a_process:
            return await run_in_process(
                rows_in_process, self._url, persons, cutoffs, timeout=_PORTION_SECONDS
            )
        return await self._database.read(lambda connection: _rows(connection, persons, cutoffs))

    async def _portions(self, customers: Sequence[str], at_once: int) -> AsyncIterator[Sequence[str]]:
        if customers:
            for start in range(0, len(customers), at_once):
                yield customers[start : start + at_once]
            return
        last = ""
        while names := await self._database.read(
            lambda connection: listings.customers_after(connection, last, at_once)  # noqa: B023  # awaited before the next
        ):
            yield names
            last = names[-1]


def rows_in_process(url: str, persons: Sequence[Person], cutoffs: Sequence[int]) -> list[Rows]:
    """What a worker process does: the rows of these persons (ascending), from its own connection."""
    engine = engines.reading(url, connections=1)
    try:
        with engine.begin() as connection:
            return _rows(connection, persons, cutoffs)
    finally:
        engine.dispose()


def _rows(connection: sa.Connection, persons: Sequence[Person], cutoffs: Sequence[int]) -> list[Rows]:
    found = [Rows(cutoff) for cutoff in cutoffs]
    for start in range(0, len(persons), CUSTOMERS_AT_ONCE):
        some = persons[start : start + CUSTOMERS_AT_ONCE]
        names = sorted({name for person in some for name in person})
        known = dict(histories.histories(connection, names, cutoffs[-1]))
        for person in some:
            happenings = [each for name in person for each in known.get(name, ())]
            if happenings:
                _add_customer(found, person[0], happenings)
    return found


def _add_customer(found: Sequence[Rows], name: str, happenings: list[Happening]) -> None:
    happenings.sort(key=_visible_from)
    rest = iter(happenings)
    state = State()
    starts = [happening.visible_from for happening in happenings]
    done = 0
    for rows in found:
        visible = bisect_right(starts, rows.cutoff)
        _take(state, islice(rest, visible - done))
        done = visible
        if done:
            rows.names.append(name)
            rows.values += features(state, rows.cutoff)


def _take(state: State, happenings: Iterable[Happening]) -> None:
    """Folds in what the features read; of the rarer kinds only that they were.

    Opened messages are weighed beside views and clicks: without them the others would weigh otherwise.
    """
    for happening in happenings:
        if happening.kind <= Kind.MESSAGE:
            state.add(*happening)
        else:
            state.add_known(happening.event_time, happening.known_at, happening.kind)
