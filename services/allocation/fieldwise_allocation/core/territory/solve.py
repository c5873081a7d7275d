"""A territory plan from start to end: prices, a first plan, better plans; time and an ear for plans are arguments."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.territory import regional, regions
from fieldwise_allocation.core.territory.arcs import NONE, Arcs, cheapest
from fieldwise_allocation.core.territory.bound import bound, split
from fieldwise_allocation.core.territory.crew import Alone, Crew
from fieldwise_allocation.core.territory.exact import whole
from fieldwise_allocation.core.territory.found import Found, Impossible, Watch
from fieldwise_allocation.core.territory.prices import FINE, Prices, climb, rough
from fieldwise_allocation.core.territory.problem import (
    Ints,
    Problem,
)
from fieldwise_allocation.core.territory.rounds import (
    ARCS,
    FIRST,
    ROUND,
    ROUNDS,
    WIDE,
    Ground,
    Search,
    from_the_rules,
    ground_at,
    one_round,
)
from fieldwise_allocation.core.territory.spread import MOST_PAIRS, indifferent, spread

# Rounds in a row without gain that end the search.
PATIENCE = 3

# Pairs of a problem that CP-SAT may take whole, and of what is left that may matter; it degrades fast beyond.
MOST_WHOLE, MOST_PROMISING = 60_000, 2000
# CP-SAT's deterministic seconds for one and the other, and wall seconds past the limit to find a first plan.
LONG, SHORT, GRACE = 10.0, 0.1, 30.0


def solve(
    problem: Problem, watch: Watch, start: Ints | None = None, *, seed: int = 0, crew: Crew | None = None
) -> Found:
    """The best plan found within the time, with a bound that no plan can beat.

    The same problem gives the same plan unless time cuts the search short. With a limit that strikes before there is
    any plan the first is still looked for: better late than none.

    Args:
        start: A plan to begin from; the result costs no more when it keeps the hard rules.
        crew: Does the regions of a large problem; None: this process, one after the other. Both give the same plan.
    Raises:
        Impossible: Proven: no plan keeps the hard rules.
        NoPlanFound: Nothing found that keeps the hard rules; nothing proven.
    """
    search = Search(problem, watch, np.zeros(problem.low.shape))
    if start is None and indifferent(problem) and problem.accounts * problem.reps <= MOST_PAIRS:
        start = spread(problem)
    search.offer(start)
    if search.best is not None and search.cost == 0:
        search.proven(0.0)
        return search.found()
    with watch.stage("prices"):
        prices = climb(problem, stages=rough(problem), stop=watch.out_of_time)
    large = problem.accounts >= regions.LARGE
    with watch.stage("first plan"):
        if large and search.best is None:
            regional.first_in_regions(search, prices, crew or Alone(), seed)
        elif not large:
            ground = ground_at(search, prices, ARCS)
            one_round(search, ground, ground.arcs.rep[:, 0] if start is None else start, FIRST, seed)
    if search.over():
        return search.found()
    with watch.stage("bound"):
        prices = climb(problem, prices, stages=FINE, stop=watch.out_of_time)
    with watch.stage("search"):
        if large:
            regional.better_in_regions(search, prices, crew or Alone(), seed)
        if not large or search.best is None:
            _rounds(search, ground_at(search, prices, ARCS), prices, seed)
    return search.found()


def _rounds(search: Search, ground: Ground, prices: Prices, seed: int) -> None:
    """Longer and longer rounds, each from the cheapest reps: measured, that ends lower than going on from the best."""
    idle = 0
    for turn in range(ROUNDS):
        if search.over() or idle >= PATIENCE:
            break
        before = search.cost
        one_round(search, ground, ground.arcs.rep[:, 0], ROUND * 2**turn, seed + 1 + turn)
        idle = 0 if search.cost < before or search.best is None else idle + 1
        if search.best is None:
            ground = ground_at(search, prices, WIDE)
            from_the_rules(search, ground, seed)
        if search.best is None:
            _all_at_once(search, prices)
    if not search.over():
        _promising(search, prices)


def _all_at_once(search: Search, prices: Prices) -> None:
    """Hand a small problem to CP-SAT whole, where annealing found nothing.

    Raises:
        Impossible: Proven.
    """
    problem = search.problem
    if problem.accounts * problem.reps <= MOST_WHOLE:
        arcs = cheapest(problem, prices.worth, prices.move, problem.reps)
        answer = whole(problem, arcs, hint=None, seconds=search.watch.seconds_left() + GRACE, work=LONG)
        if answer.rep_of is None and np.isinf(answer.bound) and answer.bound > 0:
            raise Impossible
        search.offer(answer.rep_of)


def _promising(search: Search, prices: Prices) -> None:
    """Search whole what may still be in a better plan, when it is little: the pairs whose reduced cost is within the gap."""
    problem = search.problem
    if problem.accounts * problem.reps > 20 * MOST_WHOLE or search.over():
        return
    arcs = cheapest(problem, prices.worth, prices.move, problem.reps)
    room = search.cost - bound(problem, split(problem, prices.worth), prices.move)
    rep = np.where(arcs.reduced - arcs.reduced[:, :1] <= room * (1 + 1e-9) + 1e-9, arcs.rep, NONE)
    if (rep >= 0).sum() > MOST_PROMISING:
        return
    within = Arcs(rep, arcs.cost, arcs.hours, arcs.reduced)
    answer = whole(problem, within, hint=search.best, seconds=search.watch.seconds_left(), work=SHORT)
    search.proven(min(answer.bound, search.cost))
    search.offer(answer.rep_of)
