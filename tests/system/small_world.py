"""A small company whose history is made by a rule: who buys how often is known, so that what the engine says can be checked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import consent_pb2, event_pb2

START = datetime(2017, 3, 6, tzinfo=UTC)
END = datetime(2017, 12, 25, tzinfo=UTC)
CUSTOMERS = 160
CATEGORIES = ("BREAD", "CHEESE", "COFFEE", "FRUIT", "MILK", "PASTA", "SOAP", "TEA")


def customer(number: int) -> str:
    """Name of the customer with this number."""
    return f"customers/h{number:04d}"


def purchase(
    name: str, when: datetime, number: int, *, source: str = "till", dollars: float = 4.0
) -> event_pb2.Event:
    """One line of a receipt."""
    event = event_pb2.Event(event_id=f"{name}/{when:%Y%m%dT%H%M%S}/{number}", source=source, customer=name)
    event.event_time.FromDatetime(when)
    # A till knows at once; history that does not say so would be known only since it was loaded.
    event.known_at.FromDatetime(when)
    line = event.purchase
    line.product, line.category = f"p{number % 40}", CATEGORIES[number % len(CATEGORIES)]
    line.quantity, line.basket = 1, f"{name}/{when:%Y%m%d}"
    line.amount.currency_code, line.amount.micros = "USD", round(dollars * 1e6)
    return event


def consents(name: str, when: datetime = START) -> list[event_pb2.Event]:
    """He may be decided about and learned from: without his word he may not."""
    return [_consent(name, when, purpose) for purpose in ("PURPOSE_DECISION", "PURPOSE_TRAINING")]


def _consent(name: str, when: datetime, purpose: str) -> event_pb2.Event:
    event = event_pb2.Event(event_id=f"{name}/{purpose}", source="crm", customer=name)
    event.event_time.FromDatetime(when)
    event.known_at.FromDatetime(when)
    event.consent.purpose = consent_pb2.Purpose.Value(purpose)
    event.consent.granted, event.consent.proof, event.consent.policy_version = True, "form", "1"
    return event


def history(customers: int = CUSTOMERS) -> Iterator[event_pb2.Event]:
    """Everybody's consents and purchases: a rhythm of 3 to 25 days; every fifth stopped at some time since May.

    Every fourth is erratic, and so passes his own rhythm again and again: who falls silent can be foreseen.
    """
    chance = random.Random(7)
    for number in range(customers):
        gap = 3 + 22 * (number % 12) / 11
        stops = END if number % 5 else END - timedelta(days=chance.uniform(20, 220))
        spread = gap * (0.8 if number % 4 == 0 else 0.15)
        when = START + timedelta(days=chance.uniform(0, gap))
        yield from consents(customer(number))
        while when < stops:
            for line in range(1 + number % 3):
                yield purchase(customer(number), when, number + line, dollars=8 + chance.expovariate(0.05))
            when += timedelta(days=max(0.5, chance.gauss(gap, spread)))


def batches(events: list[event_pb2.Event], size: int = 2000) -> Iterator[gateway_pb.IngestEventsRequest]:
    """The events in batches, numbered from 0."""
    for number, start in enumerate(range(0, len(events), size)):
        yield gateway_pb.IngestEventsRequest(events=events[start : start + size], batch_number=number)
