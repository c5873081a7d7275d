"""Value against budget, and the budget where one more unit stops paying; knows no whole levels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.resources import duals, hulls
from fieldwise_allocation.core.resources.compiling import Compiled
from fieldwise_allocation.core.resources.feasibility import impossible, together
from fieldwise_allocation.core.resources.programme import Bools, Floats, Programme, Rows
from fieldwise_allocation.core.resources.question import Resource
from fieldwise_allocation.core.resources.solving import Found


@dataclass(frozen=True)
class Point:
    """All capacities times ``share``: the most that any plan can be worth, and the price of each rule there."""

    share: float
    value: float
    prices: tuple[float, ...]


@dataclass(frozen=True)
class BreakEven:
    """How much of a resource pays: beyond it one more unit brings less than it costs.

    Args:
        threshold: Cost of a unit with the cost of capital.
    """

    resource: str
    amount: float
    threshold: float


def points(asked: Compiled, found: Found) -> tuple[Point, ...]:
    """The frontier at the shares asked for; shares at which nothing keeps the rules are left out."""
    rows = asked.programme.rows
    capacity = np.array([rule.at_most and not rule.limit for rule in asked.rules], dtype=np.bool_)
    if not capacity.any():
        return ()
    if one_capacity(rows):
        return _of_way(asked)
    return tuple(
        point
        for share in asked.question.frontier
        if (point := _swept(asked, found.price, capacity, share)) is not None
    )


def one_capacity(rows: Rows) -> bool:
    """Whether one ceiling over all cells is all there is: one sort then gives everything."""
    return len(rows) == 1 and bool(rows.sign[0] > 0 and rows.member.all())


def _of_way(asked: Compiled) -> tuple[Point, ...]:
    programme = asked.programme
    limit = float(programme.rows.limit[0])
    way = hulls.way(programme.value, programme.amount[programme.rows.measure[0]])
    shares = [share for share in asked.question.frontier if share * limit >= way.use[0]]
    return tuple(Point(share, way.worth(share * limit), (way.price(share * limit),)) for share in shares)


def _swept(asked: Compiled, start: Floats, capacity: Bools, share: float) -> Point | None:
    rows = asked.programme.rows
    scaled = replace(rows, limit=np.where(capacity, share * rows.limit, rows.limit))
    programme = asked.programme.with_rows(scaled)
    if impossible(programme).size or ((rows.sign < 0).any() and together(programme, np.arange(len(rows)))):
        return None
    cleared = duals.clear(programme, start=start)
    return Point(share, cleared.ceiling, tuple(cleared.price.tolist()))


def break_evens(asked: Compiled, found: Found) -> tuple[BreakEven, ...]:
    """Of each resource that has a cost."""
    costly = [resource for resource in asked.question.resources if resource.unit_cost > 0]
    return tuple(_break_even(asked, found, resource) for resource in costly)


def _break_even(asked: Compiled, found: Found, resource: Resource) -> BreakEven:
    """The resource is bought at its threshold instead of being rationed; what is bought then pays."""
    programme = asked.programme
    threshold = resource.unit_cost * (1 + asked.question.cost_of_capital)
    amount = programme.amount[asked.measures.index(resource.name)]
    kept = np.array(
        [rule.limit != "" or rule.measure != resource.name for rule in asked.rules], dtype=np.bool_
    )
    bought = Programme(programme.value - threshold * amount, programme.amount, programme.rows.only(kept))
    if len(bought.rows):
        share = duals.clear(bought, start=found.price[kept]).share
        return BreakEven(resource.name, float((share * amount).sum()), threshold)
    chosen = bought.value.argmax(axis=1)
    return BreakEven(resource.name, float(amount[np.arange(len(chosen)), chosen].sum()), threshold)
