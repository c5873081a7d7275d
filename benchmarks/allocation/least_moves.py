"""Below how many moves no plan near a full solve's cost keeps the rules after a change: bounds, by linear programmes.

A move is an account that is not with its rep of before; whoever has lost that rep, or is locked elsewhere, moves in any
plan (`homeless`). Two bounds, the larger counts:

- Rules alone: a rep above his band gives one account away, a rep below takes one, and a move serves one of each at most;
  an account whose rep left may serve one below.
- Within NEAR of the full solve's cost: with every other move charged c, no plan costs less than L(c), thus
  cost + c moves >= L(c) and moves >= (L(c) - (1 + NEAR) full) / c, for any c. In L(c) accounts may be divided, but for
  what only whole ones can do there are cuts (`_Cut`). Prices of bands and cuts come from a linear programme over few
  pairs; L(c) is then summed over all pairs, and holds for any prices. The true number is higher.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, vstack

from fieldwise_allocation.core.territory.prices import climb
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints, Problem, km_to, moved
from fieldwise_allocation.core.territory.replan import homeless

NEAR = 0.005
# The bound rises with the charge and then falls: the search climbs from FIRST among these.
CHARGES = (10.0, 17.0, 30.0, 50.0, 90.0, 160.0, 280.0)
FIRST = 3
# Pairs of the linear programme: so many of each account, and dearer than its cheapest by so much, in charges;
# then, so often, those and the cuts that it lacked.
PAIRS, APART, ROUNDS = 5, 1.5, 5
# A cut is added when the programme's answer misses it by so much of a whole.
MISSED = 0.02
# Hours that loads may be off the limits by the order of a sum.
HAIR = 1e-6


def least_moves(problem: Problem, start: Ints, full: float) -> int:
    """No plan that keeps the rules within NEAR of ``full`` has fewer moves than this.

    Args:
        start: The rep of each account before, below 0 for none, shape (n,).
        full: Cost of the full solve.
    """
    world = _World.of(problem, start)
    by_cost = _highest(lambda at: _by_cost(world, CHARGES[at], full))
    return int(world.lost.sum()) + max(_by_rules(world), math.ceil(by_cost - 1e-6), 0)


def _highest(height: Callable[[int], float]) -> float:
    at, best = FIRST, height(FIRST)
    for step in (-1, 1):
        gained = False
        while 0 <= at + step < len(CHARGES) and (there := height(at + step)) > best:
            at, best, gained = at + step, there, True
        if gained:
            break
    return best


@dataclass(frozen=True)
class _Cut:
    """What every plan keeps and parts of accounts need not: sum_j weight_j x_j,rep >= must; weight of shape (n,)."""

    rep: int
    weight: Floats
    must: float


@dataclass(frozen=True)
class _World:
    """One hard band on measure 0 without travel, as in `accounts_world`; n accounts, r reps.

    Args:
        start: The rep before, shape (n,).
        lost: `homeless`, shape (n,).
        sure: The rep whom a plan without moves gives the account, -1 for whom it may go to anyone, shape (n,).
        lack: Hours that each rep then has too few (above 0) or too many (below 0), shape (r,).
        cost: Plan units of each pair, infinite where it is not permitted, shape (n, r).
        moves: Whether a pair is a move that counts here, shape (n, r).
    """

    problem: Problem
    start: Ints
    lost: Bools
    sure: Ints
    lack: Floats
    cost: Floats
    moves: Bools

    @classmethod
    def of(cls, problem: Problem, start: Ints) -> _World:
        lost = homeless(problem, start)
        sure = np.where(lost, np.where(problem.locked, problem.incumbent, -1), start).astype(np.int32)
        load = np.bincount(sure[sure >= 0], problem.amount[0, sure >= 0], problem.reps)
        low, high = problem.low[0], problem.high[0]
        lack = np.where(load < low, low - load, np.where(load > high, high - load, 0.0))
        lack[np.abs(lack) <= 1e-9 * high] = 0.0
        everyone = np.arange(problem.reps)
        moves = ~lost[:, None] & (start[:, None] != everyone)
        return cls(problem, start, lost, sure, lack, _costs(problem), moves)

    @property
    def load(self) -> Floats:
        """Hours of each rep in a plan without moves, the homeless left out, shape (r,)."""
        there = self.sure >= 0
        return np.asarray(
            np.bincount(self.sure[there], self.problem.amount[0, there], self.problem.reps), float
        )

    def comes(self, rep: int, beyond: float, leaving: int | None = None) -> _Cut:
        """A rep who is ``beyond`` hours too low, or would be if one of his own left, takes in whole accounts.

        With s hours to spare (below 0: lacking) R = a_leaving - s must come when the one leaves, of which each account
        brings at most R: sum_comes min(a, R) x + (R - max(-s, 0)) x_leaving >= R.
        """
        hours = self.problem.amount[0]
        need = beyond + (0.0 if leaving is None else float(hours[leaving]))
        weight = np.where(self.sure != rep, np.minimum(hours / need, 1.0), 0.0)
        if leaving is not None:
            weight[leaving] = 1.0 - max(beyond, 0.0) / need
        return _Cut(rep, weight, 1.0)

    def goes(self, rep: int, beyond: float, entering: int | None = None) -> _Cut:
        """The same for a rep who has too much, or would have: whole accounts of his own go."""
        hours = self.problem.amount[0]
        need = beyond + (0.0 if entering is None else float(hours[entering]))
        own = (self.sure == rep) & ~self.problem.locked
        weight = np.where(own, -np.minimum(hours / need, 1.0), 0.0)
        must = float(weight.sum()) + (1.0 if entering is None else max(beyond, 0.0) / need)
        if entering is not None:
            weight[entering] = -(1.0 - max(beyond, 0.0) / need)
        return _Cut(rep, weight, must)

    def first_cuts(self) -> list[_Cut]:
        """For whom a plan without moves leaves outside his band."""
        low = [self.comes(i, float(self.lack[i])) for i in np.flatnonzero(self.lack > 0).tolist()]
        return low + [self.goes(i, float(-self.lack[i])) for i in np.flatnonzero(self.lack < 0).tolist()]

    def missed(self, share: Floats) -> list[_Cut]:
        """The cuts that shares of accounts (n, r) miss most: one of each sort for each rep."""
        low, high = self.problem.low[0] - self.load, self.load - self.problem.high[0]
        found = []
        for i in range(self.problem.reps):
            own = self.sure == i
            leaving = np.flatnonzero(own & ~self.problem.locked & (share[:, i] < 1 - MISSED))
            entering = np.flatnonzero(~own & (share[:, i] > MISSED))
            hours = self.problem.amount[0]
            sorts = (
                [self.comes(i, low[i], j) for j in leaving.tolist() if hours[j] + low[i] > HAIR],
                [self.goes(i, high[i], j) for j in entering.tolist() if hours[j] + high[i] > HAIR],
            )
            for cuts in sorts:
                off = [cut.must - float(cut.weight @ share[:, i]) for cut in cuts]
                if off and max(off) > MISSED:
                    found.append(cuts[int(np.argmax(off))])
        return found


def _costs(problem: Problem) -> Floats:
    rows = np.arange(problem.accounts)
    cost = np.empty((problem.accounts, problem.reps))
    for i in range(problem.reps):
        to = np.full(problem.accounts, i, dtype=np.int32)
        cost[:, i] = problem.per_km * km_to(problem, rows, to) + problem.per_move * moved(problem, to)
    barred = ~problem.able[problem.kind]
    barred |= problem.locked[:, None] & (problem.incumbent[:, None] != np.arange(problem.reps))
    return np.where(barred, np.inf, cost)


def _by_rules(world: _World) -> int:
    """Moves beside those of the homeless."""
    free = int((world.sure < 0).sum())
    return max(int((world.lack < 0).sum()), int((world.lack > 0).sum()) - free, 0)


def _by_cost(world: _World, charge: float, full: float) -> float:
    problem = world.problem
    stays = ~world.lost
    charged = replace(
        problem,
        incumbent=np.where(stays, world.start, problem.incumbent).astype(np.int32),
        per_move=problem.per_move + charge * stays,
    )
    worth, cost = climb(charged).worth[0], world.cost + charge * world.moves
    keep = _near(world, cost - worth * problem.amount[0][:, None], charge)
    cuts = world.first_cuts()
    height = float(_reduced(world, cost, worth, [], np.zeros(0))[1])
    for _ in range(ROUNDS):
        worth, prices, share = _priced(world, cost, keep, cuts)
        reduced, found = _reduced(world, cost, worth, cuts, prices)
        height = max(height, found)
        # What the programme was not shown and would have liked better, or was not forbidden.
        missing = reduced < np.where(keep, reduced, np.inf).min(axis=1, keepdims=True) - 1e-6
        more = world.missed(share)
        if not missing.any() and not more:
            break
        keep, cuts = keep | missing, cuts + more
    return (height - (1 + NEAR) * full) / charge


def _near(world: _World, reduced: Floats, charge: float) -> Bools:
    least = np.partition(reduced, min(PAIRS, reduced.shape[1]) - 1, axis=1)[:, : min(PAIRS, reduced.shape[1])]
    keep = (reduced <= least.max(axis=1, keepdims=True)) & (
        reduced - least.min(axis=1)[:, None] <= APART * charge
    )
    stay = np.flatnonzero(world.sure >= 0)
    keep[stay, world.sure[stay]] = True
    return np.asarray(keep & np.isfinite(world.cost))


def _priced(world: _World, cost: Floats, keep: Bools, cuts: list[_Cut]) -> tuple[Floats, Floats, Floats]:
    """The linear programme over these pairs: what an hour of each rep and each cut is worth, and the shares (n, r)."""
    problem = world.problem
    account, rep = np.nonzero(keep)
    pairs, reps = np.arange(len(account)), problem.reps
    hours = csr_matrix((problem.amount[0, account], (rep, pairs)), shape=(reps, len(account)))
    rows = [np.where(rep == cut.rep, -cut.weight[account], 0.0) for cut in cuts]
    answer = linprog(
        cost[account, rep],
        A_ub=vstack([hours, -hours, *map(csr_matrix, rows)]).tocsr(),
        b_ub=np.concatenate([problem.high[0], -problem.low[0], [-cut.must for cut in cuts]]),
        A_eq=csr_matrix((np.ones(len(account)), (account, pairs)), shape=(problem.accounts, len(account))),
        b_eq=np.ones(problem.accounts),
        method="highs-ds",
    )
    share = np.zeros(keep.shape)
    if answer.x is None:
        share[np.arange(len(share)), world.sure] = 1.0
        return np.zeros(reps), np.zeros(len(cuts)), share
    share[account, rep] = answer.x
    value = -np.minimum(answer.ineqlin.marginals, 0.0)
    return value[reps : 2 * reps] - value[:reps], value[2 * reps :], share


def _reduced(
    world: _World, cost: Floats, worth: Floats, cuts: list[_Cut], prices: Floats
) -> tuple[Floats, float]:
    """The pairs' costs at these prices, and the Lagrangian bound on cost with every move charged, for any prices."""
    problem = world.problem
    reduced = cost - worth * problem.amount[0][:, None]
    for cut, price in zip(cuts, prices.tolist(), strict=True):
        reduced[:, cut.rep] -= price * cut.weight
    edge = np.where(worth > 0, problem.low[0], problem.high[0])
    must = float(np.dot(prices, [cut.must for cut in cuts])) if cuts else 0.0
    return reduced, float(reduced.min(axis=1).sum() + (edge * worth).sum() + must)
