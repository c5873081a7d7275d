"""An event in one line: when, what, its facts as they were sent, what it counts. Knows no kind of event by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fieldwise.profile.v1.event_pb2 import Event
from fieldwise.profile.v1.profile_service_pb2 import WeighedEvent


def event_line(weighed: WeighedEvent) -> str:
    """Such as ``2017-12-20 17:31  purchase  category CHEESE, amount 3.50 USD``, with the weight where it is below 1."""
    counts = f"  [counts {weighed.weight:.2f}: {weighed.reason}]" if weighed.weight < 1 else ""
    return told_event(weighed.event, counts)


def told_event(event: Event, counts: str = "") -> str:
    """An event without its weight."""
    when = event.event_time.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%d %H:%M")
    kind = event.WhichOneof("what") or "unknown"
    facts = ", ".join(_facts(getattr(event, kind))) if event.WhichOneof("what") else ""
    return f"{when}  {kind:<16} {facts}{counts}  ({event.source} {event.event_id})"


def _facts(message: Message) -> Iterator[str]:
    stated: dict[FieldDescriptor, Any] = dict(message.ListFields())
    for field in cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields):
        # A no is a fact, such as a consent that was withdrawn; protobuf leaves it out.
        if field in stated or _is_plain_bool(field):
            yield f"{field.name} {_shown(field, stated.get(field, False))}"


def _is_plain_bool(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_BOOL and not field.is_repeated and not field.has_presence


def _shown(field: FieldDescriptor, value: Any) -> str:
    if field.is_repeated:
        return "/".join(_one(field, each) for each in value) if not _is_map(field) else _pairs(value)
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> str:
    if field.enum_type is not None:
        number = field.enum_type.values_by_number.get(value)
        return str(value) if number is None else number.name.rpartition("_")[2].lower()
    if field.message_type is None:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:g}" if isinstance(value, float) else str(value)
    if field.message_type.name == "Money":
        return f"{value.micros / 1e6:,.2f} {value.currency_code}"
    if field.message_type.full_name.startswith("google.protobuf."):
        return str(value.ToJsonString())
    return "(" + ", ".join(_facts(value)) + ")"


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _pairs(values: Any) -> str:
    return "/".join(f"{key}={value}" for key, value in sorted(values.items()))
