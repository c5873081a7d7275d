"""The way to a good assignment with a bound: prices, annealing, and the programme of the pairs that still matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fieldwise_allocation.core.assignment import bundles
from fieldwise_allocation.core.assignment.annealing import Round, anneal
from fieldwise_allocation.core.assignment.diving import NOBODY, dived, shared_out, sharers
from fieldwise_allocation.core.assignment.outcome import Found, Infeasible, NoPlanFound, Watch
from fieldwise_allocation.core.assignment.prices import price
from fieldwise_allocation.core.assignment.problem import Problem
from fieldwise_allocation.core.assignment.programme import Columns, best_of
from fieldwise_allocation.core.assignment.search import LANE_SEEDS, LONGEST_RUN, Search
from fieldwise_allocation.core.assignment.trading import trade, trade_until_idle

# Nodes of HiGHS, as proposals, are worth a second; time is the stricter limit where they are dear.
NODES_PER_SECOND = 1_000
FEWEST_NODES = 500
# First heats tried, from the hottest; the best of them is searched around.
HEATS = (0.6, 0.2, 0.06, 0.02, 0.007)
AROUND = (1.0, 0.5, 1.6, 0.25)
NEAR = (5, 8)
# After this share of the work the best plan is warmed again, a little and briefly, in series: the share of the heat, how
# far it cools, proposals, and strictness about capacity; trades follow. So many in a row for nothing, and a fresh run is next.
BEFORE_REHEATS, REHEATS, PATIENCE = 0.2, 5, 60
REHEAT, REHEAT_COOLED, REHEAT_PROPOSALS, REHEAT_WEIGHTS = 0.4, 0.1, 1_000_000, (0.1, 0.3)
# Share of the work that is done before the programme is tried for long, in even and in odd lanes.
BEFORE_PROGRAMME = (0.45, 0.1)
# Share of the time for dives and for sharing out anew, and how many of them there are at most.
BUNDLES = 0.65
ROUNDS_PER_SECOND = 0.6
# Rounds of the relaxation over bundles, times items per second: its programme grows with the items.
BALANCE_ROUNDS = 200
# The exchanges after a dive: short and cold, and strict about capacity from the start.
MENDING, MENDING_HEAT, MENDING_WEIGHT = 1_500_000, 0.1, 0.5
# More pairs than these are beyond the programme's reach.
MOST_COLUMNS = 20_000
# Below this many pairs the programme is tried first, for this share of the time in even and in odd lanes: most small
# problems are settled in a second, and what HiGHS settles at all, one lane is to settle as soon as HiGHS alone would.
FEW_COLUMNS = 3_000
FIRST_PROGRAMME = (0.2, 0.95)
# Odd lanes look at the likeliest pairs before all that matter: those up to this share of the slack. For
# this share of the time that is left, and once more where that helped: what the first finds makes the second smaller.
LIKELY, LIKELY_TIMES = 0.2, (0.5, 0.8)
MOST_FIRST_PAIRS = 200_000


def solve(problem: Problem, watch: Watch, *, lane: int = 0) -> Found:
    """The best plan found in time.

    Args:
        lane: Searches of different lanes draw different chances, and odd ones go to the programme sooner.
    Raises:
        Infeasible: Proven that there is no plan.
        NoPlanFound: None was found in time.
    """
    watch.report("bounding", None, None)
    if not np.isfinite(problem.cost).any(axis=1).all():
        raise Infeasible("an item has no agent that it may go to")
    prices = price(problem, watch.seconds_left)
    search = Search(problem, prices, prices.reduced(problem), watch, lane)
    search.bound = _rounded(problem, prices.bound)
    if search.bound > _dearest(problem):
        raise Infeasible("the bound lies above the cost of any plan")
    search.tell("searching")
    _first(search)
    _bundle(search)
    _anneal(search, BEFORE_PROGRAMME[lane % 2])
    _prove(search, FEW_COLUMNS, MOST_COLUMNS, share=0.8)
    _anneal(search, 1.0)
    if search.best is None:
        _look_everywhere(search)
    found = search.found()
    if found is None:
        raise NoPlanFound
    return found


def _rounded(problem: Problem, bound: float) -> float:
    """Plans of whole costs cost a whole number: the bound may go up to the next."""
    return float(np.ceil(bound - 1e-6 * (1 + abs(bound) * 1e-3))) if problem.whole_costs else bound


def _dearest(problem: Problem) -> float:
    highest = np.where(np.isfinite(problem.cost), problem.cost, -np.inf).max(axis=1)
    return float(highest.sum()) + 1e-6 * (1 + float(np.abs(highest).sum()))


def _first(search: Search) -> None:
    """Short runs over all heats, and the programme at once where it is small."""
    size = int(np.clip(search.problem.cost.size * 300, 100_000, 4_000_000))
    for heat in HEATS:
        if search.ended():
            return
        search.run(heat, NEAR[0], size)
    if search.pairs <= FEW_COLUMNS:
        trade_until_idle(search)
    if search.lane % 2:
        for share in LIKELY_TIMES:
            before = search.cost
            _prove(search, 0, FEW_COLUMNS, share=share, likely=LIKELY)
            if search.cost >= before:
                break
    _prove(search, 0, FEW_COLUMNS, share=FIRST_PROGRAMME[search.lane % 2])


def _bundle(search: Search) -> None:
    """Where agents have few items each: a closer bound, dives for plans, and small parts of the best one shared out anew."""
    if search.ended() or not bundles.suits(search.problem):
        return
    plans = [] if search.best is None else [search.best]
    rounds = int(
        np.clip(BALANCE_ROUNDS * search.watch.seconds / search.problem.items, 5, bundles.EXACT_ROUNDS)
    )
    met = bundles.gathered(search.problem, search.prices, plans, search.watch.over, rounds)
    search.bound = max(search.bound, _rounded(search.problem, met.bound))
    search.tell("proving")
    rounds = max(1, int(search.watch.seconds * ROUNDS_PER_SECOND))
    until = search.watch.seconds_left() * (1.0 - BUNDLES)
    for k in range(rounds):
        if search.ended() or search.watch.seconds_left() < until:
            return
        if k % 3 == 0 or search.best is None:
            _dive(search, met, k)
        else:
            _share_anew(search, k)


def _dive(search: Search, met: bundles.Bundles, k: int) -> None:
    """One dive; items that found no place are brought in by exchanges."""
    agent_of = dived(met, k + search.lane * LANE_SEEDS, search.watch.seconds_left)
    left = agent_of == NOBODY
    agent_of[left] = search.reduced.argmin(axis=1)[left]
    task = Round(MENDING_HEAT, NEAR[1], MENDING, k, agent_of, MENDING_WEIGHT)
    if search.problem.feasible(agent_of):
        search.take(agent_of, search.problem.objective(agent_of))
    mended = anneal(search.problem, search.prices, search.reduced, task, search.watch.over, search.cost)
    if mended is not None:
        search.take(*mended)


def _share_anew(search: Search, k: int) -> None:
    """All items of a few agents drawn by chance, given to these agents as best they can be."""
    assert search.best is not None
    rng = np.random.default_rng(k + search.lane * LANE_SEEDS)
    agents = np.sort(rng.choice(search.problem.agents, sharers(search.problem), replace=False))
    items = np.flatnonzero(np.isin(search.best, agents))
    shared = shared_out(
        search.problem, items, agents, seconds=search.watch.seconds_left(), start=search.best[items]
    )
    if shared is not None:
        better = search.best.copy()
        better[items] = shared
        search.take(better, search.problem.objective(better))


def _nodes(search: Search, share: float) -> int:
    return max(FEWEST_NODES, int(NODES_PER_SECOND * search.watch.seconds * share))


def _anneal(search: Search, share: float) -> None:
    for heat, near, proposals in _runs(search):
        if search.ended() or search.done >= search.work * share:
            return
        warm = search.best is not None and search.done >= search.work * BEFORE_REHEATS
        if warm and search.idle < PATIENCE:
            _reheat(search, heat)
            trade(search)
        else:
            search.run(heat, near, proposals)
            search.idle = 0


def _reheat(search: Search, heat: float) -> None:
    """Small changes of the best plan; each that is better is where the next begins."""
    for k in range(REHEATS):
        if search.best is None or search.ended() or search.done >= search.work:
            return
        weight = REHEAT_WEIGHTS[k % len(REHEAT_WEIGHTS)]
        seed = search.rounds + search.lane * LANE_SEEDS
        proposals = min(REHEAT_PROPOSALS, int(search.work * LONGEST_RUN))
        task = Round(heat * REHEAT, NEAR[0], proposals, seed, search.best, weight, REHEAT_COOLED)
        better = anneal(search.problem, search.prices, search.reduced, task, search.watch.over, search.cost)
        search.done += task.proposals
        search.rounds += 1
        search.idle = 0 if better is not None else search.idle + 1
        if better is not None:
            search.take(*better)


def _runs(search: Search) -> Iterator[tuple[float, int, int]]:
    """Longer and longer runs around the heat that has done best; all heats in turn while none has."""
    k = search.rounds
    while True:
        heats = search.by_heat
        middle = min(heats, key=lambda heat: (heats[heat], heat)) if heats else HEATS[k % len(HEATS)]
        base = min(HEATS, key=lambda heat: abs(np.log(heat / middle)))
        longer = 4_000_000 * 2 ** min(6, (k - len(HEATS)) // len(AROUND) + 1)
        yield base * AROUND[k % len(AROUND)], NEAR[k // 2 % len(NEAR)], longer
        k += 1


def _prove(search: Search, more_than: int, most: int, *, share: float, likely: float = 1.0) -> None:
    """The programme of all pairs that a better plan may use; solved to its end it proves the plan best.

    Args:
        likely: Below 1: only pairs up to this share of what a better plan may use, which proves nothing.
    """
    if search.best is None or search.ended():
        return
    chosen = search.reduced <= search.slack
    if not more_than < int(chosen.sum()) <= most:
        return
    search.tell("proving")
    seconds = search.watch.wall(search.watch.seconds_left() * share)
    nodes = _nodes(search, share)
    if likely < 1.0:
        chosen = search.reduced <= likely * search.slack
        chosen[np.arange(search.problem.items), search.best] = True
    proven = best_of(Columns.of(search.problem, chosen), seconds=seconds, nodes=nodes, start=search.best)
    if proven.agent_of is not None and search.problem.feasible(proven.agent_of):
        search.take(proven.agent_of, search.problem.objective(proven.agent_of))
    if likely < 1.0:
        return
    # Outside these pairs no plan is better than the one that was known before.
    reached = search.cost if proven.complete else min(proven.bound, search.cost)
    search.bound = max(search.bound, _rounded(search.problem, reached))


def _look_everywhere(search: Search) -> None:
    """The programme over all pairs, for a problem so tight that no run has found a plan."""
    allowed = np.isfinite(search.problem.cost)
    if search.watch.over() or allowed.sum() > MOST_FIRST_PAIRS:
        return
    search.tell("proving")
    proven = best_of(
        Columns.of(search.problem, allowed),
        seconds=search.watch.wall(search.watch.seconds_left()),
        nodes=_nodes(search, 1.0),
    )
    if proven.complete and proven.agent_of is None:
        raise Infeasible("the programme over all pairs has no solution")
    if proven.agent_of is not None and search.problem.feasible(proven.agent_of):
        search.take(proven.agent_of, search.problem.objective(proven.agent_of))
