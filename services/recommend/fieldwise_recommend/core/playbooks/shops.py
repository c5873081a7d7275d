"""Shops with their hours: which one is near and open when a customer would come; knows no wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from fieldwise_recommend.core.playbooks.places import Place, km_between


class Open(NamedTuple):
    """Minutes of the local day; a shop that closes after midnight ends above 1,440. ``weekday`` is 1 (Monday) to 7."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop.

    Args:
        place: WGS-84 (`places.from_gcj02` for what a Chinese map shows).
        closed: Dates on which it stays closed, whatever the weekday.
    """

    name: str
    place: Place
    zone: tzinfo
    hours: tuple[Open, ...]
    closed: frozenset[date] = frozenset()

    def is_open(self, moment: int) -> bool:
        """At a moment in seconds since 1970."""
        today = datetime.fromtimestamp(moment, self.zone).date()
        # What began yesterday may go on past midnight.
        return any(self._open_since(each, moment) for each in (today, today - timedelta(days=1)))

    def _open_since(self, day: date, moment: int) -> bool:
        if day in self.closed:
            return False
        spans = (each for each in self.hours if each.weekday == day.isoweekday())
        return any(self._at(day, each.start) <= moment < self._at(day, each.end) for each in spans)

    def _at(self, day: date, minute: int) -> int:
        """A minute as the clocks there show it; 1,440 and more are of the next day."""
        local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - the zone follows
        return int(local.replace(tzinfo=self.zone).astimezone(UTC).timestamp())


class Near(NamedTuple):
    """A shop and how far it is from the middle of the customer's area."""

    shop: Shop
    km: float


def nearest_open(shops: Iterable[Shop], home: Place, moment: int, within_km: float) -> Near | None:
    """The nearest shop that is open then; None when none is near enough. Of two as near, the first by name."""
    near = (Near(shop, km_between(home, shop.place)) for shop in shops)
    fitting = [each for each in near if each.km <= within_km and each.shop.is_open(moment)]
    return min(fitting, key=lambda each: (each.km, each.shop.name), default=None)
