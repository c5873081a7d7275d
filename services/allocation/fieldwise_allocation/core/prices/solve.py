"""Prices of a market of any size: linear programmes over ever fewer customers, until nobody left out could change them.

Prices of a sample say roughly where to look. One pass over everybody then finds the customers whom prices thereabouts could move
(the kernel); the others keep their best, whatever happens within that box. The kernel's linear programme gives better prices and
a smaller box. A kernel that is solved whole, with prices inside its box, gives the prices of the whole market exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.prices.kernel import Box, optimum
from fieldwise_allocation.core.prices.market import Flags, Floats, Ints, Market, spread
from fieldwise_allocation.core.prices.survey import Survey, survey

# Up to so many candidates the programme over all of them is solved at once: a third of a second.
DIRECT = 50_000
# Customers of a kernel that are solved whole; of more, every n-th stands for n, so many of them.
WHOLE, SAMPLED = 20_000, 12_000
# Passes over everybody. Few resources take 3 to 5, four hundred of them 8 to 15.
PASSES = 20
# First box: standard errors of the sample's count of users, as a share of the price; of a resource that nobody paid for, of half
# of what candidates are worth per unit of it.
ERRORS, NARROWEST, UNPAID = 3.0, 0.01, 0.5
# Next box: wider for a price that the box held, narrower by what the kernel's own sample leaves open, or by IDLE for a price of 0.
WIDER, NARROWER, IDLE = 3.0, 0.1, 0.2


@dataclass(frozen=True)
class Solved:
    """Prices, and the choice they lead to before it is made in whole candidates.

    Args:
        price: Shape (m,).
        settled: Candidates of customers who take nothing else at prices like these.
        open: The candidates among which the other customers' choice lies, shape (o,).
        taken: How often the optimum takes each of ``open``; 0 for all when no optimum was reached, shape (o,).
    """

    price: Floats
    settled: Ints
    open: Ints
    taken: Floats


@dataclass(frozen=True)
class _Step:
    """What one kernel gave: better prices, the box that they were looked for in, and how many customers each in it stood for."""

    solved: Solved
    held: Flags
    users: Floats
    times: float

    @property
    def exact(self) -> bool:
        """Whether these are the prices of the whole market."""
        return self.times == 1 and not self.held.any()


def solve(market: Market) -> Solved:
    """The lowest of the prices that are right, and what customers take at them."""
    if len(market.value) <= DIRECT:
        return _direct(market)
    price, radius = _first_guess(market)
    best = (np.inf, price)
    for _ in range(PASSES):
        seen = survey(market, price, radius)
        best = min(best, (seen.bound, price), key=lambda each: each[0])
        step = _step(market, seen, price, radius)
        if step.exact:
            return step.solved
        price, radius = step.solved.price, _next_radius(step, radius)
    return _unfinished(market, best[1])


def _direct(market: Market) -> Solved:
    box = Box(np.zeros_like(market.capacity), np.full_like(market.capacity, np.inf))
    found = optimum(market, market.capacity, 1.0, box)
    return Solved(found.price, np.empty(0, dtype=np.int64), np.arange(len(market.value)), found.taken)


def _step(market: Market, seen: Survey, price: Floats, radius: Floats) -> _Step:
    near = np.flatnonzero(seen.near)
    sample = near if len(near) <= WHOLE else near[:: -(-len(near) // SAMPLED)]
    times = float(market.weight[near].sum() / max(1.0, market.weight[sample].sum()))
    kernel, candidates = _kernel(market, sample, price, radius)
    resting = np.flatnonzero(~seen.near & (seen.best >= 0))
    settled = seen.best[resting]
    box = Box(np.maximum(price - radius, 0.0), price + radius)
    found = optimum(kernel, market.capacity - market.used(settled, market.weight[resting]), times, box)
    held = ((found.price <= box.low) & (box.low > 0)) | (found.price >= box.high)
    users = np.bincount(kernel.resource, minlength=len(price)) / 2
    return _Step(Solved(found.price, settled, candidates, found.taken), held, users, times)


def _next_radius(step: _Step, radius: Floats) -> Floats:
    if step.times == 1:
        return np.where(step.held, radius * WIDER, radius)
    narrower = np.where(step.solved.price == 0, IDLE, np.clip(1 / np.sqrt(step.users + 1), NARROWER, 1.0))
    return np.where(step.held, radius * WIDER, radius * narrower)


def _unfinished(market: Market, price: Floats) -> Solved:
    """The best prices found, with everybody open who is near a tie; the bound says how good they are."""
    radius = NARROWEST * price
    seen = survey(market, price, radius)
    _, candidates = _kernel(market, np.flatnonzero(seen.near), price, radius)
    return Solved(price, seen.best[~seen.near & (seen.best >= 0)], candidates, np.zeros(len(candidates)))


def _first_guess(market: Market) -> tuple[Floats, Floats]:
    """Prices of a sample of the customers with its share of the capacities, and how far off they may be."""
    customers = np.arange(0, market.customers, -(-len(market.value) // DIRECT))
    sample, _ = market.of_customers(customers)
    share = sample.weight.sum() / market.weight.sum()
    solved = solve(replace(sample, capacity=market.capacity * share))
    _, uses = spread(sample.first_use, np.concatenate([solved.settled, solved.open[solved.taken > 0.5]]))
    users = np.bincount(sample.resource[uses], minlength=len(market.capacity))
    scale = np.maximum(solved.price, UNPAID * _usual(sample))
    return solved.price, scale * np.clip(ERRORS / np.sqrt(users + 1), NARROWEST, 1.0)


def _usual(market: Market) -> Floats:
    """What candidates are worth per unit of each resource: the scale of its price, shape (m,)."""
    m = len(market.capacity)
    value = np.bincount(market.resource, weights=market.value[market.owner_of()], minlength=m)
    amount = np.bincount(market.resource, weights=market.amount, minlength=m)
    usual = np.divide(value, amount, out=np.zeros(m), where=amount > 0)
    # Nobody in the sample uses it: it may be worth as much as any.
    return np.where(usual > 0, usual, usual.max(initial=0.0))


def _kernel(market: Market, customers: Ints, price: Floats, radius: Floats) -> tuple[Market, Ints]:
    """These customers with the candidates that could be their best within the radius."""
    rows, candidates = market.of_customers(customers)
    owner, k = rows.owner_of(), len(rows.value)
    worth = rows.value - np.bincount(owner, weights=rows.amount * price[rows.resource], minlength=k)
    sway = np.bincount(owner, weights=rows.amount * radius[rows.resource], minlength=k)
    customer = rows.customer_of()
    floor = np.zeros(len(customers))
    np.maximum.at(floor, customer, worth - sway)
    kept = np.flatnonzero(worth + sway >= floor[customer])
    counts = np.bincount(customer[kept], minlength=len(customers))
    return rows.of_candidates(kept, counts, rows.weight), candidates[kept]
