"""A question about resources as a programme on arrays, and back to names; knows no solver."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources.curves import Curve, Curves
from fieldwise_allocation.core.resources.programme import Bools, Floats, Ints, Programme, Rows
from fieldwise_allocation.core.resources.question import GRID, Cell, Limit, Question


@dataclass(frozen=True)
class Rule:
    """A row by name: a resource's capacity or floor, a limit's end.

    Args:
        id: `capacity of hours`, `floor of hours`, or the limit's id with `at most` or `at least`.
        limit: The limit's id; empty for a resource's own.
        stated: Its number as asked; rows of a ratio have 0 on their right side.
    """

    id: str
    limit: str
    measure: str
    at_most: bool
    stated: float
    per: str = ""


@dataclass(frozen=True)
class Compiled:
    """The programme of a question, cells by name, with the level and the deviation behind each option.

    Args:
        order: Position in the question of each cell of the programme.
        level, mean, deviation: Shape (n, l).
        rates: What a measure grows by per level, per value and once, of each cell, shape (3, m, n).
        rules: One per row.
        measures: Names of the programme's measures.
    """

    question: Question
    order: Ints
    programme: Programme
    level: Floats
    mean: Floats
    deviation: Floats
    rates: Floats
    rules: tuple[Rule, ...]
    measures: tuple[str, ...]

    @property
    def cells(self) -> list[Cell]:
        return [self.question.cells[j] for j in self.order]


def compiled(question: Question, levels: Mapping[str, Sequence[float]] | None = None) -> Compiled:
    """The programme of a question that has no faults.

    Args:
        levels: Levels to try of cells that may have any amount, by name, in place of an even grid.
    """
    order = np.array(sorted(range(len(question.cells)), key=lambda j: question.cells[j].name), dtype=np.int64)
    cells = [question.cells[j] for j in order]
    level, mean, deviation = _options(cells, levels or {})
    measures = question.measures()
    rules = _rules(question)
    mixed = _mixed(rules, measures)
    rates = np.einsum("pm,kmj->kpj", mixed, _rates(cells, measures))
    amount = np.einsum("pm,mjo->pjo", mixed, _amounts(cells, measures, level, mean), optimize=True)
    value = np.where(np.isnan(level), -np.inf, mean - question.caution * deviation)
    programme = Programme(
        value, np.where(np.isnan(level), 0.0, amount), _rows(question, cells, rules, measures)
    )
    return Compiled(question, order, programme, level, mean, deviation, rates, rules, measures)


# ---- options ------------------------------------------------------------------------------------------------------


def grid(cell: Cell) -> Floats:
    """Levels to try of a cell with a curve: all whole ones, or an even grid with today's and the point of bending."""
    assert isinstance(cell.response, Curve)
    if cell.step > 0:
        first = math.ceil(cell.floor / cell.step - 1e-9)
        last = math.floor(cell.ceiling / cell.step + 1e-9)
        return np.arange(first, last + 1, dtype=np.float64) * cell.step
    even = np.linspace(cell.floor, cell.ceiling, GRID)
    today = [cell.today] if cell.today is not None and cell.floor <= cell.today <= cell.ceiling else []
    return np.unique(np.concatenate([even, today]))


def _options(cells: Sequence[Cell], levels: Mapping[str, Sequence[float]]) -> tuple[Floats, Floats, Floats]:
    """(level, mean value, deviation), each (n, l); NaN where a cell has fewer options."""
    tried = [_tried(cell, levels) for cell in cells]
    width = max(len(one) for one in tried)
    level, mean, deviation = (np.full((len(cells), width), np.nan) for _ in range(3))
    for j, one in enumerate(tried):
        level[j, : len(one)] = one
    with_curve = [j for j, cell in enumerate(cells) if isinstance(cell.response, Curve)]
    _fill_curves(cells, np.array(with_curve, dtype=np.int64), level, mean, deviation)
    for j, cell in enumerate(cells):
        if not isinstance(cell.response, Curve):
            stated = {one.level: one for one in cell.response}
            mean[j, : len(tried[j])] = [stated[one].value for one in tried[j]]
            deviation[j, : len(tried[j])] = [stated[one].deviation for one in tried[j]]
    return level, mean, deviation


def _tried(cell: Cell, levels: Mapping[str, Sequence[float]]) -> Sequence[float] | Floats:
    if not isinstance(cell.response, Curve):
        return sorted(one.level for one in cell.response if cell.floor <= one.level <= cell.ceiling)
    return levels[cell.name] if cell.name in levels else grid(cell)


def _fill_curves(cells: Sequence[Cell], which: Ints, level: Floats, mean: Floats, deviation: Floats) -> None:
    if not which.size:
        return
    own = [cell.response for cell in cells if isinstance(cell.response, Curve)]
    mean[which] = Curves.of(own).values(level[which])
    lowest, noise, spread = np.array([(c.lowest, c.noise, c.spread) for c in own]).T[:, :, None]
    deviation[which] = np.hypot(noise, spread * (mean[which] - lowest))


# ---- measures -----------------------------------------------------------------------------------------------------


def _rates(cells: Sequence[Cell], measures: Sequence[str]) -> Floats:
    index = {name: m for m, name in enumerate(measures)}
    rates = np.zeros((3, len(measures), len(cells)))
    rates[1, 0] = 1.0
    for j, cell in enumerate(cells):
        for quantity in cell.quantities:
            rates[:, index[quantity.measure], j] += (quantity.per_level, quantity.per_value, quantity.once)
    return rates


def _amounts(cells: Sequence[Cell], measures: Sequence[str], level: Floats, mean: Floats) -> Floats:
    """Amount of each measure, shape (m, n, l)."""
    per_level, per_value, once = _rates(cells, measures)[:, :, :, None]
    amount = per_level * level + per_value * mean + once * (level > 0)
    index = {name: m for m, name in enumerate(measures)}
    for j, cell in enumerate(cells):
        if not isinstance(cell.response, Curve):
            _add_taken(amount[:, j], cell, index, level[j])
    return np.asarray(amount)


def _add_taken(amount: Floats, cell: Cell, index: Mapping[str, int], level: Floats) -> None:
    assert not isinstance(cell.response, Curve)
    position = {one: o for o, one in enumerate(level.tolist())}
    for one in cell.response:
        for name, taken in one.takes.items():
            if one.level in position:
                amount[index[name], position[one.level]] += taken


# ---- rows ---------------------------------------------------------------------------------------------------------


def _rules(question: Question) -> tuple[Rule, ...]:
    return (*_resource_rules(question), *(rule for limit in question.limits for rule in _limit_rules(limit)))


def _mixed(rules: Sequence[Rule], measures: Sequence[str]) -> Floats:
    """The programme's measures in terms of those by name: these first, then one for each rule of a ratio.

    Sum of a over sum of b at most q is linear: sum of (a - q b) at most 0.
    """
    index = {name: m for m, name in enumerate(measures)}
    ratios = [rule for rule in rules if rule.per]
    mixed = np.eye(len(measures) + len(ratios), len(measures))
    for m, rule in enumerate(ratios, len(measures)):
        mixed[m, index[rule.measure]] += 1.0
        mixed[m, index[rule.per]] -= rule.stated
    return mixed


def _rows(question: Question, cells: Sequence[Cell], rules: Sequence[Rule], measures: Sequence[str]) -> Rows:
    limits = {limit.id: limit for limit in question.limits}
    index = {name: m for m, name in enumerate(measures)}
    ratios = iter(range(len(measures), len(measures) + len(rules)))
    counted = [_members(limits.get(rule.limit), cells) for rule in rules]
    return Rows(
        measure=np.array(
            [next(ratios) if rule.per else index[rule.measure] for rule in rules], dtype=np.int64
        ),
        sign=np.array([1.0 if rule.at_most else -1.0 for rule in rules]),
        limit=np.array([0.0 if rule.per else rule.stated for rule in rules]),
        member=np.array(counted, dtype=np.bool_).reshape(len(rules), len(cells)),
    )


def _members(limit: Limit | None, cells: Sequence[Cell]) -> Bools:
    if limit is None or not limit.where:
        return np.ones(len(cells), dtype=np.bool_)
    return np.array([limit.counts(cell) for cell in cells])


def _resource_rules(question: Question) -> list[Rule]:
    found = []
    for resource in question.resources:
        if not math.isinf(resource.capacity):
            found.append(Rule(f"capacity of {resource.name}", "", resource.name, True, resource.capacity))
        if resource.floor > 0:
            found.append(Rule(f"floor of {resource.name}", "", resource.name, False, resource.floor))
    return found


def _limit_rules(limit: Limit) -> list[Rule]:
    ends = ((limit.at_least, False, "at least"), (limit.at_most, True, "at most"))
    return [
        Rule(f"{limit.id} {words}", limit.id, limit.measure, at_most, stated, limit.per)
        for stated, at_most, words in ends
        if not math.isinf(stated)
    ]


def amounts_of(compiled: Compiled, choice: Ints) -> dict[str, float]:
    """Sum of every measure over a choice."""
    cells = np.arange(len(choice))
    sums = compiled.programme.amount[: len(compiled.measures), cells, choice].sum(axis=1)
    return dict(zip(compiled.measures, sums.tolist(), strict=True))
