"""Events of one customer, newest first, each with what it counts and why; knows no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from fieldwise_profile.core.event import HOUR, Event, happening
from fieldwise_profile.core.fold import is_weighed, weighed_form
from fieldwise_profile.core.noise import MOST_PER_HOUR, Reason, weigh
from fieldwise_profile.store import event_lists
from fieldwise_profile.store.event_lists import Listed, Wanted
from fieldwise_profile.store.histories import Opener
from fieldwise_runtime.database import Database


class Weighed(NamedTuple):
    """An event, its place in the log, and why it counts less than whole."""

    sequence: int
    event: Event
    reason: Reason


@dataclass(frozen=True)
class EventLists:
    """Lists events; what is personal is opened where the reader may see it."""

    database: Database
    opener: Opener | None = None

    async def page(self, wanted: Wanted, most: int, *, opening: bool) -> list[Weighed]:
        """Some events. Their `personal` is plain JSON when ``opening``, else None."""
        return await self.database.read(lambda connection: self._page(connection, wanted, most, opening))

    def _page(self, connection: sa.Connection, wanted: Wanted, most: int, opening: bool) -> list[Weighed]:
        listed = event_lists.newest_first(connection, wanted, most)
        reasons = _reasons(connection, wanted, listed)
        shown = self._opened(connection, listed) if opening else [_closed(each.event) for each in listed]
        return [
            Weighed(each.sequence, event, reasons.get((event.source, event.event_id), Reason.NONE))
            for each, event in zip(listed, shown, strict=True)
        ]

    def _opened(self, connection: sa.Connection, listed: Sequence[Listed]) -> list[Event]:
        sealed = [
            (each.event.customer, each.event.source, each.event.event_id, each.event.personal)
            for each in listed
            if each.event.personal is not None
        ]
        plain = iter(self.opener.opened(connection, sealed) if self.opener is not None and sealed else ())
        return [
            each.event if each.event.personal is None else each.event._replace(personal=next(plain, None))
            for each in listed
        ]


def _closed(event: Event) -> Event:
    return event._replace(personal=None)


def _reasons(
    connection: sa.Connection, wanted: Wanted, listed: Iterable[Listed]
) -> dict[tuple[str, str], Reason]:
    """Reasons by source and event id, of every event in the hours of those listed."""
    hours = sorted({each.event.event_time // HOUR for each in listed if is_weighed(happening(each.event))})
    found: dict[tuple[str, str], Reason] = {}
    for hour in hours:
        events = event_lists.browsing_of_hour(
            connection, wanted.members, wanted.until, hour, MOST_PER_HOUR + 1
        )
        found |= (
            dict.fromkeys(_flooded(hour, listed), Reason.RATE)
            if len(events) > MOST_PER_HOUR
            else _weighed(events)
        )
    return found


def _flooded(hour: int, listed: Iterable[Listed]) -> list[tuple[str, str]]:
    return [
        (each.event.source, each.event.event_id)
        for each in listed
        if each.event.event_time // HOUR == hour and is_weighed(happening(each.event))
    ]


def _weighed(events: Sequence[Event]) -> dict[tuple[str, str], Reason]:
    # Words play no part in weights, so they can stay sealed.
    ordered = sorted(
        (weighed_form(happening(event._replace(personal=None))), event.source, event.event_id)
        for event in events
    )
    reasons = weigh([form for form, _, _ in ordered])
    return {
        (source, event_id): reason for (_, source, event_id), reason in zip(ordered, reasons, strict=True)
    }
