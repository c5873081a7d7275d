"""Small questions about scarce means, and their answers by going through everything; each shows only what matters."""

from __future__ import annotations

import itertools

import numpy as np

from fieldwise_allocation.core.resources.curves import Curve, Family
from fieldwise_allocation.core.resources.programme import Floats, Ints, Programme, Rows
from fieldwise_allocation.core.resources.question import Cell, Limit, Quantity, Question, Resource


def patience() -> float:
    """Seconds left to a solver: as many as it needs."""
    return 30.0


def programme(rng: np.random.Generator, *, cells: int = 5, options: int = 4, rows: int = 3) -> Programme:
    """Whole numbers, so that two ways of summing agree; half of the rows are floors, some over part of the cells."""
    value = rng.integers(0, 40, (cells, options)).astype(float)
    value[rng.random((cells, options)) < 0.15] = -np.inf
    value[:, 0] = rng.integers(0, 10, cells)
    amount = rng.integers(0, 10, (2, cells, options)).astype(float)
    member = rng.random((rows, cells)) < 0.8
    member[0] = True
    sign = np.where(rng.random(rows) < 0.5, 1.0, -1.0)
    limit = np.floor(rng.uniform(0.3, 0.7, rows) * 9 * member.sum(axis=1))
    amount[:, ~np.isfinite(value)] = 0.0
    return Programme(value, amount, Rows(rng.integers(0, 2, rows), sign, limit, member))


def every_choice(asked: Programme) -> list[Ints]:
    """All choices that keep the rows."""
    options = (np.flatnonzero(row) for row in asked.present)
    choices = (np.array(choice) for choice in itertools.product(*options))
    return [choice for choice in choices if asked.holds(choice)]


def segments(
    rng: np.random.Generator, count: int, *, step: float = 1.0, spread: float = 0.0
) -> tuple[Cell, ...]:
    """Segments of two channels that take hours, packs and money; some curves are S-shaped."""
    return tuple(
        Cell(
            name=f"segments/{j:03d}",
            response=Curve(
                Family.ADBUDG,
                0.0,
                float(rng.lognormal(6, 1)),
                float(rng.uniform(2, 8)),
                float(rng.uniform(0.6, 3)),
                spread=spread,
                noise=20.0 * spread,
            ),
            quantities=(
                Quantity("hours", per_level=1.0),
                Quantity("packs", per_level=float(rng.integers(0, 4))),
                Quantity("money", per_level=20.0, once=10.0),
            ),
            labels={"channel": "visit" if j % 2 else "call"},
            today=3.0,
            ceiling=10.0,
            step=step,
        )
        for j in range(count)
    )


def question(cells: tuple[Cell, ...], *limits: Limit, share: float = 0.35) -> Question:
    """Three kinds of means, a share of what the highest levels would take; no frontier, no plan nearest to today."""
    most = 10.0 * len(cells)
    return Question(
        cells,
        (
            Resource("hours", share * most, "h", unit_cost=20.0),
            Resource("packs", share * most * 1.5, "packs", unit_cost=2.0),
            Resource("money", share * most * 21.0, "{currency}", unit_cost=1.0),
        ),
        limits,
        near=0.0,
        frontier=(),
    )


def dense(asked: Programme) -> tuple[Floats, Floats, Floats, Floats]:
    """(cost, rows, right sides, cells) of the relaxation for a solver of dense programmes; columns are options."""
    cell, option = np.nonzero(asked.present)
    rows = asked.rows
    table = np.array(
        [
            rows.sign[r] * asked.amount[rows.measure[r], cell, option] * rows.member[r, cell]
            for r in range(len(rows))
        ]
    ).reshape(len(rows), len(cell))
    one = (cell[None, :] == np.arange(len(asked.value))[:, None]).astype(float)
    return -asked.value[cell, option], table, rows.bound, one
