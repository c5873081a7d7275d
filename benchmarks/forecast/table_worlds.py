"""Files of rows by stated formulas, for the benchmark of tables; the same to the byte each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

FIRST = date(2021, 1, 1)
SHOPS = 20
DAYS = 1_000
PIECE = 500_000
Floats = NDArray[np.float64]


def line(price: Floats, shop: Floats, promotion: Floats, day: Floats) -> Floats:
    """A line that rises for ever: no tree can follow it."""
    return 300 - 12 * price + 4 * shop + 25 * promotion + 0.3 * day


def steps(price: Floats, shop: Floats, promotion: Floats, day: Floats) -> Floats:
    """Steps that price and promotion make together: no line can follow them."""
    return np.asarray(200.0 + 80 * ((price > 10) != (promotion > 0)) + 40 * (shop % 2) + 0 * day)


def noise(price: Floats, shop: Floats, promotion: Floats, day: Floats) -> Floats:
    """Nothing to learn: the mean is the best there is."""
    return 200 + 0 * (price + shop + promotion + day)


WORLDS: dict[str, Callable[[Floats, Floats, Floats, Floats], Floats]] = {
    "line": line,
    "steps": steps,
    "noise": noise,
}


def table(world: str, rows: int, seed: int) -> list[list[str]]:
    """One row per day, the header first; noise of standard deviation 10."""
    rng = np.random.default_rng(seed)
    day = np.arange(rows, dtype=np.float64)
    price, shop, promotion = (
        rng.uniform(5, 15, rows).round(2),
        rng.integers(0, 4, rows).astype(np.float64),
        rng.integers(0, 2, rows).astype(np.float64),
    )
    sales = WORLDS[world](price, shop, promotion, day) + rng.normal(0, 10, rows)
    lines = [["date", "price", "shop", "promotion", "sales"]]
    for i in range(rows):
        when = (FIRST + timedelta(days=i)).isoformat()
        lines.append([when, f"{price[i]:.2f}", f"s{shop[i]:.0f}", f"{promotion[i]:.0f}", f"{sales[i]:.2f}"])
    return lines


def write_large(path: Path, rows: int) -> None:
    """Many rows over 1,000 days and 20 shops, by the first formula, in pieces: never all in memory."""
    rng = np.random.default_rng(1)
    writer = None
    for begin in range(0, rows, PIECE):
        piece = large_piece(rng, begin, min(PIECE, rows - begin), rows)
        writer = writer or pacsv.CSVWriter(str(path), piece.schema)
        writer.write(piece)
    assert writer is not None
    writer.close()


def large_piece(rng: np.random.Generator, begin: int, count: int, rows: int) -> pa.Table:
    day = (begin + np.arange(count)) * DAYS // rows
    shop, promotion = rng.integers(0, SHOPS, count), rng.integers(0, 2, count)
    price = rng.uniform(5, 15, count).round(2)
    sales = line(price, shop.astype(np.float64), promotion.astype(np.float64), day.astype(np.float64))
    return pa.table(
        {
            "date": pa.array(np.datetime64(FIRST) + day),
            "shop": pa.array([f"s{i}" for i in range(SHOPS)]).take(pa.array(shop)),
            "price": price,
            "promotion": promotion,
            "sales": (sales + rng.normal(0, 10, count)).round(2),
        }
    )
