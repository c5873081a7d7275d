"""Consents of customers of made-up worlds: without his word nobody is decided about or learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from fieldwise.profile.v1 import consent_pb2, event_pb2

_ASKED: Final = (consent_pb2.PURPOSE_DECISION, consent_pb2.PURPOSE_TRAINING)


def consents(customers: Iterable[str], when: datetime) -> Iterator[event_pb2.Event]:
    """Everybody's word, given at a moment, that he may be decided about and learned from."""
    for customer in customers:
        for purpose in _ASKED:
            said = event_pb2.Consent(purpose=purpose, granted=True, proof="synthetic", policy_version="1")
            event = event_pb2.Event(
                event_id=f"{customer}/consent-{purpose}", source="crm", customer=customer, consent=said
            )
            event.event_time.FromDatetime(when)
            event.known_at.FromDatetime(when)
            yield event
