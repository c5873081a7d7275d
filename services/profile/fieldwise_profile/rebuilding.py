"""Folding all events anew in canonical order, and comparing with what is served; knows no request."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.codec import encode, plain
from fieldwise_profile.core.fold import State, fold
from fieldwise_profile.states import States
from fieldwise_profile.store import histories, listings
from fieldwise_profile.store.histories import Checkpoint, Opener
from fieldwise_runtime.database import Database
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# About 30,000 events of the demo: a fraction of a second between two words of progress.
CUSTOMERS_AT_ONCE: Final = 50


@dataclass(frozen=True)
class Rebuilt:
    """How far a rebuild has come; ``digest`` is of all states so far."""

    done: int
    total: int
    differing: int
    digest: str


class Rebuilding:
    """Rebuilds profiles from the log.

    Args:
        forget: Drops what is in memory of customers whose state was wrong.
    """

    def __init__(
        self,
        database: Database,
        states: States,
        forget: Callable[[Sequence[str]], None],
        opener: Opener | None = None,
    ) -> None:
        self._database = database
        self._states = states
        self._forget = forget
        self._opener = opener

    async def rebuild(self, customers: Sequence[str] = ()) -> AsyncIterator[Rebuilt]:
        """Rebuilds these customers, or all; tells its progress. Events that come meanwhile are left to the usual way."""
        named = sorted(set(customers))
        total = len(named) or await self._database.read(listings.customer_count)
        progress = Rebuilt(0, total, 0, "")
        digest = hashlib.sha256()
        async for names in self._portions(named):
            differing = await self._rebuild(names, digest)
            progress = replace(
                progress,
                done=progress.done + len(names),
                total=max(total, progress.done + len(names)),
                differing=progress.differing + differing,
                digest=digest.hexdigest(),
            )
            yield progress
        if not progress.digest:
            yield replace(progress, digest=digest.hexdigest())

    async def _portions(self, named: Sequence[str]) -> AsyncIterator[Sequence[str]]:
        if named:
            for start in range(0, len(named), CUSTOMERS_AT_ONCE):
                yield named[start : start + CUSTOMERS_AT_ONCE]
            return
        last = ""
        while names := await self._database.read(
            lambda connection: listings.customers_after(connection, last, CUSTOMERS_AT_ONCE)  # noqa: B023  # awaited before the next
        ):
            yield names
            last = names[-1]

    async def _rebuild(self, names: Sequence[str], digest: hashlib._Hash) -> int:
        live = await self._states.of(names)
        # At one moment of the loop, so that the bytes are those of the position.
        served = {name: (known.position, plain(known.state)) for name, known in live.items()}
        upto = {name: position for name, (position, _) in served.items()}
        rebuilt = await self._database.read(lambda connection: self._folded(connection, upto))
        differing: list[str] = []
        for name in sorted(rebuilt):
            _, raw = rebuilt[name]
            digest.update(name.encode() + b"\0" + raw)
            if raw != served[name][1]:
                differing.append(name)
        if differing:
            await self._replace(differing, {name: (upto[name], rebuilt[name][0]) for name in differing})
        return len(differing)

    def _folded(self, connection: sa.Connection, upto: dict[str, int]) -> dict[str, tuple[State, bytes]]:
        found: dict[str, tuple[State, bytes]] = {}
        for name, happenings in histories.canonical(connection, upto, self._opener):
            state = fold(happenings)
            found[name] = state, plain(state)
        return found

    async def _replace(self, names: Sequence[str], rebuilt: dict[str, tuple[int, State]]) -> None:
        log.error("served profiles differed from their events", customers=len(names))
        checkpoints = [
            Checkpoint(name, position, encode(state), state.has_words)
            for name, (position, state) in rebuilt.items()
        ]

        def work(connection: sa.Connection) -> None:
            histories.drop(connection, names)
            histories.keep(connection, checkpoints, self._opener)

        await self._database.write(work)
        self._forget(names)
