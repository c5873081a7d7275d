"""What one customer looked at, clicked and searched, hour by hour, and the sums of each day; knows no other kind of event.

Events of an hour are kept as they are, because a late one can change what the others count (`noise`). They are packed as text
when a checkpoint is made, and summed up by day when somebody reads. Sums are whole numbers, so no order changes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fieldwise_profile.core.event import HOUR, Kind
from fieldwise_profile.core.noise import (
    MOST_PER_HOUR,
    WEIGHTS,
    WHOLE,
    Browsing,
    Raw,
    Reason,
    weigh,
)

HOURS_PER_DAY: Final = 24
# A page left open is not looked at.
MOST_DWELL_MS: Final = 30 * 60 * 1000

_VIEW, _CLICK, _SEARCH = int(Kind.VIEW), int(Kind.CLICK), int(Kind.SEARCH)
# Places in a category's sums. All but the last time are in hundredths of an event or of a millisecond.
VIEWS, CLICKS, SEARCHES, DWELL, LAST = range(5)

_WORDS: Final = Browsing._fields.index("words")
_pack: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Flood:
    """An hour with more events than a person can make: counted by kind, each with weight 0."""

    __slots__ = ("kinds", "last")

    def __init__(self) -> None:
        self.kinds: dict[int, int] = {}
        self.last = 0

    def add(self, event: Raw) -> None:
        at, kind, *_ = event
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.last = max(self.last, at)

    def add_all(self, other: Flood) -> None:
        for kind, count in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        self.last = max(self.last, other.last)

    @property
    def count(self) -> int:
        return sum(self.kinds.values())


# Unpacked, packed, or only counted.
Hour = list[Raw] | str | Flood


class DayOfBrowsing:
    """Sums of one UTC day.

    Attributes:
        kinds: Weight (hundredths) by kind.
        categories: Weighted views, clicks, searches, dwell (hundredths of ms) and the last time, by category.
        channels: Weight (hundredths) and last time by channel.
        words: Times searched and the last time, by word; only of searches that count.
        noise: Events and their weight (hundredths) by reason.
        events: Events of the day.
        weight: Their weight together, hundredths.
    """

    __slots__ = ("categories", "channels", "events", "kinds", "noise", "weight", "words")

    def __init__(self) -> None:
        self.kinds: dict[int, int] = {}
        self.categories: dict[str, list[int]] = {}
        self.channels: dict[str, list[int]] = {}
        self.words: dict[str, list[int]] = {}
        self.noise: dict[Reason, list[int]] = {}
        self.events = 0
        self.weight = 0

    def add_hour(self, events: Sequence[Browsing], start: int) -> None:
        """Adds the events (ascending) of the hour that begins at ``start``."""
        for event, reason in zip(events, weigh(events), strict=True):
            weight = WEIGHTS[reason]
            kind, time = event.kind, start + event.at
            self.events += 1
            if reason:
                _add(self.noise, reason, 1, weight)
            if not weight:
                continue
            self.weight += weight
            self.kinds[kind] = self.kinds.get(kind, 0) + weight
            self._add_category(event, weight, time)
            _add_latest(self.channels, event.channel, weight, time)
            for word in event.words.split():
                _add_latest(self.words, word, 1, time)

    def _add_category(self, event: Browsing, weight: int, time: int) -> None:
        category, kind = event.category, event.kind
        if not category or kind not in _PLACES:
            return
        sums = self.categories.get(category)
        if sums is None:
            sums = self.categories[category] = [0] * (LAST + 1)
        sums[_PLACES[kind]] += weight
        sums[LAST] = max(sums[LAST], time)
        if kind == _VIEW and event.measure > 0:
            sums[DWELL] += weight * min(event.measure, MOST_DWELL_MS)

    def add_flood(self, flood: Flood) -> None:
        self.events += flood.count
        _add(self.noise, Reason.RATE, flood.count, 0)


_NOTHING: Final = DayOfBrowsing()
_PLACES: Final = {_VIEW: VIEWS, _CLICK: CLICKS, _SEARCH: SEARCHES}


def _add(sums: dict[Reason, list[int]], reason: Reason, count: int, weight: int) -> None:
    own = sums.setdefault(reason, [0, 0])
    own[0] += count
    own[1] += weight


def _add_latest(sums: dict[str, list[int]], name: str, count: int, time: int) -> None:
    if not name:
        return
    own = sums.get(name)
    if own is None:
        sums[name] = [count, time]
        return
    own[0] += count
    own[1] = max(own[1], time)


# More than the days of ten years: beyond it, days stand in the list more than once.
MOST_MARKS: Final = 4_000


class BrowsingHours:
    """The browsing events of one customer.

    Attributes:
        has_words: Words of a search are among them, which are personal.
        added: Events added here since it was made: what it costs to keep it.
    """

    __slots__ = ("_days", "_events", "_hours", "_stale", "_weight", "added", "has_words")

    def __init__(self) -> None:
        self.has_words = False
        self.added = 0
        self._events = 0
        self._weight = 0
        self._hours: dict[int, Hour] = {}
        self._days: dict[int, DayOfBrowsing] = {}
        # Days whose sums are behind; a day may stand in it more than once.
        self._stale: list[int] = []

    def add(self, event_time: int, event: Raw) -> None:
        """Adds an event, whose own time is within its hour."""
        hour = event_time // HOUR
        self._mark(hour // HOURS_PER_DAY)
        self.added += 1
        if event[_WORDS]:
            self.has_words = True
        events = self._hours.get(hour)
        if events is None:
            self._hours[hour] = [event]
            return
        if isinstance(events, Flood):
            events.add(event)
            return
        if isinstance(events, str):
            events = self._hours[hour] = _unpacked(events)
        events.append(event)
        if len(events) > MOST_PER_HOUR:
            self._hours[hour] = _flooded(events)

    def merge(self, other: BrowsingHours) -> None:
        """Adds all events of another customer who turned out to be the same person."""
        self.has_words |= other.has_words
        for hour, events in other._hours.items():
            if isinstance(events, Flood):
                self._merge_flood(hour, events)
            else:
                for event in _unpacked(events):
                    self.add(hour * HOUR + event[0], event)

    def _mark(self, day: int) -> None:
        # A list, and only against the last: nearly always the same day again, and an empty set is four times as large.
        if not self._stale or self._stale[-1] != day:
            self._stale.append(day)
            if len(self._stale) > MOST_MARKS:
                self._stale = list(set(self._stale))

    def days(self) -> Mapping[int, DayOfBrowsing]:
        """The sums of each day (since 1970) with browsing, ascending."""
        if self._stale:
            for day in set(self._stale):
                before, after = self._days.get(day, _NOTHING), self._summed(day)
                self._events += after.events - before.events
                self._weight += after.weight - before.weight
                self._days[day] = after
            self._stale.clear()
            self._days = dict(sorted(self._days.items()))
        return self._days

    def noise_share(self) -> float:
        """1 - the mean weight of all events."""
        self.days()
        return 1.0 - self._weight / (WHOLE * self._events) if self._events else 0.0

    def packed(self) -> list[tuple[int, str]]:
        """Every hour (since 1970) as text, ascending; the same events give the same text."""
        return [(hour, self._packed(hour)) for hour in sorted(self._hours)]

    @classmethod
    def unpacked(cls, hours: Iterable[tuple[int, str]], has_words: bool) -> BrowsingHours:
        """What `packed` gave, back."""
        read = cls()
        read.has_words = has_words
        for hour, text in hours:
            read._hours[hour] = text if text[0] == "[" else _flood_of(text)
            read._mark(hour // HOURS_PER_DAY)
        return read

    def _packed(self, hour: int) -> str:
        events = self._hours[hour]
        if isinstance(events, Flood):
            return _pack({"kinds": sorted(events.kinds.items()), "last": events.last})
        if isinstance(events, list):
            # Kept as text from here on: the next checkpoint has only what came since to pack.
            events = self._hours[hour] = _pack(sorted(events))
        return events

    def _summed(self, day: int) -> DayOfBrowsing:
        sums = DayOfBrowsing()
        for hour in range(day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY):
            events = self._hours.get(hour)
            if events is None:
                continue
            if isinstance(events, Flood):
                sums.add_flood(events)
            else:
                sums.add_hour([Browsing._make(event) for event in sorted(_unpacked(events))], hour * HOUR)
        return sums

    def _merge_flood(self, hour: int, flood: Flood) -> None:
        own = self._hours.get(hour)
        if isinstance(own, Flood):
            own.add_all(flood)
        else:
            self._hours[hour] = together = _flooded([] if own is None else _unpacked(own))
            together.add_all(flood)
        self._mark(hour // HOURS_PER_DAY)


def _unpacked(events: list[Raw] | str) -> list[Raw]:
    return [_raw(event) for event in json.loads(events)] if isinstance(events, str) else events


def _raw(listed: list[Any]) -> Raw:
    return tuple(listed)


def _flooded(events: Iterable[Raw]) -> Flood:
    flood = Flood()
    for event in events:
        flood.add(event)
    return flood


def _flood_of(text: str) -> Flood:
    read = json.loads(text)
    flood = Flood()
    flood.kinds = dict(read["kinds"])
    flood.last = read["last"]
    return flood
