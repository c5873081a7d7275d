"""CloudEvents 1.0 into events of profile's contract; knows no HTTP, and no mode but the attributes and the data they give.

Types: ``fieldwise.<kind>`` carries in its data the fields of that kind as profile's contract names them; ``segment.<call>`` one
of Segment's messages; every other type is an event of a schema of the company's own, named by the type's last word.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fieldwise_gateway.core import segment
from fieldwise_gateway.core.capture import (
    LONGEST_ID,
    LONGEST_NAME,
    Capture,
    Captured,
    Fields,
    Refused,
    custom,
    customer_of_user,
    number,
    snake,
    text,
)
from fieldwise_gateway.core.event_clock import EventClock, event_time
from fieldwise_runtime.errors import Violation

KINDS: Final = frozenset(
    [
        "purchase",
        "mailing",
        "redemption",
        "contact",
        "view",
        "click",
        "search",
        "message",
        "visit",
        "call",
        "coupon_received",
        "review",
        "service_case",
        "satisfaction",
        "custom",
        "identification",
        "consent",
    ]
)
_OWN: Final = "fieldwise."
_SEGMENT: Final = "segment."
_NAMED: Final = re.compile(r"customers/[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", re.ASCII)
_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}", re.ASCII)
_NOT_OF_SOURCES: Final = re.compile(r"[^a-z0-9._-]+", re.ASCII)


def source_of(told: str) -> str:
    """The source of profile's contract for a CloudEvent's. Apart from those of other doors, so that nobody uses up their ids."""
    if _SOURCE.fullmatch(told):
        return f"ce.{told}"
    readable = _NOT_OF_SOURCES.sub("-", told.lower()).strip("-.")[:40]
    return f"ce.{readable}-{hashlib.sha256(told.encode(errors='surrogatepass')).hexdigest()[:16]}"


def read(events: Iterable[Any], clock: EventClock, currency: str) -> dict[str, Capture]:
    """Events in the structured form (attributes and ``data``), by the source they come from."""
    found: dict[str, Capture] = {}
    for event in events:
        try:
            _read(event, clock, currency, found)
        except RecursionError:
            fault = Violation("data", "objects nested too deep", "nest less deep")
            found.setdefault("ce.unknown", Capture()).refused.append(Refused("", "", None, (fault,)))
    return found


def _read(event: Any, clock: EventClock, currency: str, found: dict[str, Capture]) -> None:
    if not isinstance(event, dict):
        fault = Violation.of("(event)", event, "send an object for each event")
        found.setdefault("ce.unknown", Capture()).refused.append(Refused("", "", event, (fault,)))
        return
    faults: list[Violation] = []
    told = text(event.get("source"))
    if not told or len(told) > LONGEST_NAME:
        remedy = f"name where it comes from, 1 to {LONGEST_NAME} characters"
        faults.append(Violation.of("source", event.get("source"), remedy))
    into = found.setdefault(source_of(told) if told else "ce.unknown", Capture())
    event_id, kind = _event_id(event, faults), _type(event, faults)
    if event.get("specversion") not in ("1.0", "0.3"):
        faults.append(Violation.of("specversion", event.get("specversion"), "send 1.0"))
    if kind.startswith(_SEGMENT) and not faults:
        _segment(event, kind, event_id, clock, currency, into)
        return
    time = event_time(clock, event.get("time"), "time", faults)
    customer = _customer(event, faults)
    data = event.get("data")
    if "data_base64" in event:
        faults.append(Violation("data_base64", "bytes", "send data, an object of JSON"))
    if data is not None and not isinstance(data, dict):
        faults.append(Violation.of("data", data, "send an object of JSON"))
    what, fields, version = _content(kind, event, data if isinstance(data, dict) else {}, faults)
    if faults:
        into.refused.append(Refused(event_id, customer, event, tuple(faults)))
        return
    into.events.append(Captured(event_id, customer, time, what, fields, version))


def _event_id(event: Fields, faults: list[Violation]) -> str:
    told = text(event.get("id"))
    if 0 < len(told) <= LONGEST_ID:
        return told
    remedy = f"send an id, 1 to {LONGEST_ID} characters: source and id say which event it is"
    faults.append(Violation.of("id", event.get("id"), remedy))
    return ""


def _type(event: Fields, faults: list[Violation]) -> str:
    told = event.get("type")
    if isinstance(told, str) and 0 < len(told) <= LONGEST_NAME:
        return told
    faults.append(Violation.of("type", told, "say what happened, such as fieldwise.purchase"))
    return ""


def _customer(event: Fields, faults: list[Violation]) -> str:
    subject = text(event.get("subject"))
    if _NAMED.fullmatch(subject):
        return subject
    if subject and len(subject) <= LONGEST_NAME and not subject.startswith("customers/"):
        return customer_of_user(subject)
    remedy = "name the customer whose event it is: customers/{id}, or your own id of him"
    faults.append(Violation.of("subject", event.get("subject"), remedy))
    return ""


def _content(
    kind: str, event: Fields, data: Fields, faults: list[Violation]
) -> tuple[str, Mapping[str, Any], int]:
    if kind.startswith(_OWN):
        what = snake(kind.removeprefix(_OWN))
        if what in KINDS:
            return what, data, 0
        faults.append(Violation.of("type", kind, f"send {_OWN} and one of {', '.join(sorted(KINDS))}"))
        return "", {}, 0
    version = number(event.get("schemaversion", 0))
    what, fields = custom(kind.rpartition(".")[2] or kind, data, faults, "data")
    return what, fields, int(version) if version is not None and 0 <= version < 2**31 else 0


def _segment(
    event: Fields, kind: str, event_id: str, clock: EventClock, currency: str, into: Capture
) -> None:
    data = event.get("data")
    message: dict[str, Any] = {
        "timestamp": event.get("time"),
        "userId": event.get("subject"),
        **(data if isinstance(data, dict) else {}),
        "messageId": event_id,
        "type": kind.removeprefix(_SEGMENT),
    }
    read_message = segment.read([message], clock, currency)
    into.events += read_message.events
    into.refused += read_message.refused
    into.joined += read_message.joined
