"""Whether a plan keeps what was asked: plain sums from the question; knows no solver and none of the arrays of one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from fieldwise_allocation.core.resources.curves import Curve, Family
from fieldwise_allocation.core.resources.question import VALUE, Cell, Question

# Sums of a million terms in another order.
TOLERANCE = 1e-7


def value_of(cell: Cell, level: float) -> float:
    """What a level of a cell brings, by the curve's formula or the list of levels; NaN for a level not in the list."""
    if isinstance(cell.response, Curve):
        return _on_curve(cell.response, level)
    return next((one.value for one in cell.response if one.level == level), math.nan)


def _on_curve(curve: Curve, level: float) -> float:
    reach = curve.highest - curve.lowest
    if level == 0:
        return curve.lowest
    if curve.family == Family.EXPONENTIAL:
        return curve.lowest + reach * (1 - 2 ** (-level / curve.half))
    if curve.family == Family.POWER:
        return float(curve.lowest + reach * (level / curve.half) ** curve.shape)
    return float(curve.lowest + reach / (1 + (curve.half / level) ** curve.shape))


def taken_by(cell: Cell, level: float) -> dict[str, float]:
    """Amount of every measure of a cell's level, `value` among them."""
    value = value_of(cell, level)
    taken: dict[str, float] = {VALUE: value}
    for quantity in cell.quantities:
        taken[quantity.measure] = taken.get(quantity.measure, 0.0) + quantity.at(level, value)
    if not isinstance(cell.response, Curve):
        for one in cell.response:
            if one.level == level:
                for name, amount in one.takes.items():
                    taken[name] = taken.get(name, 0.0) + amount
    return taken


def faults(question: Question, levels: Sequence[float], values: Sequence[float]) -> list[str]:
    """Every rule that a plan breaks and every value that it misstates.

    Args:
        levels, values: Of the cells, in the question's order.
    """
    if len(levels) != len(question.cells):
        return [f"{len(levels)} levels for {len(question.cells)} cells"]
    found = list(_of_levels(question, levels, values))
    taken = [taken_by(cell, level) for cell, level in zip(question.cells, levels, strict=True)]
    found += _of_resources(question, taken)
    found += _of_limits(question, taken)
    return found


def _of_levels(question: Question, levels: Sequence[float], values: Sequence[float]) -> Iterator[str]:
    for cell, level, value in zip(question.cells, levels, values, strict=True):
        slack = TOLERANCE * max(1.0, abs(level))
        if not cell.floor - slack <= level <= cell.ceiling + slack:
            yield f"{cell.name}: level {level:g} outside {cell.floor:g} to {cell.ceiling:g}"
        if cell.step > 0 and abs(level / cell.step - round(level / cell.step)) > 1e-6:
            yield f"{cell.name}: level {level:g} is no multiple of {cell.step:g}"
        right = value_of(cell, level)
        if not math.isclose(right, value, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{cell.name}: value {value:g} at level {level:g}; the response says {right:g}"


def _of_resources(question: Question, taken: Sequence[Mapping[str, float]]) -> Iterator[str]:
    for resource in question.resources:
        used = math.fsum(one.get(resource.name, 0.0) for one in taken)
        slack = TOLERANCE * max(1.0, abs(used))
        if used > resource.capacity + slack:
            yield f"capacity of {resource.name}: {used:g} used of {resource.capacity:g}"
        if used < resource.floor - slack:
            yield f"floor of {resource.name}: {used:g} used, {resource.floor:g} demanded"


def _of_limits(question: Question, taken: Sequence[Mapping[str, float]]) -> Iterator[str]:
    for limit in question.limits:
        counted = [one for cell, one in zip(question.cells, taken, strict=True) if limit.counts(cell)]
        total = math.fsum(one.get(limit.measure, 0.0) for one in counted)
        base = math.fsum(one.get(limit.per, 0.0) for one in counted) if limit.per else 1.0
        slack = TOLERANCE * max(1.0, abs(total), abs(base))
        if not math.isinf(limit.at_least) and total < limit.at_least * base - slack:
            yield f"{limit.id}: {total:g} is less than {limit.at_least:g}{_per(limit.per, base)}"
        if not math.isinf(limit.at_most) and total > limit.at_most * base + slack:
            yield f"{limit.id}: {total:g} is more than {limit.at_most:g}{_per(limit.per, base)}"


def _per(name: str, base: float) -> str:
    return f" x {base:g} of {name}" if name else ""
