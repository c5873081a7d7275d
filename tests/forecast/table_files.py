"""Files of rows whose truth is known: builders for the tests of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

FIRST = date(2023, 1, 2)
HEADER = ("date", "price", "shop", "sales")

Rows = list[list[str]]


def straight(price: float, shop: str, day: int) -> float:
    """Sales that a linear regression can foretell and a tree cannot: they rise for ever."""
    return 500 - 20 * price + (30 if shop == "north" else 0) + 0.5 * day


def stepped(price: float, shop: str, day: int) -> float:
    """Sales that depend on price and shop together, in steps."""
    return 100.0 + (150 if (price > 10) == (shop == "north") else 0)


def rows(
    count: int = 200,
    truth: Callable[[float, str, int], float] = straight,
    seed: int = 1,
    noise: float = 3.0,
) -> Rows:
    """A row per day: two shops, prices from 5 to 15."""
    rng = np.random.default_rng(seed)
    found = []
    for day in range(count):
        price, shop = round(float(rng.uniform(5, 15)), 2), str(rng.choice(["north", "south"]))
        sales = truth(price, shop, day) + rng.normal(0, noise)
        found.append([(FIRST + timedelta(days=day)).isoformat(), f"{price}", shop, f"{sales:.2f}"])
    return found


def text(table: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *table])
    return buffer.getvalue()


def file(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "sales_data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path
