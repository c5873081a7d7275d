"""Prices of a market and the choice they lead to, checked without the solver. Knows no wire and no database."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.prices.groups import grouped
from fieldwise_allocation.core.prices.market import Floats, Ints, Market
from fieldwise_allocation.core.prices.outcome import Clearing
from fieldwise_allocation.core.prices.rounding import choose
from fieldwise_allocation.core.prices.solve import solve
from fieldwise_allocation.core.prices.survey import survey

TOLERANCE = 1e-9


class Wrong(Exception):
    """A choice that breaks what it has to keep: a fault of ours, never given out."""


def clear(market: Market) -> Clearing:
    """Each customer at most one candidate, each resource at most its capacity, the value as large as can be.

    The prices are the duals of the capacities; a resource that the optimum leaves slack has price 0. Where several are right they are
    those of one more unit, the lowest. Every one of them rises or stays when its own capacity falls: the optimum is concave in it.

    Raises:
        Wrong: The choice breaks a rule; a fault of ours.
    """
    groups, kind = grouped(market)
    solved = solve(groups)
    chosen = choose(market, groups, kind, solved)
    used = market.used(chosen, np.ones(len(chosen)))
    bound = survey(market, solved.price, np.zeros_like(solved.price)).bound
    value = float(market.value[chosen].sum())
    _check(market, chosen, used, value, bound)
    assumed = float(market.value[chosen][market.assumed[chosen]].sum())
    return Clearing(
        solved.price, used, value, max(bound, value), assumed / value if value > 0 else 0.0, chosen
    )


def _check(market: Market, chosen: Ints, used: Floats, value: float, bound: float) -> None:
    """One action a customer, every capacity kept, nothing worth more than the bound."""
    customers = np.searchsorted(market.first, chosen, side="right") - 1
    if (np.diff(customers) == 0).any():
        raise Wrong("a customer was given two actions")
    if (used > market.capacity * (1 + TOLERANCE)).any():
        worst = int(np.argmax(used - market.capacity))
        raise Wrong(f"resource {worst} was used {used[worst]:g} of {market.capacity[worst]:g}")
    if value > bound + TOLERANCE * abs(bound):
        raise Wrong(f"a choice worth {value!r} is above its bound {bound!r}")
