"""Homes for reps who have none yet: where their accounts are, in turns with who gets which; knows no wire."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fieldwise_allocation.core.territory.arcs import cheapest
from fieldwise_allocation.core.territory.bound import split, within, worth_of
from fieldwise_allocation.core.territory.prices import ROUGH, climb
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints, Problem

# Turns of giving out accounts and moving homes; after a handful homes hardly move.
TURNS = 8
# Steps of Weiszfeld's iteration towards the point with the least weighted way to all accounts of a rep.
STEPS = 15


def choose_homes(problem: Problem, free: Bools) -> Floats:
    """Unit vectors of all homes, those of ``free`` reps chosen, shape (r, 3).

    Accounts are given out at rough prices of the bands, then each free home moves to the weighted median of its accounts, in
    turns. A good choice, not the best: a bound holds for the homes chosen.

    Source: Hess et al. (1965), Nonpartisan political redistricting by computer; Weiszfeld (1937) for the median.
    """
    if not free.any() or np.isnan(problem.place).all():
        return problem.home
    home = _sown(problem, free)
    prices = None
    for _ in range(TURNS):
        settled = replace(problem, home=home)
        prices = climb(settled, prices, stages=ROUGH[1:])
        worth = worth_of(settled, within(settled, split(settled, prices.worth)))
        rep_of = cheapest(settled, worth, prices.move, 1).rep[:, 0]
        moved = _medians(problem, rep_of, home, free)
        if np.abs(moved - home).max() < 1e-5:
            break
        home = moved
    return home


def _sown(problem: Problem, free: Bools) -> Floats:
    """First homes, each where accounts lie far from all homes so far, the heavier the likelier."""
    home = problem.home.copy()
    placed = np.flatnonzero(~np.isnan(problem.place).any(axis=1))
    place = problem.place[placed]
    weight = problem.per_km[placed] + 1e-12
    known = home[~free & ~np.isnan(home).any(axis=1)]
    apart = np.full(len(placed), 4.0)
    for each in known:
        apart = np.minimum(apart, ((place - each) ** 2).sum(axis=1))
    rng = np.random.default_rng(0)
    for i in np.flatnonzero(free):
        chance = weight * apart + 1e-15
        home[i] = place[rng.choice(len(placed), p=chance / chance.sum())]
        apart = np.minimum(apart, ((place - home[i]) ** 2).sum(axis=1))
    return home


def _medians(problem: Problem, rep_of: Ints, home: Floats, free: Bools) -> Floats:
    """Each free home moved to the weighted median of the rep's accounts, all reps at once."""
    placed = np.flatnonzero(free[rep_of] & ~np.isnan(problem.place).any(axis=1) & (problem.per_km > 0))
    place, rep, weight = problem.place[placed], rep_of[placed], problem.per_km[placed]
    home = home.copy()
    for _ in range(STEPS):
        apart = np.sqrt(((place - home[rep]) ** 2).sum(axis=1))
        pull = weight / np.maximum(apart, 1e-6)
        total = np.bincount(rep, pull, problem.reps)
        busy = free & (total > 0)
        sums = np.column_stack([np.bincount(rep, pull * place[:, c], problem.reps) for c in range(3)])
        towards = sums[busy] / total[busy, None]
        home[busy] = towards / np.sqrt((towards**2).sum(axis=1, keepdims=True))
    return home
