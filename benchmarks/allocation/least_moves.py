"""Below how many moves no plan near a full solve's cost keeps the rules after a change: bounds, by linear programmes.

A move is an account that is not with its rep of before; whoever has lost that rep, or is locked elsewhere, moves in any
plan (`homeless`). Two bounds, the larger counts:

- Rules alone: a rep above his band gives one account away, a rep below takes one, and a move serves one of each at most;
  an account whose rep left may serve one below.
- Within NEAR of the full solve's cost: with every other move charged c, no plan costs less than L(c), thus
  cost + c moves >= L(c) and moves >= (L(c) - (1 + NEAR) full) / c, for any c. In L(c) accounts may be divided, but a rep
  below his band takes at least one whole account, and one above gives one: for a lack of D hours
  sum_j min(1, a_j / D) x_j >= 1. The prices of bands and of these cuts come from a linear programme over few pairs;
  L(c) is then summed over all pairs, and holds for any prices. The true number is higher.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, vstack

from fieldwise_allocation.core.territory.prices import climb
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints, Problem, km_to, moved
from fieldwise_allocation.core.territory.replan import homeless

NEAR = 0.005
CHARGES = (10.0, 30.0, 150.0)
# Pairs of the linear programme: so many of each account, and dearer than its cheapest by so much, in charges;
# then those that it lacked, so often.
PAIRS, APART, ROUNDS = 5, 1.5, 4


def least_moves(problem: Problem, start: Ints, full: float) -> int:
    """No plan that keeps the rules within NEAR of ``full`` has fewer moves than this.

    Args:
        start: The rep of each account before, below 0 for none, shape (n,).
        full: Cost of the full solve.
    """
    world = _World.of(problem, start)
    by_cost = max(_by_cost(world, charge, full) for charge in CHARGES)
    return int(world.lost.sum()) + max(_by_rules(world), math.ceil(by_cost - 1e-6), 0)


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
    def calls(self) -> tuple[Floats, Floats]:
        """The cuts: what each pair adds to that of its rep, shape (n, r), and what each must come to, shape (r,)."""
        hours, lack = self.problem.amount[0][:, None], self.lack
        part = np.minimum(hours / np.where(lack != 0, np.abs(lack), np.inf), 1.0)
        comes = self.sure[:, None] != np.arange(self.problem.reps)
        goes = ~comes & ~self.problem.locked[:, None]
        weight = np.where(comes & (lack > 0), part, 0.0) - np.where(goes & (lack < 0), part, 0.0)
        return weight, np.where(lack > 0, 1.0, np.where(lack < 0, 1.0 + weight.sum(axis=0), 0.0))


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
    height = float(_reduced(world, cost, worth, np.zeros(problem.reps))[1])
    for _ in range(ROUNDS):
        reduced, found = _reduced(world, cost, *_priced(world, cost, keep))
        height = max(height, found)
        # What the programme was not shown and would have liked better.
        missing = reduced < np.where(keep, reduced, np.inf).min(axis=1, keepdims=True) - 1e-6
        if not missing.any():
            break
        keep = keep | missing
    return (height - (1 + NEAR) * full) / charge


def _near(world: _World, reduced: Floats, charge: float) -> Bools:
    least = np.partition(reduced, min(PAIRS, reduced.shape[1]) - 1, axis=1)[:, : min(PAIRS, reduced.shape[1])]
    keep = (reduced <= least.max(axis=1, keepdims=True)) & (
        reduced - least.min(axis=1)[:, None] <= APART * charge
    )
    stay = np.flatnonzero(world.sure >= 0)
    keep[stay, world.sure[stay]] = True
    return np.asarray(keep & np.isfinite(world.cost))


def _priced(world: _World, cost: Floats, keep: Bools) -> tuple[Floats, Floats]:
    """What an hour of each rep and each cut is worth in the linear programme over these pairs."""
    problem, (weight, must) = world.problem, world.calls
    account, rep = np.nonzero(keep)
    pairs, reps = np.arange(len(account)), problem.reps
    shape = (reps, len(account))
    hours = csr_matrix((problem.amount[0, account], (rep, pairs)), shape=shape)
    cuts = csr_matrix((weight[account, rep], (rep, pairs)), shape=shape)
    answer = linprog(
        cost[account, rep],
        A_ub=vstack([hours, -hours, -cuts]).tocsr(),
        b_ub=np.concatenate([problem.high[0], -problem.low[0], -must]),
        A_eq=csr_matrix((np.ones(len(account)), (account, pairs)), shape=(problem.accounts, len(account))),
        b_eq=np.ones(problem.accounts),
        method="highs-ds",
    )
    if answer.x is None:
        return np.zeros(reps), np.zeros(reps)
    above, below, cut = -np.minimum(answer.ineqlin.marginals, 0.0).reshape(3, reps)
    return below - above, cut


def _reduced(world: _World, cost: Floats, worth: Floats, cut: Floats) -> tuple[Floats, float]:
    """The pairs' costs at these prices, and the Lagrangian bound on cost with every move charged, for any prices."""
    problem, (weight, must) = world.problem, world.calls
    reduced = cost - worth * problem.amount[0][:, None] - cut * weight
    edge = np.where(worth > 0, problem.low[0], problem.high[0])
    return reduced, float(reduced.min(axis=1).sum() + (edge * worth).sum() + (cut * must).sum())
