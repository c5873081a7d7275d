"""Tours by PyVRP, where the extra `routes` is installed and the question is one that it can hold; knows no clock."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fieldwise_allocation.core.visits.problem import (
    CAPACITY,
    CLOSES,
    DAY,
    END,
    LONGEST,
    OPENS,
    PER_KM,
    PER_MINUTE,
    REST_MINUTES,
    START,
    Problem,
    Sequences,
)

if TYPE_CHECKING:
    import pyvrp

FINE = 1000
# So many that the cost of a thousandth of a minute is a whole number too.
MONEY = 1_000_000
MOST = 10**9


def can_hold(problem: Problem) -> bool:
    """Whether PyVRP is here and knows all that the question has: no breaks, no skills, and one day."""
    f, whole = problem.tour_floats, problem.tour_whole
    plain = not f[:, REST_MINUTES].any() and bool(problem.able.all()) and len(np.unique(whole[:, DAY])) == 1
    one_price = len(np.unique(f[:, [PER_KM, PER_MINUTE]], axis=0)) == 1
    return plain and one_price and importlib.util.find_spec("pyvrp") is not None


def tours(
    problem: Problem, *, ended: Callable[[int], bool], seed: int = 0, start: Sequences | None = None
) -> Sequences | None:
    """Tours as stops in order; None when PyVRP found none that keep all rules.

    Args:
        ended: Asked with the number of iterations done; ends the search when it says so.
    """
    import pyvrp
    from pyvrp.stop import StoppingCriterion

    class Ended(StoppingCriterion):
        def __init__(self) -> None:
            self._done = 0

        def __call__(self, best_cost: float) -> bool:
            self._done += 1
            return ended(self._done)

        def fractions_remaining(self) -> list[float | None]:
            return [None]

    data = _data(problem)
    first = pyvrp.Solution(data, _routes(data, start)) if start is not None else None
    result = pyvrp.solve(data, Ended(), seed=seed, collect_stats=False, display=False, initial_solution=first)
    return _sequences(problem, result.best) if result.best.is_feasible() else None


def _data(problem: Problem) -> pyvrp.ProblemData:
    import pyvrp

    f, whole = problem.tour_floats, problem.tour_whole
    model = pyvrp.Model()
    places = [model.add_location(0, 0) for _ in range(len(problem.km))]
    depots = {
        p: model.add_depot(places[p]) for p in sorted({*whole[:, START].tolist(), *whole[:, END].tolist()})
    }
    day = int(whole[0, DAY])
    for s in range(problem.stops):
        model.add_client(
            places[int(problem.place[s])],
            delivery=_up(problem.load[s]),
            service_duration=_up(problem.service[s]),
            tw_early=max(0, _up(problem.opens[s, day])),
            tw_late=_down(problem.closes[s, day]),
            prize=0 if problem.mandatory[s] else round(float(problem.penalty[s]) * MONEY),
            required=bool(problem.mandatory[s]),
        )
    for v in range(problem.tours):
        model.add_vehicle_type(
            capacity=_down(f[v, CAPACITY]),
            start_depot=depots[int(whole[v, START])],
            end_depot=depots[int(whole[v, END])],
            tw_early=_up(f[v, OPENS]),
            tw_late=_down(f[v, CLOSES]),
            shift_duration=_down(f[v, LONGEST]),
            unit_distance_cost=1,
            unit_duration_cost=round(float(f[v, PER_MINUTE]) * MONEY / FINE),
        )
    # PyVRP's distance is the money of the way, because its costs per unit are whole numbers.
    money = np.round(problem.km * f[0, PER_KM] * MONEY).astype(np.int64)
    minutes = np.ceil(problem.minutes * FINE - 1e-6).astype(np.int64)
    for a in range(len(places)):
        for b in range(len(places)):
            if a != b:
                model.add_edge(places[a], places[b], int(money[a, b]), int(minutes[a, b]))
    return model.data()


def _up(number: float) -> int:
    return min(MOST, int(np.ceil(number * FINE - 1e-6)))


def _down(number: float) -> int:
    return min(MOST, int(np.floor(number * FINE + 1e-6)))


def _routes(data: pyvrp.ProblemData, start: Sequences) -> list[pyvrp.Route]:
    import pyvrp

    return [
        pyvrp.Route(data, [pyvrp.Activity(pyvrp.ActivityType.CLIENT, s) for s in stops], v)
        for v, stops in enumerate(start)
        if stops
    ]


def _sequences(problem: Problem, best: pyvrp.Solution) -> Sequences:
    sequences: Sequences = [[] for _ in range(problem.tours)]
    for route in best.routes():
        stops = [activity.idx for activity in route if activity.is_client()]
        sequences[route.vehicle_type()] = stops
    return sequences
