"""How far the hard rules must stretch for pooled, divisible accounts: a linear programme and what its prices prove."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.linear import Programme, Solution, solve_linear
from fieldwise_allocation.core.territory.pools import Pools
from fieldwise_allocation.core.territory.problem import Floats, Problem, km_to

Indices = npt.NDArray[np.int64]

# What it costs to leave an account without a rep: above any stretch of bands by it.
UNSERVED = 10.0
# A certificate above this proves that no plan exists; below, it may be rounding.
PROOF = 1e-7
BLOCK_PAIRS = 2_000_000


@dataclass(frozen=True)
class Prices:
    """What each hard rule's unit is worth in stretch; with them a question's impossibility is proven without a solver.

    Args:
        band: Positive where a floor is in the way, negative where a ceiling is, shape (k, r).
        move: Of one more move.
        area: Of one rep less in each area, shape (h,).
        seat: Of a rep's presence in an area, shape (h, r).
    """

    band: Floats
    move: float
    area: Floats
    seat: Floats


@dataclass(frozen=True)
class Stretch:
    """The least stretch of rules, 0 where divisible accounts fit, and how pools are then given out.

    Args:
        given, kept: Accounts of each pool that go to each rep, and that stay with him, shape (p, r).
    """

    least: float
    given: Floats
    kept: Floats
    prices: Prices


def stretch(problem: Problem, pools: Pools) -> Stretch:
    """The least that hard rules must stretch, each relative to its own size.

    Raises:
        Unsolved: Numerical trouble.
    """
    sheet = _Sheet(problem, pools)
    solution = solve_linear(sheet.programme())
    given, kept = sheet.parts(solution)
    return Stretch(max(solution.objective, 0.0), given, kept, sheet.prices(solution))


def certificate(problem: Problem, prices: Prices) -> float:
    """Above 0: no assignment of whole or divided accounts keeps the hard rules, whatever the prices.

    Every assignment that keeps them makes this sum 0 or less: what each account pays with its cheapest permitted rep, plus
    what floors, ceilings, moves and staffing are worth at their edges (Farkas' lemma, by Lagrangian relaxation).
    """
    price = np.where(np.isinf(problem.outside), prices.band, 0.0)
    price = np.where(np.isfinite(problem.high), price, np.maximum(price, 0.0))
    worth = np.zeros((len(problem.amount), problem.reps))
    np.add.at(worth, problem.band_measure, price)
    move = max(prices.move, 0.0) if problem.most_moves is not None else 0.0
    edges = np.where(price > 0, problem.low, np.where(price < 0, problem.high, 0.0))
    total = float((edges * price).sum()) - move * (problem.most_moves or 0)
    seat, area = np.maximum(prices.seat, 0.0), np.maximum(prices.area, 0.0)
    total += float((area * problem.least_reps).sum() + np.minimum(seat - area[:, None], 0.0).sum())
    step = max(1, BLOCK_PAIRS // problem.reps)
    for start in range(0, problem.accounts, step):
        total += _block(problem, worth, move, seat, np.arange(start, min(start + step, problem.accounts)))
    return total


def _block(problem: Problem, worth: Floats, move: float, seat: Floats, rows: Indices) -> float:
    pays = -(problem.amount[:, rows].T @ worth)
    reps = np.arange(problem.reps)
    if problem.pace[rows].any():
        km = km_to(problem, np.repeat(rows, len(reps)), np.tile(reps, len(rows))).reshape(len(rows), -1)
        pays -= problem.pace[rows, None] * km * worth[0]
    inside = np.flatnonzero(problem.area[rows] >= 0)
    if len(inside) and len(seat):
        pays[inside] -= seat[problem.area[rows[inside]]]
    incumbent = problem.incumbent[rows]
    if move:
        pays += move * ((incumbent >= 0)[:, None] & (incumbent[:, None] != reps))
    barred = ~problem.able[problem.kind[rows]]
    held = np.flatnonzero(problem.locked[rows])
    barred[held] |= incumbent[held, None] != reps
    for b, measure in enumerate(problem.band_measure):
        hard = np.isinf(problem.outside[b])
        # An account alone above a ceiling fits nobody there.
        too_much = problem.amount[measure, rows, None] > problem.high[b] * (1 + 1e-9)
        barred |= too_much & hard
    pays[barred] = UNSERVED
    return float(np.minimum(pays.min(axis=1), UNSERVED).sum())


class _Sheet:
    """The rows and columns of the programme, one block of each after the other.

    Columns: pools by rep; pools that stay; pools unserved; presence in areas; stretch of floors, of ceilings, of moves, of
    areas. Rows: pools; bands; moves; presence; areas.
    """

    def __init__(self, problem: Problem, pools: Pools) -> None:
        self.problem, self.pools = problem, pools
        self.pool, self.rep = np.nonzero(pools.allowed)
        self.held, self.holder = np.nonzero(pools.stays)
        hard = np.isinf(problem.outside)
        limited = hard & ((problem.low > 0) | np.isfinite(problem.high))
        self.band, self.seat = np.nonzero(limited)
        self.moves = int(problem.most_moves is not None)
        self.areas = len(problem.least_reps)
        p, r, b, h = len(pools.count), problem.reps, len(self.band), self.areas
        self.columns = np.cumsum([0, len(self.pool), len(self.held), p, h * r, b, b, self.moves, h])
        self.rows = np.cumsum([0, p, b, self.moves, h * r, h])
        self.entries: list[tuple[Indices, Indices, Floats]] = []

    def programme(self) -> Programme:
        problem, pools = self.problem, self.pools
        low, high = problem.low[self.band, self.seat], problem.high[self.band, self.seat]
        self._serve()
        self._limit()
        self._move()
        self._staff()
        h, r = self.areas, problem.reps
        scale = np.maximum(np.maximum(low, np.where(np.isfinite(high), high, 0.0)), 1e-9)
        moves = [float(max(problem.most_moves or 0, 1))] * self.moves
        kept = [float(pools.held - (problem.most_moves or 0))] * self.moves
        return Programme(
            cost=np.concatenate(
                [
                    np.zeros(len(self.pool) + len(self.held)),
                    np.full(len(pools.count), UNSERVED),
                    np.zeros(h * r),
                    1 / scale,
                    1 / scale,
                    1 / np.array(moves),
                    1 / np.maximum(problem.least_reps, 1.0),
                ]
            ),
            high=np.concatenate(
                [
                    np.full(len(self.pool), np.inf),
                    pools.stays[self.held, self.holder],
                    np.full(len(pools.count), np.inf),
                    np.ones(h * r),
                    np.full(2 * len(self.band) + self.moves + h, np.inf),
                ]
            ),
            row_low=np.concatenate([pools.count, low, kept, np.full(h * r, -np.inf), problem.least_reps]),
            row_high=np.concatenate(
                [pools.count, high, np.full(self.moves, np.inf), np.zeros(h * r), np.full(h, np.inf)]
            ),
            entries=self._joined(),
        )

    def _put(self, row: Indices, column: Indices, value: Floats | float) -> None:
        self.entries.append((row, column, np.broadcast_to(value, len(row)).astype(np.float64)))

    def _joined(self) -> tuple[Indices, Indices, Floats]:
        row, column, value = (np.concatenate(each) for each in zip(*self.entries, strict=True))
        used = value != 0
        return row[used], column[used], value[used]

    def _served(self) -> list[tuple[Indices, Indices, Indices]]:
        """(pool, rep, column) of those given and of those that stay."""
        c = self.columns
        return [
            (self.pool, self.rep, c[0] + np.arange(len(self.pool))),
            (self.held, self.holder, c[1] + np.arange(len(self.held))),
        ]

    def _serve(self) -> None:
        for pool, _, column in self._served():
            self._put(pool, column, 1.0)
        p = np.arange(len(self.pools.count))
        self._put(p, self.columns[2] + p, 1.0)

    def _limit(self) -> None:
        row_of = np.full(self.problem.low.shape, -1)
        row_of[self.band, self.seat] = self.rows[1] + np.arange(len(self.band))
        for b, measure in enumerate(self.problem.band_measure):
            for pool, rep, column in self._served():
                here = np.flatnonzero(row_of[b, rep] >= 0)
                amount = np.broadcast_to(
                    self.pools.amount[measure], (len(self.pools.count), self.problem.reps)
                )
                self._put(row_of[b, rep[here]], column[here], amount[pool[here], rep[here]])
        each = np.arange(len(self.band))
        self._put(self.rows[1] + each, self.columns[4] + each, 1.0)
        self._put(self.rows[1] + each, self.columns[5] + each, -1.0)

    def _move(self) -> None:
        if self.moves:
            stay = self.columns[1] + np.arange(len(self.held))
            self._put(np.full(len(stay), self.rows[2]), stay, 1.0)
            self._put(self.rows[2:3], self.columns[6:7], 1.0)

    def _staff(self) -> None:
        h, r = self.areas, self.problem.reps
        if not h:
            return
        presence = np.arange(h * r)
        self._put(self.rows[3] + presence, self.columns[3] + presence, 1.0)
        for pool, rep, column in self._served():
            here = np.flatnonzero(self.pools.area[pool] >= 0)
            row = self.rows[3] + self.pools.area[pool[here]].astype(np.int64) * r + rep[here]
            self._put(row, column[here], -1.0)
        self._put(self.rows[4] + presence // r, self.columns[3] + presence, 1.0)
        self._put(self.rows[4] + np.arange(h), self.columns[7] + np.arange(h), 1.0)

    def parts(self, solution: Solution) -> tuple[Floats, Floats]:
        """What of each pool each rep gets, and what stays with him, shape (p, r) each."""
        parts = []
        for pool, rep, column in self._served():
            part = np.zeros(self.pools.allowed.shape)
            part[pool, rep] = np.maximum(solution.values[column], 0.0)
            parts.append(part)
        return parts[0], parts[1]

    def prices(self, solution: Solution) -> Prices:
        rows, dual = self.rows, solution.duals
        band = np.zeros(self.problem.low.shape)
        band[self.band, self.seat] = dual[rows[1] : rows[2]]
        return Prices(
            band=band,
            move=float(dual[rows[2] : rows[3]].sum()),
            area=dual[rows[4] : rows[5]],
            seat=-dual[rows[3] : rows[4]].reshape(self.areas, self.problem.reps),
        )
