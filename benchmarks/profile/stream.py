"""The stream of mixed events that ingest is measured with, fixed before tuning; knows no server.

Half of it are purchases, the rest is what an online shop sends beside them; 5 % are sent twice, 10 % come up to 30 days late;
customers are skewed (a few have many events), as in the notes' measurement of the peers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import event_pb2, profile_service_pb2
from fieldwise.type.v1 import money_pb2

DAY: Final = 86_400
NOW: Final = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
_CATEGORIES: Final = [f"CATEGORY {number}" for number in range(60)]
_DUPLICATES: Final = 0.05
_LATE: Final = 0.10


class Stream:
    """Events of a made-up shop, the same for the same seed."""

    def __init__(self, seed: int, customers: int = 50_000) -> None:
        self._chance = random.Random(seed)
        self._customers = customers
        self._sent: list[event_pb2.Event] = []
        self._number = 0
        self._seed = seed

    def batches(self, events: int, size: int = 1_000) -> list[profile_service_pb2.IngestEventsRequest]:
        """``events`` events in batches of ``size``."""
        every = self.events(events)
        return [
            batch([next(every) for _ in range(min(size, events - start))], number)
            for number, start in enumerate(range(0, events, size))
        ]

    def events(self, count: int) -> Iterator[event_pb2.Event]:
        for _ in range(count):
            if self._sent and self._chance.random() < _DUPLICATES:
                yield self._chance.choice(self._sent)
                continue
            event = self._new()
            if self._chance.random() < 0.01:
                self._sent.append(event)
            yield event

    def _new(self) -> event_pb2.Event:
        self._number += 1
        late = self._chance.uniform(0, 30 * DAY) if self._chance.random() < _LATE else 0.0
        # Cubed: the first tenth of the customers has nearly half of the events.
        customer = int(self._customers * self._chance.random() ** 3)
        seconds = NOW - 40 * DAY + self._number * 2 - late
        event = event_pb2.Event(
            event_id=f"{self._seed}-{self._number}",
            source="shop",
            customer=f"customers/{customer}",
            event_time=moment(seconds),
            known_at=moment(seconds + late),
        )
        self._fill(event)
        return event

    def _fill(self, event: event_pb2.Event) -> None:
        chance, kind = self._chance, self._chance.random()
        category = chance.choice(_CATEGORIES)
        product = f"p{chance.randrange(5_000)}"
        if kind < 0.50:
            event.purchase.CopyFrom(
                event_pb2.Purchase(
                    product=product,
                    category=category,
                    quantity=1,
                    amount=money_pb2.Money(currency_code="USD", micros=chance.randrange(1, 90_000_000)),
                    basket=f"b{self._number // 5}",
                )
            )
        elif kind < 0.85:
            event.view.CopyFrom(
                event_pb2.View(
                    product=product,
                    category=category,
                    dwell_ms=int(chance.expovariate(1 / 20_000)),
                    channel="web",
                )
            )
        elif kind < 0.93:
            event.click.CopyFrom(event_pb2.Click(target="buy", product=product, category=category))
        elif kind < 0.96:
            event.search.CopyFrom(event_pb2.Search(query=f"cheap {category.lower()}", category=category))
        elif kind < 0.98:
            stage = chance.choice([event_pb2.MESSAGE_STAGE_SENT, event_pb2.MESSAGE_STAGE_OPENED])
            event.message.CopyFrom(
                event_pb2.Message(stage=stage, channel="email", message=f"m{self._number}")
            )
        elif kind < 0.99:
            event.mailing.CopyFrom(event_pb2.Mailing(campaign="spring"))
        else:
            event.review.CopyFrom(
                event_pb2.Review(product=product, rating=chance.randrange(1, 6), text="fine")
            )


def moment(seconds: float) -> Timestamp:
    micros = round(seconds * 1_000_000)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def batch(events: list[event_pb2.Event], number: int = 0) -> profile_service_pb2.IngestEventsRequest:
    return profile_service_pb2.IngestEventsRequest(
        events=events, batch_number=number, decision_time=moment(NOW + DAY)
    )
