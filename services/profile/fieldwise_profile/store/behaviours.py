"""What customers looked at, searched, answered and bought, read for learning; knows no weight and no consent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Happening, Kind
from fieldwise_profile.store.schema import events

KINDS: Final = (Kind.PURCHASE, Kind.VIEW, Kind.CLICK, Kind.SEARCH, Kind.MESSAGE)
# A search's words stay sealed: neither weights nor what is learned need them.
_PERSONAL: Final = sa.null().label("personal")
_COLUMNS: Final[tuple[Any, ...]] = tuple(
    _PERSONAL if name == "personal" else events.c[name] for name in Happening._fields
)


def behaviours(
    connection: sa.Connection, customers: Sequence[str], start: int, until: int
) -> Iterator[tuple[str, list[Happening]]]:
    """Events from ``start`` on that are visible at ``until`` (microseconds), customers ascending, their events in no order."""
    statement = sa.select(events.c.customer, *_COLUMNS).where(
        events.c.customer.in_(customers),
        events.c.kind.in_(KINDS),
        events.c.event_time >= start,
        events.c.event_time < until,
        events.c.known_at <= until,
    )
    rows = connection.execute(statement.order_by(events.c.customer)).cursor.fetchall()
    for customer, own in groupby(rows, itemgetter(0)):
        yield customer, [Happening._make(row[1:]) for row in own]
