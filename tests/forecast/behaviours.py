"""Behaviour of customers written down row by row, and of simulated markets: builders for the tests of interests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from fieldwise_forecast.core.interest.behaviour import DAY, Behaviour, Deed
from fieldwise_market.rows import Kind
from fieldwise_market.vocabulary import CATEGORIES
from fieldwise_market.world import World

NOW = (datetime(2025, 6, 4, 12, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
OPENED = 2


@dataclass
class Written:
    """Rows, in any order; times in days before `NOW`."""

    rows: list[tuple[str, int, Deed, str, str, int, float]] = field(default_factory=list)

    def add(
        self,
        kind: Deed,
        days_ago: float,
        category: str = "",
        product: str = "",
        customer: str = "customers/1",
        dwell_ms: int = -1,
        weight: float = 1.0,
    ) -> Written:
        self.rows.append((customer, NOW - round(days_ago * DAY), kind, category, product, dwell_ms, weight))
        return self

    def behaviour(self) -> Behaviour:
        customers = tuple(sorted({row[0] for row in self.rows}))
        words = ("", *sorted({word for row in self.rows for word in row[3:5] if word}))
        rows = sorted((customers.index(row[0]), *row[1:]) for row in self.rows)
        columns = list(zip(*rows, strict=True))
        indices = [np.array([words.index(word) for word in columns[place]]) for place in (3, 4)]
        whole = [np.array(columns[place], dtype=np.int64) for place in (0, 1, 2)]
        dwell, weight = np.array(columns[5], dtype=np.int64), np.array(columns[6], dtype=np.float64)
        return Behaviour(
            customers, words, whole[0], whole[1], whole[2], indices[0], indices[1], dwell, weight
        )


def market_behaviour(world: World) -> tuple[Behaviour, int]:
    """All deeds of a world without noise, and its end."""
    rows = world.rows
    is_deed = (rows["kind"] < Kind.MESSAGE) | ((rows["kind"] == Kind.MESSAGE) & (rows["flag"] >= OPENED))
    rows = np.sort(rows[is_deed], order=["customer", "time"])
    start, end = (
        (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for moment in (world.start, world.end)
    )
    kind = rows["kind"].astype(np.int64)
    behaviour = Behaviour(
        world.customers,
        ("", *CATEGORIES),
        rows["customer"].astype(np.int64),
        rows["time"] + start,
        kind,
        np.where(kind == Kind.MESSAGE, 0, rows["category"].astype(np.int64) + 1),
        np.zeros(len(rows), dtype=np.int64),
        np.where(kind == Kind.VIEW, rows["number"], -1),
        np.ones(len(rows)),
    )
    return behaviour, end
