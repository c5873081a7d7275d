"""The states of customers in memory, kept level with the log; knows no wire.

The log is the truth, a state here is its fold up to a position. Events are folded in only after they are durable, and in the
order of their sequences, so a transaction that fails leaves no trace, and no event is folded twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

from fieldwise_profile.core.codec import encode
from fieldwise_profile.core.event import Happening
from fieldwise_profile.core.fold import State
from fieldwise_profile.store import appending, histories
from fieldwise_profile.store.appending import CUSTOMER, SEQUENCE, Appended
from fieldwise_profile.store.bulk import Row
from fieldwise_profile.store.histories import Checkpoint, Loaded
from fieldwise_profile.store.schema import EVENT_COLUMNS
from fieldwise_runtime.database import Database

# Events behind a checkpoint before the next one is written: what a customer's first reading after a start folds at most,
# about half a millisecond; a checkpoint costs a tenth of that.
CHECKPOINT_EVENTS: Final = 256
CHECKPOINTS_AT_ONCE: Final = 64

_EVENT_TIME, _KNOWN_AT, _KIND, _CATEGORY, _AMOUNT, _DISCOUNT, _OUTCOME = (
    1 + EVENT_COLUMNS.index(name) for name in Happening._fields
)


class Live:
    """One customer's state now."""

    __slots__ = ("position", "state", "tail")

    def __init__(self, state: State, position: int = 0, tail: int = 0) -> None:
        self.state = state
        self.position = position
        self.tail = tail

    def take(self, rows: Iterable[Row]) -> None:
        """Folds events in (ascending sequences), except those that are in already."""
        add, position = self.state.add, self.position
        for row in rows:
            sequence = row[SEQUENCE]
            if sequence > position:
                add(
                    row[_EVENT_TIME],
                    row[_KNOWN_AT],
                    row[_KIND],
                    row[_CATEGORY],
                    row[_AMOUNT],
                    row[_DISCOUNT],
                    row[_OUTCOME],
                )
                self.position = sequence
                self.tail += 1


class States:
    """States of the customers asked for lately; belongs to one event loop."""

    def __init__(self, database: Database, position: int, most: int) -> None:
        self.position = position
        self._database = database
        self._most = most
        self._live: OrderedDict[str, Live] = OrderedDict()
        # Customers being read from the database, with the events that were folded meanwhile.
        self._loading: dict[str, list[Row]] = {}
        self._one_loads = asyncio.Lock()
        self._due: dict[str, Live] = {}

    async def of(self, customers: Sequence[str]) -> dict[str, Live]:
        """The states of those customers who are known."""
        live = self._live
        if any(name not in live for name in customers):
            # One after the other: two readings of one customer would have to share what happens meanwhile.
            async with self._one_loads:
                await self._load([name for name in customers if name not in live])
        found: dict[str, Live] = {}
        for name in customers:
            known = live.get(name)
            if known is not None:
                live.move_to_end(name)
                found[name] = known
        self._forget()
        return found

    async def committed(self, appended: Appended) -> None:
        """Folds in a batch that is durable now."""
        if appended.after > self.position:
            # Another process wrote before it, or an earlier batch has not come here yet: the log has all in order.
            after = self.position
            appended = await self._database.read(lambda connection: appending.rows_after(connection, after))
        self._fold(appended)

    async def catch_up(self) -> None:
        """Folds in what other processes wrote; a process that is the database's only one never has to."""
        after = self.position
        if await self._database.read(appending.position) > after:
            await self.committed(
                await self._database.read(lambda connection: appending.rows_after(connection, after))
            )

    async def keep_due(self) -> None:
        """Writes the checkpoints that are due."""
        if not self._due:
            return
        # A few at a time: encoding keeps the event loop from answering.
        due = dict(islice(self._due.items(), CHECKPOINTS_AT_ONCE))
        for name in due:
            del self._due[name]
        checkpoints = [Checkpoint(name, live.position, encode(live.state)) for name, live in due.items()]
        for live in due.values():
            live.tail = 0
        await self._database.write(lambda connection: histories.keep(connection, checkpoints))

    def _fold(self, appended: Appended) -> None:
        before = self.position
        rows = appended.rows
        if appended.after < before:
            rows = [row for row in rows if row[SEQUENCE] > before]
        for customer, own in groupby(rows, itemgetter(CUSTOMER)):
            self._fold_customer(customer, own, customer in appended.created)
        self.position = max(before, appended.last)
        self._forget()

    def _fold_customer(self, customer: str, rows: Iterable[Row], is_new: bool) -> None:
        if customer in self._loading:
            self._loading[customer].extend(rows)
            return
        known = self._live.get(customer)
        if known is None:
            if not is_new:
                return
            known = self._live[customer] = Live(State())
        known.take(rows)
        if known.tail >= CHECKPOINT_EVENTS:
            self._due[customer] = known

    async def _load(self, customers: Sequence[str]) -> None:
        pending = self._loading = {name: [] for name in customers}
        try:
            loaded = await self._database.read(lambda connection: histories.load(connection, customers))
        finally:
            self._loading = {}
        for name, found in loaded.items():
            self._live[name] = self._level(name, found, pending[name])

    def _level(self, name: str, found: Loaded, pending: Sequence[Row]) -> Live:
        live = Live(found.state, found.position, found.tail)
        live.take(pending)
        if live.tail >= CHECKPOINT_EVENTS:
            self._due[name] = live
        return live

    def _forget(self) -> None:
        while len(self._live) > self._most:
            self._live.popitem(last=False)
