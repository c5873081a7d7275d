"""Behaviour of many customers in columns, for learning; knows no wire.

Customers are read in portions, and each portion's events are sent before the next is read: memory does not grow with the company.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.behaviour import NUMBERS, Deed, deeds
from fieldwise_profile.core.event import HOUR
from fieldwise_profile.core.noise import WHOLE
from fieldwise_profile.store.behaviours import behaviours
from fieldwise_profile.training import Permitted, Person, Training
from fieldwise_runtime import engines
from fieldwise_runtime.database import Database
from fieldwise_runtime.workers import run_in_process

# About 30,000 events of the demo are in memory at once, and a portion's columns take some 20 MB.
CUSTOMERS_AT_ONCE: Final = 50
CUSTOMERS_PER_PORTION: Final = 1_000
# Fewer are read in a thread: a process of its own takes longer to start than they take.
CUSTOMERS_FOR_A_PROCESS: Final = 250
ROWS_PER_COLUMNS: Final = 20_000
_PORTION_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Span:
    """From ``start`` on, before ``until`` and known by then (microseconds); of these kinds, by number."""

    start: int
    until: int
    kinds: frozenset[int]


@dataclass
class Columns:
    """Rows by customer and time; customers, categories and products as places in lists of their names."""

    names: list[str] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=lambda: {"": 0})
    customer: array[int] = field(default_factory=lambda: array("i"))
    time: array[int] = field(default_factory=lambda: array("q"))
    kind: array[int] = field(default_factory=lambda: array("i"))
    category: array[int] = field(default_factory=lambda: array("i"))
    product: array[int] = field(default_factory=lambda: array("i"))
    dwell: array[int] = field(default_factory=lambda: array("q"))
    weight: array[float] = field(default_factory=lambda: array("f"))

    def add(self, name: str, done: Sequence[Deed]) -> None:
        self.names.append(name)
        for deed in done:
            self.customer.append(len(self.names) - 1)
            self.time.append(deed.time)
            self.kind.append(deed.kind)
            self.category.append(self.words.setdefault(deed.category, len(self.words)))
            self.product.append(self.words.setdefault(deed.product, len(self.words)))
            self.dwell.append(deed.dwell)
            self.weight.append(deed.weight / WHOLE)


class Behaving:
    """Streams behaviour.

    Args:
        url: Where a process of its own finds the database.
        training: Knows who is one person, and walks over all.
    """

    def __init__(self, database: Database, url: str, training: Training) -> None:
        self._database = database
        self._url = url
        self._training = training

    async def columns(
        self, span: Span, customers: Sequence[str], permitted: Permitted | None
    ) -> AsyncIterator[Columns]:
        """Of all customers, or of ``customers`` only, those who may be read; a customer is never split over two."""
        async for persons in self._training.persons(customers, permitted, CUSTOMERS_PER_PORTION):
            for columns in await self._read(persons, span):
                yield columns

    async def _read(self, persons: Sequence[Person], span: Span) -> list[Columns]:
        if len(persons) >= CUSTOMERS_FOR_A_PROCESS:
            return await run_in_process(
                columns_in_process, self._url, persons, span, timeout=_PORTION_SECONDS
            )
        return await self._database.read(lambda connection: columns_of(connection, persons, span))


def columns_in_process(url: str, persons: Sequence[Person], span: Span) -> list[Columns]:
    """What a worker process does, from its own connection."""
    engine = engines.reading(url, connections=1)
    try:
        with engine.begin() as connection:
            return columns_of(connection, persons, span)
    finally:
        engine.dispose()


def columns_of(connection: sa.Connection, persons: Sequence[Person], span: Span) -> list[Columns]:
    found = [Columns()]
    # Whole hours: what an event counts depends on the others of its hour.
    hour = span.start // HOUR * HOUR
    for first in range(0, len(persons), CUSTOMERS_AT_ONCE):
        some = persons[first : first + CUSTOMERS_AT_ONCE]
        names = sorted({name for person in some for name in person})
        known = dict(behaviours(connection, names, hour, span.until))
        for person in some:
            done = deeds([each for name in person for each in known.get(name, ())])
            wanted = [each for each in done if each.time >= span.start and each.kind in span.kinds]
            if wanted:
                found[-1].add(person[0], wanted)
            if len(found[-1].time) >= ROWS_PER_COLUMNS:
                found.append(Columns())
    return [columns for columns in found if columns.names]


def kinds_of(names: Collection[str]) -> frozenset[int]:
    """Numbers of kinds by name; all when none is named."""
    return frozenset(number for kind, number in NUMBERS.items() if not names or kind.name.lower() in names)
