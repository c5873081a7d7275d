"""Accounts that are alike for every hard rule, pooled: a small programme stands for all of them; knows no solver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory.problem import BAND_TOLERANCE, Bools, Floats, Ints, Problem, km_to

Indices = npt.NDArray[np.int64]

# Accounts that differ in what is limited fall into so many classes of size and of each proportion.
SIZES = 8
PROPORTIONS = 6
# Who is tight on numbers takes the largest accounts, so that the ends are classed finer.
TAILS = np.array([0.002, 0.005, 0.01, 0.02, 0.05])
# Hours on the way differ by place: so many squares a side.
SQUARES = 6


@dataclass(frozen=True)
class Pools:
    """p pools of accounts with the same needs, lock, area and nearly the same amounts.

    Args:
        pool_of: The pool of each account, shape (n,).
        count: Accounts, shape (p,).
        amount: Their mean by rep, the way to visits included, shape (m, p, r) or (m, p, 1) where reps do not matter.
        allowed: Whether a rep may have them, and none of his hard ceilings is too low for every one of them, shape (p, r).
        stays: Accounts of each pool that each rep has today and may keep; none where moves are not limited, shape (p, r).
        held: Accounts with an incumbent in this plan, where moves are limited.
        area: Shape (p,).
    """

    pool_of: Indices
    count: Floats
    amount: Floats
    allowed: Bools
    stays: Floats
    held: int
    area: Ints


def pooled(problem: Problem, fine: int = 1) -> Pools:
    """The pools of a problem; a larger ``fine`` makes more of them, which differ less inside."""
    sizes = SIZES * fine if problem.most_moves is not None else 1
    keys = [
        problem.kind,
        np.where(problem.locked, problem.incumbent, -1),
        problem.area,
        *_fitting(problem),
        *([_classes(problem.amount[0], sizes)] if sizes > 1 else []),
        *(_classes(_proportion(problem, m), PROPORTIONS * fine) for m in range(1, len(problem.amount))),
        *([_square(problem)] if problem.pace.any() else []),
    ]
    code = np.zeros(problem.accounts, dtype=np.int64)
    for key in keys:
        # Renumbered at each step, so that codes stay small however many keys there are.
        _, each = np.unique(key, return_inverse=True)
        _, code = np.unique(code * (int(each.max()) + 1) + each, return_inverse=True)
    return _summed(problem, np.asarray(code, dtype=np.int64))


def _summed(problem: Problem, pool_of: Indices) -> Pools:
    count = np.bincount(pool_of).astype(np.float64)
    first = np.unique(pool_of, return_index=True)[1]
    mean = np.array([np.bincount(pool_of, each) / count for each in problem.amount])[:, :, None]
    least = np.full((len(problem.amount), len(count)), np.inf)
    for m, each in enumerate(problem.amount):
        np.minimum.at(least[m], pool_of, each)
    if problem.pace.any():
        mean = np.repeat(mean, problem.reps, axis=2)
        mean[0] += _ways(problem, pool_of, count)
    stays = np.zeros((len(count), problem.reps))
    if problem.most_moves is not None:
        held = problem.incumbent >= 0
        np.add.at(stays, (pool_of[held], problem.incumbent[held]), 1.0)
    lock = np.where(problem.locked, problem.incumbent, -1)[first]
    allowed = problem.able[problem.kind[first]]
    allowed &= (lock[:, None] < 0) | (lock[:, None] == np.arange(problem.reps))
    for high, measure in _ceilings(problem):
        allowed &= least[measure][:, None] <= high * (1 + BAND_TOLERANCE)
    return Pools(pool_of, count, mean, allowed, stays * allowed, int(stays.sum()), problem.area[first])


def _ceilings(problem: Problem) -> list[tuple[Floats, int]]:
    """Hard ceilings of each band that has any, shape (r,), and its measure."""
    hard = np.where(np.isinf(problem.outside), problem.high, np.inf)
    return [(hard[b], int(m)) for b, m in enumerate(problem.band_measure) if np.isfinite(hard[b]).any()]


def _fitting(problem: Problem) -> list[Indices]:
    """Under how many ceilings each account fits: accounts of a pool fit the same reps."""
    return [
        np.searchsorted(np.unique(high[np.isfinite(high)]) * (1 + BAND_TOLERANCE), problem.amount[measure])
        for high, measure in _ceilings(problem)
    ]


def _classes(amount: Floats, most: int) -> Indices:
    """Quantiles of an amount, more of them at both ends; equal amounts in the same class."""
    inner = np.linspace(0, 1, most + 1)[1:-1]
    edges = np.unique(np.quantile(amount, np.concatenate([inner, TAILS, 1 - TAILS])))
    return np.searchsorted(edges, amount)


def _proportion(problem: Problem, measure: int) -> Floats:
    whole = problem.amount[0] / max(float(problem.amount[0].sum()), 1e-300)
    other = problem.amount[measure] / max(float(problem.amount[measure].sum()), 1e-300)
    return np.asarray(np.arctan2(other, whole))


def _square(problem: Problem) -> Indices:
    place = np.nan_to_num(problem.place)
    # Accounts lie on a small part of the sphere: two coordinates with the widest spread tell places apart.
    wide = np.argsort(np.ptp(place, axis=0))[::-1][:2]
    return _classes(place[:, wide[0]], SQUARES) * 100 + _classes(place[:, wide[1]], SQUARES)


def _ways(problem: Problem, pool_of: Indices, count: Floats) -> Floats:
    """Mean hours on the way from each rep to the accounts of each pool, shape (p, r): from the pool's middle."""
    middle = np.stack([np.bincount(pool_of, axis) / count for axis in np.nan_to_num(problem.place).T], axis=1)
    length = np.linalg.norm(middle, axis=1, keepdims=True)
    middle = middle / np.where(length > 0, length, 1.0)
    pace = np.bincount(pool_of, problem.pace) / count
    rows = np.repeat(np.arange(len(count)), problem.reps)
    reps = np.tile(np.arange(problem.reps), len(count))
    at_middle = replace(problem, place=middle)
    return pace[:, None] * km_to(at_middle, rows, reps).reshape(len(count), problem.reps)
