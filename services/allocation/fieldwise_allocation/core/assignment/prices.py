"""Prices of agents' capacities and the bound they prove, by ascent and a linear programme; knows no plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem
from fieldwise_allocation.core.assignment.programme import Columns, Unsolved, relaxed

# Pairs looked at by the whole ascent; a small problem gets 600 steps.
ASCENT_PAIRS = 1e8
# Beyond this many items the linear programme takes longer than it is worth.
MOST_ITEMS = 20_000
# Columns per item that the programme starts with, and rounds of adding those that are missing.
FIRST_COLUMNS = 6
ROUNDS = 8
# Share of the time left that one solve of the programme may take.
SHARE_OF_TIME = 0.2


@dataclass(frozen=True)
class Prices:
    """What capacity is worth, and what no plan can cost less than.

    Args:
        unit: Cost saved by one more unit of capacity, 0 or more, shape (r,).
        item: Cost saved by room for one more item, 0 or more, shape (r,).
        bound: sum over items of the least (cost + unit x use + item), less the limits at these prices.
    """

    unit: Floats
    item: Floats
    bound: float

    def reduced(self, problem: Problem) -> Floats:
        """What each pair costs above the item's best at these prices, 0 or more, shape (n, r)."""
        priced = _priced(problem, self.unit, self.item)
        return np.asarray(priced - priced.min(axis=1, keepdims=True))


def price(problem: Problem, seconds_left: Callable[[], float]) -> Prices:
    """The best prices found: those of the linear relaxation, unless the problem is too large for it.

    The bound holds for any prices of 0 or more (weak duality), so nothing depends on the solver being right.
    Source: Fisher (1981), The Lagrangian relaxation method for solving integer programming problems.
    """
    found = _ascended(problem)
    if problem.items > MOST_ITEMS or not (found.unit.any() or found.item.any()):
        return found
    try:
        return _polished(problem, found, seconds_left)
    except Unsolved:
        return found


def bound_at(problem: Problem, unit: Floats, item: Floats) -> float:
    """No plan costs less than this, whatever the prices of 0 or more."""
    least = _priced(problem, unit, item).min(axis=1)
    return float(least.sum() - unit @ problem.capacity - item @ problem.most)


def _priced(problem: Problem, unit: Floats, item: Floats) -> Floats:
    priced = problem.use * unit
    priced += problem.cost
    priced += item
    return np.asarray(priced)


def _ascended(problem: Problem) -> Prices:
    """Subgradient ascent with momentum; a step that brings nothing ten times over is shortened."""
    capacity, most = np.maximum(problem.capacity, 1e-12), np.maximum(problem.most, 1.0)
    unit, item = np.zeros(problem.agents), np.zeros(problem.agents)
    best = Prices(unit, item, bound_at(problem, unit, item))
    spread = _spread(problem)
    step_unit, step_item = spread / max(float(problem.use.mean()), 1e-12) / 2, spread / 2
    heading_unit, heading_item = np.zeros(problem.agents), np.zeros(problem.agents)
    idle = 0
    for _ in range(int(np.clip(ASCENT_PAIRS / problem.cost.size, 40, 600))):
        bound, load, number = _response(problem, unit, item)
        idle = 0 if bound > best.bound else idle + 1
        if bound > best.bound:
            best = Prices(unit, item, bound)
        if idle >= 10:
            step_unit, step_item, idle = 0.7 * step_unit, 0.7 * step_item, 0
            unit, item = best.unit, best.item
            heading_unit, heading_item = np.zeros(problem.agents), np.zeros(problem.agents)
            continue
        heading_unit = 0.7 * heading_unit + 0.3 * (load - problem.capacity) / capacity
        heading_item = 0.7 * heading_item + 0.3 * (number - problem.most) / most
        unit = np.maximum(0.0, unit + step_unit * heading_unit)
        item = np.maximum(0.0, item + step_item * heading_item) if problem.counted else item
    return best


def _spread(problem: Problem) -> float:
    """How far the costs of one item lie apart, on average."""
    known = np.isfinite(problem.cost)
    low = np.where(known, problem.cost, np.inf).min(axis=1)
    high = np.where(known, problem.cost, -np.inf).max(axis=1)
    return float((high - low).mean())


def _response(problem: Problem, unit: Floats, item: Floats) -> tuple[float, Floats, Ints]:
    """The bound at these prices, and what the agents would get if each item went where it is cheapest."""
    priced = _priced(problem, unit, item)
    choice = np.asarray(priced.argmin(axis=1), dtype=np.int64)
    least = priced[np.arange(problem.items), choice].sum()
    bound = float(least - unit @ problem.capacity - item @ problem.most)
    return bound, problem.loads(choice), np.bincount(choice, minlength=problem.agents)


def _polished(problem: Problem, start: Prices, seconds_left: Callable[[], float]) -> Prices:
    """The duals of the linear programme over a few columns per item, with missing ones added where they pay."""
    best = start
    reduced = start.reduced(problem)
    chosen = np.zeros(problem.cost.shape, dtype=bool)
    nearest = np.argsort(reduced, axis=1, kind="stable")[:, :FIRST_COLUMNS]
    np.put_along_axis(chosen, nearest, values=True, axis=1)
    chosen &= np.isfinite(problem.cost)
    for _ in range(ROUNDS):
        worth, unit, item = relaxed(Columns.of(problem, chosen), seconds=seconds_left() * SHARE_OF_TIME)
        bound = bound_at(problem, unit, item)
        if bound > best.bound:
            best = Prices(unit, item, bound)
        missing = (
            _priced(problem, unit, item) < worth[:, None] - 1e-9 * (1 + np.abs(worth[:, None]))
        ) & ~chosen
        if not missing.any():
            break
        chosen |= missing
    return best
