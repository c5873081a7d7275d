"""Price sets in use, each with the ledger of its period; knows how a ledger is rebuilt after a restart."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise_recommend.core.ledger import Ledger
from fieldwise_recommend.core.pacing import STEP, Opening, budgets_left, factor, time_left
from fieldwise_recommend.core.situation import Price
from fieldwise_recommend.situation import prices_of, unusable_prices
from fieldwise_recommend.store.decisions import Store
from fieldwise_recommend.store.pacing import OpeningStore
from fieldwise_runtime.errors import InvalidRequest
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Prices are solved a few times a day at most; those of the past are asked for only by late calls.
_PRICE_SETS_KEPT: Final = 64
# Ledgers kept though no price set in use counts by them: those that commitments are asked of.
_LEDGERS_KEPT: Final = 8
_WEEK: Final = 7 * 86_400
# 1970-01-05 00:00 UTC; the weeks that prices are solved for begin on a Monday.
_FIRST_MONDAY: Final = 4 * 86_400


def period_name(valid_until: Timestamp) -> str:
    """The name of a period: the moment its budgets end."""
    return valid_until.ToJsonString()


def week_end(moment: int) -> int:
    """The end of the calendar week (UTC) that a moment lies in; both in seconds since 1970."""
    return moment + _WEEK - (moment - _FIRST_MONDAY) % _WEEK


@dataclass(slots=True)
class Period:
    """One price set, and the period that reservations count against.

    Args:
        name: The end of the period: price sets solved anew within it share its budgets. Prices that go on after their own
            end count against the calendar week they are used in: that week's budgets are what is spent.
        key: Digest of the price set; empty when there are no prices.
        stored: The body is in the database.
        opening: When these prices were first used in the period, and what was set aside by then.
        end: Of the period, seconds since 1970.
        base: Factor on all prices whatever was spent.
        gain: Of `core.pacing.factor`.
    """

    name: str = ""
    key: str = ""
    body: bytes = b""
    prices: Mapping[str, Price] | None = None
    ledger: Ledger = field(default_factory=Ledger)
    stored: bool = True
    opening: Opening | None = None
    end: int = 0
    base: float = 1.0
    gain: float = 0.0
    _minute: int = field(default=-1, init=False)
    _factor: float = field(default=1.0, init=False)

    @property
    def unstored(self) -> tuple[str, bytes] | None:
        return None if self.stored else (self.key, self.body)

    def pacing(self, moment: int) -> float:
        """The factor on all prices of a decision at a moment, in seconds since 1970; the same for all of one minute."""
        minute = moment // STEP
        if minute > self._minute and self.opening is not None and self.prices:
            self._minute = minute
            left = budgets_left(self.prices, self.opening, self.ledger.reserved)
            remaining = time_left(self.opening, self.end, minute * STEP)
            self._factor = 1.0 if left is None else factor(left, remaining, self.gain)
        return self.base * self._factor


class Periods:
    """The periods of this process.

    What is set aside but not yet durable is only in a ledger, so there is one ledger of a period at a time: it is let go of
    when no decision under way, no price set in use and no late question holds it, and is read from the store when it is
    wanted again.
    """

    def __init__(
        self, store: Store, pacing: float, gain: float = 0.0, openings: OpeningStore | None = None
    ) -> None:
        self._store = store
        self._pacing = pacing
        self._gain = gain
        self._openings = openings
        self._periods: OrderedDict[tuple[bytes, int], Period] = OrderedDict()
        self._alive: WeakValueDictionary[str, Ledger] = WeakValueDictionary()
        self._asked: OrderedDict[str, Ledger] = OrderedDict()
        self._loading = asyncio.Lock()

    async def of(self, price_set: PriceSet | None, moment: int) -> Period:
        """The period of a price set at a moment (seconds since 1970); one without prices when there is none.

        Raises:
            InvalidRequest: The price set has no name, or a price is out of range.
        """
        if price_set is None:
            return Period(base=self._pacing)
        end = price_set.valid_until.seconds
        body = price_set.SerializeToString(deterministic=True)
        place = (body, end if moment < end else week_end(moment))
        period = self._periods.get(place)
        if period is None:
            return await self._opened(price_set, place, moment)
        self._periods.move_to_end(place)
        return period

    async def _opened(self, price_set: PriceSet, place: tuple[bytes, int], moment: int) -> Period:
        faults = unusable_prices(price_set, "price_set")
        if faults:
            raise InvalidRequest(faults)
        body, end = place
        ran_out = end != price_set.valid_until.seconds
        name = period_name(Timestamp(seconds=end) if ran_out else price_set.valid_until)
        ledger = await self._ledger(name)
        key = hashlib.blake2b(body, digest_size=16).hexdigest()
        opening = Opening(moment, ledger.reserved)
        if self._openings is not None:
            opening = await self._openings.opened(name, key, opening)
        prices = prices_of(price_set)
        paced = (opening, end, self._pacing, self._gain)
        period = self._periods.setdefault(place, Period(name, key, body, prices, ledger, False, *paced))
        while len(self._periods) > _PRICE_SETS_KEPT:
            self._periods.popitem(last=False)
        log.info("prices taken", price_set=price_set.name, period=name, ran_out=ran_out, pacing=self._pacing)
        return period

    async def committed(self, name: str) -> dict[str, float]:
        """What is set aside in a period, by resource."""
        ledger = await self._ledger(name)
        self._asked[name] = ledger
        self._asked.move_to_end(name)
        while len(self._asked) > _LEDGERS_KEPT:
            self._asked.popitem(last=False)
        return ledger.reserved

    async def _ledger(self, name: str) -> Ledger:
        async with self._loading:
            ledger = self._alive.get(name)
            if ledger is None:
                ledger = self._alive[name] = Ledger(await self._store.holds(name))
            return ledger
