"""Shops with their hours: which are near an area, and when each is open; knows no wire and no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from fieldwise_recommend.core.playbooks.places import Place, km_between

# A contact is planned for one of these days.
_DAYS: Final = 9
# So many of the nearest are looked at: the nearest may be closed.
_MOST: Final = 5


class Open(NamedTuple):
    """Minutes of the local day; a shop that closes after midnight ends above 1,440. ``weekday`` is 1 (Monday) to 7."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop.

    Args:
        title: Its name in words.
        place: WGS-84 (`places.from_gcj02` for what a Chinese map shows).
        closed: Dates on which it stays closed, whatever the weekday.
    """

    name: str
    title: str
    place: Place
    zone: tzinfo
    hours: tuple[Open, ...]
    closed: frozenset[date] = frozenset()

    def open_from(self, moment: int) -> list[tuple[int, int]]:
        """When it is open from a moment on, for nine days: (start, end) in seconds since 1970, by start."""
        today = datetime.fromtimestamp(moment, self.zone).date()
        # What began yesterday may go on past midnight.
        days = (today + timedelta(days=number) for number in range(-1, _DAYS))
        spans = (
            (self._at(day, each.start), self._at(day, each.end))
            for day in days
            if day not in self.closed
            for each in self.hours
            if each.weekday == day.isoweekday()
        )
        return sorted(span for span in spans if span[1] > moment)

    def _at(self, day: date, minute: int) -> int:
        """A minute as the clocks there show it; 1,440 and more are of the next day."""
        local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - the zone follows
        return int(local.replace(tzinfo=self.zone).astimezone(UTC).timestamp())


class Near(NamedTuple):
    """A shop and how far it is from the middle of the customer's area."""

    shop: Shop
    km: float


class ShopsNear:
    """Shops by areas of customers.

    Args:
        areas: Middles of areas by their names, which are those of `Profile.plain.place`.
        within_km: What is farther is not near.
    """

    def __init__(
        self, shops: Iterable[Shop] = (), areas: Mapping[str, Place] | None = None, within_km: float = 0.0
    ) -> None:
        listed = tuple(shops)
        self._near = {name: _nearest(listed, home, within_km) for name, home in (areas or {}).items()}

    def of(self, area: str) -> Sequence[Near]:
        """The nearest shops of an area, the nearest first, of two as near the first by name; none of one that is not known."""
        return self._near.get(area, ())


def _nearest(shops: Iterable[Shop], home: Place, within_km: float) -> tuple[Near, ...]:
    near = (Near(shop, km_between(home, shop.place)) for shop in shops)
    fitting = sorted(
        (each for each in near if each.km <= within_km), key=lambda each: (each.km, each.shop.name)
    )
    return tuple(fitting[:_MOST])
