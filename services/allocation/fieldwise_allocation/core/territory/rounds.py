"""One round of a search for a territory plan: from heat to cold, mended, offered; knows no order of rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.territory.arcs import Arcs, cheapest
from fieldwise_allocation.core.territory.bound import bound, split
from fieldwise_allocation.core.territory.breach import Breach, mild
from fieldwise_allocation.core.territory.found import Found, Impossible, NoPlanFound, Watch
from fieldwise_allocation.core.territory.limits import dearest
from fieldwise_allocation.core.territory.possible import any_plan
from fieldwise_allocation.core.territory.prices import Prices
from fieldwise_allocation.core.territory.problem import (
    Bools,
    Floats,
    Ints,
    Problem,
    excess,
    feasible,
    loads,
    move_count,
    moved,
    objective,
    understaffed,
)
from fieldwise_allocation.core.territory.search import Heat, improve
from fieldwise_allocation.core.territory.undoing import Turns, undone

# A plan this close to its bound is good enough to stop: forecasts of workload are far rougher.
ENOUGH = 0.0005
# Cheapest reps of each account among which the search chooses.
ARCS = 6
# And so many when among them no plan was found.
WIDE = 24
# Proposals per account: of the first plan, and of each round after it, twice as many as the round before.
FIRST, ROUND, ROUNDS = 40, 300, 7
# The heat falls by COOLING from WARMTH times the median distance between an account's two cheapest reps, while a
# breach comes to count FIRM times as much: measured on the tuning seeds, a mild start matters most.
WARMTH, COOLING, FIRM = 0.2, 100.0, 300.0
# After each round without heat, so that nothing small is left lying.
QUENCH = 30
# Proposals per account around a hard rule that is still broken, and how often.
MENDING, MENDINGS = 1000, 8
# Where that does not mend it, because all around are full or short as well: turns per rep of undoing moves, and what one is
# charged, in heats of the beginning.
TURNS, CHARGE = 20, 15.0
# Proposals at once; the clock is read in between.
PIECE = 1_000_000


@dataclass
class Search:
    """A search under way: what is given, the best plan so far and the best bound with its prices."""

    problem: Problem
    watch: Watch
    price: Floats
    move_price: float = 0.0
    best: Ints | None = None
    cost: float = np.inf
    bound: float = -np.inf

    def found(self) -> Found:
        """The best so far.

        Raises:
            NoPlanFound: None so far.
        """
        if self.best is None:
            raise NoPlanFound
        bound = min(self.bound, self.cost)
        return Found(self.best, self.cost, bound, self.price, self.move_price, self.problem.home)

    def offer(self, rep_of: Ints | None) -> None:
        """Take a plan as the best when it keeps the hard rules and costs less."""
        if (
            rep_of is None
            or objective(self.problem, rep_of) >= self.cost
            or not feasible(self.problem, rep_of)
        ):
            return
        self.best, self.cost = rep_of, objective(self.problem, rep_of)
        self.watch.report(self.found())

    def priced(self, prices: Prices) -> None:
        """Take prices as the best when they give a higher bound."""
        price = split(self.problem, prices.worth)
        height = bound(self.problem, price, prices.move)
        if height > self.bound:
            self.bound, self.price, self.move_price = height, price, prices.move

    def proven(self, height: float) -> None:
        """Take a bound that was proven another way."""
        self.bound = max(self.bound, height)

    def done(self) -> bool:
        """Whether nothing worth the time is left to find."""
        return self.best is not None and self.cost - self.bound <= ENOUGH * abs(self.cost)

    def over(self) -> bool:
        """Whether to stop; without any plan the search goes on past its time, for whoever waits to end."""
        return self.done() or (self.best is not None and self.watch.out_of_time())


@dataclass(frozen=True)
class Ground:
    """Where a search goes: the arcs, what a breach counts at first, and the heat at first."""

    arcs: Arcs
    breach: Breach
    warmth: float


def ground_at(search: Search, prices: Prices, most: int) -> Ground:
    """The arcs to search at these prices, which may raise the bound as well."""
    problem = search.problem
    arcs = cheapest(problem, prices.worth, prices.move, most)
    if np.isinf(arcs.reduced[:, 0]).any():
        raise Impossible
    search.priced(prices)
    if search.bound > dearest(problem):
        raise Impossible
    breach = mild(problem, arcs, split(problem, prices.worth), prices.move)
    return Ground(arcs, breach, WARMTH * _typical_spread(arcs))


def _typical_spread(arcs: Arcs) -> float:
    """Median distance between the two cheapest reps of an account, prices paid."""
    two = arcs.reduced[np.isfinite(arcs.reduced[:, 1:2]).any(axis=1)]
    apart = two[:, 1:2] - two[:, :1]
    return float(np.median(apart)) if len(apart) else 0.0


def one_round(search: Search, ground: Ground, rep_of: Ints, per_account: int, seed: int) -> Ints:
    """From heat to cold once, then descend; ends early when time is up and there is a plan.

    Returns:
        Where it ended; it is offered as well.
    """
    problem = search.problem
    count = per_account * problem.accounts
    pieces = max(1, round(count / PIECE))
    for piece in range(pieces):
        if search.watch.out_of_time() and search.best is not None:
            return rep_of
        start, end = piece / pieces, (piece + 1) / pieces
        heat = Heat(
            count // pieces,
            ground.warmth * COOLING**-start,
            ground.warmth * COOLING**-end,
            FIRM ** (1 / pieces),
        )
        firmer = ground.breach.times(FIRM**start)
        rep_of = improve(problem, ground.arcs, rep_of, heat, firmer, seed=seed * 1000 + piece)
    cold = Heat(QUENCH * problem.accounts, 0.0, 0.0, FIRM)
    rep_of = improve(problem, ground.arcs, rep_of, cold, ground.breach.times(FIRM), seed=seed)
    rep_of = mended(search, ground, rep_of, seed)
    search.offer(rep_of)
    return rep_of


def from_the_rules(search: Search, ground: Ground, seed: int) -> None:
    """Where annealing kept breaking rules: a plan made from the hard rules alone, made cheaper without heat."""
    plan = any_plan(search.problem)
    if plan is None:
        return
    search.offer(plan)
    cold = Heat(ROUND * search.problem.accounts, 0.0, 0.0, 1.0)
    firm = ground.breach.times(FIRM * 1e6)
    search.offer(improve(search.problem, ground.arcs, plan, cold, firm, seed=seed))


def mended(search: Search, ground: Ground, rep_of: Ints, seed: int) -> Ints:
    """Search again around the hard rules that are still broken, more firmly each time; last along chains of moves."""
    problem = search.problem
    for turn in range(1, MENDINGS + 1):
        rows = _around_breaches(problem, ground.arcs, rep_of)
        if not len(rows):
            break
        warmth = ground.warmth * 0.1 * turn
        heat = Heat(min(MENDING * len(rows), PIECE), warmth, warmth / COOLING, 10.0)
        breach = ground.breach.times(FIRM * 10 ** (turn - 1))
        rep_of = improve(problem, ground.arcs, rep_of, heat, breach, seed=seed + turn, rows=rows)
    if len(_around_breaches(problem, ground.arcs, rep_of)):
        charge = CHARGE * ground.warmth
        turns = Turns(TURNS * problem.reps, charge, charge)
        rep_of = undone(problem, ground.arcs, rep_of, turns, ground.breach, seed=seed)
    return rep_of


def _around_breaches(problem: Problem, arcs: Arcs, rep_of: Ints) -> Ints:
    """Accounts that could go to or from a rep outside a hard band; those of short areas; moved ones if too many."""
    outside = (excess(problem, loads(problem, rep_of)) > 0) & np.isinf(problem.outside)
    broken: Bools = np.asarray(outside.any(axis=0))
    near: Bools = np.append(broken, False)[arcs.rep].any(axis=1) | broken[rep_of]
    if len(problem.least_reps):
        near |= (problem.area >= 0) & (understaffed(problem, rep_of)[problem.area] > 0)
    if problem.most_moves is not None and move_count(problem, rep_of) > problem.most_moves:
        near |= moved(problem, rep_of)
    return np.flatnonzero(near).astype(np.int32)
