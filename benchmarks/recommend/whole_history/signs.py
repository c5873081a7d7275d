"""What speaks for each thing as a customer's next purchase: the inputs of the ranking, before any training; knows no label.

The same function makes the inputs for training and for serving, from the purchases before a day and from what was learned of things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Ints
from fieldwise_recommend.core.next_purchase.history import History, Table
from fieldwise_recommend.core.next_purchase.likeness import ease, neighbours, together

# Days back of the own days with the thing; the last is all of them.
_SPANS: Final = (14, 28, 56, 112, 10_000)
_HALF_LIFE: Final = 56.0
_LATELY: Final = 28
_LONG: Final = 10_000.0

NAMES: Final = (
    *(f"own_{span}d" for span in _SPANS),
    "own_share",
    "faded",
    "days_since",
    "mean_gap",
    "due",
    "trips_28d",
    "trips",
    "kinds",
    "popular_28d",
    "popular",
    "growing",
    "kept",
    "ease",
    "ease_lately",
    "neighbours",
    "together",
    "group_days",
    "group_share",
    "in_group",
)


@dataclass(frozen=True)
class Things:
    """What is known of things on a day, from all customers.

    Attributes:
        day: Purchases before it were seen.
        ease, likeness, companions: Things by things (`likeness`).
        popular_lately, popular: Share of customers who bought it in the last 28 days and ever.
        growing: The share of the last 28 days over that of the 28 days before.
        kept: Share of those who bought it in the 28 days before who bought it again in the last 28.
        in_group: Its share of what is bought in its group.
    """

    day: int
    ease: Table
    likeness: Table
    companions: Table
    popular_lately: Table
    popular: Table
    growing: Table
    kept: Table
    in_group: Table


def things_at(history: History, day: int) -> Things:
    """What the purchases before a day say of things."""
    known = history.before(day)
    days = known.table()
    bought = (days > 0).astype(np.float32)
    lately = known.between(day - _LATELY, day).table() > 0
    earlier = known.between(day - 2 * _LATELY, day - _LATELY).table() > 0
    now, then = lately.mean(axis=0), earlier.mean(axis=0)
    again = (lately & earlier).sum(axis=0)
    few = 5.0 / max(history.customers, 1)
    sold = days.sum(axis=0)
    group = np.bincount(history.group, sold)[history.group]
    return Things(
        day,
        ease(bought),
        neighbours(days),
        together(bought),
        now.astype(np.float32),
        bought.mean(axis=0),
        ((now + few) / (then + few)).astype(np.float32),
        (again / np.maximum(earlier.sum(axis=0) + 2, 1)).astype(np.float32),
        (sold / np.maximum(group, 1)).astype(np.float32),
    )


@dataclass(frozen=True)
class Signs:
    """Inputs of some customers as tables, by customer and thing; what is of the customer or the thing alone is spread when asked for."""

    owned: NDArray[np.bool_]
    tables: dict[str, Table]

    def rows(self, customer: Ints, thing: Ints) -> Table:
        """Inputs of pairs, shape (n, len(NAMES))."""
        found = np.empty((len(customer), len(NAMES)), np.float32)
        for place, name in enumerate(NAMES):
            table = self.tables[name]
            if table.ndim == 1:
                found[:, place] = table[thing]
            else:
                found[:, place] = table[customer, thing if table.shape[1] > 1 else 0]
        return found


def signs_at(history: History, things: Things, day: int) -> Signs:
    """Of all customers of a history, from their purchases before the day."""
    known = history.before(day)
    age = (day - known.day).astype(np.float64)
    days = known.table()
    owned = days > 0
    bought = owned.astype(np.float32)
    lately = known.between(day - _LATELY, day)
    recent = (lately.table() > 0).astype(np.float32)
    spans = {f"own_{span}d": known.between(day - span, day).table() for span in _SPANS[:-1]}
    spans[f"own_{_SPANS[-1]}d"] = days
    last = np.full(days.size, -_LONG)
    np.maximum.at(last, known.cells, -age)
    since = (-last).reshape(days.shape).astype(np.float32)
    first = np.zeros(days.size)
    np.maximum.at(first, known.cells, age)
    span = first.reshape(days.shape).astype(np.float32) - since
    gap = np.where(days > 1, span / np.maximum(days - 1, 1), np.nan).astype(np.float32)
    trips = known.trips[:, None].astype(np.float32)
    group = _by_group(known, days)
    total = np.maximum(days.sum(axis=1, keepdims=True), 1)
    tables = {
        **spans,
        "own_share": days / np.maximum(trips, 1),
        "faded": known.table(0.5 ** (age / _HALF_LIFE)),
        "days_since": since,
        "mean_gap": gap,
        "due": since / np.maximum(gap, 1),
        "trips_28d": lately.trips[:, None].astype(np.float32),
        "trips": trips,
        "kinds": bought.sum(axis=1, keepdims=True),
        "popular_28d": things.popular_lately,
        "popular": things.popular,
        "growing": things.growing,
        "kept": things.kept,
        "ease": _spread(bought, things.ease),
        "ease_lately": _spread(recent, things.ease),
        "neighbours": _spread(bought, things.likeness),
        "together": _spread(recent, things.companions),
        "group_days": group,
        "group_share": group / total,
        "in_group": things.in_group,
    }
    return Signs(owned, tables)


def _spread(bought: Table, weights: Table) -> Table:
    """What the things bought say of all things: the product of both."""
    if len(bought) > 1:
        return bought @ weights
    # One customer bought few things: going over all of them takes ten times as long.
    spread: Table = weights[np.flatnonzero(bought[0])].sum(axis=0, keepdims=True)
    return spread


def _by_group(history: History, days: Table) -> Table:
    """Days with other things of the same group, by customer and thing."""
    groups = int(history.group.max(initial=-1)) + 1
    cells = history.customer * groups + history.group[history.thing]
    flat = np.bincount(cells, minlength=history.customers * groups)
    spread = flat.reshape(history.customers, groups)[:, history.group]
    return spread.astype(np.float32) - days
