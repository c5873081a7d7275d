"""Small assignment questions for tests, and their best plans by trying all; each shows only what matters."""

from __future__ import annotations

import itertools

import numpy as np

from fieldwise_allocation.core.assignment.outcome import Found, Watch
from fieldwise_allocation.core.assignment.plan import Compiled
from fieldwise_allocation.core.assignment.problem import Problem
from fieldwise_allocation.core.assignment.question import Agent, Item, Pair, Question
from fieldwise_allocation.core.assignment.solve import solve


def question(
    items: int,
    agents: int,
    *,
    seed: int = 0,
    tightness: float = 0.8,
    optional: bool = False,
    counted: bool = False,
    forbidden: bool = False,
    profit: bool = False,
    whole: bool = True,
) -> Question:
    """Costs fall as uses rise, as in the hard instances of the literature."""
    rng = np.random.default_rng(seed)
    use = rng.integers(5, 26, (items, agents)).astype(float)
    cost = 60.0 - 2.0 * use + rng.integers(0, 21, (items, agents))
    if not whole:
        cost, use = cost + rng.random(cost.shape), use + rng.random(use.shape)
    banned = rng.random((items, agents)) < 0.25 if forbidden else np.zeros((items, agents), dtype=bool)
    capacity = tightness * use.sum(axis=0) / agents
    return Question(
        tuple(Item(f"item{j}", leave_out=70.0 if optional and j % 3 == 0 else None) for j in range(items)),
        tuple(
            Agent(f"agent{i}", float(capacity[i]), items // agents + 1 if counted else None)
            for i in range(agents)
        ),
        tuple(
            Pair(f"item{j}", f"agent{i}", forbidden=True)
            if banned[j, i]
            else Pair(f"item{j}", f"agent{i}", cost=float(cost[j, i]), use=float(use[j, i]))
            for j in range(items)
            for i in range(agents)
        ),
        profit=profit,
    )


def watch(seconds: float = 0.1) -> Watch:
    """Work for these seconds, and no end of time: a slow machine must not change an answer."""
    return Watch(seconds, lambda: 60.0, lambda *_: None)


def solved(asked: Question, seconds: float = 0.1) -> tuple[Problem, Found]:
    compiled = Compiled.of(asked)
    return compiled.problem, solve(compiled.problem, watch(seconds))


def cheapest_by_brute_force(problem: Problem) -> float:
    """Cost of the best of all assignments; infinite when none keeps the limits."""
    costs = (
        problem.objective(np.array(agent_of))
        for agent_of in itertools.product(range(problem.agents), repeat=problem.items)
        if problem.feasible(np.array(agent_of))
    )
    return min(costs, default=float("inf"))
