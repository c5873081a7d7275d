"""The state of a search for an assignment: the best plan so far, the bound, the work done; knows no order of steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fieldwise_allocation.core.assignment.annealing import Round, anneal
from fieldwise_allocation.core.assignment.outcome import Found, Watch
from fieldwise_allocation.core.assignment.prices import Prices
from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem

# Work is counted in proposals and nodes, so that the same request gives the same plan; a second is worth this much.
PROPOSALS_PER_SECOND = 8_000_000
# The longest run is this share of all the work: a run that time cuts short has gone for little.
LONGEST_RUN = 1 / 8
# Seeds of one lane; the next lane's begin behind them.
LANE_SEEDS = 1_000_000


@dataclass
class Search:
    """The best plan so far, and how far up the bound has come."""

    problem: Problem
    prices: Prices
    reduced: Floats
    watch: Watch
    lane: int
    best: Ints | None = None
    cost: float = np.inf
    bound: float = -np.inf
    done: int = 0
    rounds: int = 0
    idle: int = 0
    by_heat: dict[float, float] = field(default_factory=dict)

    @property
    def work(self) -> int:
        return int(max(self.watch.seconds, 0.1) * PROPOSALS_PER_SECOND)

    @property
    def slack(self) -> float:
        """A plan that is better uses no pair whose reduced cost is above this."""
        better = self.cost - 1.0 if self.problem.whole_costs else self.cost
        return better - self.prices.bound + 1e-6 * (1 + abs(self.prices.bound))

    @property
    def pairs(self) -> int:
        """How many pairs a better plan may use."""
        return int((self.reduced <= self.slack).sum())

    def closed(self) -> bool:
        return self.cost <= self.bound + 1e-9 * (1 + abs(self.bound))

    def ended(self) -> bool:
        return self.closed() or self.watch.over()

    def take(self, agent_of: Ints, cost: float) -> None:
        if cost < self.cost:
            self.best, self.cost = agent_of, cost
            self.tell("searching")

    def tell(self, step: str) -> None:
        self.watch.report(step, self.found(), min(self.bound, self.cost))

    def found(self) -> Found | None:
        """The best plan so far and its proof."""
        if self.best is None:
            return None
        return Found(self.best, self.cost, min(self.bound, self.cost), self.prices.unit, self.prices.item)

    def run(self, heat: float, near: int, proposals: int) -> None:
        """One run of annealing; its own best is remembered by its heat."""
        proposals = min(proposals, int(self.work * LONGEST_RUN))
        task = Round(heat, near, proposals, self.rounds + self.lane * LANE_SEEDS)
        found = anneal(self.problem, self.prices, self.reduced, task, self.watch.over, np.inf)
        self.done += proposals
        self.rounds += 1
        if found is not None:
            self.by_heat[heat] = min(self.by_heat.get(heat, np.inf), found[1])
            self.take(*found)
