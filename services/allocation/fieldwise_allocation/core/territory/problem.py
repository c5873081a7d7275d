"""A territory problem as columns, and what an assignment costs in it; knows nothing of solvers or of the wire."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.travel import DETOUR, EARTH_RADIUS_KM

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

NOBODY = -1  # the account has no incumbent
LEFT = -2  # its incumbent is not among the reps of this plan
NO_AREA = -1

# A load counts as inside its band up to this share of its limits: sums of floats differ by their order.
BAND_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Problem:
    """One territory problem: n accounts, r reps, m measures, k bands, g kinds, h areas. No array is (n x r).

    Args:
        place, home: Unit vectors, shape (n, 3) and (r, 3); a row of NaN is no place, and travel to or from it is 0.
        amount: What each account weighs, not negative, shape (m, n); measure 0 is hours a week without travel.
        pace: Travel hours a week per km from the rep's home, added to measure 0, shape (n,).
        kind: The class of needs of each account (skills, regions), shape (n,).
        able: Whether a rep may have accounts of a kind, shape (g, r).
        incumbent: The rep of today, NOBODY or LEFT, shape (n,).
        locked: It stays with its incumbent, who is a rep, shape (n,).
        per_km: Plan units per km, shape (n,).
        per_move: Plan units when an account that has an incumbent goes to someone else, shape (n,).
        band_measure: The measure each band limits, shape (k,).
        low, high: The band of each rep, shape (k, r).
        outside: Plan units per unit of the measure outside the band; infinite: a hard band. Shape (k, r).
        most_moves: How many accounts may leave their incumbent, those with LEFT not counted; None: any number.
        area: The area whose staffing the account counts for, or NO_AREA, shape (n,).
        least_reps: How many different reps must serve each area, shape (h,).
    """

    place: Floats
    home: Floats
    amount: Floats
    pace: Floats
    kind: Ints
    able: Bools
    incumbent: Ints
    locked: Bools
    per_km: Floats
    per_move: Floats
    band_measure: Ints
    low: Floats
    high: Floats
    outside: Floats
    most_moves: int | None
    area: Ints
    least_reps: Ints

    @property
    def accounts(self) -> int:
        """How many, n."""
        return len(self.kind)

    @property
    def reps(self) -> int:
        """How many, r."""
        return int(self.able.shape[1])


def km_to(problem: Problem, rows: npt.NDArray[np.integer], reps: npt.NDArray[np.integer]) -> Floats:
    """Road km from each rep's home to the account beside it, one way, 0 without a place; shape of ``rows``."""
    apart = problem.place[rows] - problem.home[reps]
    chord = np.sqrt(np.einsum("...c,...c", apart, apart))
    km = 2 * DETOUR * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1.0))
    return np.asarray(np.nan_to_num(km, nan=0.0))


def moved(problem: Problem, rep_of: Ints) -> Bools:
    """Accounts that lose their incumbent, also one who has left, shape (n,)."""
    return np.asarray((problem.incumbent != NOBODY) & (problem.incumbent != rep_of))


def move_count(problem: Problem, rep_of: Ints) -> int:
    """Moves that ``most_moves`` counts."""
    return int((moved(problem, rep_of) & (problem.incumbent >= 0)).sum())


def permitted(problem: Problem, rep_of: Ints) -> Bools:
    """Accounts whose rep breaks neither a need nor a lock, shape (n,)."""
    kept = ~problem.locked | (rep_of == problem.incumbent)
    return np.asarray(problem.able[problem.kind, rep_of] & kept)


def costs(problem: Problem, rep_of: Ints) -> Floats:
    """Plan units of each account with its rep: travel and move, whatever is permitted, shape (n,)."""
    travel = problem.per_km * km_to(problem, np.arange(problem.accounts), rep_of)
    return travel + problem.per_move * moved(problem, rep_of)


def loads(problem: Problem, rep_of: Ints) -> Floats:
    """What each rep carries of each measure, travel hours in measure 0, shape (m, r)."""
    hours = problem.amount[0]
    if problem.pace.any():
        hours = hours + problem.pace * km_to(problem, np.arange(problem.accounts), rep_of)
    return np.array(
        [
            np.bincount(rep_of, each, problem.reps)
            for each in (hours, *(problem.amount[b] for b in range(1, len(problem.amount))))
        ],
        dtype=np.float64,
    )


def excess(problem: Problem, carried: Floats) -> Floats:
    """By how much loads (m, r) lie outside each band, 0 within a hair; shape (k, r)."""
    load = carried[problem.band_measure]
    out = np.maximum(np.maximum(problem.low - load, load - problem.high), 0.0)
    hair = BAND_TOLERANCE * np.maximum(np.where(np.isfinite(problem.high), np.abs(problem.high), 0.0), 1.0)
    return np.where(out <= hair, 0.0, out)


def objective(problem: Problem, rep_of: Ints) -> float:
    """Plan units: travel, moves, and what lies outside soft bands; hard rules are ``feasible``'s matter."""
    soft = np.where(np.isfinite(problem.outside), problem.outside, 0.0)
    outside = excess(problem, loads(problem, rep_of))
    return float(costs(problem, rep_of).sum() + (soft * outside).sum())


def understaffed(problem: Problem, rep_of: Ints) -> Ints:
    """How many different reps each area is short of, shape (h,)."""
    inside = problem.area >= 0
    pairs = np.unique(problem.area[inside].astype(np.int64) * problem.reps + rep_of[inside])
    reps = np.bincount(pairs // problem.reps, minlength=len(problem.least_reps))
    return np.asarray(np.maximum(problem.least_reps - reps, 0), dtype=np.int32)


def feasible(problem: Problem, rep_of: Ints) -> bool:
    """Whether an assignment keeps every hard rule: needs, locks, hard bands, moves, staffing."""
    hard = np.isinf(problem.outside)
    if not permitted(problem, rep_of).all() or excess(problem, loads(problem, rep_of))[hard].any():
        return False
    if problem.most_moves is not None and move_count(problem, rep_of) > problem.most_moves:
        return False
    return not understaffed(problem, rep_of).any()
