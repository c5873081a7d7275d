"""What is set aside of scarce things in one period, in memory; knows no store and no thread (one event loop owns it)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fieldwise_recommend.core.catalogue import Uses
from fieldwise_recommend.core.situation import Price


class Hold(NamedTuple):
    """What one decision set aside: nothing is held twice for the same customer and action in a period."""

    customer: str
    action: str
    uses: Uses


class Ledger:
    """Reservations of one period. Checking and reserving happen without an await between them, so no two overlap."""

    def __init__(self, held: Iterable[Hold] = ()) -> None:
        """Args: held: What is durable already; it is never released."""
        self._reserved: dict[str, float] = {}
        self._holders: dict[tuple[str, str], int] = {}
        for hold in held:
            self.reserve(hold)

    @property
    def reserved(self) -> dict[str, float]:
        """What is set aside, by resource, in alphabetical order."""
        return {resource: amount for resource, amount in sorted(self._reserved.items()) if amount > 0.0}

    def left(self, resource: str, capacity: float) -> float:
        return capacity - self._reserved.get(resource, 0.0)

    def holds(self, customer: str, action: str) -> bool:
        return (customer, action) in self._holders

    def reserve(self, hold: Hold) -> None:
        """Sets aside, unless the same was set aside before; each call wants one `release` if its decision fails."""
        key = (hold.customer, hold.action)
        holders = self._holders.get(key, 0)
        self._holders[key] = holders + 1
        if not holders:
            self._add(hold.uses, 1.0)

    def release(self, hold: Hold) -> None:
        """Takes back one `reserve`; the things are free again when no decision holds them."""
        key = (hold.customer, hold.action)
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key]
            self._add(hold.uses, -1.0)

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
