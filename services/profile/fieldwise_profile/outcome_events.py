"""Outcome events back into the form in which they were sent; knows no table."""

from __future__ import annotations

from fieldwise.profile.v1 import event_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.core.event import Event
from fieldwise_profile.picturing import timestamp


def outcome_event(event: Event, currency: str) -> event_pb2.Event:
    """An outcome event on the wire."""
    outcome = event_pb2.Outcome(
        decision=event.decision or "",
        kind=event_pb2.OutcomeKind.ValueType(event.outcome or 0),
        amount=None if event.amount is None else money_pb2.Money(currency_code=currency, micros=event.amount),
        reporter=event.reporter or "",
    )
    return event_pb2.Event(
        event_id=event.event_id,
        source=event.source,
        customer=event.customer,
        event_time=timestamp(event.event_time),
        known_at=timestamp(event.known_at),
        outcome=outcome,
    )
