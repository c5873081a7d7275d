"""The hard rules of a question by name: a problem under some of them, and under changed ones; knows no solver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Band, Question, Rep, Staffing
from fieldwise_allocation.core.territory.compile import Compiled, compiled
from fieldwise_allocation.core.territory.problem import NO_AREA, Bools, Floats, Problem

Indices = npt.NDArray[np.int64]

LOCK, SKILL, STAFFING, MOVES = "lock:", "skill:", "staffing:", "moves"


@dataclass(frozen=True)
class Stated:
    """A question whose hard rules can be left out or changed, each by its name.

    Names: a band's id; `lock:{rep}` for all accounts locked to a rep; `skill:{skill}`; `moves`; `staffing:{area}`. A change is a
    number: the width added to a band (a share of the limits where they are absolute), moves added, reps an area needs less,
    accounts unlocked, reps given the skill.

    Args:
        home: Unit vectors of the homes, where they were chosen, in the problem's order.
    """

    question: Question
    home: Floats | None = None

    @cached_property
    def way(self) -> Compiled:
        way = compiled(self.question)
        return way if self.home is None else replace(way, problem=replace(way.problem, home=self.home))

    @cached_property
    def reps(self) -> list[Rep]:
        """In the problem's order."""
        return [self.question.reps[i] for i in self.way.seats.tolist()]

    @cached_property
    def bands(self) -> dict[str, Band]:
        return {band.id: band for band in self.way.bands if band.hard}

    @cached_property
    def staffing(self) -> dict[str, Staffing]:
        return {STAFFING + each.area: each for each in self.question.rules.staffing}

    @cached_property
    def skills(self) -> list[str]:
        return [SKILL + skill for skill in sorted(frozenset().union(*self.way.needs))]

    @cached_property
    def locks(self) -> dict[str, Indices]:
        """The accounts locked to each rep, in the problem's rows: those he cannot serve first, then the largest."""
        problem = self.way.problem
        held = np.flatnonzero(problem.locked)
        able = problem.able[problem.kind[held], problem.incumbent[held]]
        order = held[np.lexsort((held, -problem.amount[0, held], able))]
        return {
            LOCK + self.reps[seat].name: order[problem.incumbent[order] == seat]
            for seat in np.unique(problem.incumbent[held]).tolist()
        }

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All hard rules, those that hold for everyone first."""
        moves = (MOVES,) if self.question.rules.most_moves is not None else ()
        return (*self.bands, *moves, *self.staffing, *self.skills, *self.locks)

    def problem(self, rules: Iterable[str], changes: Mapping[str, float] | None = None) -> Problem:
        """The problem under these hard rules only, without costs and soft rules."""
        active, changed = frozenset(rules), changes or {}
        way = self.way
        rows = [b for b, band in enumerate(way.bands) if band.hard and band.id in active]
        limits = [self._limits(b, changed.get(way.bands[b].id, 0.0)) for b in rows]
        shape = (len(rows), len(self.reps))
        moves = self.question.rules.most_moves
        area, least = self._areas(active, changed)
        return replace(
            way.problem,
            per_km=np.zeros_like(way.problem.per_km),
            per_move=np.zeros_like(way.problem.per_move),
            able=self._able(active, changed),
            locked=self._locked(active, changed),
            band_measure=way.problem.band_measure[rows],
            low=np.array([low for low, _ in limits]).reshape(shape),
            high=np.array([high for _, high in limits]).reshape(shape),
            outside=np.full(shape, np.inf),
            most_moves=None if moves is None or MOVES not in active else int(moves + changed.get(MOVES, 0)),
            area=area,
            least_reps=least,
        )

    def _limits(self, b: int, wider: float) -> tuple[Floats, Floats]:
        problem, band = self.way.problem, self.way.bands[b]
        low, high = problem.low[b], problem.high[b]
        if not wider:
            return low, high
        if band.width is None:
            return low * max(1 - wider, 0.0), high * (1 + wider)
        share = self.way.whole[problem.band_measure[b]] * self.way.share
        return np.where(low > 0, np.maximum(low - wider * share, 0.0), low), high + wider * share

    def _able(self, active: frozenset[str], changed: Mapping[str, float]) -> Bools:
        given = {skill: self.pupils(skill)[: int(changed.get(skill, 0))] for skill in self.skills}
        has = [
            rep.skills | {skill.removeprefix(SKILL) for skill in self.skills if i in given[skill]}
            for i, rep in enumerate(self.reps)
        ]
        asked = frozenset(name.removeprefix(SKILL) for name in active if name.startswith(SKILL))
        return np.array([[needs & asked <= skills for skills in has] for needs in self.way.needs])

    def pupils(self, skill: str) -> list[int]:
        """Reps without a skill, in the order in which to give it: those with locked accounts that need it, then by hours."""
        bare = skill.removeprefix(SKILL)
        wanting = [
            sum(self._account_needs(j, bare) for j in self.locks.get(LOCK + rep.name, ()))
            for rep in self.reps
        ]
        lacking = [i for i, rep in enumerate(self.reps) if bare not in rep.skills]
        return sorted(lacking, key=lambda i: (-wanting[i], -self.reps[i].capacity, self.reps[i].name))

    def _account_needs(self, row: int, skill: str) -> bool:
        return skill in self.way.needs[self.way.problem.kind[row]]

    def _locked(self, active: frozenset[str], changed: Mapping[str, float]) -> Bools:
        locked = np.zeros(self.way.problem.accounts, dtype=np.bool_)
        for name, rows in self.locks.items():
            if name in active:
                locked[rows[int(changed.get(name, 0)) :]] = True
        return locked

    def _areas(
        self, active: frozenset[str], changed: Mapping[str, float]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        way = self.way
        kept = [a for a, area in enumerate(way.areas) if STAFFING + area in active]
        number = np.full(len(way.areas) + 1, NO_AREA, dtype=np.int32)
        number[kept] = np.arange(len(kept), dtype=np.int32)
        fewer = np.array([changed.get(STAFFING + way.areas[a], 0) for a in kept], dtype=np.int32)
        return number[way.problem.area], way.problem.least_reps[kept] - fewer
