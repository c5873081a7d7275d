"""Customers as they are at one moment; knows no wire.

The state in memory serves when all its events happened before the moment and were known by then. Otherwise the events are
read anew without the later ones: slower, and exactly what would have been answered then. Names that are linked are one person:
he is read from the states of all of them, which stay apart, so that undoing a link undoes its effect.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from fieldwise_profile.core.fold import State, fold, merged
from fieldwise_profile.popularity import Popular, Popularity
from fieldwise_profile.states import Live, States
from fieldwise_profile.store import histories
from fieldwise_profile.store.histories import Opener
from fieldwise_runtime.database import Database

# Persons of several names whose common state is kept; it is made anew when one of them has a new event.
_MOST_MERGED: Final = 10_000
# What says which events a state holds; None for a state that was folded for the moment.
Version = tuple[int, ...]


class People(Protocol):
    """Who is whom; `revision` changes with every link that is made or revoked."""

    @property
    def revision(self) -> int: ...

    def members(self, name: str) -> tuple[str, ...]:
        """All names of the person, the canonical one first; the name alone when it is linked with none."""
        ...


class Strangers:
    """Nobody is linked with anybody."""

    revision = 0

    def members(self, name: str) -> tuple[str, ...]:
        return (name,)


class View(NamedTuple):
    """One customer at a moment.

    Args:
        state: Of the person with all his names; None when nothing is known of him by then.
        version: Which events the state holds; None when it was folded for the moment.
        members: All names of the person, the canonical one first.
        consents: What he says now of purposes and channels (`State.consents`), whatever the moment asked for: a withdrawal
            counts at once.
    """

    customer: str
    state: State | None
    version: Version | None
    members: tuple[str, ...]
    consents: Mapping[str, int]


class Viewing:
    """Reads customers at a moment."""

    def __init__(
        self,
        database: Database,
        states: States,
        people: People | None = None,
        opener: Opener | None = None,
    ) -> None:
        self._database = database
        self._states = states
        self._people = people or Strangers()
        self._opener = opener
        self._popularity = Popularity(database)
        self._merged: OrderedDict[tuple[str, ...], tuple[Version, State]] = OrderedDict()

    @property
    def revision(self) -> int:
        """Changes with who is whom."""
        return self._people.revision

    async def at(self, customers: Sequence[str], moment: int) -> list[View]:
        """The customers at ``moment`` (microseconds), in the order asked."""
        people = {name: self._people.members(name) for name in customers}
        live = await self._states.of(_names(people))
        late = [
            name
            for members in people.values()
            for name in members
            if name in live and not live[name].state.is_whole_at(moment)
        ]
        folded = await self._folded(_of_late(people, frozenset(late)), moment) if late else {}
        return [self._view(name, members, live, folded) for name, members in people.items()]

    async def popular(self, moment: int) -> Popular:
        """What all customers buy at ``moment``."""
        return await self._popularity.at(moment, self._states.position)

    async def close(self) -> None:
        """Ends what goes on beside the calls."""
        await self._popularity.close()

    def forget(self, customers: Collection[str]) -> None:
        """Drops what is in memory of customers: they are read anew, or never again."""
        self._states.forget(customers)
        gone = frozenset(customers)
        for members in [each for each in self._merged if gone.intersection(each)]:
            del self._merged[members]

    def _view(
        self,
        name: str,
        members: tuple[str, ...],
        live: Mapping[str, Live],
        folded: Mapping[tuple[str, ...], State | None],
    ) -> View:
        own = [live[member] for member in members if member in live]
        if len(own) == 1 and members not in folded:
            state = own[0].state
            return View(name, state, (state.count,), members, state.consents)
        if not own:
            return View(name, None, None, members, {})
        now = self._together(members, own)
        if members in folded:
            return View(name, folded[members], None, members, now.consents)
        return View(name, now, tuple(each.state.count for each in own), members, now.consents)

    def _together(self, members: tuple[str, ...], own: Sequence[Live]) -> State:
        if len(own) == 1:
            return own[0].state
        version = tuple(each.state.count for each in own)
        kept = self._merged.get(members)
        if kept is None or kept[0] != version:
            kept = self._merged[members] = version, merged(each.state for each in own)
        self._merged.move_to_end(members)
        if len(self._merged) > _MOST_MERGED:
            self._merged.popitem(last=False)
        return kept[1]

    async def _folded(
        self, people: Sequence[tuple[str, ...]], moment: int
    ) -> dict[tuple[str, ...], State | None]:
        names = sorted({name for members in people for name in members})
        found = await self._database.read(
            lambda connection: {
                name: fold(happenings)
                for name, happenings in histories.whole_histories(connection, names, moment, self._opener)
            }
        )
        return {members: _sum([found[name] for name in members if name in found]) for members in people}


def _names(people: Mapping[str, tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(name for members in people.values() for name in members))


def _of_late(people: Mapping[str, tuple[str, ...]], late: frozenset[str]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(members for members in people.values() if late.intersection(members)))


def _sum(states: Sequence[State]) -> State | None:
    if len(states) > 1:
        return merged(states)
    return states[0] if states else None
