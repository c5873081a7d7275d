"""What each moved account would cost with its incumbent, all else equal; knows nothing of how a plan was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.territory import problem as territory
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints, Problem

# Rounds of putting accounts back; a round takes one account of each rep.
ROUNDS = 25
# Plan units, as a share of the costs at hand, that are no difference.
HAIR = 1e-9


@dataclass(frozen=True)
class Return:
    """The return of moved accounts to their incumbents, each alone; s accounts.

    Args:
        rows: The accounts, shape (s,).
        travel, move, band: Plan units more, shape (s,).
        unable: The incumbent lacks a skill, shape (s,).
        overfull, starved: A hard band of the incumbent or of today's rep would break, shape (k, s).
        understaffed: The area would have too few reps, shape (s,).
    """

    rows: Ints
    travel: Floats
    move: Floats
    band: Floats
    unable: Bools
    overfull: Bools
    starved: Bools
    understaffed: Bools

    @property
    def barred(self) -> Bools:
        """Returns that break a hard rule, shape (s,)."""
        return np.asarray(
            self.unable | self.overfull.any(axis=0) | self.starved.any(axis=0) | self.understaffed
        )

    @property
    def total(self) -> Floats:
        """Plan units more, shape (s,)."""
        return self.travel + self.move + self.band


def returns(problem: Problem, rep_of: Ints) -> Return:
    """What the return of each account that left a rep of this plan would change."""
    rows = np.flatnonzero((problem.incumbent >= 0) & (problem.incumbent != rep_of)).astype(np.int32)
    now, before = rep_of[rows], problem.incumbent[rows]
    km_now, km_before = territory.km_to(problem, rows, now), territory.km_to(problem, rows, before)
    loads = territory.loads(problem, rep_of)
    shape = (len(problem.band_measure), len(rows))
    overfull, starved = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    band = np.zeros(len(rows))
    for b, measure in enumerate(problem.band_measure.tolist()):
        goes = problem.amount[measure][rows]
        comes = goes
        if measure == 0:
            goes, comes = goes + problem.pace[rows] * km_now, comes + problem.pace[rows] * km_before
        limits = (problem.low[b], problem.high[b])
        worse = _outside(limits, before, loads[measure][before] + comes) - _outside(
            limits, before, loads[measure][before]
        )
        lack = _outside(limits, now, loads[measure][now] - goes) - _outside(limits, now, loads[measure][now])
        price_before, price_now = problem.outside[b][before], problem.outside[b][now]
        overfull[b] = np.isinf(price_before) & (worse > _hair(limits, before))
        starved[b] = np.isinf(price_now) & (lack > _hair(limits, now))
        band += np.where(np.isinf(price_before), 0.0, price_before) * worse
        band += np.where(np.isinf(price_now), 0.0, price_now) * lack
    return Return(
        rows=rows,
        travel=problem.per_km[rows] * (km_before - km_now),
        move=-problem.per_move[rows],
        band=band,
        unable=~problem.able[problem.kind[rows], before],
        overfull=overfull,
        starved=starved,
        understaffed=_understaffed(problem, rep_of, rows),
    )


def put_back(problem: Problem, rep_of: Ints) -> Ints:
    """The plan with every account back at its incumbent that costs no more there and breaks nothing.

    What is left of the moves has a reason: it saves something, or staying would break a rule.
    """
    rep_of = rep_of.copy()
    for _ in range(ROUNDS):
        back = returns(problem, rep_of)
        scale = np.abs(back.travel) + np.abs(back.move) + np.abs(back.band)
        pays = np.flatnonzero(~back.barred & (back.total <= HAIR * scale))
        if not len(pays):
            break
        touched: set[int] = set()
        for s in pays[np.argsort(back.total[pays], kind="stable")].tolist():
            j = int(back.rows[s])
            seats = {int(rep_of[j]), int(problem.incumbent[j])}
            # A second return to or from the same rep would rest on loads that the first has changed.
            if not seats & touched and not (problem.area[j] >= 0 and touched):
                touched |= seats
                rep_of[j] = problem.incumbent[j]
    return rep_of


def _outside(limits: tuple[Floats, Floats], reps: Ints, load: Floats) -> Floats:
    low, high = limits
    return np.maximum(np.maximum(low[reps] - load, load - high[reps]), 0.0)


def _hair(limits: tuple[Floats, Floats], reps: Ints) -> Floats:
    high = limits[1][reps]
    return territory.BAND_TOLERANCE * np.maximum(np.where(np.isfinite(high), np.abs(high), 0.0), 1.0)


def _understaffed(problem: Problem, rep_of: Ints, rows: Ints) -> Bools:
    """Whether an account's area would fall below its staffing, shape of ``rows``."""
    if not len(problem.least_reps):
        return np.zeros(len(rows), dtype=np.bool_)
    inside = problem.area >= 0
    held = np.zeros((len(problem.least_reps), problem.reps), dtype=np.int64)
    np.add.at(held, (problem.area[inside], rep_of[inside]), 1)
    area = np.maximum(problem.area[rows], 0)
    leaves = held[area, rep_of[rows]] == 1
    joins = held[area, problem.incumbent[rows]] == 0
    then = (held > 0).sum(axis=1)[area] - leaves + joins
    return np.asarray((problem.area[rows] >= 0) & (then < problem.least_reps[area]))
