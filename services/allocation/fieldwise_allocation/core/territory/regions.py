"""A large problem in regions: reps who live near each other, with the accounts they have; knows no search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory.problem import LEFT, NO_AREA, Floats, Ints, Problem

Indices = npt.NDArray[np.int64]

# From so many accounts on a plan is made in regions: below, one search is as fast, and its plan has no seams.
LARGE = 100_000
# Reps per region: fewer leave more of them at a seam, more leave the cache of a processor.
MOST_REPS = 128


@dataclass(frozen=True)
class Region:
    """A part of a problem that is a problem of its own: plans of all regions together are a plan of the whole.

    A plan that keeps its rules keeps those of the whole when the plan it was cut from did; costs add up.

    Args:
        rows, reps: Of the whole.
        rep_of: What the plan it was cut from does with its accounts, in the region's numbers.
    """

    rows: Indices
    reps: Indices
    problem: Problem
    rep_of: Ints


def split(home: Floats, turn: int) -> list[Indices]:
    """The reps in groups of neighbours; another turn draws the seams elsewhere, for they are where plans are poor."""
    rng = np.random.default_rng(turn)
    turned = np.nan_to_num(home) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    # The first cut is off the middle by turns: otherwise all seams would meet there.
    return _cut(np.arange(len(home)), turned, 0.5 + 0.3 * (rng.random() - 0.5))


def _cut(reps: Indices, home: Floats, share: float) -> list[Indices]:
    if len(reps) <= MOST_REPS:
        return [np.sort(reps)]
    axis = int(np.argmax(np.ptp(home[reps], axis=0)))
    along = reps[np.argsort(home[reps, axis], kind="stable")]
    at = round(share * len(along))
    return _cut(along[:at], home, 0.5) + _cut(along[at:], home, 0.5)


@dataclass(frozen=True)
class Cut:
    """A plan cut into regions.

    Args:
        groups: The reps of each region; all reps, each once.
        seat: The region of each rep and his number there, shape (r,) each.
        rows: The accounts of each region.
    """

    problem: Problem
    rep_of: Ints
    groups: list[Indices]
    region: Indices
    seat: Ints
    rows: list[Indices]

    @classmethod
    def of(cls, problem: Problem, rep_of: Ints, groups: list[Indices]) -> Cut:
        region, seat = np.empty(problem.reps, dtype=np.int64), np.empty(problem.reps, dtype=np.int32)
        for index, group in enumerate(groups):
            region[group], seat[group] = index, np.arange(len(group))
        where = region[rep_of]
        ordered = np.argsort(where, kind="stable")
        rows = np.split(ordered, np.cumsum(np.bincount(where, minlength=len(groups)))[:-1])
        return cls(problem, rep_of, groups, region, seat, rows)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> Region:
        """A region, made only when it is asked for."""
        whole, rows, reps = self.problem, self.rows[index], self.groups[index]
        rep_of, before = self.seat[self.rep_of[rows]], whole.incumbent[rows]
        inside = (before >= 0) & (self.region[before] == index)
        # Whose incumbent works elsewhere has moved, whatever is done here: as if the incumbent had left.
        incumbent = np.where(inside, self.seat[before], np.where(before >= 0, LEFT, before)).astype(np.int32)
        area, least = self._staffing(rows, rep_of)
        part = Problem(
            place=whole.place[rows],
            home=whole.home[reps],
            amount=np.ascontiguousarray(whole.amount[:, rows]),
            pace=whole.pace[rows],
            kind=whole.kind[rows],
            able=np.ascontiguousarray(whole.able[:, reps]),
            incumbent=incumbent,
            locked=whole.locked[rows],
            per_km=whole.per_km[rows],
            per_move=whole.per_move[rows],
            band_measure=whole.band_measure,
            low=np.ascontiguousarray(whole.low[:, reps]),
            high=np.ascontiguousarray(whole.high[:, reps]),
            outside=np.ascontiguousarray(whole.outside[:, reps]),
            most_moves=None if whole.most_moves is None else self._moves(index),
            area=area,
            least_reps=least,
        )
        return Region(rows, reps, part, rep_of)

    def _moves(self, index: int) -> int:
        """The region's moves of today's plan, and its part of what may be moved besides."""
        whole, rows = self.problem, self.rows[index]
        gone = (whole.incumbent >= 0) & (whole.incumbent != self.rep_of)
        within = self.region[np.maximum(whole.incumbent[rows], 0)] == index
        spare = max((whole.most_moves or 0) - int(gone.sum()), 0)
        return int((gone[rows] & within).sum()) + spare * len(rows) // whole.accounts

    def _staffing(self, rows: Indices, rep_of: Ints) -> tuple[Ints, Ints]:
        """The areas with accounts here, and how many reps each has now, if not more than it needs."""
        area = self.problem.area[rows]
        known, number = np.unique(area[area >= 0], return_inverse=True)
        here = np.full(len(rows), NO_AREA, dtype=np.int32)
        here[area >= 0] = number
        served = np.unique(np.stack([number, rep_of[area >= 0]]), axis=1)[0]
        held = np.bincount(served, minlength=len(known))
        return here, np.minimum(held, self.problem.least_reps[known]).astype(np.int32)
