"""Cells whose effort may be any amount: what bounds every level, and which levels to try next; knows no solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fieldwise_allocation.core.resources.compiling import Compiled, grid
from fieldwise_allocation.core.resources.curves import Curve, Curves
from fieldwise_allocation.core.resources.programme import Bools, Floats, Ints, Programme
from fieldwise_allocation.core.resources.question import GRID, Cell

# Levels tried beside the one chosen and the best one at the prices, on each side.
BESIDE = 4


def any_amount(asked: Compiled) -> Ints:
    """Positions of the cells whose effort may be any amount."""
    cells = enumerate(asked.cells)
    free = [j for j, c in cells if isinstance(c.response, Curve) and c.step == 0 and c.ceiling > c.floor]
    return np.array(free, dtype=np.int64)


def peaks(asked: Compiled, free: Ints, price: Floats, choice: Ints) -> tuple[Floats, Floats]:
    """(level, worth) of the best amount of each free cell at these prices of rows; the worth bounds all its levels."""
    cells = [asked.cells[j] for j in free]
    curves = Curves.of([cell.response for cell in cells if isinstance(cell.response, Curve)])
    low, high = np.array([(cell.floor, cell.ceiling) for cell in cells]).T
    per_level, per_value, once = np.einsum(
        "kmj,mj->kj", asked.rates[:, :, free], asked.programme.cell_prices(price)[:, free]
    )
    slope, start = _caution(asked, free, choice)
    worth = 1.0 - slope - per_value
    level, most = curves.peaks(low, high, worth, per_level)
    at_low = worth * curves.values(low[:, None])[:, 0] - per_level * low - once * (low > 0)
    most = most - once
    level = np.where(at_low >= most, low, level)
    return level, np.maximum(most, at_low) - start


def _caution(asked: Compiled, free: Ints, choice: Ints) -> tuple[Floats, Floats]:
    """(a, b): a x value + b is never above what caution takes off, and is what it takes off at the chosen level.

    The deviation is the length of (noise, spread x gain), hence no less than its part along any direction.
    """
    of = [cell.response for cell in (asked.cells[j] for j in free) if isinstance(cell.response, Curve)]
    lowest, noise, spread = np.array([(c.lowest, c.noise, c.spread) for c in of]).T
    gain = spread * (asked.mean[free, choice[free]] - lowest)
    length = np.maximum(np.hypot(noise, gain), 1e-300)
    caution = asked.question.caution
    slope = caution * spread * gain / length
    return slope, caution * noise**2 / length - slope * lowest


def ceiling(asked: Compiled, price: Floats, choice: Ints) -> float:
    """No plan is worth more, in any amounts."""
    free = any_amount(asked)
    programme = asked.programme
    best = programme.reduced(price).max(axis=1)
    if free.size:
        best[free] = np.maximum(best[free], peaks(asked, free, price, choice)[1])
    return float(programme.rows.bound @ price + best.sum())


def next_levels(asked: Compiled, price: Floats, choice: Ints, part: float) -> dict[str, list[float]]:
    """Levels to try next of the free cells: around the chosen and the best ones, in steps of a part of the grid's.

    Among them those that use up, or make up, what is left to the limit of a rule that has a price.
    """
    free = any_amount(asked)
    best = peaks(asked, free, price, choice)[0]
    chosen = asked.level[free, choice[free]]
    exact = _filling(asked, free, chosen, asked.programme.used(choice), price > 0)
    beside = np.arange(-BESIDE, BESIDE + 1) * part / GRID
    tried: dict[str, list[float]] = {}
    for k, j in enumerate(free.tolist()):
        cell = asked.cells[j]
        around = beside * (cell.ceiling - cell.floor)
        today = [] if cell.today is None else [cell.today]
        every = [cell.floor, cell.ceiling, *today, *(chosen[k] + around), *(best[k] + around), *exact[k]]
        tried[cell.name] = _within(cell, every)
    return tried


def loosened(asked: Compiled) -> Programme:
    """The programme with each rule given the room of one step of the grid: what no grid meets exactly, it then can."""
    free, rows = any_amount(asked), asked.programme.rows
    step = np.array([asked.cells[j].ceiling - asked.cells[j].floor for j in free]) / GRID
    room = (np.abs(asked.rates[0, rows.measure][:, free]) * rows.member[:, free] * step).max(
        axis=1, initial=0.0
    )
    return asked.programme.with_rows(replace(rows, limit=rows.limit + rows.sign * room))


def levels_beside(asked: Compiled, choice: Ints) -> dict[str, list[float]]:
    """The grid of each free cell and the levels at which it alone brings a rule to its limit, given a choice."""
    free = any_amount(asked)
    chosen = asked.level[free, choice[free]]
    every = np.ones(len(asked.rules), dtype=np.bool_)
    exact = _filling(asked, free, chosen, asked.programme.used(choice), every)
    cells = [asked.cells[j] for j in free]
    return {cell.name: _within(cell, [chosen[k], *exact[k], *grid(cell)]) for k, cell in enumerate(cells)}


def _filling(asked: Compiled, free: Ints, level: Floats, used: Floats, counted: Bools) -> Floats:
    """Level at which each free cell alone would bring each counted rule to its limit, shape (k, rules)."""
    rows = asked.programme.rows.only(counted)
    left = rows.limit - used[counted]
    rate = asked.rates[0, rows.measure][:, free] * rows.member[:, free]
    more = np.divide(left[:, None], rate, out=np.zeros_like(rate), where=rate != 0)
    return np.asarray((level + more).T)


def _within(cell: Cell, levels: Sequence[float]) -> list[float]:
    every = np.unique(np.array(levels))
    return [float(level) for level in every if cell.floor <= level <= cell.ceiling]
