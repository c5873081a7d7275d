"""A simulated world: its events, and apart from them what is true; knows no service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from fieldwise.profile.v1.event_pb2 import Event, Identification
from fieldwise_market.lives import live
from fieldwise_market.messages import Writer
from fieldwise_market.people import identifications
from fieldwise_market.population import Truth, draw_population, moments
from fieldwise_market.rows import Rows, in_order

# Raised whenever the same arguments give another world; docs/methods/simulated-worlds.md tells them apart.
VERSION = 1


@dataclass(frozen=True)
class World:
    """One simulated world.

    Args:
        start: Midnight UTC of the first day.
        end: Midnight UTC after the last day; every event is before it.
        customers: Names, in the order of the truth's rows. A noisy world has some more after them: programs without a truth.
        rows: The log, by time (see rows.py).
    """

    seed: int
    start: datetime
    end: datetime
    customers: tuple[str, ...]
    people: tuple[Identification, ...] = field(repr=False)
    rows: Rows = field(repr=False)
    truth: Truth = field(repr=False)
    currency: str = "USD"

    def __len__(self) -> int:
        return len(self.rows)

    def events(self, first: int = 0, last: int | None = None) -> Iterator[Event]:
        """The events of rows `first` to `last` (exclusive), by time, each made when it is asked for."""
        writer = Writer(self.seed, self.customers, self.people, self.currency)
        return writer.events(self.rows[first:last], first, round(self.start.timestamp() * 1_000_000))

    def event_id(self, row: int) -> str:
        return f"{self.seed}-{row}"


def make_world(
    seed: int,
    customers: int = 2000,
    days: int = 365,
    start: date = date(2024, 1, 1),
    *,
    currency: str = "USD",
) -> World:
    """A world without noise; the same arguments give the same bytes.

    Each customer has a random stream of his own.
    """
    if customers < 1 or days < 60:
        raise ValueError(f"customers={customers}, days={days}: a world has at least 1 customer and 60 days")
    truth = draw_population(seed, customers, days, start)
    lives = [live(np.random.default_rng([seed, 1, who]), truth, who, days, start) for who in range(customers)]
    following = moments(np.array([each.next_purchase_day for each in lives]), start)
    truth = replace(truth, next_purchase=following, warm=np.array([each.is_warm for each in lives]))
    begun = datetime(start.year, start.month, start.day, tzinfo=UTC)
    return World(
        seed=seed,
        start=begun,
        end=begun + timedelta(days=days),
        customers=tuple(f"customers/w{seed}-{who}" for who in range(customers)),
        people=identifications(seed, truth),
        rows=in_order(np.concatenate([each.rows for each in lives])),
        truth=truth,
        currency=currency,
    )
