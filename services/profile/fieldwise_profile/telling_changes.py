"""Telling who follows profiles which customers changed; knows no event and no profile.

What waits for a slow follower is a set of names, never a line of messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final

from fieldwise_profile.showing import Showing
from fieldwise_profile.states import States

# Changes that come closer together are told together.
PAUSE_SECONDS: Final = 0.02
# A follower that hears nothing for longer knows that it is not told.
LIFE_SECONDS: Final = 0.5


class _Follower:
    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.woken = asyncio.Event()


class ChangeTelling:
    """Tells every follower the names of customers as their events are folded in; belongs to one event loop."""

    def __init__(self, states: States, showing: Showing) -> None:
        self._showing = showing
        self._followers: set[_Follower] = set()
        states.listen(self._heard)

    async def follow(self) -> AsyncIterator[tuple[list[str], str]]:
        """Names, each once, and what changes when all profiles may look different; several times a second, until it is ended."""
        follower = _Follower()
        self._followers.add(follower)
        try:
            while True:
                names, follower.changed = list(follower.changed), set()
                follower.woken.clear()
                yield names, ".".join(map(str, self._showing.pictured()))
                try:
                    async with asyncio.timeout(LIFE_SECONDS):
                        await follower.woken.wait()
                        await asyncio.sleep(PAUSE_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self._followers.discard(follower)

    def _heard(self, customers: Iterable[str]) -> None:
        if not self._followers:
            return
        names = list(customers)
        for follower in self._followers:
            follower.changed.update(names)
            follower.woken.set()
