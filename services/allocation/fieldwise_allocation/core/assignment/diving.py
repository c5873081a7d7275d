"""Diving for a plan of whole bundles: the fullest bundle of the relaxation is fixed, the rest priced anew; knows no search.

Source: Sadykov, Vanderbeck, Pessoa, Tahiri & Uchoa (2019), Primal heuristics for branch and price.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fieldwise_allocation.core.assignment.bundles import Bundles
from fieldwise_allocation.core.assignment.knapsack import packed
from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem
from fieldwise_allocation.core.assignment.programme import (
    Columns,
    Partition,
    Unsolved,
    best_of,
    relaxed_partition,
)

NOBODY = -1
# Rounds of new bundles after each that is fixed.
ROUNDS = 4
MOST_BUNDLES = 1_500
# Shares that differ by less than this may be taken for each other, so that dives differ.
NOISE = 0.15
# Items and agents that a programme shares out well, and how long it may take.
MOST_ITEMS, MOST_SHARERS = 50, 5
SHARE_SECONDS, SHARE_NODES = 3.0, 300


class _Dive:
    """What is fixed so far, and the bundles that still fit beside it."""

    def __init__(self, bundles: Bundles, rng: np.random.Generator, seconds_left: Callable[[], float]) -> None:
        self.problem = bundles.problem
        self.rng = rng
        self.seconds_left = seconds_left
        self.agent_of = np.full(self.problem.items, NOBODY, dtype=np.int64)
        self.free = np.ones(self.problem.agents, dtype=bool)
        start = bundles.partition(MOST_BUNDLES)
        self.price = bundles.price
        self.inside, self.agent, self.cost = start.inside, start.agent, start.cost

    def to_the_end(self) -> Ints:
        """Fixes one bundle after the other until a few agents are left, who then share the rest as best they can."""
        while self.free.sum() > sharers(self.problem) and (self.agent_of == NOBODY).any():
            if self.seconds_left() <= 0:
                break
            share = self._priced()
            if not len(share):
                break
            self._fix(int((share + self.rng.uniform(0.0, NOISE, len(share))).argmax()))
        left = np.flatnonzero(self.agent_of == NOBODY)
        shared = shared_out(self.problem, left, np.flatnonzero(self.free), seconds=self.seconds_left())
        if shared is not None:
            self.agent_of[left] = shared
        return self.agent_of

    def _priced(self) -> Floats:
        """Shares of the bundles at hand once nothing new is called for, or the rounds are over."""
        if not len(self.cost):
            self._called_for()
        share = np.zeros(len(self.cost))
        for _ in range(ROUNDS if len(share) else 0):
            partition = Partition(self.inside, self.agent, self.cost, self.problem.agents)
            try:
                self.price, share = relaxed_partition(partition)
            except Unsolved:
                break
            known = len(self.cost)
            if not self._called_for():
                break
            # The new ones stand last, with no share until the next round.
            share = np.append(share, np.zeros(len(self.cost) - known))
        return share

    def _called_for(self) -> bool:
        """Adds each free agent's best bundle of the items that are left; whether any was new."""
        left = self.agent_of == NOBODY
        new_inside, new_agent = [], []
        for agent in np.flatnonzero(self.free).tolist():
            value = np.where(left, self.price - self.problem.cost[:, agent], -1.0)
            inside = np.zeros(self.problem.items, dtype=np.int64)
            weight = self.problem.use[:, agent].astype(np.int64)
            packed(value, weight, int(self.problem.limit[agent]), inside)
            own = self.inside[self.agent == agent]
            if inside.any() and not (own == inside).all(axis=1).any():
                new_inside.append(inside)
                new_agent.append(agent)
        if new_agent:
            cost = [self.problem.cost[b > 0, a].sum() for a, b in zip(new_agent, new_inside, strict=True)]
            self.inside = np.vstack([self.inside, *new_inside])
            self.agent = np.append(self.agent, new_agent)
            self.cost = np.append(self.cost, cost)
        return bool(new_agent)

    def _fix(self, k: int) -> None:
        agent, inside = self.agent[k], self.inside[k] > 0
        self.agent_of[inside] = agent
        self.free[agent] = False
        fits = (self.agent != agent) & ~(self.inside[:, inside] > 0).any(axis=1)
        self.inside, self.agent, self.cost = self.inside[fits], self.agent[fits], self.cost[fits]


def sharers(problem: Problem) -> int:
    """How many agents share out their items at once."""
    return min(problem.agents, int(np.clip(MOST_ITEMS * problem.agents // problem.items, 2, MOST_SHARERS)))


def shared_out(
    problem: Problem, items: Ints, agents: Ints, *, seconds: float, start: Ints | None = None
) -> Ints | None:
    """The best way found to give these items to these agents alone, shape of the items; None when there was none.

    Args:
        seconds: Left in all.
        start: A way that is known, as agents of the items.
    """
    if not len(items) or not len(agents):
        return None
    part = Problem(
        np.ascontiguousarray(problem.cost[np.ix_(items, agents)]),
        np.ascontiguousarray(problem.use[np.ix_(items, agents)]),
        problem.capacity[agents],
        np.minimum(problem.most[agents], float(len(items))),
    )
    columns = Columns.of(part, np.isfinite(part.cost))
    known = None if start is None else np.searchsorted(agents, start)
    found = best_of(columns, seconds=min(SHARE_SECONDS, seconds), nodes=SHARE_NODES, start=known).agent_of
    return None if found is None or not part.feasible(found) else agents[found]


def dived(bundles: Bundles, seed: int, seconds_left: Callable[[], float]) -> Ints:
    """A plan of bundles, or most of one: items that found no place are with NOBODY, shape (n,)."""
    return _Dive(bundles, np.random.default_rng(seed), seconds_left).to_the_end()
