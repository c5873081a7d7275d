"""What an SDK sent: read, stored, its refusals kept, its names joined; knows no HTTP and no key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.gateway.v1 import events_service_pb2 as events_pb
from fieldwise.profile.v1 import event_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core import cloud_events, segment
from fieldwise_gateway.core.capture import Capture, Captured, Joined, Refused
from fieldwise_gateway.core.event_clock import EventClock, moment
from fieldwise_gateway.intake import Intake
from fieldwise_gateway.joining import Joining
from fieldwise_gateway.sdk_bodies import check_count, json_of, messages_of
from fieldwise_runtime.errors import Violation

# Read beside the event loop from here on: 100 KB are some hundred messages and take some milliseconds.
_LARGE: Final = 100_000
_KEEP_SECONDS: Final = 10.0
_AT_ONCE: Final = 1_000
# A dead letter holds 32 KiB.
_LONGEST_TEXT: Final = 8_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Done(NamedTuple):
    """Events that are durable, and messages or events that were refused."""

    stored: int
    refused: int


@dataclass(slots=True)
class _Read:
    """A body, as messages of profile's contract."""

    events: list[event_pb2.Event] = field(default_factory=list)
    refused: list[profile_pb.RefusedEvent] = field(default_factory=list)
    joined: list[tuple[str, Joined]] = field(default_factory=list)


class Capturing:
    """Takes what SDKs send.

    Args:
        now: The business clock.
        currency: The installation's.
    """

    def __init__(
        self,
        backends: Backends,
        now: Callable[[], datetime],
        currency: str,
        changed: Callable[[frozenset[str]], None],
    ) -> None:
        self._profile = backends.profile
        self._now = now
        self._currency = currency
        self._intake = Intake(backends, now, changed)
        self._joining = Joining(backends, now)

    async def capture(self, request: events_pb.CaptureEventsRequest, source: str, by: str) -> Done:
        """Stores what a body holds; returns when all of it is durable.

        Args:
            source: Of Segment's messages, which name none.
            by: Who sends it, an id.

        Raises:
            InvalidRequest: The body is not JSON, or not what its form says, or holds too much.
            FieldwiseError, RpcError: It may be stored in part; sending it again is safe.
        """
        if len(request.body) > _LARGE:
            read = await asyncio.to_thread(self._read, request, source)
        else:
            read = self._read(request, source)
        refused = len(read.refused)
        if read.events:
            refused += await self._intake.store(read.events)
        if read.joined:
            missed = await self._joining.join([each for _, each in read.joined], by)
            read.refused += [_missed(each, source) for each in missed]
            refused += len(missed)
        await self._kept(read.refused)
        return Done(len(read.events) + len(read.refused) - refused, refused)

    async def _kept(self, refused: Sequence[profile_pb.RefusedEvent]) -> None:
        for at in range(0, len(refused), _AT_ONCE):
            request = profile_pb.KeepRefusedEventsRequest(events=refused[at : at + _AT_ONCE])
            request.decision_time.FromDatetime(self._now())
            await self._profile.KeepRefusedEvents(request, timeout=_KEEP_SECONDS)

    def _read(self, request: events_pb.CaptureEventsRequest, source: str) -> _Read:
        told = json_of(request.body)
        received = (self._now() - _EPOCH) // _MICROSECOND
        read = _Read()
        if request.form == events_pb.CAPTURE_FORM_CLOUD_EVENTS:
            events = told if isinstance(told, list) else [told]
            check_count(len(events))
            clock = EventClock(received, None)
            for name, capture in cloud_events.read(events, clock, self._currency).items():
                _into(read, capture, name)
            return read
        messages, sent = messages_of(told, request.call)
        clock = EventClock(received, moment(sent))
        _into(read, segment.read(messages, clock, self._currency, request.call), source)
        return read


_MICROSECOND: Final = datetime.resolution


def _into(read: _Read, capture: Capture, source: str) -> None:
    for captured in capture.events:
        made = _event(captured, source)
        if isinstance(made, event_pb2.Event):
            read.events.append(made)
        else:
            read.refused.append(made)
    read.refused += [_refused(each, source) for each in capture.refused]
    read.joined += [(source, each) for each in capture.joined]


def _event(captured: Captured, source: str) -> event_pb2.Event | profile_pb.RefusedEvent:
    """The event as profile's contract has it; refused when its values do not fit there."""
    event_id, customer, time, what, fields, version = captured
    try:
        return event_pb2.Event(
            event_id=event_id,
            source=source,
            customer=customer,
            event_time=Timestamp(seconds=time // 1_000_000, nanos=time % 1_000_000 * 1000),
            schema_version=version,
            **{what: fields},  # type: ignore[arg-type]  # the kind is one of its fields
        )
    except (ValueError, TypeError) as error:
        return _in_json_form(captured, source, error)


def _in_json_form(
    captured: Captured, source: str, error: Exception
) -> event_pb2.Event | profile_pb.RefusedEvent:
    """As above for fields in the JSON form of protobuf (CloudEvents of our own types), and the reason when they are wrong."""
    try:
        event = event_pb2.Event(
            event_id=captured.event_id,
            source=source,
            customer=captured.customer,
            schema_version=captured.schema_version,
        )
        event.event_time.FromMicroseconds(captured.time)
        part = getattr(event, captured.what)
        part.SetInParent()
        json_format.ParseDict(dict(captured.fields), part)
        return event
    except (ValueError, TypeError, json_format.ParseError) as fault:
        reason = str(fault if isinstance(fault, json_format.ParseError) else error)
        found = Violation(
            captured.what, f"fields that do not fit ({reason[:200]})", "send the fields of its contract"
        )
        given = Refused(captured.event_id, captured.customer, dict(captured.fields), (found,))
        return _refused(given, source)


def _missed(joined: Joined, source: str) -> profile_pb.RefusedEvent:
    remedy = "send an event of both first, then send the alias again"
    fault = Violation.of("previousId", "nothing is known of one of the two", remedy)
    return _refused(Refused(joined.event_id, joined.customer, joined.message, (fault,)), source)


def _refused(refused: Refused, source: str) -> profile_pb.RefusedEvent:
    event = event_pb2.Event(event_id=_plain(refused.event_id), source=source, customer=refused.customer)
    event.custom.attributes.add(name="message", text=_shown(refused.message))
    kept = profile_pb.RefusedEvent(event=event)
    _tell(kept, refused.faults)
    return kept


def _tell(kept: profile_pb.RefusedEvent, faults: Iterable[Violation]) -> None:
    for fault in faults:
        kept.details.field_violations.add(field=_plain(fault.field), description=_plain(fault.description))


def _shown(message: Any) -> str:
    """What was sent, as JSON, cut off where it is too long."""
    try:
        return json.dumps(message)[:_LONGEST_TEXT]
    except (ValueError, RecursionError):
        return "(nested too deep)"


def _plain(text: str) -> str:
    """A text that protobuf can hold: JSON can name halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")
