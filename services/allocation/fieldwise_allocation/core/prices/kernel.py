"""The linear programme over the customers whom nearby prices could move; everybody else keeps his best. Knows no whole market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.linear import Programme, solve_linear
from fieldwise_allocation.core.prices.market import Floats, Market

# More of everything by this share: of several right prices the programme then takes those of one more unit, the lowest.
ONE_MORE = 1e-7
# Duals below this share of what a unit of a resource can bring at most are the solver's rounding.
DUST = 1e-12


@dataclass(frozen=True)
class Box:
    """Prices are looked for from ``low`` to ``high``, each of shape (m,); ``high`` may be infinite."""

    low: Floats
    high: Floats


@dataclass(frozen=True)
class Optimum:
    """Of a kernel: prices within the box, shape (m,), and how often each candidate is taken, shape (k,)."""

    price: Floats
    taken: Floats


def optimum(kernel: Market, capacity: Floats, times: float, box: Box) -> Optimum:
    """Prices and the best choice, each customer standing for ``times`` as many as his weight says.

    Prices are kept in the box by selling more capacity at its upper and buying it back at its lower end.

    Args:
        capacity: What the others leave; may be negative, and then costs the upper end of the box.
    """
    solution = solve_linear(_programme(kernel, capacity + ONE_MORE * _unit(kernel, capacity), times, box))
    price = -solution.duals[kernel.customers :]
    price = np.where(price > DUST * (1 + _dearest(kernel)), price, 0.0)
    return Optimum(np.clip(price, box.low, box.high), solution.values[: len(kernel.value)])


def _unit(kernel: Market, capacity: Floats) -> Floats:
    """A scale for more of each resource: what there is, and what a candidate takes on average."""
    uses = np.bincount(kernel.resource, minlength=len(capacity))
    amount = np.bincount(kernel.resource, weights=kernel.amount, minlength=len(capacity))
    return np.asarray(np.abs(capacity) + amount / np.maximum(uses, 1))


def _dearest(kernel: Market) -> Floats:
    """The most that anybody would pay for a unit of each resource."""
    dearest = np.zeros(len(kernel.capacity))
    np.maximum.at(dearest, kernel.resource, kernel.value[kernel.owner_of()] / kernel.amount)
    return dearest


def _programme(kernel: Market, capacity: Floats, times: float, box: Box) -> Programme:
    """Columns: candidates, capacity sold for each resource with an upper end, bought back for each with a lower one."""
    c, k, m = kernel.customers, len(kernel.value), len(capacity)
    sold, bought = np.flatnonzero(np.isfinite(box.high)), np.flatnonzero(box.low > 0)
    columns = k + len(sold) + len(bought)
    return Programme(
        cost=np.concatenate([-kernel.value, box.high[sold], -box.low[bought]]),
        high=np.full(columns, np.inf),  # a customer's row keeps his candidates at his weight
        row_low=np.full(c + m, -np.inf),
        row_high=np.concatenate([times * kernel.weight, capacity]),
        entries=(
            np.concatenate([kernel.customer_of(), c + kernel.resource, c + sold, c + bought]),
            np.concatenate([np.arange(k), kernel.owner_of(), np.arange(k, columns)]),
            np.concatenate([np.ones(k), kernel.amount, -np.ones(len(sold)), np.ones(len(bought))]),
        ),
    )
