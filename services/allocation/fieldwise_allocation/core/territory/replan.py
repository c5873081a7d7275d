"""A plan repaired after a change, from its own prices and with few moves; knows nothing of how that plan was made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.territory.arcs import Arcs, cheapest
from fieldwise_allocation.core.territory.bound import bound, split
from fieldwise_allocation.core.territory.breach import Breach, mild
from fieldwise_allocation.core.territory.chains import chained
from fieldwise_allocation.core.territory.few import few, indifferent
from fieldwise_allocation.core.territory.found import Found, Impossible, Watch
from fieldwise_allocation.core.territory.prices import ALL, Prices, Stage, climb
from fieldwise_allocation.core.territory.problem import (
    Bools,
    Floats,
    Ints,
    Problem,
    costs,
    excess,
    feasible,
    loads,
    objective,
    permitted,
)
from fieldwise_allocation.core.territory.search import Heat, improve
from fieldwise_allocation.core.territory.solve import solve
from fieldwise_allocation.core.territory.undoing import Turns, undone

# Cheapest reps of each account among which the repair chooses, and where these cannot make a band hold.
ARCS, WIDE = 6, 12
# Searches before that is given up, and what an arc may cost in all but the first.
ATTEMPTS, FAR = 5, 4.0
# Moves of others that an account without a rep brings with it: whoever takes it is full, and so is the next.
CHAIN = 1
# The heat falls by COOLING while a breach comes to count FIRM times as much.
COOLING, FIRM = 30.0, 300.0


@dataclass(frozen=True)
class Manner:
    """How to repair, measured on the tuning seeds.

    Args:
        worth: What the moves may cost together, as a share of the plan's cost: with more the plan costs too much, with
            less it moves too many.
        stages: Of the climb from the prices of before, over the accounts that changed prices reach first.
        proposals: Of chains, per rep, before moves are undone.
        turns: Of undoing moves, per rep.
        luck: In each of them, as a share of a move's charge.
        near: Accounts per rep that it may move because they lose least.
        large: The same for large ones, that lose little for their hours.
        apart: What an arc may cost beyond the cheapest and a move's charge, as a share of what an hour is worth.
    """

    worth: float
    stages: tuple[Stage, ...]
    proposals: int
    turns: int
    luck: float
    near: int
    large: int
    apart: float


# Work without a rep is pushed from rep to rep: that takes sharp prices, and then chains among few accounts.
PUSH = Manner(0.009, (Stage(0.1, 12, ALL), Stage(0.015, 10, ALL)), 1000, 5, 0.1, 10, 30, 0.5)
# Bands broken here and there: the prices of before will do, and whoever fits may be anyone nearby.
MEND = Manner(0.004, (), 0, 20, 1.0, 5, 50, 1.5)
# Of the chains: accounts near and large, the heat at first and what arcs may cost, as shares of what an hour is worth.
CHAIN_NEAR, CHAIN_LARGE, WARMTH, CHAIN_APART = 20, 8, 0.03, 0.1
# Accounts per rep that a climb hears: with a third less its prices run off on one of the tuning seeds.
HEARD = 60
# Then around what is still broken, more firmly each time.
MENDING, MENDINGS, MOST_MENDING = 1000, 8, 100_000


def filled(problem: Problem, start: Ints, worth: Floats | None = None) -> Ints:
    """The start with a rep for every account: the cheapest at these prices where it has none, or may not have hers.

    Args:
        start: Index of the rep, below 0 for none, shape (n,).
        worth: Plan units paid per unit of each measure to each rep, shape (m, r); None: nothing.
    """
    if worth is None:
        worth = np.zeros((len(problem.amount), problem.reps))
    rep_of = start.astype(np.int32)
    rows = np.flatnonzero(homeless(problem, start)).astype(np.int32)
    if len(rows):
        rep_of[rows] = cheapest(problem, worth, 0.0, 1, rows).rep[:, 0]
    return rep_of


def homeless(problem: Problem, start: Ints) -> Bools:
    """Accounts that have no rep in the start or may not stay with theirs: they move in any plan, shape (n,)."""
    return np.asarray((start < 0) | ~permitted(problem, np.maximum(start, 0)))


def replan(problem: Problem, watch: Watch, start: Ints, hour_prices: Floats) -> Found:
    """The start repaired where the change broke it, in a small part of the time that the best plan takes.

    Args:
        start: Index of the rep before the change, below 0 for none, shape (n,).
        hour_prices: Plan units that an hour of each rep saved then, NaN for new reps, shape (r,).
    Raises:
        Impossible, NoPlanFound: As from `solve`, which is asked where the repair does not come about.
    """
    before = _before(problem, hour_prices)
    begin = filled(problem, start, before.worth)
    if (begin < 0).any():
        raise Impossible
    # What no change broke stays as it is: a repair looks for rules to keep, not for savings.
    rep_of, prices = begin, before
    if not feasible(problem, begin):
        for manner in _manners(start, hour_prices):
            charge = _charge(problem, start, begin, manner.worth)
            calm = _calm(problem, start, charge)
            with watch.stage("prices"):
                prices = _climbed(calm, before, manner, watch)
            with watch.stage("repair"):
                rep_of = _repaired(calm, prices, manner, charge)
            if feasible(problem, rep_of):
                break
        else:
            return solve(problem, watch, begin)
    cost = objective(problem, rep_of)
    with watch.stage("bound"):
        price, proven = _proven(problem, before, prices)
    found = Found(rep_of, cost, min(proven, cost), price, prices.move, problem.home)
    watch.report(found)
    return found


def _manners(start: Ints, hour_prices: Floats) -> tuple[Manner, ...]:
    known = bool(hour_prices.any()) and not np.isnan(hour_prices).any()
    return (MEND, PUSH) if known and (start >= 0).all() else (PUSH,)


def _proven(problem: Problem, before: Prices, calm: Prices) -> tuple[Floats, float]:
    """The bands' prices, of before or with calm, that prove more, and what they prove."""
    both = [split(problem, each.worth) for each in (before, calm)]
    heights = [bound(problem, price, calm.move) for price in both]
    best = int(np.argmax(heights))
    return both[best], heights[best]


def _before(problem: Problem, hour_prices: Floats) -> Prices:
    worth = np.zeros((len(problem.amount), problem.reps))
    known = hour_prices[~np.isnan(hour_prices)]
    usual = float(np.median(known)) if len(known) else 0.0
    worth[0] = -np.where(np.isnan(hour_prices), usual, hour_prices)
    return Prices(worth, 0.0)


def _charge(problem: Problem, start: Ints, begin: Ints, worth: float) -> float:
    """Plan units by which a move must pay: few moves that are needed may cost more each than many."""
    out = (excess(problem, loads(problem, begin)) > 0) & np.isinf(problem.outside)
    load = loads(problem, begin)[problem.band_measure]
    over = int((out & (load > problem.high)).any(axis=0).sum())
    under = int((out & (load < problem.low)).any(axis=0).sum())
    needed = int(homeless(problem, start).sum()) + CHAIN * int((start < 0).sum()) + max(over, under)
    return worth * float(costs(problem, begin).sum()) / max(needed, 1)


def _calm(problem: Problem, start: Ints, charge: float) -> Problem:
    """The problem in which whoever can stay with the rep of the start had better do so.

    An account whose incumbent counts for a lock or for a limit of moves keeps its incumbent.
    """
    lost = homeless(problem, start)
    kept = problem.incumbent if problem.most_moves is not None else np.where(lost, problem.incumbent, start)
    stays = ~lost & (kept == start)
    return replace(
        problem, incumbent=kept.astype(np.int32), per_move=problem.per_move + np.where(stays, charge, 0.0)
    )


def _climbed(calm: Problem, before: Prices, manner: Manner, watch: Watch) -> Prices:
    """The prices after the change, climbed among the accounts that go first when prices change; all others stay."""
    if not manner.stages:
        return before
    arcs = cheapest(calm, before.worth, before.move, 2)
    rep_of = np.ascontiguousarray(arcs.rep[:, 0])
    rows = _first_to_go(calm, arcs, HEARD * calm.reps)
    part = few(calm, arcs, rep_of, rows).problem
    # Where the others alone are too much for a rep, they have to be heard as well.
    heard = part if (part.high > 0).all() else calm
    return climb(heard, before, stages=manner.stages, stop=watch.out_of_time)


def _first_to_go(problem: Problem, arcs: Arcs, most: int) -> Ints:
    if arcs.rep.shape[1] < 2 or most >= problem.accounts:
        return np.arange(problem.accounts, dtype=np.int32)
    apart = (arcs.reduced[:, 1] - arcs.reduced[:, 0]) / np.maximum(arcs.hours[:, 0], 1e-9)
    return np.sort(np.argsort(apart, kind="stable")[:most]).astype(np.int32)


def _repaired(calm: Problem, prices: Prices, manner: Manner, charge: float) -> Ints:
    """A plan near the start; whether it keeps every hard rule is to be seen.

    It begins from the cheapest rep of everyone at the prices, moves paid: what a change pushes from rep to rep is
    already there, and only whole accounts have to be found that fit.
    """
    arcs = cheapest(calm, prices.worth, prices.move, ARCS)
    breach = mild(calm, arcs, split(calm, prices.worth), prices.move)
    per_hour = float(np.median(np.abs(prices.worth[0])))
    rep_of = np.ascontiguousarray(arcs.rep[:, 0])
    if manner.proposals or len(calm.least_reps):
        rep_of = _pushed(calm, arcs, rep_of, breach, manner.proposals, per_hour, charge)
    turns = Turns(manner.turns * calm.reps, charge, manner.luck * charge)
    apart = charge + manner.apart * per_hour
    near = indifferent(calm, arcs, per_hour, manner.near * calm.reps, manner.large * calm.reps)
    heard = np.union1d(near, np.flatnonzero(rep_of != calm.incumbent)).astype(np.int32)
    for attempt in range(ATTEMPTS):
        if attempt == 1:
            arcs, apart = cheapest(calm, prices.worth, prices.move, WIDE), charge + FAR * per_hour
        part = few(calm, arcs, rep_of, heard)
        chosen = undone(part.problem, part.arcs, rep_of[heard], turns, breach, seed=attempt, apart=apart)
        rep_of = part.put(rep_of, chosen)
        if feasible(calm, rep_of):
            return rep_of
    return _mended(calm, arcs, rep_of, breach.times(FIRM), WARMTH * per_hour)


def _pushed(
    calm: Problem, arcs: Arcs, rep_of: Ints, breach: Breach, proposals: int, per_hour: float, charge: float
) -> Ints:
    """The plan after chains of moves: where much work changes hands, many accounts go at once."""
    rows = indifferent(calm, arcs, per_hour, CHAIN_NEAR * calm.reps, CHAIN_LARGE * calm.reps)
    near = few(calm, arcs, rep_of, rows)
    count, warmth = proposals * calm.reps, WARMTH * per_hour
    heat = Heat(count, warmth, warmth / COOLING, FIRM)
    chosen = rep_of[rows]
    if len(calm.least_reps):
        chosen = improve(near.problem, near.arcs, chosen, heat, breach, seed=0)
    apart = charge + CHAIN_APART * per_hour
    chosen = chained(near.problem, near.arcs, chosen, heat, breach, seed=0, apart=apart)
    return near.put(rep_of, chosen)


def _mended(problem: Problem, arcs: Arcs, rep_of: Ints, breach: Breach, warmth: float) -> Ints:
    """Search again around the bands that are still broken."""
    for turn in range(1, MENDINGS + 1):
        broken = (excess(problem, loads(problem, rep_of)) > 0) & np.isinf(problem.outside)
        outside = np.asarray(broken.any(axis=0))
        if not outside.any():
            break
        near = outside[rep_of] | np.append(outside, False)[arcs.rep].any(axis=1)
        rows = np.flatnonzero(near).astype(np.int32)
        heat = Heat(
            min(MENDING * len(rows), MOST_MENDING), 0.1 * turn * warmth, 0.1 * turn * warmth / COOLING, 10.0
        )
        rep_of = improve(problem, arcs, rep_of, heat, breach.times(10.0 ** (turn - 1)), seed=turn, rows=rows)
    return rep_of
