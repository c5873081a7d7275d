"""Customers as they are at one moment; knows no wire.

The state in memory serves when all its events happened before the moment and were known by then. Otherwise the events are
read anew without the later ones: slower, and exactly what would have been answered then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fieldwise_profile.core.fold import State, fold
from fieldwise_profile.popularity import Popular, Popularity
from fieldwise_profile.states import States
from fieldwise_profile.store import histories
from fieldwise_runtime.database import Database


@dataclass(frozen=True)
class View:
    """One customer's state at a moment; ``state`` is None for one of whom nothing is known by then.

    Args:
        is_live: The state is the one in memory: its count of events says which it is. A state that was folded for the moment
            may have the same count as another one.
    """

    customer: str
    state: State | None
    is_live: bool


class Viewing:
    """Reads customers at a moment."""

    def __init__(self, database: Database, states: States) -> None:
        self._database = database
        self._states = states
        self._popularity = Popularity(database)

    async def at(self, customers: Sequence[str], moment: int) -> list[View]:
        """The customers at ``moment`` (microseconds), in the order asked."""
        live = await self._states.of(customers)
        late = [name for name, known in live.items() if not known.state.is_whole_at(moment)]
        folded = await self._folded(late, moment) if late else {}
        return [
            View(name, folded.get(name), False)
            if name in folded or name not in live
            else View(name, live[name].state, True)
            for name in customers
        ]

    async def popular(self, moment: int) -> Popular:
        """What is popular with all customers at ``moment``, most popular first."""
        return await self._popularity.at(moment, self._states.position)

    async def close(self) -> None:
        """Ends what goes on beside the calls."""
        await self._popularity.close()

    async def _folded(self, customers: Sequence[str], moment: int) -> dict[str, State | None]:
        found = await self._database.read(
            lambda connection: {
                name: fold(happenings)
                for name, happenings in histories.histories(connection, customers, moment)
            }
        )
        return {name: found.get(name) for name in customers}
