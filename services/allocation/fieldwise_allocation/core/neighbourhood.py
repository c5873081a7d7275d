"""Exact search around a plan: the few reps and pairs that may still improve it, solved whole by CP-SAT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.bound import reduced_cost
from fieldwise_allocation.core.instance import BAND_TOLERANCE, Bools, Floats, Instance, Ints
from fieldwise_allocation.core.linear import Infeasible, Programme, Solution, Unsolved, solve_integer

# Most pairs that CP-SAT gets at once: it degrades fast beyond 10,000 booleans.
MOST_PAIRS = 3000
REPS_AT_ONCE = 4
PAIRS_PER_ACCOUNT = 2
# Sizes of the cores, in spare pairs per rep: the smallest holds most of the gain and is solved best.
CORES = (8, 12, 18, 26, 40)


@dataclass(frozen=True)
class Improvement:
    """A plan at least as good as before; ``bound`` is raised only where everything that matters was searched."""

    rep_of: Ints
    bound: float


def promising(instance: Instance, price: Floats, room: float) -> Bools:
    """Pairs that can appear in a plan better by any part of ``room``: the rest cost more than it in the bound."""
    return reduced_cost(instance, price) <= room * (1 + 1e-9) + 1e-12


def search_all(
    instance: Instance, pairs: Bools, rep_of: Ints | None, bound: float, *, work: float, seconds: float
) -> Improvement | None:
    """Search every promising pair at once; proves the optimum when CP-SAT finishes. None without any plan.

    Raises:
        Infeasible: Proven for these pairs.
    """
    try:
        accounts = np.arange(len(instance.workload))
        solution, found = _solve(instance, accounts, pairs, rep_of, work=work, seconds=seconds)
    except Unsolved:
        return None if rep_of is None else Improvement(rep_of, bound)
    proven = min(solution.bound, solution.objective)
    # CP-SAT works in scaled integers: a part in a million keeps the bound on the safe side.
    proven -= 1e-6 * (1e-3 + abs(proven))
    best = _better(instance, rep_of, found)
    return None if best is None else Improvement(best, max(bound, proven))


def search_cores(
    instance: Instance, reduced: Floats, rep_of: Ints, *, work: float, seconds_left: Callable[[], float]
) -> Iterator[Ints]:
    """Better and better plans from ever larger cores: all accounts, but only their pairs of lowest reduced cost.

    Measured on 1,000 x 20 (two fields): small cores first take the gap from 1.3 and 1.9 % to 0.4 and 0.2 % in 4 CPU
    seconds; starting at 15 or more spare pairs per rep needs half as much again.
    """
    accounts = np.arange(len(rep_of))
    # Each account's cheapest pair is in every core; the thresholds count what comes on top.
    spare = np.sort(np.where(reduced > 0, reduced, np.inf).ravel())
    for size in CORES:
        within = reduced <= spare[min(size * len(instance.target), len(spare) - 1)]
        within[accounts, rep_of] = True
        try:
            _, found = _solve(instance, accounts, within, rep_of, work=work, seconds=seconds_left())
        except (Unsolved, Infeasible):
            return
        better = _better(instance, rep_of, found)
        rep_of = rep_of if better is None else better
        yield rep_of


def search_around(
    instance: Instance, pairs: Bools, rep_of: Ints, reps: Ints, *, work: float, seconds: float
) -> Ints:
    """The best plan that differs only in the accounts of these reps; never worse than the given one."""
    accounts = np.flatnonzero(np.isin(rep_of, reps))
    inside = np.zeros(len(instance.target), dtype=np.bool_)
    inside[reps] = True
    try:
        some = pairs[accounts] & inside
        some[np.arange(len(accounts)), rep_of[accounts]] = True
        _, found = _solve(instance, accounts, some, rep_of[accounts], work=work, seconds=seconds)
    except (Unsolved, Infeasible):
        return rep_of
    candidate = rep_of.copy()
    candidate[accounts] = found
    better = _better(instance, rep_of, candidate)
    return rep_of if better is None else better


def groups(instance: Instance, reduced: Floats, rep_of: Ints) -> Iterator[Ints]:
    """Each rep with those to whom his accounts are nearest in reduced cost; in the order of the reps."""
    count = len(instance.target)
    size = min(REPS_AT_ONCE, count)
    for rep in range(count):
        held = reduced[rep_of == rep]
        if len(held) == 0:
            continue
        # The accounts that lose least by going to each other rep: three make a neighbour.
        few = min(3, len(held))
        distance = np.partition(held, few - 1, axis=0)[:few].sum(axis=0)
        distance[rep] = -1.0
        yield np.sort(np.argsort(distance, kind="stable")[:size])


def cheapest_pairs(reduced: Floats, within: Bools) -> Bools:
    """The few cheapest pairs of each account, as far as they are within."""
    keep = min(PAIRS_PER_ACCOUNT, reduced.shape[1])
    order = np.argpartition(reduced, keep - 1, axis=1)[:, :keep]
    cheap = np.zeros_like(within)
    np.put_along_axis(cheap, order, True, axis=1)
    return cheap & within


def _solve(
    instance: Instance, accounts: Ints, pairs: Bools, rep_of: Ints | None, *, work: float, seconds: float
) -> tuple[Solution, Ints]:
    pairs = pairs & instance.allowed[accounts]
    row, rep = np.nonzero(pairs)
    hint = None if rep_of is None else (rep_of[row] == rep).astype(np.float64)
    programme = _programme(instance, accounts, row, rep)
    solution = solve_integer(programme, work=work, seconds=seconds, hint=hint)
    chosen = np.zeros(len(accounts), dtype=np.int64)
    taken = solution.values > 0.5
    chosen[row[taken]] = rep[taken]
    return solution, chosen


def _programme(instance: Instance, accounts: Ints, row: Ints, rep: Ints) -> Programme:
    """Band rows only for reps that appear: the others keep what they have."""
    present, band = np.unique(rep, return_inverse=True)
    n, k = len(accounts), len(row)
    hair = BAND_TOLERANCE * np.maximum(instance.target[present], 1.0)
    return Programme(
        cost=instance.cost[accounts[row], rep],
        high=np.ones(k),
        row_low=np.concatenate([np.ones(n), instance.low[present] - hair]),
        row_high=np.concatenate([np.ones(n), instance.high[present] + hair]),
        entries=(
            np.concatenate([row, n + band]),
            np.concatenate([np.arange(k), np.arange(k)]),
            np.concatenate([np.ones(k), instance.workload[accounts[row]]]),
        ),
    )


def _better(instance: Instance, old: Ints | None, new: Ints) -> Ints | None:
    """The new plan if it holds every rule in floats and costs no more; CP-SAT's integers may be a hair off."""
    if not instance.feasible(new):
        return old
    if old is None or instance.objective(new) < instance.objective(old):
        return new
    return old
