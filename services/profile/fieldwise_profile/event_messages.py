"""Events back into the form in which they were sent; knows no table.

Opposite of `reading.columns`. What is personal is there only when it was opened before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from fieldwise.profile.v1 import consent_pb2, event_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.core.event import KIND_NAMES, Event, Flag, Kind
from fieldwise_profile.times import timestamp

_Fields = dict[str, Any]


class _Stored(NamedTuple):
    """An event with its JSON read."""

    event: Event
    details: _Fields
    personal: _Fields
    currency: str


def event_message(event: Event, currency: str) -> event_pb2.Event:
    """An event on the wire; its `personal` is plain JSON, or None."""
    what = KIND_NAMES[Kind(event.kind)]
    personal: _Fields = json.loads(event.personal) if event.personal is not None else {}
    details: _Fields = json.loads(event.details) if event.details is not None else {}
    message = event_pb2.Event(
        event_id=event.event_id,
        source=event.source,
        customer=event.customer,
        event_time=timestamp(event.event_time),
        known_at=timestamp(event.known_at),
        schema_version=(event.stage or 0) if event.kind == Kind.CUSTOM else 0,
    )
    inner = getattr(message, what)
    # Even a message without fields says what happened.
    inner.SetInParent()
    fields = _FIELDS[Kind(event.kind)](_Stored(event, details, personal, currency))
    inner.MergeFrom(type(inner)(**{name: value for name, value in fields.items() if value is not None}))
    return message


def _money(micros: int | None, currency: str) -> money_pb2.Money | None:
    return None if micros is None else money_pb2.Money(currency_code=currency, micros=micros)


def _is(event: Event, flag: Flag) -> bool | None:
    return True if (event.flags or 0) & flag else None


def _purchase(stored: _Stored) -> _Fields:
    event, currency = stored.event, stored.currency
    return {
        "product": event.product,
        "category": event.category,
        "quantity": event.quantity,
        "amount": _money(event.amount, currency),
        "discount": _money(event.discount or None, currency),
        "basket": event.basket,
    }


def _outcome(stored: _Stored) -> _Fields:
    event, currency = stored.event, stored.currency
    return {
        "decision": event.decision,
        "kind": event_pb2.OutcomeKind.ValueType(event.outcome or 0),
        "amount": _money(event.amount, currency),
        "reporter": event.reporter,
        "score": event.measure,
    }


def _consent(stored: _Stored) -> _Fields:
    event = stored.event
    purpose = None if event.target is None else consent_pb2.Purpose.Value(f"PURPOSE_{event.target.upper()}")
    return {
        "purpose": purpose,
        "channel": event.channel,
        "granted": _is(event, Flag.GRANTED),
        **stored.details,
        **stored.personal,
    }


def _custom(stored: _Stored) -> _Fields:
    attributes = [
        _attribute(name, value) for name, value in sorted((stored.details | stored.personal).items())
    ]
    return {"schema": stored.event.target, "attributes": attributes}


def _attribute(name: str, value: str | float | bool) -> event_pb2.Attribute:
    if isinstance(value, bool):
        return event_pb2.Attribute(name=name, truth=value)
    if isinstance(value, str):
        return event_pb2.Attribute(name=name, text=value)
    return event_pb2.Attribute(name=name, number=value)


def _identification(stored: _Stored) -> _Fields:
    # Gender and time zone are plain by design; the rest of the plain facts can't say what was typed.
    plain = {name: stored.details.get(name) for name in ("gender", "time_zone")}
    return plain | stored.personal


def _call(stored: _Stored) -> _Fields:
    event = stored.event
    return {
        "rep": event.rep,
        "inbound": _is(event, Flag.INBOUND),
        "seconds": event.measure,
        **stored.personal,
    }


def _case(stored: _Stored) -> _Fields:
    event = stored.event
    return {"case": event.target, "closed": _is(event, Flag.CLOSED), **stored.details, **stored.personal}


def _named(**columns: str) -> Callable[[_Stored], _Fields]:
    """Fields that are columns of another name, and what is personal."""

    def fields(stored: _Stored) -> _Fields:
        return {name: getattr(stored.event, column) for name, column in columns.items()} | stored.personal

    return fields


_FIELDS: Final[Mapping[Kind, Callable[[_Stored], _Fields]]] = {
    Kind.PURCHASE: _purchase,
    Kind.MAILING: _named(campaign="campaign"),
    Kind.REDEMPTION: _named(campaign="campaign", coupon="coupon"),
    Kind.CONTACT: _named(channel="channel", rep="rep"),
    Kind.OUTCOME: _outcome,
    Kind.VIEW: _named(product="product", category="category", dwell_ms="measure", channel="channel"),
    Kind.CLICK: _named(target="target", product="product", category="category", channel="channel"),
    Kind.SEARCH: _named(product="product", category="category", results="measure", channel="channel"),
    Kind.MESSAGE: _named(stage="stage", channel="channel", message="target", campaign="campaign"),
    Kind.VISIT: _named(rep="rep", minutes="measure"),
    Kind.CALL: _call,
    Kind.COUPON_RECEIVED: _named(campaign="campaign", coupon="coupon", channel="channel"),
    Kind.REVIEW: _named(product="product", category="category", rating="measure"),
    Kind.SERVICE_CASE: _case,
    Kind.SATISFACTION: _named(scale="stage", score="measure"),
    Kind.CUSTOM: _custom,
    Kind.IDENTIFICATION: _identification,
    Kind.CONSENT: _consent,
}
