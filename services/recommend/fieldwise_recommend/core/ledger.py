"""What is set aside of scarce things in one period, in memory; knows no store and no thread (one event loop owns it)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from fieldwise_recommend.core.catalogue import Uses
from fieldwise_recommend.core.situation import Price


class Hold(NamedTuple):
    """What decisions set aside for a customer and an action in a period.

    Args:
        more: Another decision had set aside less for them: the action takes more now, another rep's minutes, or it is done again.
        turn: How often it had been done before in the period.
    """

    customer: str
    action: str
    uses: Uses
    more: bool = False
    turn: int = 0


@dataclass(slots=True)
class _Turn:
    """What one time of doing it takes, since when (seconds since 1970), and how many decisions rely on it."""

    since: int
    holders: int = 0
    uses: Uses = ()


class Ledger:
    """Reservations of one period. Checking and reserving happen without an await between them, so no two overlap."""

    def __init__(self, held: Iterable[Hold] = ()) -> None:
        """Args: held: What is durable already; it is never released."""
        self._reserved: dict[str, float] = {}
        self._turns: dict[tuple[str, str], list[_Turn]] = {}
        for hold in held:
            self.reserve(hold)

    @property
    def reserved(self) -> dict[str, float]:
        """What is set aside, by resource, in alphabetical order."""
        return {resource: amount for resource, amount in sorted(self._reserved.items()) if amount > 0.0}

    def left(self, resource: str, capacity: float) -> float:
        return capacity - self._reserved.get(resource, 0.0)

    def holds(self, customer: str, action: str, uses: Uses) -> bool:
        """Whether as much as that is set aside for doing it once."""
        turns = self._turns.get((customer, action))
        return turns is not None and _larger(turns[-1].uses, uses) == turns[-1].uses

    def since(self, customer: str, action: str) -> int | None:
        """The moment of the first decision that relies on what is set aside for them, seconds since 1970; None when nothing is.

        0 after a restart: it is not stored.
        """
        turns = self._turns.get((customer, action))
        return None if turns is None else turns[-1].since

    def reserve(self, hold: Hold, moment: int = 0, *, again: bool = False) -> Hold:
        """Sets aside what was not set aside before for the same; each call wants one `release` if its decision fails.

        Args:
            again: What was set aside for it is used up: it was done, and is to be done another time.

        Returns:
            All that is set aside for them now, to be released.
        """
        turns = self._turns.setdefault((hold.customer, hold.action), [])
        is_first = not turns
        if is_first or again:
            turns.append(_Turn(moment))
        turn = turns[-1]
        turn.holders += 1
        uses = _larger(turn.uses, hold.uses)
        grown = uses != turn.uses
        if grown:
            self._add(turn.uses, -1.0)
            self._add(uses, 1.0)
            turn.uses = uses
        return hold._replace(uses=_summed(turns), more=grown and not is_first, turn=len(turns) - 1)

    def release(self, hold: Hold) -> None:
        """Takes back one `reserve`; the things are free again when no decision relies on them."""
        turns = self._turns[hold.customer, hold.action]
        turn = turns[hold.turn]
        turn.holders -= 1
        if not turn.holders:
            self._add(turn.uses, -1.0)
            turn.uses = ()
        while turns and not turns[-1].holders:
            turns.pop()
        if not turns:
            del self._turns[hold.customer, hold.action]

    def shortages(self, wanted: Iterable[Uses], prices: Mapping[str, Price]) -> dict[str, float]:
        """What is left of each priced resource that has too little for one of the wanted uses."""
        short: dict[str, float] = {}
        for uses in wanted:
            for resource, amount in uses:
                price = prices.get(resource)
                if price is not None and amount > (left := self.left(resource, price.capacity)):
                    short[resource] = max(left, 0.0)
        return short

    def _add(self, uses: Uses, sign: float) -> None:
        for resource, amount in uses:
            self._reserved[resource] = self._reserved.get(resource, 0.0) + sign * amount


def _summed(turns: list[_Turn]) -> Uses:
    """What all turns take together."""
    if len(turns) == 1:
        return turns[0].uses
    sums: dict[str, float] = {}
    for turn in turns:
        for resource, amount in turn.uses:
            sums[resource] = sums.get(resource, 0.0) + amount
    return tuple(sums.items())


def _larger(held: Uses, wanted: Uses) -> Uses:
    """Of each resource the larger use."""
    if held == wanted or not held:
        return wanted
    most = dict(held)
    for resource, amount in wanted:
        most[resource] = max(amount, most.get(resource, 0.0))
    return tuple(most.items())
