"""Below how many moves no plan near a full solve's cost keeps the rules after a change: bounds, by linear programmes.

A move is an account that is not with its rep of before; whoever has lost that rep, or is locked elsewhere, moves in any
plan (`homeless`). Two bounds, the larger counts:

- Rules alone: a rep above his band gives one account away, a rep below takes one, and a move serves one of each at most;
  an account whose rep left may serve one below.
- Within NEAR of the full solve's cost: with every other move charged c, no plan costs less than the Lagrangian bound
  L(c), thus cost + c moves >= L(c) and moves >= (L(c) - (1 + NEAR) full) / c, for any c. Accounts may be divided in it:
  the true number is higher.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from fieldwise_allocation.core.territory.bound import bound, split
from fieldwise_allocation.core.territory.prices import climb
from fieldwise_allocation.core.territory.problem import Ints, Problem
from fieldwise_allocation.core.territory.replan import homeless

NEAR = 0.005
CHARGES = (5.0, 12.0)


def least_moves(problem: Problem, start: Ints, full: float) -> int:
    """No plan that keeps the rules within NEAR of ``full`` has fewer moves than this.

    Args:
        start: The rep of each account before, below 0 for none, shape (n,).
        full: Cost of the full solve.
    """
    return int(homeless(problem, start).sum()) + max(
        _by_rules(problem, start), _by_cost(problem, start, full)
    )


def _by_rules(problem: Problem, start: Ints) -> int:
    """Moves beside those of the homeless; one band on measure 0 without travel, as in `accounts_world`."""
    placed = np.where(problem.locked, problem.incumbent, start)
    has = placed >= 0
    free = int((~has).sum())
    # Whoever is homeless and not locked may go anywhere.
    lost = homeless(problem, start) & ~problem.locked & has
    free += int(lost.sum())
    sure = has & ~lost
    load = np.bincount(placed[sure], problem.amount[0, sure], problem.reps)
    hair = 1e-9 * problem.high[0]
    over = int((load > problem.high[0] + hair).sum())
    under = int((load < problem.low[0] - hair).sum())
    return max(over, under - free, 0)


def _by_cost(problem: Problem, start: Ints, full: float) -> int:
    stays = ~homeless(problem, start)
    incumbent = np.where(stays, start, problem.incumbent).astype(np.int32)
    least = 0.0
    for charge in CHARGES:
        charged = replace(problem, incumbent=incumbent, per_move=problem.per_move + charge * stays)
        height = bound(charged, split(charged, climb(charged).worth))
        least = max(least, (height - (1 + NEAR) * full) / charge)
    return math.ceil(least - 1e-6)
