"""Whether the hard rules of a problem can hold together: proven possible by a plan, impossible by prices, or open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from fieldwise_allocation.core.linear import Infeasible, Programme, Unsolved, solve_integer
from fieldwise_allocation.core.territory import problem as territory
from fieldwise_allocation.core.territory.elastic import PROOF, Prices, certificate, stretch
from fieldwise_allocation.core.territory.pools import pooled
from fieldwise_allocation.core.territory.problem import Ints, Problem
from fieldwise_allocation.core.territory.whole_plan import repaired, rounded

# Parts of a band's half width that shares of pools leave free at first: room for whole accounts.
MARGINS = (0.7, 0.3, 0.0)
# How much finer pools become while their prices prove too little.
FINER = (1, 5, 20)
# The exact test is for problems of this many pairs: it is asked dozens of times.
EXACT_PAIRS = 20_000
EXACT_WORK = 2.0
EXACT_SECONDS = 5.0


class Answer(Enum):
    """What is known of a set of rules."""

    POSSIBLE = 1
    IMPOSSIBLE = 2
    OPEN = 3


@dataclass(frozen=True)
class Verdict:
    """What is known, and why: a plan, or the prices that prove there is none (absent after an exact search)."""

    answer: Answer
    rep_of: Ints | None = None
    prices: Prices | None = None


def impossible(problem: Problem, *, quick: bool = False) -> bool:
    """Whether prices prove that no plan exists, even with accounts divided; small programmes, whatever the size.

    Args:
        quick: Be content with the coarsest pools: less is proven.
    """
    try:
        return _proof(only_hard(problem), FINER[:1] if quick else FINER) is not None
    except Unsolved:
        return False


def any_plan(problem: Problem) -> Ints | None:
    """A plan that keeps the hard rules, whatever it costs; None where the linear programme leads to none."""
    try:
        return _plan(only_hard(problem))
    except Unsolved:
        return None


def plan_exists(problem: Problem) -> bool:
    """Whether a plan in whole accounts is found; nothing is proven when not."""
    problem = only_hard(problem)
    if any_plan(problem) is not None:
        return True
    small = problem.accounts * problem.reps <= EXACT_PAIRS
    return small and _exact(problem).answer is Answer.POSSIBLE


def verdict(problem: Problem) -> Verdict:
    """Whether the hard rules can hold together; costs and soft rules count for nothing."""
    problem = only_hard(problem)
    try:
        proof = _proof(problem, FINER)
        plan = _plan(problem) if proof is None else None
    except Unsolved:
        proof, plan = None, None
    if proof is not None:
        return Verdict(Answer.IMPOSSIBLE, prices=proof)
    if plan is not None:
        return Verdict(Answer.POSSIBLE, plan)
    return _exact(problem) if problem.accounts * problem.reps <= EXACT_PAIRS else Verdict(Answer.OPEN)


def _proof(problem: Problem, finer: Sequence[int]) -> Prices | None:
    """Prices that prove a problem impossible, from finer and finer pools while only the pools say that it is.

    Raises:
        Unsolved: Numerical trouble.
    """
    for fine in finer:
        found = stretch(problem, pooled(problem, fine))
        if found.least <= PROOF:
            return None
        if certificate(problem, found.prices) > PROOF:
            return found.prices
    return None


def _plan(problem: Problem) -> Ints | None:
    """A plan in whole accounts, from shares that leave room first.

    Raises:
        Unsolved: Numerical trouble.
    """
    for fine in FINER[:2]:
        pools = pooled(problem, fine)
        for margin in MARGINS:
            shares = stretch(_tightened(problem, margin), pools)
            if shares.least <= PROOF or margin == MARGINS[-1]:
                plan = repaired(problem, rounded(problem, pools, shares.given, shares.kept))
                if plan is not None:
                    return plan
    return None


def only_hard(problem: Problem) -> Problem:
    """Soft bands taken out: they cannot make a question impossible."""
    hard = np.flatnonzero((np.isinf(problem.outside) & _limits(problem)).any(axis=1))
    if len(hard) == len(problem.band_measure):
        return problem
    return replace(
        problem,
        band_measure=problem.band_measure[hard],
        low=problem.low[hard],
        high=problem.high[hard],
        outside=problem.outside[hard],
    )


def _limits(problem: Problem) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return (problem.low > 0) | np.isfinite(problem.high)


def _tightened(problem: Problem, margin: float) -> Problem:
    """Every band narrower by a part of its half width; one without ceiling gets a higher floor."""
    half = np.where(np.isfinite(problem.high), (problem.high - problem.low) / 2, 0.1 * problem.low)
    half = np.minimum(half, 0.25 * np.where(np.isfinite(problem.high), problem.high, problem.low))
    # Floors of zero stay: nobody has less than nothing.
    low = np.where(problem.low > 0, problem.low + margin * half, 0.0)
    moves = None if problem.most_moves is None else int(problem.most_moves * (1 - 0.1 * margin))
    return replace(problem, low=low, high=problem.high - margin * half, most_moves=moves)


def _exact(problem: Problem) -> Verdict:
    """Every account whole, by CP-SAT."""
    try:
        pairs = np.nonzero(_permitted(problem))
        if len(np.unique(pairs[0])) < problem.accounts:
            return Verdict(Answer.IMPOSSIBLE)
        values = solve_integer(_programme(problem, *pairs), work=EXACT_WORK, seconds=EXACT_SECONDS)
    except Infeasible:
        return Verdict(Answer.IMPOSSIBLE)
    except Unsolved:
        return Verdict(Answer.OPEN)
    rep_of = np.zeros(problem.accounts, dtype=np.int32)
    taken = values[: len(pairs[0])] > 0.5
    rep_of[pairs[0][taken]] = pairs[1][taken]
    # CP-SAT works in scaled integers: what the floats do not hold is not claimed.
    return Verdict(Answer.POSSIBLE, rep_of) if territory.feasible(problem, rep_of) else Verdict(Answer.OPEN)


def _permitted(problem: Problem) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    permitted = problem.able[problem.kind].copy()
    held = np.flatnonzero(problem.locked)
    permitted[held] &= problem.incumbent[held, None] == np.arange(problem.reps)
    return permitted


def _programme(
    problem: Problem,
    row: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    rep: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> Programme:
    """Columns: pairs, then presence of each rep in each area. Rows: accounts, bands, moves, presence, areas."""
    n, r, k, h = problem.accounts, problem.reps, len(problem.band_measure), len(problem.least_reps)
    c = len(row)
    ways = problem.pace[row] * territory.km_to(problem, row, rep)
    entries = [(row, np.arange(c), np.ones(c))]
    for b, measure in enumerate(problem.band_measure):
        amount = problem.amount[measure, row] + (ways if measure == 0 else 0.0)
        entries.append((n + b * r + rep, np.arange(c), amount))
    top = n + k * r
    away = np.flatnonzero((problem.incumbent[row] >= 0) & (problem.incumbent[row] != rep))
    entries.append((np.full(len(away), top), away, np.ones(len(away))))
    inside = np.flatnonzero(problem.area[row] >= 0)
    seat = problem.area[row[inside]].astype(np.int64) * r + rep[inside]
    entries.append((top + 1 + seat, inside, -np.ones(len(inside))))
    each = np.arange(h * r)
    entries.append((top + 1 + each, c + each, np.ones(h * r)))
    entries.append((top + 1 + h * r + each // r, c + each, np.ones(h * r)))
    hair = territory.BAND_TOLERANCE * np.maximum(np.where(np.isfinite(problem.high), problem.high, 1.0), 1.0)
    most = n if problem.most_moves is None else problem.most_moves
    joined = [np.concatenate(part) for part in zip(*entries, strict=True)]
    used = joined[2] != 0
    return Programme(
        cost=np.zeros(c + h * r),
        high=np.ones(c + h * r),
        row_low=np.concatenate(
            [np.ones(n), (problem.low - hair).ravel(), [0.0], np.full(h * r, -np.inf), problem.least_reps]
        ),
        row_high=np.concatenate(
            [np.ones(n), (problem.high + hair).ravel(), [most], np.zeros(h * r), np.full(h, np.inf)]
        ),
        entries=(joined[0][used], joined[1][used], joined[2][used]),
    )
