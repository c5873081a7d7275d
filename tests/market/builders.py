"""Small simulated worlds for the tests of the market, made once; knows no service."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldwise_market.noise import NoisyWorld, add_noise
from fieldwise_market.rows import MICROS_PER_DAY, Kind, Rows
from fieldwise_market.world import World, make_world


@cache
def world() -> World:
    """Large enough for rates: 800 customers, a year."""
    return make_world(seed=3, customers=800, days=365)


@cache
def noisy() -> NoisyWorld:
    return add_noise(world(), seed=3)


def of_kind(rows: Rows, *kinds: Kind) -> Rows:
    chosen: Rows = rows[np.isin(rows["kind"], kinds)]
    return chosen


def days(rows: Rows) -> NDArray[np.float64]:
    at: NDArray[np.float64] = rows["time"] / MICROS_PER_DAY
    return at


def count_by_customer(rows: Rows, customers: int = 800) -> NDArray[np.int64]:
    return np.bincount(rows["customer"], minlength=customers)


def followed(
    earlier: Rows, later: Rows, within_days: float, *, same: Sequence[str] = ("category",)
) -> NDArray[np.bool_]:
    """Whether each earlier row is followed by a later one of the customer, alike in `same`, in so many days."""
    keys: dict[Any, list[float]] = {}
    for row, at in zip(later, days(later), strict=True):
        keys.setdefault((row["customer"], *(row[name] for name in same)), []).append(at)
    found = []
    for row, at in zip(earlier, days(earlier), strict=True):
        after = np.array(keys.get((row["customer"], *(row[name] for name in same)), []))
        place = int(np.searchsorted(after, at, "right"))
        found.append(place < len(after) and after[place] - at < within_days)
    return np.array(found, dtype=bool)
