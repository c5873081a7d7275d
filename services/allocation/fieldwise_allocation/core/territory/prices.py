"""Prices of rep hours near the best bound, by a soft minimum that hardens; knows nothing of plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.territory.arcs import Arcs, cheapest, joined
from fieldwise_allocation.core.territory.curvature import Heard, Pattern, bend, pattern
from fieldwise_allocation.core.territory.limits import Limits, dearest, limits
from fieldwise_allocation.core.territory.newton import Bend, step
from fieldwise_allocation.core.territory.problem import Floats, Ints, Problem
from fieldwise_allocation.core.territory.soft_minimum import soften


@dataclass(frozen=True)
class Stage:
    """One hardness of the soft minimum.

    Args:
        softness: As a share of the typical spread between an account's two cheapest reps.
        arcs: Cheapest reps heard per account.
        heard: Accounts heard per rep.
    """

    softness: float
    arcs: int
    heard: int


ALL = 1_000_000
ROUGH = (Stage(1.0, 40, 15), Stage(0.3, 24, 30), Stage(0.1, 16, 60))
FINE = (Stage(0.03, 16, ALL), Stage(0.01, 12, ALL), Stage(0.003, 10, ALL))
STEPS = 12
ROUNDS = 6
# A climb whose arcs missed no more than this share of the bound is believed.
TRUSTED = 1e-3
LEAST_DAMPING, FREE_DAMPING, MOST_DAMPING = 1e-5, 1e-2, 1e4
# Gains below this share of the bound are left to the next stage.
WORTHWHILE = 1e-6


@dataclass(frozen=True)
class Prices:
    """What a unit of each measure on each rep is worth (positive: a floor binds), and what a counted move costs.

    Args:
        worth: Plan units per unit, shape (m, r).
        move: Plan units per move, not negative.
    """

    worth: Floats
    move: float


@dataclass(frozen=True)
class _Point:
    """The softened bound at a price: its height, its slope, and the share of each arc."""

    height: float
    slope: Floats
    share: Floats


@dataclass(frozen=True)
class _Field:
    """The accounts and arcs that are heard; a height above ``ceiling`` proves that no plan keeps the rules."""

    problem: Problem
    rows: Ints
    arcs: Arcs
    limits: Limits
    softness: float
    ceiling: float

    @property
    def weight(self) -> float:
        """Accounts that each account heard stands for."""
        return self.problem.accounts / len(self.rows)

    @property
    def amount(self) -> Floats:
        """Of the accounts heard, shape (m, n), in C order whatever m is: for another order loops are compiled once more."""
        return np.ascontiguousarray(self.problem.amount[:, self.rows])

    def hearing(self, arcs: Arcs) -> _Field:
        """The same accounts with other arcs."""
        return replace(self, arcs=arcs)

    def height(self, prices: Prices) -> float:
        """The bound, not softened, as far as these arcs tell."""
        problem, arcs = self.problem, self.arcs
        rep, incumbent = np.maximum(arcs.rep, 0), problem.incumbent[self.rows, None]
        reduced = arcs.cost - prices.worth[0, rep] * arcs.hours
        for b in range(1, len(problem.amount)):
            reduced -= prices.worth[b, rep] * problem.amount[b, self.rows, None]
        reduced += prices.move * ((incumbent >= 0) & (incumbent != arcs.rep))
        least = reduced.min(axis=1)
        bands = self.limits.least(prices.worth).sum()
        return float(
            self.weight * least[np.isfinite(least)].sum() + bands - prices.move * (problem.most_moves or 0)
        )


def climb(
    problem: Problem,
    start: Prices | None = None,
    *,
    stages: Sequence[Stage] = (*ROUGH, *FINE),
    stop: Callable[[], bool] = lambda: False,
) -> Prices:
    """Prices that nearly maximise the bound; any result gives a valid bound, a bad one only a weak one.

    The bound is concave with kinks; a soft minimum, hardened stage by stage, lets Newton's method climb it in few
    passes. Each stage hears only the reps that are cheapest at the prices so far.

    Args:
        stop: Asked between passes; the prices so far are returned when it says so.
    Source: Nesterov (2005), Smooth minimization of non-smooth functions; the schedule is ours.
    """
    prices = start or Prices(np.zeros((len(problem.amount), problem.reps)), 0.0)
    allowed = limits(problem)
    spread, ceiling = typical_spread(problem), dearest(problem)
    for stage in stages:
        if stop():
            break
        rows = _heard(problem, stage.heard * problem.reps)
        arcs = cheapest(problem, prices.worth, prices.move, stage.arcs, rows)
        field = _Field(problem, rows, arcs, allowed, stage.softness * spread, ceiling)
        prices = _stage(field, prices, stage.arcs, stop)
    return prices


def rough(problem: Problem) -> Sequence[Stage]:
    """The stages to begin with: few accounts are heard where they can keep the hard bands, else all.

    A sample differs from the whole by its relative spread / sqrt(size). Bands narrower than that hold for the whole and
    not for the sample, and its prices run off: measured, bounds below 0 at bands of .3 %.
    """
    mean = problem.amount.mean(axis=1)
    spread = (problem.amount.std(axis=1) / np.maximum(mean, 1e-12))[problem.band_measure]
    off = spread / np.sqrt(min(stage.heard for stage in ROUGH) * problem.reps)
    hard = np.isinf(problem.outside) & np.isfinite(problem.high) & (problem.low > 0)
    high = np.where(hard, problem.high, 0.0)
    width = (high - problem.low) / np.maximum(high + problem.low, 1e-12)
    if (hard & (width < off[:, None])).any():
        return [replace(stage, heard=ALL) for stage in ROUGH]
    return ROUGH


def _stage(field: _Field, prices: Prices, most: int, stop: Callable[[], bool]) -> Prices:
    """Climb over few arcs, price all pairs, add what was missing, again: the best prices by the bound on all pairs."""
    best = field.height(prices), prices
    for _ in range(ROUNDS):
        climbed = _climb(field, best[1])
        seen = field.hearing(cheapest(field.problem, climbed.worth, climbed.move, most, field.rows))
        height = seen.height(climbed)
        best = max(best, (height, climbed), key=lambda each: each[0])
        if field.height(climbed) - height <= TRUSTED * abs(height) or stop():
            break
        field = field.hearing(joined(field.arcs, seen.arcs))
    return best[1]


def _heard(problem: Problem, most: int) -> Ints:
    """Every k-th account by place, so that every region is heard in proportion."""
    rows = np.arange(problem.accounts, dtype=np.int32)
    if problem.accounts <= most:
        return rows
    along = np.lexsort((*np.round(problem.place.T * 200), problem.kind))
    return np.sort(along[:: problem.accounts // most]).astype(np.int32)


def typical_spread(problem: Problem) -> float:
    """Mean distance between the two cheapest pairs of an account: the scale on which choices change."""
    rows = _heard(problem, 20 * problem.reps)
    reduced = cheapest(problem, np.zeros((len(problem.amount), problem.reps)), 0.0, 2, rows).reduced
    if reduced.shape[1] < 2:
        return 1.0
    two = reduced[np.isfinite(reduced[:, 1])]
    apart = two[:, 1] - two[:, 0]
    return float(apart.mean()) + 1e-9 if len(apart) else 1.0


def _climb(field: _Field, prices: Prices) -> Prices:
    """Newton's method at one softness, damped until it climbs; the price of a move stays at or above 0.

    Source: Levenberg (1944) and Marquardt (1963) for the damping.
    """
    at = np.append(prices.worth.ravel(), prices.move)
    here, damping = _point(field, at), LEAST_DAMPING
    heard = Heard(field.arcs, field.amount, field.problem.incumbent[field.rows], field.problem.reps)
    known = pattern(heard)
    for _ in range(STEPS):
        free = np.ones(len(at), dtype=np.bool_)
        free[-1] = field.problem.most_moves is not None and (at[-1] > 0 or here.slope[-1] > 0)
        bent = _bend(field, heard, known, here, at)
        while True:
            then = at + step(bent, here.slope, free, damping)
            then[-1] = max(then[-1], 0.0)
            expected = float(here.slope @ (then - at))
            there = _point(field, then)
            if there.height > here.height + 0.05 * expected or damping >= MOST_DAMPING:
                break
            damping *= 10
        if there.height <= here.height:
            break
        gain = there.height - here.height
        at, here, damping = then, there, max(damping / 10, LEAST_DAMPING)
        # A damped step gains little wherever it is: only a free one says that the top is near.
        flat = gain <= WORTHWHILE * (abs(here.height) + 1e-9) and damping <= FREE_DAMPING
        if flat or here.height > field.ceiling:
            break
    return Prices(at[:-1].reshape(prices.worth.shape), float(at[-1]))


def _point(field: _Field, at: Floats) -> _Point:
    problem, arcs = field.problem, field.arcs
    worth = at[:-1].reshape(len(problem.amount), problem.reps)
    share, slope = np.empty(arcs.rep.shape), np.zeros(len(at))
    height = field.weight * soften(
        arcs.rep,
        arcs.cost,
        arcs.hours,
        field.amount,
        problem.incumbent[field.rows],
        worth,
        float(at[-1]),
        field.softness,
        share,
        slope,
    )
    slope *= field.weight
    bands = field.limits.soft(worth, _band_softness(field))
    height += bands.height
    slope[:-1] += bands.slope.ravel()
    if problem.most_moves is not None:
        height -= problem.most_moves * at[-1]
        slope[-1] -= problem.most_moves
    return _Point(height, slope, share)


def _bend(field: _Field, heard: Heard, known: Pattern | None, point: _Point, at: Floats) -> Bend:
    """The negative Hessian at a price."""
    worth = at[:-1].reshape(len(heard.amount), heard.reps)
    bands = field.limits.soft(worth, _band_softness(field)).curvature
    return bend(heard, known, point.share, field.weight / field.softness, bands)


def _band_softness(field: _Field) -> float:
    # A band is one soft choice per rep beside the many of his accounts.
    return field.softness * max(1.0, field.problem.accounts / field.problem.reps)
