"""When an event happened, by the sender's clock and ours; reads no clock.

The rule: a sender's clock that differs from ours by at most a minute is right, and the difference is the way of the request.
One that differs by more is wrong by the difference, and his times are moved by it, if they are not after his `sentAt`. A time
that is after ours by at most a minute then is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fieldwise_runtime.errors import Violation

# As profile judges batches (`sent_at` of IngestEventsRequest).
RIGHT_CLOCK: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = 946_684_800_000_000
_LATEST: Final = 4_102_444_800_000_000
_LONGEST: Final = 64
REMEDY: Final = "send a time such as 2026-01-31T09:30:00.000Z, between 2000 and 2100"


@dataclass(frozen=True, slots=True)
class EventClock:
    """The clocks of one request, microseconds since 1970 UTC.

    Args:
        received: When it came, on the business clock.
        sent: The sender's clock when he sent it; None when he does not say, or says no time at all.
    """

    received: int
    sent: int | None

    def sent_at(self, told: Any) -> EventClock:
        """The clocks of one message, which may say by itself when it was sent."""
        sent = moment(told)
        return self if sent is None else EventClock(self.received, sent)

    def time(self, told: int) -> int:
        """When an event happened that the sender says happened at ``told``."""
        received, sent = self.received, self.sent
        if sent is not None and told <= sent + RIGHT_CLOCK:
            # To the second: sent again a moment later, a refused event is the same event.
            wrong_by = received - sent
            if abs(wrong_by) > RIGHT_CLOCK:
                told += wrong_by // 1_000_000 * 1_000_000
        return received if received < told <= received + RIGHT_CLOCK else told


def moment(told: Any) -> int | None:
    """Microseconds of an ISO 8601 time, in UTC where it names no zone; None for anything else or implausible."""
    if not isinstance(told, str) or len(told) > _LONGEST:
        return None
    try:
        time = datetime.fromisoformat(told)
        at = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    micros = at // _MICROSECOND
    return micros if _EARLIEST <= micros < _LATEST else None


def event_time(clock: EventClock, told: Any, path: str, faults: list[Violation]) -> int:
    """When an event happened; when it came in where it does not say. A time that is none is added to ``faults``."""
    if told is None or told == "":
        return clock.received
    found = moment(told)
    if found is None:
        faults.append(Violation.of(path, told, REMEDY))
        return clock.received
    return clock.time(found)
