"""What the field rules cannot say of an event: times, money, versions, sizes, schemas; knows no column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2, event_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.core.event import SECOND
from fieldwise_profile.core.features import MICROS
from fieldwise_profile.core.schemas import NUMBER, EventSchema, SchemaField, Schemas
from fieldwise_profile.reading.columns import WHATS
from fieldwise_runtime.errors import Violation

# A billion units of currency: beyond it a line is a fault of the source, and sums could leave 64 bits.
MOST_MONEY: Final = 1_000_000_000 * MICROS
MOST_BYTES: Final = 32 * 1024
# The one version of the built-in kinds.
BUILT_IN_VERSION: Final = 1

_YEAR_2000: Final = 946_684_800
# The earliest time that an event may have, microseconds.
EARLIEST: Final = _YEAR_2000 * SECOND
_YEAR_2100: Final = 4_102_444_800
_NANOS: Final = 1_000_000_000
_WHAT: Final = f"set exactly one of {', '.join(WHATS)}; a kind that is not known here can be replayed from the dead letters once it is"
_CONSENTED: Final = frozenset({consent_pb2.PURPOSE_DECISION, consent_pb2.PURPOSE_TRAINING})
# What each unit of a pure number may be called.
_PURE: Final = "1"


def faults(sent: event_pb2.Event, now: int, shift: int, currency: str, schemas: Schemas) -> list[Violation]:
    """Every such fault.

    Args:
        now: The batch's moment, microseconds.
        shift: Microseconds by which the event's times are moved.
    """
    size = sent.ByteSize()
    if size > MOST_BYTES:
        # Nothing else is looked at: what is too large may have been made to be expensive.
        remedy = f"EVENT_TOO_LARGE: send at most {MOST_BYTES} bytes; cut its texts, or keep them elsewhere and send a link"
        return [Violation("event", f"{size} bytes", remedy)]
    what = sent.WhichOneof("what")
    found = [] if what else [Violation("what", "nothing", _WHAT)]
    found += _time_faults(sent, now, shift)
    found += _version_faults(sent, what)
    for path, money in _money_of(sent):
        found += _money_faults(path, money, currency)
    found += _zero_characters(sent, what)
    check = _CHECKS.get(what or "")
    if check is not None:
        found += check(getattr(sent, what or ""))
    if what == "custom":
        found += _custom_faults(sent, schemas)
    return found


def moment(time: Timestamp) -> int:
    """Microseconds of a plausible Timestamp; 0 for any other."""
    seconds, nanos = time.seconds, time.nanos
    if _YEAR_2000 <= seconds < _YEAR_2100 and 0 <= nanos < _NANOS:
        return seconds * SECOND + nanos // 1000
    return 0


def shown_time(moment: int) -> str:
    """A moment as errors print it."""
    return datetime.fromtimestamp(moment / SECOND, UTC).isoformat().replace("+00:00", "Z")


def _time_faults(sent: event_pb2.Event, now: int, shift: int) -> list[Violation]:
    found: list[Violation] = []
    event_time, known_at = moment(sent.event_time), moment(sent.known_at)
    moved = f" (its clock is corrected by {shift / SECOND:+.0f} s, from sent_at)" if shift else ""
    if event_time and event_time + shift < EARLIEST:
        remedy = f"send a time that is not before {shown_time(EARLIEST)} once corrected, or a sent_at that is right"
        found.append(Violation("event_time", shown_time(event_time + shift) + moved, remedy))
    if event_time and event_time + shift > now:
        remedy = f"send a time that is not after decision_time, {shown_time(now)}"
        found.append(Violation("event_time", shown_time(event_time + shift) + moved, remedy))
    if sent.HasField("known_at") and 0 < known_at < event_time:
        remedy = f"send a time that is not before event_time, {shown_time(event_time)}, or leave it out"
        found.append(Violation("known_at", shown_time(known_at), remedy))
    if known_at and known_at + shift > now:
        remedy = f"send a time that is not after decision_time, {shown_time(now)}, or leave it out"
        found.append(Violation("known_at", shown_time(known_at + shift) + moved, remedy))
    return found


def _version_faults(sent: event_pb2.Event, what: str | None) -> list[Violation]:
    # A custom event's version is its schema's; a negative one is the field rules' matter.
    if what in (None, "custom") or sent.schema_version <= BUILT_IN_VERSION:
        return []
    remedy = (
        f"UNKNOWN_SCHEMA_VERSION: send {BUILT_IN_VERSION} of {what}, the only one known here; "
        "it can be replayed from the dead letters once this release knows more"
    )
    return [Violation.of("schema_version", sent.schema_version, remedy)]


def _money_of(sent: event_pb2.Event) -> list[tuple[str, money_pb2.Money]]:
    if sent.HasField("purchase"):
        named = [("purchase.amount", sent.purchase.amount)]
        return (
            [*named, ("purchase.discount", sent.purchase.discount)]
            if sent.purchase.HasField("discount")
            else named
        )
    if sent.HasField("outcome") and sent.outcome.HasField("amount"):
        return [("outcome.amount", sent.outcome.amount)]
    return []


def _money_faults(path: str, money: money_pb2.Money, currency: str) -> list[Violation]:
    found: list[Violation] = []
    code = money.currency_code
    if code and code != currency:
        remedy = f"FOREIGN_CURRENCY: convert it, this installation keeps {currency} only"
        found.append(Violation.of(f"{path}.currency_code", code, remedy))
    if not 0 <= money.micros <= MOST_MONEY:
        remedy = f"give 0 to {MOST_MONEY} micros; a return is no purchase"
        found.append(Violation.of(f"{path}.micros", money.micros, remedy))
    return found


def _zero_characters(sent: event_pb2.Event, what: str | None) -> list[Violation]:
    """Texts with a zero character, which PostgreSQL cannot keep."""
    texts = [("event_id", sent.event_id)]
    if what is not None:
        inner = getattr(sent, what)
        texts += [
            (f"{what}.{field.name}", value) for field, value in inner.ListFields() if isinstance(value, str)
        ]
    remedy = "leave the zero character out"
    return [Violation.of(path, text, remedy) for path, text in texts if "\0" in text]


def _satisfaction_faults(said: event_pb2.Satisfaction) -> Iterator[Violation]:
    if said.scale == event_pb2.SATISFACTION_SCALE_CSAT and not 1 <= said.score <= 5:
        remedy = "give 1 to 5 for CSAT, or name the scale NPS; convert another scale first"
        yield Violation.of("satisfaction.score", said.score, remedy)


@cache
def _zones() -> frozenset[str]:
    """Names of the IANA database; they are read from files."""
    return frozenset(available_timezones())


def _identification_faults(stated: event_pb2.Identification) -> Iterator[Violation]:
    if not stated.ListFields():
        names = ", ".join(field.name for field in stated.DESCRIPTOR.fields)
        yield Violation("identification", "nothing", f"set at least one of {names}")
    if stated.time_zone and stated.time_zone not in _zones():
        remedy = "give a name of the IANA database, such as Asia/Shanghai"
        yield Violation.of("identification.time_zone", stated.time_zone, remedy)


def _consent_faults(consent: event_pb2.Consent) -> Iterator[Violation]:
    if not consent.purpose and not consent.channel:
        remedy = "set a purpose (PURPOSE_DECISION or PURPOSE_TRAINING), a channel, or both"
        yield Violation("consent.purpose", "nothing", remedy)
    if consent.purpose and consent.purpose not in _CONSENTED:
        shown = consent_pb2.Purpose.Name(consent.purpose) if consent.purpose in _PURPOSES else consent.purpose
        remedy = "give PURPOSE_DECISION, which holds for planning too, or PURPOSE_TRAINING, which holds for reports too"
        yield Violation("consent.purpose", str(shown), remedy)
    if consent.granted and not consent.proof:
        remedy = "say how it can be proved: a form's id, a recording; `synthetic` in a demo"
        yield Violation("consent.proof", "nothing", remedy)


_PURPOSES: Final = frozenset(consent_pb2.Purpose.values())
_CHECKS: Final[Mapping[str, Callable[[Any], Iterator[Violation]]]] = {
    "satisfaction": _satisfaction_faults,
    "identification": _identification_faults,
    "consent": _consent_faults,
}


def _custom_faults(sent: event_pb2.Event, schemas: Schemas) -> Iterator[Violation]:
    custom, version = sent.custom, sent.schema_version or 1
    schema = schemas.get((custom.schema, version))
    if schema is None:
        yield _unknown_schema(custom.schema, version, schemas)
        return
    names: set[str] = set()
    for index, attribute in enumerate(custom.attributes):
        path = f"custom.attributes[{index}]"
        if attribute.name in names:
            yield Violation.of(f"{path}.name", attribute.name, "send each attribute once")
        names.add(attribute.name)
        yield from _attribute_faults(path, attribute, schema)


def _unknown_schema(name: str, version: int, schemas: Schemas) -> Violation:
    known = sorted(number for schema, number in schemas if schema == name)
    if known:
        versions = ", ".join(map(str, known))
        remedy = (
            f"UNKNOWN_SCHEMA_VERSION: known are {versions}; create the version, then replay the dead letters"
        )
        return Violation.of("schema_version", version, remedy)
    remedy = "UNKNOWN_SCHEMA: create it with SchemaService.CreateEventSchema, then replay the dead letters"
    return Violation.of("custom.schema", name, remedy)


def _attribute_faults(path: str, attribute: event_pb2.Attribute, schema: EventSchema) -> Iterator[Violation]:
    field = schema.field(attribute.name)
    if field is None:
        names = ", ".join(each.name for each in schema.fields)
        remedy = f"FIELD_WITHOUT_PURPOSE: version {schema.version} has {names}; add it to a new version, with its purposes"
        yield Violation.of(f"{path}.name", attribute.name, remedy)
        return
    given = attribute.WhichOneof("value")
    if given != field.type:
        yield Violation(
            f"{path}.{given or 'value'}", given or "nothing", f"give {field.name} as {field.type}"
        )
    elif field.type == NUMBER and not _is_unit(attribute.unit, field):
        remedy = f"WRONG_UNIT: give {field.name} in {field.unit}, and say so"
        yield Violation.of(f"{path}.unit", attribute.unit, remedy)
    if given == "text" and "\0" in attribute.text:
        yield Violation.of(f"{path}.text", attribute.text, "leave the zero character out")


def _is_unit(unit: str, field: SchemaField) -> bool:
    return unit == field.unit or (not unit and field.unit == _PURE)
