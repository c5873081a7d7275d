"""Tours of one part of a question: a start, OR-Tools, then own rebuilding, PyVRP where it is at hand, the best of all; knows no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fieldwise_allocation.core.visits import ortools_tours, pyvrp_tours
from fieldwise_allocation.core.visits.improving import Search, rounds_done
from fieldwise_allocation.core.visits.problem import Problem, Sequences

SEED = 1
# Rounds of a part: so many a stop at most, and all parts of a question together so many times stops, which is a few seconds.
ROUNDS_PER_STOP = 300
FEWEST_ROUNDS = 5000
WORK = 8_000_000
# OR-Tools' descent mostly ends far earlier.
ORTOOLS_SECONDS = 5.0
PYVRP_ITERATIONS = 300


@dataclass(frozen=True)
class Watch:
    """What a search asks of whoever started it.

    Attributes:
        seconds_left: Wall seconds; 0 or less ends the search with the best so far.
        better: Called with each better set of tours and its cost.
    """

    seconds_left: Callable[[], float]
    better: Callable[[Sequences, float], None] = lambda *_: None


def first(problem: Problem) -> tuple[Sequences, float]:
    """Tours by putting every stop where it costs least, tight ones first, and their cost."""
    search = Search(problem, SEED)
    search.start_from([[] for _ in range(problem.tours)])
    return search.best(), search.cost


def improved(
    problem: Problem, start: Sequences, watch: Watch, *, all_stops: int, effort: float = 1.0
) -> Sequences:
    """Tours that cost no more than the start.

    Args:
        all_stops: Stops of all parts of the question, which share the work.
        effort: Rounds as a multiple of the usual.
    """
    if problem.stops == 0:
        return start
    search = Search(problem, SEED)
    search.start_from(better_start(problem, start, watch))
    # Not the start as it was given: the search has put in what fits besides, and its cost is that of those tours.
    cheapest, best = search.cost, search.best()
    watch.better(best, cheapest)
    rounds = int(effort * min(max(FEWEST_ROUNDS, ROUNDS_PER_STOP * problem.stops), WORK / max(1, all_stops)))
    search.run(
        rounds_done(rounds, lambda: watch.seconds_left() <= 0),
        lambda cost: watch.better(search.best(), cost) if cost < cheapest else None,
    )
    if search.cost < cheapest:
        cheapest, best = search.cost, search.best()
    other = _by_pyvrp(problem, best, watch, effort)
    if other is not None:
        cost, completed = _completed(problem, other)
        if cost < cheapest - 1e-9:
            best = completed
            watch.better(best, cost)
    return best


def better_start(problem: Problem, start: Sequences, watch: Watch) -> Sequences:
    """OR-Tools' tours where they are had quickly and cost less than the start."""
    seconds = min(ORTOOLS_SECONDS, watch.seconds_left())
    if not ortools_tours.is_quick(problem) or seconds <= 0.0:
        return start
    found = ortools_tours.tours(problem, seconds=seconds)
    if found is None or _completed(problem, found)[0] >= _completed(problem, start)[0]:
        return start
    return found


def _by_pyvrp(problem: Problem, start: Sequences, watch: Watch, effort: float) -> Sequences | None:
    if watch.seconds_left() <= 0 or not pyvrp_tours.can_hold(problem):
        return None
    most = int(PYVRP_ITERATIONS * effort)
    return pyvrp_tours.tours(
        problem, ended=lambda done: done > most or watch.seconds_left() <= 0, seed=SEED, start=start
    )


def _completed(problem: Problem, sequences: Sequences) -> tuple[float, Sequences]:
    """Tours with what fits besides, and their cost; those that break a rule count as empty."""
    search = Search(problem, SEED)
    search.start_from(sequences)
    return search.cost, search.best()
