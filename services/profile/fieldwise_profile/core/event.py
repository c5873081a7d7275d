"""One event on plain numbers; knows no wire and no table."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from operator import attrgetter
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
    VIEW = 6
    CLICK = 7
    SEARCH = 8
    MESSAGE = 9
    VISIT = 10
    CALL = 11
    COUPON_RECEIVED = 12
    REVIEW = 13
    SERVICE_CASE = 14
    SATISFACTION = 15
    CUSTOM = 16
    IDENTIFICATION = 17
    CONSENT = 18


class Flag(IntFlag):
    """Yes-or-no facts of an event; the numbers are stored and never change their meaning."""

    ROBOT = 1  # the agent of a view or click names a program
    INBOUND = 2  # the customer called
    CLOSED = 4  # the service case is closed
    GRANTED = 8  # the consent is given, not withdrawn


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
    # What was clicked; the message, case or custom schema; the purpose of a consent.
    target: str | None = None
    # The kind's one number: a view's dwell in ms, a visit's minutes, a call's seconds, a review's rating, a score, results shown.
    measure: int | None = None
    # Stage of a message, scale of a satisfaction, version of a custom schema.
    stage: int | None = None
    flags: int | None = None
    # Everything else that is plain, as JSON with sorted keys.
    details: str | None = None
    # Everything personal, as JSON with sorted keys: plain in memory, sealed with the customer's key in the table.
    personal: bytes | None = None


class Happening(NamedTuple):
    """The part of an event that the fold reads. Of a search ``personal`` holds the words; otherwise it is None."""

    event_time: int
    known_at: int
    kind: int
    category: str | None
    amount: int | None
    discount: int | None
    outcome: int | None = None
    product: str | None = None
    channel: str | None = None
    target: str | None = None
    measure: int | None = None
    stage: int | None = None
    flags: int | None = None
    details: str | None = None
    personal: bytes | None = None

    @property
    def visible_from(self) -> int:
        """The first moment t at which event_time < t and known_at <= t."""
        after, known_at = self.event_time + MICROSECOND, self.known_at
        return max(known_at, after)


_FOLDED: Final = attrgetter(*Happening._fields)


def happening(event: Event) -> Happening:
    """What the fold reads of an event."""
    return Happening._make(_FOLDED(event))


# The stage of a message at which it is weighed like browsing: opening it.
OPENED: Final = 2

# Kinds as rules, lists and traits name them.
KIND_NAMES: Final = {kind: kind.name.lower() for kind in Kind}
