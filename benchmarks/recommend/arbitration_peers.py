"""Rivals of prices: candidates in a stated order, each taken where it still fits, and the greedy of Dyer and Zemel; none knows a price.

All of them know the same values and costs, and go on after the first candidate that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.recommend.arbitration_world import World
from fieldwise_allocation.core.prices.market import Floats

Ints = npt.NDArray[np.int64]
# Sooner for a lower key; leave alone is what is left.
ORDERS: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "propensity x value": lambda value, _: -value,
    "value / cost": lambda value, cost: -value / cost,
    "value / root of cost": lambda value, cost: -value / np.sqrt(cost),
}


def sorted_by(order: str, shown: World, budget: float) -> float:
    """Money of the candidates taken in this order, micros."""
    customer, action = np.nonzero(shown.value)
    value, cost = shown.value[customer, action], shown.cost[customer, action]
    key = ORDERS[order](value.astype(np.float64), cost)
    return _filled(shown, budget, np.argsort(key, kind="stable"), customer, action)


def first_come(shown: World, budget: float) -> float:
    """Each customer in turn gets what is worth most for him and still fits."""
    customer, action = np.nonzero(shown.value)
    order = np.lexsort((-shown.value[customer, action], customer))
    return _filled(shown, budget, order, customer, action)


def _filled(shown: World, budget: float, order: Ints, customer: Ints, action: Ints) -> float:
    value, cost = shown.value[customer, action], shown.cost[customer, action]
    left, slots = budget * shown.customers, shown.caps.tolist()
    served = bytearray(shown.customers)
    total = 0
    listed = zip(
        customer[order].tolist(),
        action[order].tolist(),
        cost[order].tolist(),
        value[order].tolist(),
        strict=True,
    )
    for who, what, price, worth in listed:
        if served[who] or price > left or slots[what] < 1.0:
            continue
        served[who] = 1
        left -= price
        slots[what] -= 1.0
        total += worth
    return float(total)


def dyer_zemel(shown: World, budget: float) -> float:
    """Steps along each customer's concave frontier of cost and value, the best value per cost first.

    A step from one action to a dearer one frees the slot of the first. One whose cap is full is passed over, and what follows it on
    the frontier starts from where the customer stands.
    Source: Dyer (1984) and Zemel (1984), multiple-choice knapsack; the caps are ours.
    """
    customer, action, ratio = _frontiers(shown)
    left, slots = budget * shown.customers, shown.caps.tolist()
    holds = [-1] * shown.customers
    cost, value = shown.cost.tolist(), shown.value.tolist()
    total = 0
    for place in np.argsort(-ratio, kind="stable").tolist():
        who, what = customer[place], action[place]
        had = holds[who]
        extra = cost[who][what] - (cost[who][had] if had >= 0 else 0.0)
        if extra > left or slots[what] < 1.0:
            continue
        left -= extra
        slots[what] -= 1.0
        total += value[who][what]
        if had >= 0:
            slots[had] += 1.0
            total -= value[who][had]
        holds[who] = what
    return float(total)


def _frontiers(shown: World) -> tuple[list[int], list[int], Floats]:
    """(customer, action, value per cost of the step to it) of every corner of every customer's frontier."""
    customers: list[int] = []
    actions: list[int] = []
    ratios: list[float] = []
    by_cost = np.argsort(shown.cost, axis=1, kind="stable")
    rows = zip(by_cost.tolist(), shown.cost.tolist(), shown.value.tolist(), strict=True)
    for who, (order, cost, value) in enumerate(rows):
        corners: list[tuple[float, float, int, float]] = [(0.0, 0.0, -1, np.inf)]
        for what in order:
            if value[what] <= corners[-1][1]:
                continue
            while True:
                before = corners[-1]
                ratio = (value[what] - before[1]) / max(cost[what] - before[0], 1e-12)
                if ratio < before[3]:
                    break
                corners.pop()
            corners.append((cost[what], value[what], what, ratio))
        for corner in corners[1:]:
            customers.append(who)
            actions.append(corner[2])
            ratios.append(corner[3])
    return customers, actions, np.array(ratios)
