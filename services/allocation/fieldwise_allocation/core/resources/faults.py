"""Everything wrong with a question about resources, each fault with its field and what to do; knows no solver."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from fieldwise_allocation.core.resources.curves import Curve, Family
from fieldwise_allocation.core.resources.question import MOST_LEVELS, VALUE, Cell, Limit, Question
from fieldwise_runtime.errors import Violation

# Higher multiples of a step are no whole numbers among floats.
MOST_STEPS = 1e15


def faults(question: Question) -> list[Violation]:
    """All of them, in the order of the fields."""
    found = [*_twice("cells", "name", [cell.name for cell in question.cells])]
    for j, cell in enumerate(question.cells):
        found += _of_cell(f"cells[{j}]", cell)
    found += _of_resources(question)
    found += _of_limits(question)
    return found


def _twice(field: str, key: str, names: Iterable[str]) -> Iterator[Violation]:
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if name in first:
            remedy = f"{field}[{first[name]}] has this {key} already; give each once"
            yield Violation.of(f"{field}[{i}].{key}", name, remedy)
        first.setdefault(name, i)


def _of_cell(path: str, cell: Cell) -> Iterator[Violation]:
    if cell.ceiling < cell.floor:
        yield Violation.of(f"{path}.ceiling", cell.ceiling, f"give the floor, {cell.floor:g}, or more")
    elif isinstance(cell.response, Curve):
        yield from _of_curve(f"{path}.curve", cell.response)
        yield from _of_range(path, cell)
    else:
        yield from _of_levels(path, cell)


def _of_curve(path: str, curve: Curve) -> Iterator[Violation]:
    if curve.highest < curve.lowest:
        remedy = f"a curve may not fall: give {curve.lowest:g} or more, the lowest value"
        yield Violation.of(f"{path}.highest", curve.highest, remedy)
    if curve.half <= 0:
        remedy = "give the level that brings half of the way up, above 0"
        yield Violation.of(f"{path}.half_level", curve.half, remedy)
    if curve.shape <= 0 or (curve.family == Family.POWER and curve.shape > 1):
        remedy = "give more than 0" + (", at most 1 for a power" if curve.family == Family.POWER else "")
        yield Violation.of(f"{path}.shape", curve.shape, remedy)


def _of_range(path: str, cell: Cell) -> Iterator[Violation]:
    if math.isinf(cell.ceiling):
        remedy = "give the highest level that can be done; without data or a level of today none follows"
        yield Violation.of(f"{path}.ceiling", "unset", remedy)
    elif cell.ceiling > MOST_STEPS * cell.step > 0:
        remedy = f"the ceiling, {cell.ceiling:g}, is too many of it; give a larger step, or 0"
        yield Violation.of(f"{path}.step", cell.step, remedy)
    elif cell.step > 0:
        count = math.floor(cell.ceiling / cell.step + 1e-9) - math.ceil(cell.floor / cell.step - 1e-9) + 1
        if count > MOST_LEVELS:
            remedy = f"{count} whole levels; give a step of {(cell.ceiling - cell.floor) / MOST_LEVELS:g} or more, or 0"
            yield Violation.of(f"{path}.step", cell.step, remedy)
        elif count < 1:
            remedy = f"no multiple of it lies between {cell.floor:g} and {cell.ceiling:g}; give a smaller one"
            yield Violation.of(f"{path}.step", cell.step, remedy)


def _of_levels(path: str, cell: Cell) -> Iterator[Violation]:
    assert not isinstance(cell.response, Curve)
    yield from _twice(f"{path}.levels", "level", [f"{level.level:g}" for level in cell.response])
    if not any(cell.floor <= level.level <= cell.ceiling for level in cell.response):
        remedy = f"none lies between {cell.floor:g} and {cell.ceiling:g}; give one that does"
        yield Violation.of(f"{path}.levels", len(cell.response), remedy)


def _of_resources(question: Question) -> Iterator[Violation]:
    yield from _twice("resources", "name", [resource.name for resource in question.resources])
    taken = {quantity.measure for cell in question.cells for quantity in cell.quantities}
    taken |= {
        name
        for cell in question.cells
        if not isinstance(cell.response, Curve)
        for level in cell.response
        for name in level.takes
    }
    for k, resource in enumerate(question.resources):
        if resource.floor > resource.capacity:
            remedy = f"give the capacity, {resource.capacity:g}, or less"
            yield Violation.of(f"resources[{k}].floor", resource.floor, remedy)
        if resource.name == VALUE:
            yield Violation.of(
                f"resources[{k}].name", VALUE, "`value` is what cells bring; choose another name"
            )
        elif resource.name not in taken:
            remedy = "no cell takes any of it; add a quantity with this measure to a cell, or leave it out"
            yield Violation.of(f"resources[{k}].name", resource.name, remedy)


def _of_limits(question: Question) -> Iterator[Violation]:
    yield from _twice("limits", "id", [limit.id for limit in question.limits])
    known = question.measures()
    for k, limit in enumerate(question.limits):
        yield from _of_limit(f"limits[{k}]", limit, known, question)


def _of_limit(path: str, limit: Limit, known: tuple[str, ...], question: Question) -> Iterator[Violation]:
    for field, name in (("measure", limit.measure), ("per", limit.per)):
        if name and name not in known:
            yield Violation.of(f"{path}.{field}", name, f"unknown; give one of {', '.join(known[:8])}")
    if math.isinf(limit.at_least) and math.isinf(limit.at_most):
        yield Violation.of(f"{path}.at_least", "unset", "give at_least, at_most or both")
    if limit.at_most < limit.at_least:
        yield Violation.of(f"{path}.at_most", limit.at_most, f"give at_least, {limit.at_least:g}, or more")
    if not any(limit.counts(cell) for cell in question.cells):
        yield Violation.of(f"{path}.where", dict(limit.where), "no cell has these labels; correct them")
