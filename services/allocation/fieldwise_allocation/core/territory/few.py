"""A repair tried among few accounts while all others stay as they are; knows no prices and no time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.territory.arcs import Arcs
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints, Problem, loads, move_count


@dataclass(frozen=True)
class Few:
    """A part of a problem: f accounts, in bands and under a limit of moves from which the others have been taken.

    Args:
        rows: Which accounts of the whole, ascending, shape (f,).
    """

    problem: Problem
    arcs: Arcs
    rows: Ints

    def put(self, rep_of: Ints, chosen: Ints) -> Ints:
        """The assignment of all, with the reps chosen for these; shape (n,)."""
        answer = rep_of.copy()
        answer[self.rows] = chosen
        return answer


def few(problem: Problem, arcs: Arcs, rep_of: Ints, rows: Ints) -> Few:
    """The problem of these accounts when every other one has the rep of ``rep_of``."""
    part = replace(
        problem,
        place=problem.place[rows],
        amount=np.ascontiguousarray(problem.amount[:, rows]),
        pace=problem.pace[rows],
        kind=problem.kind[rows],
        incumbent=problem.incumbent[rows],
        locked=problem.locked[rows],
        per_km=problem.per_km[rows],
        per_move=problem.per_move[rows],
        area=problem.area[rows],
    )
    others = (loads(problem, rep_of) - loads(part, rep_of[rows]))[problem.band_measure]
    left = problem.most_moves
    if left is not None:
        left -= move_count(problem, rep_of) - move_count(part, rep_of[rows])
    part = replace(part, low=problem.low - others, high=problem.high - others, most_moves=left)
    return Few(
        part,
        Arcs(arcs.rep[rows], arcs.cost[rows], arcs.hours[rows], arcs.reduced[rows]),
        rows,
    )


def indifferent(problem: Problem, arcs: Arcs, per_hour: float, most: int, large: int) -> Ints:
    """Accounts that could as well go elsewhere, and large ones that could go for little; ascending.

    All that count for the staffing of an area are among them.

    Args:
        per_hour: Plan units that an hour is worth to a rep who is short of it.
        most: How many that lose least with their second cheapest rep.
        large: How many that lose least with him when their hours are worth something.
    """
    near: Bools = np.asarray(problem.area >= 0)
    apart = arcs.reduced[:, 1] - arcs.reduced[:, 0] if arcs.rep.shape[1] > 1 else np.full(len(near), np.inf)
    near[_least(apart, most)] = True
    near[_least(apart - per_hour * arcs.hours[:, 0], large)] = True
    return np.flatnonzero(near).astype(np.int32)


def _least(value: Floats, most: int) -> Ints:
    # By value, then by row: the same accounts each time.
    return np.argsort(value, kind="stable")[:most].astype(np.int32)
