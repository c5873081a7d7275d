"""Assignments out of whole bundles, one per agent: prices of items, the bundles they call for, and the best set of them.

For few items per agent: there the capacity rows alone leave a wide gap, which bundles that fit by themselves close.
Source: Savelsbergh (1997), A branch-and-price algorithm for the generalized assignment problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fieldwise_allocation.core.assignment.knapsack import packed
from fieldwise_allocation.core.assignment.prices import Prices
from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem
from fieldwise_allocation.core.assignment.programme import Partition, Unsolved, relaxed_partition

# More items per agent than this, and the capacity rows alone are as good a bound.
MOST_PER_AGENT = 20
# Cells of all knapsack tables of one round.
MOST_CELLS = 5_000_000
MOST_CAPACITY = 50_000
ASCENT_ROUNDS, EXACT_ROUNDS = 400, 40
MOST_BUNDLES = 6_000


@dataclass
class Bundles:
    """Bundles met so far, and the best bound that prices of items have proven.

    Args:
        price: Of each item, at which the bound holds, shape (n,).
    """

    problem: Problem
    price: Floats
    bound: float = -np.inf
    met: dict[tuple[int, bytes], float] = field(default_factory=dict)

    def add(self, agent: int, inside: Ints) -> None:
        """A bundle of an agent, as a 0/1 row over the items."""
        key = agent, inside.astype(np.int8).tobytes()
        if key not in self.met:
            self.met[key] = float(self.problem.cost[inside > 0, agent].sum())

    def add_plan(self, agent_of: Ints) -> None:
        for agent in range(self.problem.agents):
            self.add(agent, (agent_of == agent).astype(np.int64))

    def called_for(self, price: Floats) -> tuple[float, Ints]:
        """The bound at these prices of items, and how many agents' best bundles each item is in; bundles are kept."""
        bound, times = float(price.sum()), np.zeros(self.problem.items, dtype=np.int64)
        for agent in range(self.problem.agents):
            value = price - self.problem.cost[:, agent]
            inside = np.zeros(self.problem.items, dtype=np.int64)
            weight, capacity = self.problem.use[:, agent].astype(np.int64), int(self.problem.limit[agent])
            bound -= packed(value, weight, capacity, inside)
            times += inside
            self.add(agent, inside)
        if bound > self.bound:
            self.bound, self.price = bound, price
        return bound, times

    def partition(self, most: int) -> Partition:
        """The bundles of least reduced cost at the best prices."""
        keys = sorted(self.met)
        rows = np.array([np.frombuffer(inside, dtype=np.int8) for _, inside in keys])
        agent = np.array([agent for agent, _ in keys], dtype=np.int64)
        cost = np.array([self.met[key] for key in keys])
        reduced = cost - rows @ self.price
        least = np.full(self.problem.agents, np.inf)
        np.minimum.at(least, agent, reduced)
        kept = np.sort(np.argsort(reduced - least[agent], kind="stable")[:most])
        return Partition(rows[kept].astype(np.int64), agent[kept], cost[kept], self.problem.agents)


def suits(problem: Problem) -> bool:
    """Few items per agent, whole uses, no limits by number."""
    whole = bool((problem.use == np.round(problem.use)).all())
    cells = problem.items * float(problem.capacity.sum())
    few = problem.items <= MOST_PER_AGENT * problem.agents
    return (
        whole
        and few
        and not problem.counted
        and cells <= MOST_CELLS
        and problem.capacity.max() <= MOST_CAPACITY
    )


def gathered(
    problem: Problem,
    prices: Prices,
    plans: list[Ints],
    stop: Callable[[], bool],
    rounds: int = EXACT_ROUNDS,
) -> Bundles:
    """Bundles of known plans and those that good prices call for, with the bound of these prices.

    Args:
        rounds: Programmes over the bundles at hand, at most.
    """
    start = (problem.cost + problem.use * prices.unit).min(axis=1)
    bundles = Bundles(problem, start)
    for plan in plans:
        bundles.add_plan(plan)
    _ascend(bundles, start, stop)
    _balance(bundles, stop, rounds)
    return bundles


def _ascend(bundles: Bundles, price: Floats, stop: Callable[[], bool]) -> None:
    """Subgradient ascent of the prices: dearer where nobody's best bundle holds the item."""
    step, idle = 0.05 * float(np.abs(price).mean() + 1.0), 0
    heading = np.zeros(len(price))
    for _ in range(ASCENT_ROUNDS):
        if stop():
            return
        before = bundles.bound
        _, times = bundles.called_for(price)
        idle = 0 if bundles.bound > before else idle + 1
        heading = 0.7 * heading + 0.3 * (1.0 - times)
        if idle >= 8:
            step, idle, price = 0.7 * step, 0, bundles.price
            heading = np.zeros(len(price))
        price = price + step * heading


def _balance(bundles: Bundles, stop: Callable[[], bool], rounds: int) -> None:
    """Prices of the relaxation over the bundles at hand, halfway to the best ones; until it calls for nothing new."""
    for _ in range(rounds):
        if stop():
            return
        try:
            price, _ = relaxed_partition(bundles.partition(MOST_BUNDLES))
        except Unsolved:
            return
        known = len(bundles.met)
        bundles.called_for(0.5 * price + 0.5 * bundles.price)
        bundles.called_for(price)
        if len(bundles.met) == known:
            return
