"""Purchases of Complete Journey as behaviour; knows no model."""

from __future__ import annotations

import numpy as np

from fieldwise_client.demo.complete_journey import CLOCK, read
from fieldwise_forecast.core.interest.behaviour import SECOND, Behaviour, Deed


def journey_behaviour() -> tuple[Behaviour, int]:
    """Every line of 2,469 households, and the moment at which the demo's clock stands, microseconds."""
    bought = read(full=True).purchases
    names, customer = np.unique(bought.household, return_inverse=True)
    order = np.lexsort((bought.seconds, customer))
    n = len(order)
    behaviour = Behaviour(
        tuple(f"customers/{name}" for name in names.tolist()),
        ("", *bought.categories),
        customer[order].astype(np.int64),
        bought.seconds[order].astype(np.int64) * SECOND,
        np.full(n, int(Deed.PURCHASE)),
        bought.category[order].astype(np.int64) + 1,
        np.zeros(n, dtype=np.int64),
        np.full(n, -1),
        np.ones(n),
    )
    return behaviour, int(CLOCK.timestamp()) * SECOND
