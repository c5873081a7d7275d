"""What is set aside of scarce things in one period, in memory; knows no store and no thread (one event loop owns it)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fieldwise_recommend.core.catalogue import Uses
from fieldwise_recommend.core.situation import Price


class Hold(NamedTuple):
    """What one decision set aside: nothing is held twice for the same customer and action in a period.

    Args:
        more: Another decision had set aside less for them: the action takes more now, or another rep's minutes.
    """

    customer: str
    action: str
    uses: Uses
    more: bool = False


class Ledger:
    """Reservations of one period. Checking and reserving happen without an await between them, so no two overlap."""

    def __init__(self, held: Iterable[Hold] = ()) -> None:
        """Args: held: What is durable already; it is never released."""
        self._reserved: dict[str, float] = {}
        self._held: dict[tuple[str, str], tuple[int, Uses]] = {}
        for hold in held:
            self.reserve(hold)

    @property
    def reserved(self) -> dict[str, float]:
        """What is set aside, by resource, in alphabetical order."""
        return {resource: amount for resource, amount in sorted(self._reserved.items()) if amount > 0.0}

    def left(self, resource: str, capacity: float) -> float:
        return capacity - self._reserved.get(resource, 0.0)

    def holds(self, customer: str, action: str, uses: Uses) -> bool:
        """Whether as much as that is set aside for them."""
        known = self._held.get((customer, action))
        return known is not None and _larger(known[1], uses) == known[1]

    def reserve(self, hold: Hold) -> Hold:
        """Sets aside what was not set aside before for the same; each call wants one `release` if its decision fails.

        Returns:
            All that is set aside for them now.
        """
        key = (hold.customer, hold.action)
        holders, before = self._held.get(key, (0, ()))
        uses = _larger(before, hold.uses)
        self._held[key] = (holders + 1, uses)
        if uses == before:
            return hold._replace(uses=before)
        self._add(before, -1.0)
        self._add(uses, 1.0)
        return hold._replace(uses=uses, more=holders > 0)

    def release(self, hold: Hold) -> None:
        """Takes back one `reserve`; the things are free again when no decision holds them."""
        key = (hold.customer, hold.action)
        holders, uses = self._held.pop(key)
        if holders > 1:
            self._held[key] = (holders - 1, uses)
        else:
            self._add(uses, -1.0)

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


def _larger(held: Uses, wanted: Uses) -> Uses:
    """Of each resource the larger use."""
    if held == wanted or not held:
        return wanted
    most = dict(held)
    for resource, amount in wanted:
        most[resource] = max(amount, most.get(resource, 0.0))
    return tuple(most.items())
