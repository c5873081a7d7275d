"""Watching customers: told at once, and again after every change, as fast as the watcher takes it; knows no request.

A watcher that is slow gets the latest only: what waits for it is a set of names, never a line of messages.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import Final

from fieldwise.profile.v1 import profile_pb2
from fieldwise_profile.core.event import MICROSECOND
from fieldwise_profile.showing import Look, Showing
from fieldwise_profile.states import States
from fieldwise_profile.store import event_lists
from fieldwise_profile.viewing import People
from fieldwise_runtime.database import Database

# Changes that come closer together are told together: somebody who changes a thousand times a second costs one of these.
PAUSE_SECONDS: Final = 0.05
# How often tags, segments and links are looked at for changes that no event tells of.
LOOK_SECONDS: Final = 0.25
# Profiles made at once while a watcher is told of all its names.
AT_ONCE: Final = 50


class _Watcher:
    """One who watches: which of his names changed since he was told."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.changed = dict.fromkeys(names)
        self.woken = asyncio.Event()

    def tell(self, names: Iterable[str]) -> None:
        self.changed.update(dict.fromkeys(names))
        self.woken.set()

    def taken(self) -> list[str]:
        """Some of the names that changed, in the order in which they did."""
        some = list(self.changed)[:AT_ONCE]
        for name in some:
            del self.changed[name]
        if not self.changed:
            self.woken.clear()
        return some


class Watching:
    """Watches customers; belongs to one event loop."""

    def __init__(self, database: Database, states: States, showing: Showing, people: People) -> None:
        self._database = database
        self._states = states
        self._showing = showing
        self._people = people
        # Watchers by each name of the persons they watch, with the name they watch them by.
        self._by_name: defaultdict[str, dict[tuple[_Watcher, str], None]] = defaultdict(dict)
        self._watchers: dict[_Watcher, None] = {}
        self._latest = 0
        self._looking: asyncio.Task[None] | None = None
        states.listen(self.changed)

    def saw(self, moment: int) -> None:
        """The business clock shows at least this, microseconds."""
        self._latest = max(self._latest, moment)

    def changed(self, customers: Iterable[str]) -> None:
        """Tells the watchers of these customers."""
        if not self._by_name:
            return
        for customer in customers:
            watchers = self._by_name.get(customer)
            if watchers:
                # Another process may have stored what this one has not seen the time of.
                self.saw(self._states.latest_of(customer))
                for watcher, name in watchers:
                    watcher.tell((name,))

    async def watch(self, names: Sequence[str], look: Look) -> AsyncIterator[profile_pb2.Profile]:
        """Each customer's profile once, then again after every change, until the caller ends it.

        Args:
            look: Its moment 0 means the latest time known here.
        """
        await self._begin()
        watcher = _Watcher(names)
        self._enter(watcher)
        told: dict[str, profile_pb2.Profile] = {}
        try:
            while True:
                await watcher.woken.wait()
                while some := watcher.taken():
                    shown = await self._showing.shown(some, self._at(look))
                    for name, profile in zip(some, shown, strict=True):
                        if profile is None:
                            # Erased, perhaps: what was told of him is not kept.
                            told.pop(name, None)
                        elif told.get(profile.name) != profile:
                            told[profile.name] = profile
                            yield profile
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._leave(watcher)

    async def close(self) -> None:
        """Ends what goes on beside the calls."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _begin(self) -> None:
        if not self._latest:
            self.saw(await self._database.read(event_lists.latest_moment))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    def _at(self, look: Look) -> Look:
        # An event at a moment is seen just after it.
        return look if look.moment else replace(look, moment=self._latest + MICROSECOND)

    def _enter(self, watcher: _Watcher) -> None:
        self._watchers[watcher] = None
        self._place(watcher)
        watcher.woken.set()

    def _place(self, watcher: _Watcher) -> None:
        for name in watcher.names:
            for member in self._people.members(name):
                self._by_name[member][watcher, name] = None

    def _leave(self, watcher: _Watcher) -> None:
        self._watchers.pop(watcher, None)
        for name in [
            name for name, watchers in self._by_name.items() if any(each is watcher for each, _ in watchers)
        ]:
            left = {key: None for key in self._by_name[name] if key[0] is not watcher}
            if left:
                self._by_name[name] = left
            else:
                del self._by_name[name]

    async def _look(self) -> None:
        """Tells everybody of everybody when tags, segments or links changed; who looks the same is not told of."""
        seen = self._showing.versions()
        while self._watchers:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._showing.versions()
            if now == seen:
                continue
            seen = now
            self._by_name.clear()
            for watcher in self._watchers:
                self._place(watcher)
                watcher.tell(watcher.names)
