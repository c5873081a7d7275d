"""Annealing of an assignment: what an exchange may cost falls, what an overload costs rises; knows no clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.assignment.exchange import (
    BEST_COST,
    OVER,
    OVER_NUMBER,
    SLACK,
    SLACK_NUMBER,
    State,
    exchange,
)
from fieldwise_allocation.core.assignment.prices import Prices
from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem

# Proposals at one temperature; the loads are summed anew in between.
STEP = 1 << 16
# The last temperature lets this share of the reduced cost of the first through.
COOLED = 0.04
# Strain of a unit over capacity, in units of its price, at the first and the last temperature; slack never costs more
# than its price, and a unit over costs this many times a unit under.
FIRST_WEIGHT, LAST_WEIGHT, OVER_TO_SLACK = 0.005, 4.0, 3.0


@dataclass(frozen=True)
class Round:
    """One run from hot to cold.

    Args:
        heat: What the first temperature lets through: a share of the mean reduced cost of the near pairs.
        near: Agents near each item that it may move to.
        proposals: Exchanges proposed in all.
        start: Agent of each item at first, shape (n,); where its reduced cost is least, when there is none.
        first_weight: Strain of a unit over at the first temperature, in units of its price.
        cooled: The last temperature lets this share of the reduced cost of the first through.
    """

    heat: float
    near: int
    proposals: int
    seed: int
    start: Ints | None = None
    first_weight: float = FIRST_WEIGHT
    cooled: float = COOLED


def anneal(
    problem: Problem, prices: Prices, reduced: Floats, task: Round, stop: Callable[[], bool], known: float
) -> tuple[Ints, float] | None:
    """The best plan of one run, if it is better than one that is known.

    Args:
        reduced: Reduced costs at the prices, shape (n, r).
        stop: Asked at each temperature.
        known: Cost of the plan to beat; infinite when there is none.
    """
    state = started(problem, reduced, task, known)
    over_unit, over_item = _weights(prices)
    for temperature, weight in _schedule(state, reduced, task):
        if stop():
            break
        state.load[:] = problem.loads(state.agent)
        state.strain[OVER] = weight * OVER_TO_SLACK * over_unit
        state.strain[SLACK] = min(1.0, weight) * prices.unit
        state.strain[OVER_NUMBER] = weight * OVER_TO_SLACK * over_item
        state.strain[SLACK_NUMBER] = min(1.0, weight) * prices.item
        exchange(state, STEP, temperature, problem.counted)
    found = state.best
    if state.tally[BEST_COST] >= known or not problem.feasible(found):
        return None
    return found, problem.objective(found)


def _weights(prices: Prices) -> tuple[Floats, Floats]:
    """Prices of an overload: those of capacity, and half the mean where capacity is worth nothing."""
    floor = 0.5 * float(prices.unit.mean()) or 1.0
    floor_item = 0.5 * float(prices.item.mean()) or floor
    return np.maximum(prices.unit, floor), np.maximum(prices.item, floor_item)


def _schedule(state: State, reduced: Floats, task: Round) -> Iterator[tuple[float, float]]:
    """Temperatures and weights, each by a constant factor from step to step."""
    steps = max(2, task.proposals // STEP)
    near = np.sort(np.take_along_axis(reduced, state.near, axis=1), axis=1)
    near[~np.isfinite(near)] = np.max(near, initial=0.0, where=np.isfinite(near))
    hot = _letting_through(near, task.heat)
    cold = _letting_through(near, task.heat * task.cooled)
    return zip(
        np.geomspace(hot, cold, steps), np.geomspace(task.first_weight, LAST_WEIGHT, steps), strict=True
    )


def _letting_through(near: Floats, share: float) -> float:
    """The temperature at which items, left to themselves, would cost this share of their mean reduced cost."""
    wanted = share * float(near.mean())
    low, high = 1e-7 * (float(near.max()) + 1e-9), 10.0 * (float(near.max()) + 1e-9)
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        chance = np.exp(-near / middle)
        cost = float(((near * chance).sum(axis=1) / chance.sum(axis=1)).mean())
        low, high = (low, middle) if cost > wanted else (middle, high)
    return float(np.sqrt(low * high))


def started(problem: Problem, reduced: Floats, task: Round, known: float) -> State:
    """Every item where the run starts."""
    n, r = problem.items, problem.agents
    near = np.argsort(reduced, axis=1, kind="stable")[:, : max(1, min(task.near, r))]
    agent = np.ascontiguousarray(near[:, 0]) if task.start is None else task.start.copy()
    size = np.bincount(agent, minlength=r)
    members, place = np.zeros((r, n), dtype=np.int64), np.zeros(n, dtype=np.int64)
    for i in range(r):
        own = np.flatnonzero(agent == i)
        members[i, : len(own)] = own
        place[own] = np.arange(len(own))
    load = problem.loads(agent)
    over = ((load > problem.limit) | (size > problem.most)).astype(np.int64)
    cost = problem.objective(agent)
    return State(
        cost=problem.cost,
        use=problem.use,
        reduced=reduced,
        near=np.ascontiguousarray(near),
        choices=np.isfinite(np.take_along_axis(reduced, near, axis=1)).sum(axis=1),
        agent=agent,
        place=place,
        members=members,
        size=size,
        load=load,
        capacity=problem.capacity,
        limit=problem.limit,
        most=problem.most,
        strain=np.zeros((4, r)),
        over=over,
        tally=np.array([cost, min(known, cost) if not over.any() else known, float(over.sum())]),
        best=agent.copy(),
        random=np.array([(task.seed + 1) * 0x9E3779B97F4A7C15 % 2**64 | 1], dtype=np.uint64),
    )
