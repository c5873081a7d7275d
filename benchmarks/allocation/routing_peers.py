"""Routing by ours and by the peers within the same CPU seconds of one process; knows no instance."""

from __future__ import annotations

import time
from collections.abc import Callable

from fieldwise_allocation.core.visits import ortools_tours, pyvrp_tours, solving
from fieldwise_allocation.core.visits.improving import Search
from fieldwise_allocation.core.visits.problem import Problem, Sequences

# No wall limit strikes before the CPU seconds are used, on a machine that others use as well.
WALL = 20.0


def ours(problem: Problem, seconds: float) -> Sequences:
    """What the service does, without PyVRP, ended by CPU seconds instead of rounds."""
    used = _stopwatch()
    search = Search(problem, solving.SEED)
    start, _ = solving.first(problem)
    search.start_from(solving.better_start(problem, start, solving.Watch(lambda: WALL * seconds)))
    search.run(lambda: min(1.0, used() / seconds))
    return search.best()


def start(problem: Problem) -> Sequences:
    """The start of ours."""
    return solving.first(problem)[0]


def stock_ortools(problem: Problem, seconds: float) -> Sequences | None:
    """OR-Tools with the settings of its own examples: cheapest arcs, then guided local search."""
    used = _stopwatch()
    return ortools_tours.tours(problem, seconds=WALL * seconds, guided=True, stop=lambda: used() > seconds)


def pyvrp(problem: Problem, seconds: float) -> Sequences | None:
    """PyVRP as it is."""
    used = _stopwatch()
    return pyvrp_tours.tours(problem, ended=lambda _: used() > seconds, seed=1)


def _stopwatch() -> Callable[[], float]:
    began = time.process_time()
    return lambda: time.process_time() - began
