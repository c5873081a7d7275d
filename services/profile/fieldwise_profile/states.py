"""The states of customers in memory, kept level with the log; knows no wire.

The log is the truth, a state here is its fold up to a position. Events are folded in only after they are durable, and in the
order of their sequences, so a transaction that fails leaves no trace, and no event is folded twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.codec import encode
from fieldwise_profile.core.event import Happening, Kind
from fieldwise_profile.core.fold import State
from fieldwise_profile.store import appending, histories
from fieldwise_profile.store.appending import CUSTOMER, SEQUENCE, Appended
from fieldwise_profile.store.bulk import Row
from fieldwise_profile.store.histories import Checkpoint, Loaded, Opener
from fieldwise_profile.store.schema import EVENT_COLUMNS
from fieldwise_runtime.database import Database

# Events behind a checkpoint before the next one is written: what a customer's first reading after a start folds at most,
# about half a millisecond; a checkpoint costs a tenth of that. One with many events costs more, and waits for more.
CHECKPOINT_EVENTS: Final = 256
CHECKPOINT_SHARE: Final = 16
CHECKPOINTS_AT_ONCE: Final = 64
# Browsing events kept in memory as they came, about 250 bytes each. Beyond them customers are forgotten before their number
# asks for it, longest unused first; who is asked for again is read from his checkpoint.
MOST_BROWSING: Final = 4_000_000
# They are counted anew after so many events, as a part of the most: a count takes a moment for every customer.
_COUNTED_SHARE: Final = 50

_happening: Final = itemgetter(*(1 + EVENT_COLUMNS.index(name) for name in Happening._fields))
_SOURCE, _EVENT_ID, _KIND, _PERSONAL = (
    1 + EVENT_COLUMNS.index(name) for name in ("source", "event_id", "kind", "personal")
)

# Told of customers whose state changed.
Listener = Callable[[Iterable[str]], None]


class Live:
    """One customer's state now."""

    __slots__ = ("position", "state", "tail")

    def __init__(self, state: State, position: int = 0, tail: int = 0) -> None:
        self.state = state
        self.position = position
        self.tail = tail

    @property
    def browsing(self) -> int:
        """Browsing events that are kept unpacked."""
        return self.state.browsing.added if self.state.browsing is not None else 0

    @property
    def is_due(self) -> bool:
        """Whether a checkpoint should be written."""
        tail = self.tail
        return tail >= CHECKPOINT_EVENTS and tail * CHECKPOINT_SHARE >= self.state.count

    def take(self, rows: Iterable[Row]) -> None:
        """Folds events in (ascending sequences), except those that are in already."""
        add, position = self.state.add, self.position
        for row in rows:
            sequence = row[SEQUENCE]
            if sequence > position:
                add(*_happening(row))
                self.position = sequence
                self.tail += 1


class States:
    """States of the customers asked for lately; belongs to one event loop."""

    def __init__(
        self,
        database: Database,
        position: int,
        most: int,
        opener: Opener | None = None,
        most_browsing: int = MOST_BROWSING,
    ) -> None:
        self.position = position
        self._most_browsing = most_browsing
        # Events folded in since those in memory were counted.
        self._uncounted = 0
        self._database = database
        self._most = most
        self._opener = opener
        self._live: OrderedDict[str, Live] = OrderedDict()
        # Customers being read from the database, with the events that were folded meanwhile.
        self._loading: dict[str, list[Row]] = {}
        self._one_loads = asyncio.Lock()
        self._due: dict[str, Live] = {}
        self._listeners: list[Listener] = []

    @property
    def browsing(self) -> int:
        """Browsing events that are kept unpacked, of all customers."""
        return sum(live.browsing for live in self._live.values())

    def listen(self, listener: Listener) -> None:
        """Has it told of every customer whose events were folded in, known here or not."""
        self._listeners.append(listener)

    def latest_of(self, customer: str) -> int:
        """The latest time of his events, or that one was known at; 0 for one who is not in memory."""
        known = self._live.get(customer)
        return 0 if known is None else max(known.state.known_at, known.state.last_event_time)

    def forget(self, customers: Iterable[str]) -> None:
        """Drops what is in memory of customers: they are read anew, or never again."""
        for name in customers:
            self._due.pop(name, None)
            self._live.pop(name, None)
            # One that is being read may be read as he was before.
            self._loading.pop(name, None)

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
            appended = await self._database.read(lambda connection: self._rows_after(connection, after))
        self._fold(appended)

    async def catch_up(self) -> None:
        """Folds in what other processes wrote; a process that is the database's only one never has to."""
        after = self.position
        if await self._database.read(appending.position) > after:
            await self.committed(
                await self._database.read(lambda connection: self._rows_after(connection, after))
            )

    async def keep_due(self) -> None:
        """Writes the checkpoints that are due."""
        if not self._due:
            return
        # A few at a time: encoding keeps the event loop from answering.
        due = dict(islice(self._due.items(), CHECKPOINTS_AT_ONCE))
        for name in due:
            del self._due[name]
        checkpoints = [
            Checkpoint(name, live.position, encode(live.state), live.state.has_words)
            for name, live in due.items()
        ]
        for live in due.values():
            live.tail = 0
        await self._database.write(lambda connection: histories.keep(connection, checkpoints, self._opener))

    def _rows_after(self, connection: sa.Connection, sequence: int) -> Appended:
        """The rows that follow, their words open, as if they had been written here."""
        appended = appending.rows_after(connection, sequence)
        some = [row for row in appended.rows if row[_KIND] == Kind.SEARCH and row[_PERSONAL] is not None]
        if self._opener is None or not some:
            return appended
        sealed = [(row[CUSTOMER], row[_SOURCE], row[_EVENT_ID], row[_PERSONAL]) for row in some]
        words = {
            row[SEQUENCE]: opened
            for row, opened in zip(some, self._opener.opened(connection, sealed), strict=True)
        }
        rows = [(*row[:_PERSONAL], words.get(row[SEQUENCE]), *row[_PERSONAL + 1 :]) for row in appended.rows]
        return replace(appended, rows=rows)

    def _fold(self, appended: Appended) -> None:
        before = self.position
        rows = appended.rows
        if appended.after < before:
            rows = [row for row in rows if row[SEQUENCE] > before]
        self._fold_rows(rows, appended.created)
        self.position = max(before, appended.last)
        self._uncounted += len(rows)
        self._forget()
        if self._listeners and rows:
            changed = {row[CUSTOMER] for row in rows}
            for listener in self._listeners:
                listener(changed)

    def _fold_rows(self, rows: Iterable[Row], created: Container[str]) -> None:
        """Folds events of many customers in. Written flat: it runs for every event of a load."""
        live, loading = self._live, self._loading
        for row in rows:
            customer = row[CUSTOMER]
            if customer in loading:
                loading[customer].append(row)
                continue
            known = live.get(customer)
            if known is None:
                if customer not in created:
                    continue
                known = live[customer] = Live(State())
            if row[SEQUENCE] > known.position:
                known.state.add(*_happening(row))
                known.position = row[SEQUENCE]
                known.tail += 1
                if known.tail >= CHECKPOINT_EVENTS and known.is_due:
                    self._due[customer] = known

    async def _load(self, customers: Sequence[str]) -> None:
        pending = self._loading = {name: [] for name in customers}
        try:
            loaded = await self._database.read(
                lambda connection: histories.load(connection, customers, self._opener)
            )
        finally:
            self._loading = {}
        for name, found in loaded.items():
            if name in pending:
                self._live[name] = self._level(name, found, pending[name])

    def _level(self, name: str, found: Loaded, pending: Sequence[Row]) -> Live:
        live = Live(found.state, found.position, found.tail)
        live.take(pending)
        self._uncounted += live.tail
        if live.is_due:
            self._due[name] = live
        return live

    def _forget(self) -> None:
        while len(self._live) > self._most:
            self._live.popitem(last=False)
        if self._uncounted * _COUNTED_SHARE > self._most_browsing:
            self._uncounted = 0
            self._forget_browsing()

    def _forget_browsing(self) -> None:
        kept = self.browsing
        while kept > self._most_browsing and len(self._live) > 1:
            _, gone = self._live.popitem(last=False)
            kept -= gone.browsing
