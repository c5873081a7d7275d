"""Accounts that cost the same everywhere, spread evenly in all that bands limit; knows nothing of search."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.territory.problem import NOBODY, Floats, Ints, Problem

# Beyond so many pairs one account after the other takes too long.
MOST_PAIRS = 30_000_000


def indifferent(problem: Problem) -> bool:
    """Whether every permitted assignment within the bands costs nothing: nobody travels, and no move costs."""
    travels = problem.per_km.any() and not np.isnan(problem.place).all() and not np.isnan(problem.home).all()
    return not travels and not (problem.per_move * (problem.incumbent != NOBODY)).any()


def spread(problem: Problem) -> Ints:
    """The largest account first, each to the rep who may have it and is then furthest below his shares."""
    measures = np.unique(problem.band_measure)
    part = problem.amount[measures] / np.maximum(problem.amount[measures].sum(axis=1, keepdims=True), 1e-300)
    share = np.array([_share(problem, int(measure)) for measure in measures]).reshape(-1, problem.reps)
    carried = np.zeros_like(share)
    rep_of = np.zeros(problem.accounts, dtype=np.int32)
    size = part.max(axis=0, initial=0.0)
    for j in np.argsort(-size, kind="stable"):
        fullness = ((carried + part[:, j, None]) / share).max(axis=0, initial=0.0)
        choice = int(np.argmin(np.where(problem.able[problem.kind[j]], fullness, np.inf)))
        rep_of[j] = problem.incumbent[j] if problem.locked[j] else choice
        carried[:, rep_of[j]] += part[:, j]
    return rep_of


def _share(problem: Problem, measure: int) -> Floats:
    """Each rep's part of a measure: the middle of his narrowest band, or an equal part, shape (r,)."""
    bands = np.flatnonzero(problem.band_measure == measure)
    high = problem.high[bands].min(axis=0)
    middle = (problem.low[bands].max(axis=0) + high) / 2
    known = np.where(
        np.isfinite(middle),
        middle,
        np.median(middle[np.isfinite(middle)]) if np.isfinite(middle).any() else 1.0,
    )
    return np.asarray(
        np.maximum(known, 1e-9 * max(float(known.max()), 1e-300)) / max(float(known.sum()), 1e-300)
    )
