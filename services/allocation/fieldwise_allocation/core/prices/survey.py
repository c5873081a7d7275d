"""What every customer takes at given prices, and whom prices nearby could move: one pass over all candidates. Knows no solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ParamSpec, TypeVar

import numpy as np

from fieldwise_allocation.core.prices.market import Flags, Floats, Ints, Market, Places

P = ParamSpec("P")
T = TypeVar("T")

# A small market is walked through by the interpreter: importing and compiling would take longer.
INTERPRETED = 50_000


@dataclass(frozen=True)
class Survey:
    """At prices p, each customer on his own.

    Args:
        bound: No choice within the capacities is worth more (weak duality): capacity x p, and what each customer's best
            candidate is worth once its uses are paid for.
        best: The candidate worth most above prices, -1 where leaving alone is; the first of equals, shape (c,).
        near: Whether prices within the radius could make him take something else; never wrongly false, shape (c,).
    """

    bound: float
    best: Ints
    near: Flags


def survey(market: Market, price: Floats, radius: Floats) -> Survey:
    """Each customer's best at these prices; ``radius`` says how far each price may still move, shape (m,)."""
    best = np.empty(market.customers, dtype=np.int64)
    near = np.empty(market.customers, dtype=np.bool_)
    surplus = quick(_look_at_all, len(market.value) > INTERPRETED)(
        market.first,
        market.value,
        market.first_use,
        market.resource,
        market.amount,
        market.weight,
        price,
        radius,
        best,
        near,
    )
    return Survey(float(market.capacity @ price + surplus), best, near)


@cache
def quick(loop: Callable[P, T], large: bool) -> Callable[P, T]:
    """The loop as machine code for a large market, as it is for a small one."""
    if not large:
        return loop
    from fieldwise_allocation.core.compiled import compiled

    return compiled(loop)


def _look_at_all(
    first: Ints,
    value: Floats,
    first_use: Ints,
    resource: Places,
    amount: Floats,
    weight: Floats,
    price: Floats,
    radius: Floats,
    best: Ints,
    near: Flags,
) -> float:
    """Fills ``best`` and ``near``; gives the sum of what the best are worth above prices."""
    surplus = 0.0
    for i in range(len(best)):
        # Leaving alone is worth 0 at any prices. An option can win within the radius when its highest worth is not below the
        # highest of all lowest worths: two such options make a customer near.
        top, at, floor, high, second = 0.0, -1, 0.0, 0.0, -np.inf
        for j in range(first[i], first[i + 1]):
            worth, sway = value[j], 0.0
            for u in range(first_use[j], first_use[j + 1]):
                worth -= amount[u] * price[resource[u]]
                sway += amount[u] * radius[resource[u]]
            if worth > top:
                top, at = worth, j
            floor = max(floor, worth - sway)
            if worth + sway > high:
                high, second = worth + sway, high
            elif worth + sway > second:
                second = worth + sway
        best[i] = at
        near[i] = second >= floor
        surplus += top * weight[i]
    return surplus
