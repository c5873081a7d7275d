"""How many reps pay: value against their number, and where one more brings less than he costs; knows no wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.resources import duals, frontier, hulls
from fieldwise_allocation.core.resources.allocation import BudgetPlan, allocate
from fieldwise_allocation.core.resources.compiling import Compiled, compiled
from fieldwise_allocation.core.resources.feasibility import impossible, together
from fieldwise_allocation.core.resources.question import Question
from fieldwise_allocation.core.resources.solving import Infeasible


@dataclass(frozen=True)
class Force:
    """What a force is made of.

    Args:
        resource: The resource whose capacity is reps x hours.
        hours: Of one rep in the period.
        cost: Of one rep in the period, in money.
        fewest, most: Numbers that are compared.
    """

    resource: str
    hours: float
    cost: float
    fewest: int
    most: int


@dataclass(frozen=True)
class Size:
    """A number of reps: the most that any plan can be worth with them, and that less their cost."""

    reps: int
    value: float
    profit: float


@dataclass(frozen=True)
class Sized:
    """The number that pays best, the whole curve, and the plan at that number."""

    best: Size
    curve: tuple[Size, ...]
    plan: BudgetPlan


def size(question: Question, force: Force, seconds_left: Callable[[], float]) -> Sized:
    """The number of reps R of most V(R) - cost x R, which is where V(R + 1) - V(R) falls below the cost.

    V is the relaxation's: it is concave, so that the curve has one top.

    Raises:
        Infeasible: No number compared keeps the rules.
        NotFound: No plan was found for the best number in the time.
    """
    curve = tuple(_curve(with_reps(question, force, force.most), force))
    if not curve:
        raise Infeasible
    best = max(curve, key=lambda one: (one.profit, -one.reps))
    return Sized(best, curve, allocate(with_reps(question, force, best.reps), seconds_left))


def with_reps(question: Question, force: Force, reps: int) -> Question:
    """The question with so many reps, whatever capacity was stated."""
    resources = tuple(
        replace(one, capacity=reps * force.hours) if one.name == force.resource else one
        for one in question.resources
    )
    return replace(question, resources=resources)


def _curve(question: Question, force: Force) -> list[Size]:
    asked = compiled(question)
    value = _of_way(asked, force) if frontier.one_capacity(asked.programme.rows) else _swept(asked, force)
    return [Size(reps, worth, worth - force.cost * reps) for reps, worth in value]


def _of_way(asked: Compiled, force: Force) -> list[tuple[int, float]]:
    programme = asked.programme
    way = hulls.way(programme.value, programme.amount[programme.rows.measure[0]])
    reps = range(force.fewest, force.most + 1)
    return [(r, way.worth(r * force.hours)) for r in reps if r * force.hours >= way.use[0]]


def _swept(asked: Compiled, force: Force) -> list[tuple[int, float]]:
    """Largest force first: its prices are the next one's start."""
    rows = asked.programme.rows
    own = np.array([rule.id == f"capacity of {force.resource}" for rule in asked.rules], dtype=np.bool_)
    price, found = np.zeros(len(rows)), []
    for reps in range(force.most, force.fewest - 1, -1):
        programme = asked.programme.with_rows(
            replace(rows, limit=np.where(own, reps * force.hours, rows.limit))
        )
        if impossible(programme).size or (
            (rows.sign < 0).any() and together(programme, np.arange(len(rows)))
        ):
            break  # fewer reps can do no more
        cleared = duals.clear(programme, start=price)
        price = cleared.price
        found.append((reps, cleared.ceiling))
    return found[::-1]
