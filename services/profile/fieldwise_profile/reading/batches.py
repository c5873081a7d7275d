"""Batches of events on the wire, read; knows no table.

Almost all events of a load go a short way (`quick`); every other one is checked rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from google.rpc.error_details_pb2 import BadRequest

from fieldwise.profile.v1 import event_pb2, profile_service_pb2
from fieldwise_profile.core.event import SECOND, Event
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.core.schemas import Schemas
from fieldwise_profile.reading.columns import columns
from fieldwise_profile.reading.faults import faults, moment
from fieldwise_profile.reading.names import Names
from fieldwise_profile.reading.quick import quick
from fieldwise_runtime.errors import Violation
from fieldwise_runtime.rules import violations

# A sender's clock that differs by no more is right: the difference is the way of the batch.
RIGHT_CLOCK: Final = 60 * SECOND
_NO_SCHEMAS: Final[Schemas] = {}


@dataclass(frozen=True)
class Batch:
    """One request, read: what is to be stored, and what was refused; ``moment`` is its decision time, microseconds."""

    number: int
    moment: int
    events: Sequence[Event]
    rejected: Sequence[profile_service_pb2.RejectedEvent]
    # Place of each event in the request.
    places: Sequence[int]


class Reader:
    """Reads batches in the installation's currency, and remembers names that were right.

    Args:
        schemas: Gives the schemas of custom events that hold now.
    """

    def __init__(self, currency: str, schemas: Callable[[], Schemas] = lambda: _NO_SCHEMAS) -> None:
        self._currency = currency
        self._schemas = schemas
        self._names = Names()

    def read(self, request: profile_service_pb2.IngestEventsRequest) -> Batch:
        now = moment_of(request.decision_time.seconds, request.decision_time.nanos)
        shift = clock_shift(request, now)
        accepted: list[Event] = []
        places: list[int] = []
        rejected: list[profile_service_pb2.RejectedEvent] = []
        for index, sent in enumerate(request.events):
            event = quick(sent, now, shift, self._currency, self._names)
            if event is None:
                schemas = self._schemas()
                found = [*violations(sent), *faults(sent, now, shift, self._currency, schemas)]
                if found:
                    rejected.append(_rejection(index, sent.event_id, found))
                    continue
                event = self._checked(sent, now, shift, schemas)
            accepted.append(event)
            places.append(index)
        return Batch(request.batch_number, now, accepted, rejected, places)

    def forget(self, customers: Sequence[str]) -> None:
        """Drops the names of customers who were erased."""
        self._names.forget(customers)

    def _checked(self, sent: event_pb2.Event, now: int, shift: int, schemas: Schemas) -> Event:
        # Known since now, not since it happened: a row of training that was made before must stay as it was.
        known_at = moment(sent.known_at) + shift if sent.HasField("known_at") else now
        what = sent.WhichOneof("what")
        assert what is not None
        schema = schemas.get((sent.custom.schema, sent.schema_version or 1)) if what == "custom" else None
        return Event(
            sent.source,
            sent.event_id,
            sent.customer,
            moment(sent.event_time) + shift,
            known_at,
            **columns(sent, what, schema),
        )


def clock_shift(request: profile_service_pb2.IngestEventsRequest, now: int) -> int:
    """Microseconds by which the sender's clock is corrected; 0 for one that is right or not stated."""
    if not request.HasField("sent_at"):
        return 0
    shift = now - moment_of(request.sent_at.seconds, request.sent_at.nanos)
    return shift if abs(shift) > RIGHT_CLOCK else 0


def erased_rejections(batch: Batch, erased: frozenset[str]) -> list[profile_service_pb2.RejectedEvent]:
    """Refusals of the events whose customer was erased."""
    if not erased:
        return []
    remedy = "CUSTOMER_ERASED: he was erased and stays so; if he came back, give him a new id"
    return [
        _rejection(place, event.event_id, [Violation.of("customer", event.customer, remedy)])
        for place, event in zip(batch.places, batch.events, strict=True)
        if event.customer in erased
    ]


def _rejection(index: int, event_id: str, found: Sequence[Violation]) -> profile_service_pb2.RejectedEvent:
    rejected = profile_service_pb2.RejectedEvent(index=index, event_id=event_id)
    listed: BadRequest = rejected.details
    for fault in found:
        listed.field_violations.add(field=fault.field, description=fault.description)
    return rejected
