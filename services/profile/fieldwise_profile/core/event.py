"""One event on plain numbers; knows no wire and no table."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

MICROSECOND: Final = 1
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR


class Kind(IntEnum):
    """What happened; the numbers are stored and never change their meaning."""

    PURCHASE = 1
    MAILING = 2
    REDEMPTION = 3
    CONTACT = 4
    OUTCOME = 5


# An outcome's number on the wire: the customer asked not to be contacted.
OPTED_OUT: Final = 5


class Event(NamedTuple):
    """An accepted event. A tuple, because a load makes and stores millions of them.

    Times are microseconds since 1970 (UTC); finer parts are cut off. Money is in micros. What the kind does not have is None.
    """

    source: str
    event_id: str
    customer: str
    event_time: int
    known_at: int
    kind: int
    product: str | None = None
    category: str | None = None
    quantity: int | None = None
    amount: int | None = None
    discount: int | None = None
    basket: str | None = None
    campaign: str | None = None
    coupon: str | None = None
    channel: str | None = None
    rep: str | None = None
    decision: str | None = None
    outcome: int | None = None
    reporter: str | None = None


class Happening(NamedTuple):
    """The part of an event that the fold reads."""

    event_time: int
    known_at: int
    kind: int
    category: str | None
    amount: int | None
    discount: int | None
    outcome: int | None = None

    @property
    def visible_from(self) -> int:
        """The first moment t at which event_time < t and known_at <= t."""
        after, known_at = self.event_time + MICROSECOND, self.known_at
        return max(known_at, after)


def happening(event: Event) -> Happening:
    """What the fold reads of an event."""
    return Happening(
        event.event_time,
        event.known_at,
        event.kind,
        event.category,
        event.amount,
        event.discount,
        event.outcome,
    )
