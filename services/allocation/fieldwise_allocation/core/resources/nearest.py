"""The plan nearest to today among those nearly as good as the best; knows no wire.

Source: the flat maximum principle (von Winterfeldt and Edwards, 1982): near the best, many plans are worth the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources.compiling import Compiled
from fieldwise_allocation.core.resources.programme import Floats, Ints, Programme, Rows
from fieldwise_allocation.core.resources.solving import Found, Infeasible, NotFound, solve


@dataclass(frozen=True)
class Nearest:
    """A plan as good.

    Args:
        levels: In the order of the question's cells.
        changed, best_changed: Cells that leave today's level, in this plan and in the best one.
        moved, best_moved: Effort moved: changes of level as shares of each cell's range, summed.
    """

    levels: tuple[float, ...]
    value: float
    changed: int
    moved: float
    best_changed: int
    best_moved: float


def nearest_to_today(asked: Compiled, found: Found, seconds_left: Callable[[], float]) -> Nearest | None:
    """None unless some cell has a level of today and some loss is allowed."""
    moved = _moved(asked)
    if not (moved.any() and asked.question.near):
        return None
    programme = asked.programme
    try:
        near = solve(_as_good(asked, found, moved), seconds_left, start=found.choice).choice
    except (Infeasible, NotFound):  # the best plan itself is as good; only the search can have missed it
        near = found.choice
    if _sum(moved, near) > _sum(moved, found.choice):
        near = found.choice
    cells = np.arange(len(near))
    level = np.empty(len(near))
    level[asked.order] = asked.level[cells, near]
    return (
        Nearest(
            levels=tuple(level.tolist()),
            value=float(asked.mean[cells, near].sum()),
            changed=int((moved[cells, near] > 0).sum()),
            moved=_sum(moved, near),
            best_changed=int((moved[cells, found.choice] > 0).sum()),
            best_moved=_sum(moved, found.choice),
        )
        if programme.holds(near)
        else None
    )


def _sum(moved: Floats, choice: Ints) -> float:
    return float(moved[np.arange(len(choice)), choice].sum())


def _moved(asked: Compiled) -> Floats:
    """Change from today as a share of each cell's range of levels, shape (n, l); 0 where there is no today."""
    today = np.array([np.nan if cell.today is None else cell.today for cell in asked.cells])
    span = np.nanmax(asked.level, axis=1) - np.nanmin(asked.level, axis=1)
    change = np.abs(asked.level - today[:, None]) / np.maximum(span, 1e-12)[:, None]
    return np.nan_to_num(np.where(change < 1e-12, 0.0, change))


def _as_good(asked: Compiled, found: Found, moved: Floats) -> Programme:
    """Least change, under the question's rows and a floor of worth."""
    programme, rows = asked.programme, asked.programme.rows
    worth = np.where(programme.present, programme.value, 0.0)
    floor = found.value - asked.question.near * abs(found.value)
    with_floor = Rows(
        measure=np.append(rows.measure, len(programme.amount)),
        sign=np.append(rows.sign, -1.0),
        limit=np.append(rows.limit, floor),
        member=np.concatenate([rows.member, np.ones((1, len(worth)), dtype=np.bool_)]),
    )
    value = np.where(programme.present, -moved, -np.inf)
    return Programme(value, np.concatenate([programme.amount, worth[None]]), with_floor)
