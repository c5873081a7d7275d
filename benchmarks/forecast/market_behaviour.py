"""What customers of a simulated market did, as forecast reads it from profile; knows no model.

The rows are taken from the world directly: that profile streams the same is what its own tests show.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from fieldwise_forecast.core.interest.behaviour import Behaviour, Deed
from fieldwise_market.rows import Kind
from fieldwise_market.vocabulary import CATEGORIES
from fieldwise_market.world import World

DEEDS = {
    Kind.PURCHASE: Deed.PURCHASE,
    Kind.VIEW: Deed.VIEW,
    Kind.CLICK: Deed.CLICK,
    Kind.SEARCH: Deed.SEARCH,
    Kind.MESSAGE: Deed.MESSAGE,
}
OPENED = 2
PRODUCTS = 100


def behaviour_of(world: World) -> Behaviour:
    """All deeds of a world without noise: each counts whole."""
    rows = world.rows
    rows = rows[
        np.isin(rows["kind"], list(DEEDS)) & ((rows["kind"] != Kind.MESSAGE) | (rows["flag"] >= OPENED))
    ]
    rows = rows[np.lexsort((rows["time"], rows["customer"]))]
    kind = rows["kind"].astype(np.int64)
    is_view, has_product = kind == Kind.VIEW, kind <= Kind.CLICK
    category = np.where(kind == Kind.MESSAGE, 0, rows["category"].astype(np.int64) + 1)
    product = np.where(
        has_product, 1 + len(CATEGORIES) + rows["category"].astype(np.int64) * PRODUCTS + rows["product"], 0
    )
    products = tuple(f"{name}-{n}" for name in CATEGORIES for n in range(PRODUCTS))
    return Behaviour(
        world.customers,
        ("", *CATEGORIES, *products),
        rows["customer"].astype(np.int64),
        rows["time"].astype(np.int64) + micros(world.start),
        kind,
        category,
        product,
        np.where(is_view, rows["number"], -1),
        np.ones(len(rows)),
    )


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
