"""Price sets in use, each with the ledger of its period; knows how a ledger is rebuilt after a restart."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise_recommend.core.ledger import Ledger
from fieldwise_recommend.core.situation import Price
from fieldwise_recommend.situation import prices_of, unusable_prices
from fieldwise_recommend.store import Store
from fieldwise_runtime.errors import InvalidRequest

# Prices are solved a few times a day at most; those of the past are asked for only by late calls.
_PRICE_SETS_KEPT: Final = 64


def period_name(valid_until: Timestamp) -> str:
    """The name of a period: the moment its budgets end."""
    return valid_until.ToJsonString()


@dataclass(slots=True)
class Period:
    """One price set, and the period that reservations count against.

    Args:
        name: The end of the period: price sets solved anew within it share its budgets.
        key: Digest of the price set; empty when there are no prices.
        stored: The body is in the database.
    """

    name: str = ""
    key: str = ""
    body: bytes = b""
    prices: Mapping[str, Price] | None = None
    ledger: Ledger = field(default_factory=Ledger)
    stored: bool = True

    @property
    def unstored(self) -> tuple[str, bytes] | None:
        return None if self.stored else (self.key, self.body)


class Periods:
    """The periods of this process. Ledgers live as long as it: what is set aside but not yet durable is only here."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._periods: OrderedDict[bytes, Period] = OrderedDict()
        self._ledgers: dict[str, Ledger] = {}
        self._loading = asyncio.Lock()

    async def of(self, price_set: PriceSet | None) -> Period:
        """The period of a price set; one without prices when there is none.

        Raises:
            InvalidRequest: The price set has no name, or a price is out of range.
        """
        if price_set is None:
            return Period()
        body = price_set.SerializeToString(deterministic=True)
        period = self._periods.get(body)
        if period is None:
            period = await self._opened(price_set, body)
        return period

    async def _opened(self, price_set: PriceSet, body: bytes) -> Period:
        faults = unusable_prices(price_set, "price_set")
        if faults:
            raise InvalidRequest(faults)
        name = period_name(price_set.valid_until)
        ledger = await self._ledger(name)
        key = hashlib.blake2b(body, digest_size=16).hexdigest()
        period = Period(name, key, body, prices_of(price_set), ledger, stored=False)
        self._periods[body] = period
        if len(self._periods) > _PRICE_SETS_KEPT:
            self._periods.popitem(last=False)
        return period

    async def committed(self, name: str) -> dict[str, float]:
        """What is set aside in a period, by resource."""
        return (await self._ledger(name)).reserved

    async def _ledger(self, name: str) -> Ledger:
        async with self._loading:
            if name not in self._ledgers:
                self._ledgers[name] = Ledger(await self._store.holds(name))
            return self._ledgers[name]
