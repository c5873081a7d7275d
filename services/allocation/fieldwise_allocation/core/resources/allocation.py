"""The plan of a question about resources: levels, prices, frontier, break-even, the plan nearest to today; knows no wire."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.resources import continuous, frontier
from fieldwise_allocation.core.resources.compiling import Compiled, Rule, amounts_of, compiled
from fieldwise_allocation.core.resources.curves import Curve
from fieldwise_allocation.core.resources.feasibility import together
from fieldwise_allocation.core.resources.frontier import BreakEven, Point
from fieldwise_allocation.core.resources.nearest import Nearest, nearest_to_today
from fieldwise_allocation.core.resources.programme import Floats, Ints
from fieldwise_allocation.core.resources.question import Cell, Question
from fieldwise_allocation.core.resources.rounding import rounded
from fieldwise_allocation.core.resources.solving import Found, Infeasible, NotFound, solve

# Grids of cells that may have any amount: each is this part of the first one's step.
FINER = (0.25, 0.03, 0.004)
# Half the width of an 80 % interval, in standard deviations.
EIGHTY = 1.2815515655446004


@dataclass(frozen=True)
class Line:
    """What one cell gets.

    Args:
        value, deviation: Expected value and its standard deviation.
        net: Value less what the level takes at the plan's prices.
        beyond_support: The level lies outside the observations that the curve was fitted to.
    """

    cell: Cell
    level: float
    value: float
    deviation: float
    net: float

    @property
    def beyond_support(self) -> bool:
        support = self.cell.response.support if isinstance(self.cell.response, Curve) else None
        return support is not None and not support.lowest <= self.level <= support.highest


@dataclass(frozen=True)
class RulePrice:
    """A rule, what the plan uses of it, and the value that one more unit of room would bring."""

    rule: Rule
    used: float
    price: float


@dataclass(frozen=True)
class BudgetPlan:
    """A plan and what proves it.

    Args:
        value: Expected value of the plan; ``low`` and ``high`` hold it in 80 of 100 periods if the curves are right.
        worth: What was compared: the value less the caution asked for. No plan is worth more than ``ceiling``.
        today: Value of today's levels; None unless every cell has one.
        nearest: The plan nearest to today among those as good; None without levels of today.
    """

    lines: tuple[Line, ...]
    worth: float
    ceiling: float
    value: float
    low: float
    high: float
    assumed_share: float
    prices: tuple[RulePrice, ...]
    totals: dict[str, float]
    frontier: tuple[Point, ...]
    break_even: tuple[BreakEven, ...]
    today: float | None
    nearest: Nearest | None

    @property
    def gap(self) -> float:
        return max(0.0, self.ceiling - self.worth) / max(abs(self.ceiling), 1e-12)


# Told what is done next, and what the search before it found.
Tell = Callable[[str, Found | None], None]


def _silent(_step: str, _found: Found | None) -> None:
    pass


def allocate(question: Question, seconds_left: Callable[[], float], tell: Tell = _silent) -> BudgetPlan:
    """The best plan found, in the order of the question's cells.

    Raises:
        Infeasible: No plan keeps the rules.
        NotFound: None was found in the time.
    """
    asked, found = best(question, seconds_left, tell)
    tell("frontier", found)
    # Refined levels lie close around this budget's; other budgets are read off the even grid.
    even = compiled(question) if continuous.any_amount(asked).size else asked
    lines = lines_of(asked, found.choice, found.price)
    deviation = math.hypot(*(line.deviation for line in lines))
    value = sum(line.value for line in lines)
    points, break_evens = frontier.points(even, found), frontier.break_evens(even, found)
    tell("nearest", found)
    return BudgetPlan(
        lines=lines,
        worth=found.value,
        ceiling=found.ceiling,
        value=value,
        low=value - EIGHTY * deviation,
        high=value + EIGHTY * deviation,
        assumed_share=_assumed_share(lines),
        prices=rule_prices(asked, found),
        totals=amounts_of(asked, found.choice),
        frontier=points,
        break_even=break_evens,
        today=_today(question),
        nearest=nearest_to_today(asked, found, seconds_left),
    )


def best(
    question: Question, seconds_left: Callable[[], float], tell: Tell = _silent
) -> tuple[Compiled, Found]:
    """The question on arrays and its best choice; levels that may be any amount are refined round by round."""
    asked = compiled(question)
    tell("searching", None)
    if not continuous.any_amount(asked).size:
        return asked, solve(asked.programme, seconds_left)
    asked, found = _begun(asked, seconds_left)
    for part in FINER:
        tell("refining", found)
        levels = continuous.next_levels(asked, found.price, found.choice, part)
        asked = compiled(question, levels)
        found = solve(asked.programme, seconds_left, exactly=part == FINER[-1])
    ceiling = max(found.value, continuous.ceiling(asked, found.price, found.choice))
    return asked, replace(found, ceiling=ceiling)


def _begun(asked: Compiled, seconds_left: Callable[[], float]) -> tuple[Compiled, Found]:
    """A first plan; where no grid keeps the rules, of levels made for them."""
    try:
        return asked, solve(asked.programme, seconds_left, exactly=False)
    except (Infeasible, NotFound):
        if together(asked.programme, np.arange(len(asked.rules))):
            raise
        near = solve(continuous.loosened(asked), seconds_left, exactly=False).choice
        fine = compiled(asked.question, continuous.levels_beside(asked, near))
        level = asked.level[np.arange(len(near)), near]
        same = np.nanargmin(np.abs(fine.level - level[:, None]), axis=1)
        mended = rounded(fine.programme, np.zeros(len(fine.rules)), same)
        return fine, solve(fine.programme, seconds_left, start=mended, exactly=False)


def lines_of(asked: Compiled, choice: Ints, price: Floats) -> tuple[Line, ...]:
    """One line per cell, in the order of the question."""
    cells = np.arange(len(choice))
    level, mean, deviation, net = (
        table[cells, choice].tolist()
        for table in (asked.level, asked.mean, asked.deviation, asked.programme.reduced(price))
    )
    lines: list[Line | None] = [None] * len(cells)
    for j, position in enumerate(asked.order.tolist()):
        cell = asked.question.cells[position]
        lines[position] = Line(cell, level[j], mean[j], deviation[j], net[j])
    return tuple(line for line in lines if line is not None)


def _assumed_share(lines: tuple[Line, ...]) -> float:
    total = sum(abs(line.value) for line in lines)
    return sum(abs(line.value) for line in lines if line.cell.is_assumed) / total if total else 0.0


def rule_prices(asked: Compiled, found: Found) -> tuple[RulePrice, ...]:
    """Every rule with its price; that of a ratio is per 1.0 of the ratio."""
    used = asked.programme.used(found.choice).tolist()
    totals = amounts_of(asked, found.choice)
    return tuple(
        _rule_price(rule, totals, use, price)
        for rule, use, price in zip(asked.rules, used, found.price.tolist(), strict=True)
    )


def _rule_price(rule: Rule, totals: dict[str, float], used: float, price: float) -> RulePrice:
    if not rule.per:
        return RulePrice(rule, used, price)
    # The row is a - q b <= 0 over the members: a ratio's own numbers follow from it and the sum of b.
    base = totals[rule.per]
    return RulePrice(rule, rule.stated + used / base if base else 0.0, price * abs(base))


def _today(question: Question) -> float | None:
    levels = [cell.today for cell in question.cells]
    if any(level is None for level in levels):
        return None
    return sum(
        _value_at(cell, level)
        for cell, level in zip(question.cells, levels, strict=True)
        if level is not None
    )


def _value_at(cell: Cell, level: float) -> float:
    if isinstance(cell.response, Curve):
        return cell.response.at(level)
    return min(cell.response, key=lambda one: abs(one.level - level)).value
