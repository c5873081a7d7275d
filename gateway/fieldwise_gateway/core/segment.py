"""Segment's six calls, as RudderStack's SDKs send them too, into events of profile's contract; knows no HTTP and no key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from fieldwise_gateway.core import commerce
from fieldwise_gateway.core.capture import (
    LONGEST_ID,
    LONGEST_NAME,
    Capture,
    Captured,
    Fields,
    Joined,
    Refused,
    custom,
    customer_of_user,
    customer_of_visitor,
    first_text,
    known,
    number,
    text,
)
from fieldwise_gateway.core.commerce import Happened, Told
from fieldwise_gateway.core.event_clock import EventClock, event_time
from fieldwise_runtime.errors import Violation

CALLS: Final = ("track", "identify", "page", "screen", "group", "alias")
# What consent tools that work with Segment call the event by which they tell of a choice.
_CONSENT_EVENT: Final = "segment consent preference updated"
_NONE: Final[Fields] = {}
_MOBILE: Final = frozenset({"ios", "android", "ipados"})
_ISO_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[T ].*", re.ASCII)
_GENDERS: Final = {"female": "f", "f": "f", "male": "m", "m": "m", "x": "x", "other": "x", "diverse": "x"}
_LONGEST_AGENT: Final = 512

_Reading = Callable[["_Call"], list[Happened]]


class _Call:
    """One message that is being read; faults are added to it."""

    __slots__ = ("context", "currency", "event_id", "faults", "kind", "message")

    def __init__(
        self, message: Fields, kind: str, currency: str, event_id: str, faults: list[Violation]
    ) -> None:
        self.message = message
        self.kind = kind
        self.context = _dict(message.get("context"))
        self.currency = currency
        self.event_id = event_id
        self.faults = faults

    def told(self) -> Told:
        """As readings of e-commerce events take it."""
        agent = self.context.get("userAgent") or self.context.get("user_agent")
        return Told(
            _dict(self.message.get("properties")),
            "app" if self._in_app() else "web",
            agent[:_LONGEST_AGENT] if isinstance(agent, str) else "",
            self.currency,
            self.event_id,
            self.faults,
        )

    def _in_app(self) -> bool:
        if self.kind == "screen" or self.message.get("channel") == "mobile":
            return True
        device, system = _dict(self.context.get("device")), _dict(self.context.get("os"))
        return text(device.get("type")).lower() in _MOBILE or text(system.get("name")).lower() in _MOBILE


def read(messages: Iterable[Any], clock: EventClock, currency: str, call: str = "") -> Capture:
    """All messages of a request: events, what is refused with every reason, and names that belong together.

    Args:
        currency: The installation's, for money that names none.
        call: The call that the route stands for, where a message does not name it itself.
    """
    into = Capture()
    for message in messages:
        try:
            _read(message, clock, currency, call, into)
        except RecursionError:
            fault = Violation("(message)", "objects nested too deep", "nest less deep")
            into.refused.append(Refused("", "", None, (fault,)))
    return into


def _read(message: Any, clock: EventClock, currency: str, call: str, into: Capture) -> None:
    if not isinstance(message, dict):
        fault = Violation.of("(message)", message, "send an object for each message")
        into.refused.append(Refused("", "", message, (fault,)))
        return
    faults: list[Violation] = []
    event_id = _event_id(message, faults)
    user, visitor = _id(message, "userId", faults), _id(message, "anonymousId", faults)
    customer = customer_of_user(user) if user else customer_of_visitor(visitor) if visitor else ""
    if not customer and not faults:
        faults.append(Violation("userId", "nothing", "send a userId, an anonymousId, or both"))
    kind = message.get("type") or call
    reading = _CALLS.get(kind) if isinstance(kind, str) else None
    if reading is None:
        faults.append(Violation.of("type", kind, f"send one of {', '.join(CALLS)}"))
    sent = message.get("sentAt")
    told = message.get("timestamp") or message.get("originalTimestamp")
    time = event_time(clock.sent_at(sent) if sent else clock, told, "timestamp", faults)
    happened: list[Happened] = []
    if reading is not None:
        happened = reading(_Call(message, kind, currency, event_id, faults))
    if faults:
        into.refused.append(Refused(event_id, customer, message, tuple(faults)))
        return
    version = _version(message) if happened and happened[-1][0] == "custom" else 0
    for index, (what, fields) in enumerate(happened):
        part = event_id if index == 0 else f"{event_id}/{index}"
        into.events.append(Captured(part, customer, time, what, fields, version if what == "custom" else 0))
    if kind == "alias":
        previous = text(message.get("previousId"))
        names = (customer_of_visitor(previous), customer_of_user(previous))
        into.joined.append(Joined(customer, names, True, event_id, message))
    elif user and visitor:
        into.joined.append(Joined(customer, (customer_of_visitor(visitor),), False, event_id, message))


def _event_id(message: Fields, faults: list[Violation]) -> str:
    told = message.get("messageId")
    if isinstance(told, str) and 0 < len(told) <= LONGEST_ID:
        return told
    remedy = f"send a messageId of its own with each message, 1 to {LONGEST_ID} characters: sent again, it is known by it"
    faults.append(
        Violation("messageId", "nothing", remedy) if not told else Violation.of("messageId", told, remedy)
    )
    return ""


def _id(message: Fields, name: str, faults: list[Violation]) -> str:
    told = message.get(name)
    if told is None or told == "":
        return ""
    found = text(told)
    if not found or len(found) > LONGEST_NAME:
        faults.append(Violation.of(name, told, f"send a text of 1 to {LONGEST_NAME} characters"))
        return ""
    return found


def _dict(value: Any) -> Fields:
    return value if isinstance(value, dict) else _NONE


def _version(message: Fields) -> int:
    """The version of the schema, where tracking plans put it."""
    told = number(_dict(_dict(message.get("context")).get("protocols")).get("event_version"))
    return int(told) if told is not None and told.is_integer() and 0 < told < 2**31 else 0


def _track(call: _Call) -> list[Happened]:
    name = call.message.get("event")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        call.faults.append(Violation.of("event", name, f"name the event, 1 to {LONGEST_NAME} characters"))
        return []
    if name.lower() == _CONSENT_EVENT:
        preferences = _dict(_dict(call.context.get("consent")).get("categoryPreferences"))
        return list(commerce.consents(preferences, call.event_id, call.faults))
    told = call.told()
    happened = commerce.read(name, told)
    return [custom(name, told.properties, call.faults, "properties")] if happened is None else happened


def _page(call: _Call) -> list[Happened]:
    return [commerce.view(call.told(), text(call.message.get("category")))]


def _identify(call: _Call) -> list[Happened]:
    # Some SDKs put them on top, some into the context, some into both.
    traits = {**_dict(call.context.get("traits")), **_dict(call.message.get("traits"))}
    record = _record(traits, call.context)
    happened: list[Happened] = [("identification", record)] if record else []
    rest = {
        name: value
        for name, value in traits.items()
        if name not in _UNDERSTOOD | _DROPPED and value is not None
    }
    if rest:
        happened.append(custom("traits", rest, call.faults, "traits"))
    return happened


def _record(traits: Fields, context: Fields) -> Fields:
    """What traits say of the person, by the names of Identification."""
    address = traits.get("address")
    place = _dict(address)
    company = traits.get("company")
    birthday = first_text(traits, "birthday", "birth_date", "birthDate", "date_of_birth", "dateOfBirth")
    iso = _ISO_DATE.fullmatch(birthday)
    zone = first_text(traits, "timezone", "time_zone") or first_text(context, "timezone")
    record = known(
        [
            ("full_name", first_text(traits, "name", "full_name", "fullName")),
            ("given_name", first_text(traits, "firstName", "first_name", "firstname")),
            ("family_name", first_text(traits, "lastName", "last_name", "lastname")),
            ("phone", first_text(traits, "phone", "phone_number", "phoneNumber")),
            ("email", first_text(traits, "email")),
            ("address", text(address) or first_text(place, "street", "line1")),
            ("city", first_text(place, "city") or first_text(traits, "city")),
            ("postcode", first_text(place, "postalCode", "postal_code", "zip") or first_text(traits, "zip")),
            ("region", first_text(place, "state", "region") or first_text(traits, "state")),
            ("birth_date", iso[1] if iso else birthday),
            ("gender", _GENDERS.get(text(traits.get("gender")).lower(), "")),
            ("number", first_text(traits, "loyalty_number", "loyaltyNumber")),
            ("company", text(company) or first_text(_dict(company), "name")),
        ]
    )
    # A zone alone says nothing of a person.
    return {**record, "time_zone": zone} if record and zone else record


_UNDERSTOOD: Final = frozenset(
    {
        "name",
        "full_name",
        "fullName",
        "firstName",
        "first_name",
        "firstname",
        "lastName",
        "last_name",
        "lastname",
        "phone",
        "phone_number",
        "phoneNumber",
        "email",
        "address",
        "city",
        "zip",
        "state",
        "birthday",
        "birth_date",
        "birthDate",
        "date_of_birth",
        "dateOfBirth",
        "gender",
        "loyalty_number",
        "loyaltyNumber",
        "company",
        "timezone",
        "time_zone",
    }
)
# Serve no purpose here.
_DROPPED: Final = frozenset({"id", "avatar", "createdAt", "created_at"})


def _group(call: _Call) -> list[Happened]:
    traits = _dict(call.message.get("traits"))
    company = first_text(traits, "name", "company") or _id(call.message, "groupId", call.faults)
    if not company:
        call.faults.append(Violation("groupId", "nothing", "send a groupId"))
        return []
    return [("identification", {"company": company})]


def _alias(call: _Call) -> list[Happened]:
    if not _id(call.message, "previousId", call.faults) and not any(
        each.field == "previousId" for each in call.faults
    ):
        call.faults.append(Violation("previousId", "nothing", "send the id that was used before"))
    return []


_CALLS: Final[dict[str, _Reading]] = {
    "track": _track,
    "identify": _identify,
    "page": _page,
    "screen": _page,
    "group": _group,
    "alias": _alias,
}
