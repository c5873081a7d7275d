"""A plan in whole accounts from shares of pools: the proof that rules can hold together; knows no cost and no solver."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory import problem as territory
from fieldwise_allocation.core.territory.pools import Pools
from fieldwise_allocation.core.territory.problem import Floats, Ints, Problem

Indices = npt.NDArray[np.int64]

STEPS = 400
# A rep's accounts looked at in one step, those that fit the lack best among them.
WIDEST = 3000


def rounded(problem: Problem, pools: Pools, given: Floats, kept: Floats) -> Ints:
    """Whole accounts by the shares of their pools: some stay, then the largest first to whom most is owed."""
    rep_of = np.full(problem.accounts, -1, dtype=np.int32)
    order = np.lexsort((-problem.amount[0], pools.pool_of))
    edges = np.flatnonzero(np.diff(pools.pool_of[order], prepend=-1, append=-1))
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        rows = order[start:end]
        pool = int(pools.pool_of[rows[0]])
        rest = _stay(problem, rows, np.ceil(kept[pool] - 1e-6).astype(np.int64), rep_of)
        _give(problem, rest, given[pool], rep_of)
    return rep_of


def _stay(problem: Problem, rows: Indices, kept: Indices, rep_of: Ints) -> Indices:
    """Keep so many of each rep's, the smallest: few large moves fill a band sooner. The others are returned."""
    if not kept.any():
        return rows
    left = kept.copy()
    for j in rows[::-1].tolist():
        seat = problem.incumbent[j]
        if seat >= 0 and left[seat] > 0:
            left[seat] -= 1
            rep_of[j] = seat
    return rows[rep_of[rows] < 0]


def _give(problem: Problem, rows: Indices, given: Floats, rep_of: Ints) -> None:
    reps = np.flatnonzero(given > 1e-9)
    if not len(rows) or not len(reps):
        return
    hours = problem.amount[0, rows]
    weight = hours if hours.any() else np.ones(len(rows))
    owed = given[reps] / given[reps].sum() * weight.sum()
    heap = [(-much, rep) for much, rep in zip(owed.tolist(), reps.tolist(), strict=True)]
    heapq.heapify(heap)
    for j, much in zip(rows.tolist(), weight.tolist(), strict=True):
        least, rep = heap[0]
        rep_of[j] = rep
        heapq.heapreplace(heap, (least + much, rep))


def repaired(problem: Problem, rep_of: Ints) -> Ints | None:
    """The plan after single accounts have been moved until every hard rule holds; None when that does not come about."""
    if (rep_of < 0).any():
        return None
    worker = _Repair(problem, rep_of.copy())
    for _ in range(STEPS):
        if territory.feasible(problem, worker.rep_of):
            return worker.rep_of
        if not worker.step():
            return None
    return None


@dataclass
class _Repair:
    """A plan being mended: each step moves the one account that takes most off the hours and units outside bands."""

    problem: Problem
    rep_of: Ints

    def step(self) -> bool:
        """Whether something was gained."""
        problem = self.problem
        if territory.understaffed(problem, self.rep_of).any():
            return self._staff()
        loads = territory.loads(problem, self.rep_of)
        out = territory.excess(problem, loads) * np.isinf(problem.outside) / self._scale()
        if not out.any():
            return False  # too many moves: shares of pools have seen to that already
        seat = int(out.sum(axis=0).argmax())
        mine, others = np.flatnonzero(self.rep_of == seat), np.flatnonzero(self.rep_of != seat)
        return (
            self._move(mine, None, loads)
            or self._move(others, seat, loads)
            or self._swap(mine, others, seat, loads)
        )

    def _scale(self) -> Floats:
        low, high = self.problem.low, self.problem.high
        return np.maximum(np.maximum(low, np.where(np.isfinite(high), high, 0.0)), 1e-9)

    def _move(self, rows: Indices, to: int | None, loads: Floats) -> bool:
        """Move the best of these accounts, to one rep or to anybody."""
        problem = self.problem
        rows = rows[~problem.locked[rows]]
        if not len(rows):
            return False
        if to is not None and len(rows) > WIDEST:
            rows = rows[:: -(-len(rows) // WIDEST)]
        reps = np.arange(problem.reps) if to is None else np.array([to])
        gain = self._gain(rows, reps, loads)
        gain[~problem.able[problem.kind[rows]][:, reps]] = -np.inf
        gain[self.rep_of[rows][:, None] == reps] = -np.inf
        if problem.most_moves is not None:
            gain -= 1e-6 * (problem.incumbent[rows] == self.rep_of[rows])[:, None]
            full = territory.move_count(problem, self.rep_of) >= problem.most_moves
            leaves = (problem.incumbent[rows] == self.rep_of[rows])[:, None]
            gain[leaves & full & np.ones(gain.shape, dtype=np.bool_)] = -np.inf
        best = int(gain.argmax())
        s, t = divmod(best, len(reps))
        if not gain[s, t] > 1e-12:
            return False
        self.rep_of[rows[s]] = reps[t]
        return True

    def _gain(self, rows: Indices, reps: Indices, loads: Floats) -> Floats:
        """What a move takes off the sum of relative excesses, shape (rows, reps)."""
        problem, scale = self.problem, self._scale()
        now = self.rep_of[rows]
        gain = np.zeros((len(rows), len(reps)))
        for b, measure in enumerate(problem.band_measure):
            if not np.isinf(problem.outside[b]).any():
                continue
            goes = problem.amount[measure, rows]
            comes = np.broadcast_to(goes[:, None], gain.shape)
            if measure == 0 and problem.pace[rows].any():
                goes = goes + problem.pace[rows] * territory.km_to(problem, rows, now)
                ways = territory.km_to(problem, np.repeat(rows, len(reps)), np.tile(reps, len(rows)))
                comes = comes + problem.pace[rows, None] * ways.reshape(gain.shape)
            load, low, high, size = loads[measure], problem.low[b], problem.high[b], scale[b]
            before = _outside(load[now], low[now], high[now])
            after = _outside(load[now] - goes, low[now], high[now])
            gain += ((before - after) / size[now])[:, None]
            there = _outside(load[reps], low[reps], high[reps])
            then = _outside(load[reps] + comes, low[reps], high[reps])
            gain += (there - then) / size[reps]
        return gain

    def _swap(self, mine: Indices, others: Indices, seat: int, loads: Floats) -> bool:
        """Exchange one account of a rep for one of anybody: where numbers and hours are both tight."""
        problem = self.problem
        mine, others = (rows[~problem.locked[rows]] for rows in (mine, others))
        others = others[problem.able[problem.kind[others], seat]][:: -(-len(others) // WIDEST) or 1]
        if problem.most_moves is not None:
            mine, others = (rows[problem.incumbent[rows] != self.rep_of[rows]] for rows in (mine, others))
        if not len(mine) or not len(others):
            return False
        donor, scale = self.rep_of[others], self._scale()
        gain = np.zeros((len(mine), len(others)))
        for b, measure in enumerate(problem.band_measure):
            more = problem.amount[measure, others] - problem.amount[measure, mine, None]
            load, low, high = loads[measure], problem.low[b], problem.high[b]
            gain += (
                _outside(load[seat], low[seat], high[seat])
                - _outside(load[seat] + more, low[seat], high[seat])
            ) / (scale[b, seat])
            now, then = (
                _outside(each, low[donor], high[donor]) for each in (load[donor], load[donor] - more)
            )
            gain += (now - then) / scale[b, donor]
        gain[~problem.able[problem.kind[mine]][:, donor]] = -np.inf
        s, t = divmod(int(gain.argmax()), len(others))
        if not gain[s, t] > 1e-12:
            return False
        self.rep_of[mine[s]], self.rep_of[others[t]] = donor[t], seat
        return True

    def _staff(self) -> bool:
        """Give one account of a thin area to a rep who has none of it, from one who has several."""
        problem = self.problem
        area = int(territory.understaffed(problem, self.rep_of).argmax())
        inside = np.flatnonzero((problem.area == area) & ~problem.locked)
        present = np.unique(self.rep_of[problem.area == area])
        held = np.bincount(self.rep_of[problem.area == area], minlength=problem.reps)
        for j in inside[np.argsort(problem.amount[0, inside], kind="stable")].tolist():
            if held[self.rep_of[j]] < 2:
                continue
            free = np.setdiff1d(np.flatnonzero(problem.able[problem.kind[j]]), present)
            if len(free):
                loads = territory.loads(problem, self.rep_of)
                gain = self._gain(np.array([j]), free, loads)[0]
                self.rep_of[j] = free[int(gain.argmax())]
                return True
        return False


def _outside(load: Floats, low: Floats, high: Floats) -> Floats:
    return np.maximum(np.maximum(low - load, load - high), 0.0)
