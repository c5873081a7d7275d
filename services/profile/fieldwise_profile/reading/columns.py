"""What happened, on the wire, into the columns of an event; knows no rule: what comes here was checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fieldwise.profile.v1 import consent_pb2, event_pb2
from fieldwise_profile.core.event import Flag, Kind
from fieldwise_profile.core.identity.dates import born
from fieldwise_profile.core.robots import names_a_program
from fieldwise_profile.core.schemas import EventSchema

DEFAULT_CHANNEL: Final = "web"
# Of the year of birth only the band is plain, of the postal code only the beginning.
YEAR_BAND: Final = 5
PLACE_CHARACTERS: Final = 3

_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def columns(sent: event_pb2.Event, what: str, schema: EventSchema | None) -> dict[str, Any]:
    """The columns of what happened.

    Args:
        what: Name of the field that is set.
        schema: Of a custom event.
    """
    if what == "custom":
        assert schema is not None
        return _custom(sent.custom, schema)
    return _COLUMNS[what](getattr(sent, what))


def flagged(agent: str) -> int | None:
    """The flags of a view or click; the agent itself goes no further."""
    return int(Flag.ROBOT) if agent and names_a_program(agent) else None


def personal_json(**fields: str) -> bytes | None:
    """What is personal, as it is kept before it is sealed; None when nothing is stated."""
    stated = {name: value for name, value in fields.items() if value}
    return _compact(stated).encode() if stated else None


def _details(**fields: Any) -> str | None:
    stated = {name: value for name, value in fields.items() if value}
    return _compact(stated) if stated else None


def _purchase(line: event_pb2.Purchase) -> dict[str, Any]:
    return {
        "kind": int(Kind.PURCHASE),
        "product": line.product,
        "category": line.category,
        "quantity": line.quantity,
        "amount": line.amount.micros,
        "discount": line.discount.micros,
        "basket": line.basket or None,
    }


def _mailing(mailing: event_pb2.Mailing) -> dict[str, Any]:
    return {"kind": int(Kind.MAILING), "campaign": mailing.campaign}


def _redemption(redemption: event_pb2.Redemption) -> dict[str, Any]:
    kind = int(Kind.REDEMPTION)
    return {"kind": kind, "campaign": redemption.campaign, "coupon": redemption.coupon or None}


def _contact(contact: event_pb2.Contact) -> dict[str, Any]:
    return {"kind": int(Kind.CONTACT), "channel": contact.channel, "rep": contact.rep or None}


def _outcome(outcome: event_pb2.Outcome) -> dict[str, Any]:
    return {
        "kind": int(Kind.OUTCOME),
        "decision": outcome.decision,
        "outcome": int(outcome.kind),
        "amount": outcome.amount.micros if outcome.HasField("amount") else None,
        "reporter": outcome.reporter or None,
        "measure": outcome.score if outcome.HasField("score") else None,
    }


def _view(view: event_pb2.View) -> dict[str, Any]:
    return {
        "kind": int(Kind.VIEW),
        "product": view.product or None,
        "category": view.category or None,
        "channel": view.channel or DEFAULT_CHANNEL,
        "measure": view.dwell_ms if view.HasField("dwell_ms") else None,
        "flags": flagged(view.agent),
    }


def _click(click: event_pb2.Click) -> dict[str, Any]:
    return {
        "kind": int(Kind.CLICK),
        "target": click.target,
        "product": click.product or None,
        "category": click.category or None,
        "channel": click.channel or DEFAULT_CHANNEL,
        "flags": flagged(click.agent),
    }


def _search(search: event_pb2.Search) -> dict[str, Any]:
    return {
        "kind": int(Kind.SEARCH),
        "product": search.product or None,
        "category": search.category or None,
        "channel": search.channel or DEFAULT_CHANNEL,
        "measure": search.results if search.HasField("results") else None,
        "personal": personal_json(query=search.query),
    }


def _message(message: event_pb2.Message) -> dict[str, Any]:
    return {
        "kind": int(Kind.MESSAGE),
        "campaign": message.campaign or None,
        "channel": message.channel,
        "target": message.message or None,
        "stage": int(message.stage),
        "personal": personal_json(text=message.text),
    }


def _visit(visit: event_pb2.Visit) -> dict[str, Any]:
    return {
        "kind": int(Kind.VISIT),
        "rep": visit.rep or None,
        "measure": visit.minutes if visit.HasField("minutes") else None,
        "personal": personal_json(note=visit.note),
    }


def _call(call: event_pb2.Call) -> dict[str, Any]:
    return {
        "kind": int(Kind.CALL),
        "rep": call.rep or None,
        "measure": call.seconds if call.HasField("seconds") else None,
        "flags": int(Flag.INBOUND) if call.inbound else None,
        "personal": personal_json(note=call.note),
    }


def _coupon_received(received: event_pb2.CouponReceived) -> dict[str, Any]:
    return {
        "kind": int(Kind.COUPON_RECEIVED),
        "campaign": received.campaign,
        "coupon": received.coupon or None,
        "channel": received.channel or None,
    }


def _review(review: event_pb2.Review) -> dict[str, Any]:
    return {
        "kind": int(Kind.REVIEW),
        "product": review.product or None,
        "category": review.category or None,
        "measure": review.rating,
        "personal": personal_json(text=review.text),
    }


def _service_case(case: event_pb2.ServiceCase) -> dict[str, Any]:
    return {
        "kind": int(Kind.SERVICE_CASE),
        "target": case.case,
        "flags": int(Flag.CLOSED) if case.closed else None,
        "details": _details(topic=case.topic),
        "personal": personal_json(text=case.text),
    }


def _satisfaction(said: event_pb2.Satisfaction) -> dict[str, Any]:
    return {"kind": int(Kind.SATISFACTION), "stage": int(said.scale), "measure": said.score}


def _identification(stated: event_pb2.Identification) -> dict[str, Any]:
    fields = {field.name: value for field, value in stated.ListFields() if field.name != "time_zone"}
    return {
        "kind": int(Kind.IDENTIFICATION),
        "details": _details(
            birth=_birth(stated.birth_date),
            gender=stated.gender,
            place=stated.postcode.strip()[:PLACE_CHARACTERS].upper(),
            time_zone=stated.time_zone,
        ),
        "personal": personal_json(**fields),
    }


def _birth(birth_date: str) -> list[int] | None:
    """Month, day and five-year band of a date of birth; 0 for a part that is not known."""
    found = born(birth_date) if birth_date else None
    if found is None:
        return None
    return [found.month, found.day, found.year - found.year % YEAR_BAND]


def _consent(consent: event_pb2.Consent) -> dict[str, Any]:
    purpose = consent_pb2.Purpose.Name(consent.purpose).removeprefix("PURPOSE_").lower()
    return {
        "kind": int(Kind.CONSENT),
        "channel": consent.channel or None,
        "target": purpose if consent.purpose else None,
        "flags": int(Flag.GRANTED) if consent.granted else None,
        "details": _details(policy_version=consent.policy_version),
        "personal": personal_json(proof=consent.proof),
    }


def _custom(custom: event_pb2.CustomEvent, schema: EventSchema) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for attribute in custom.attributes:
        field = schema.field(attribute.name)
        assert field is not None
        (personal if field.personal else plain)[field.name] = getattr(attribute, field.type)
    return {
        "kind": int(Kind.CUSTOM),
        "target": schema.name,
        "stage": schema.version,
        "details": _compact(plain) if plain else None,
        "personal": _compact(personal).encode() if personal else None,
    }


_COLUMNS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "purchase": _purchase,
    "mailing": _mailing,
    "redemption": _redemption,
    "contact": _contact,
    "outcome": _outcome,
    "view": _view,
    "click": _click,
    "search": _search,
    "message": _message,
    "visit": _visit,
    "call": _call,
    "coupon_received": _coupon_received,
    "review": _review,
    "service_case": _service_case,
    "satisfaction": _satisfaction,
    "identification": _identification,
    "consent": _consent,
}
# Fields of what happened, as the contract names them.
WHATS: Final = (*_COLUMNS, "custom")
