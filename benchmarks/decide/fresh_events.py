"""Fresh purchases between rounds, the same for us and for the twin; times nothing."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from benchmarks.decide.company import Company
from benchmarks.decide.systems import TwinGateway
from fieldwise.gateway.v1.gateway_service_pb2 import IngestEventsRequest
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1.event_pb2 import Event


class Freshness:
    """Changes a share of customers by one purchase each."""

    def __init__(self, company: Company, twin: TwinGateway, now: datetime) -> None:
        self._company = company
        self._now = now
        self._twin = twin
        self._run = uuid.uuid4().hex[:8]
        self._chance = random.Random(11)
        self.changed = 0

    async def change(self, customers: Sequence[str], share: float) -> None:
        """A fresh event for that share of the customers, durable in both when this returns."""
        chosen = self._chance.sample(sorted(set(customers)), round(share * len(set(customers))))
        events = [self._purchase(customer) for customer in chosen]
        await asyncio.to_thread(self._ingest, events)
        batch = profile_pb.IngestEventsRequest(events=events)
        batch.decision_time.FromDatetime(self._now)
        accepted = await self._twin.ingest(batch.SerializeToString())
        assert accepted == len(events), f"the twin took {accepted} of {len(events)} events"
        self.changed += len(events)

    def _ingest(self, events: Sequence[Event]) -> None:
        with self._company.doors() as doors:
            (answer,) = doors.ingest(iter([IngestEventsRequest(events=events)]))
            assert answer.accepted == len(events), answer

    def _purchase(self, customer: str) -> Event:
        number = self.changed
        key = f"{self._run}-{number}-{customer.removeprefix('customers/')}"
        event = Event(event_id=key, source="bench", customer=customer)
        event.event_time.FromDatetime(self._now - timedelta(seconds=self._chance.randrange(60, 3600)))
        event.known_at.FromDatetime(self._now - timedelta(seconds=30))
        line = event.purchase
        line.product, line.category, line.basket, line.quantity = "bench", "FLUID MILK PRODUCTS", key, 1
        line.amount.currency_code, line.amount.micros = "USD", 3_490_000
        return event
