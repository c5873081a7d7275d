"""Tours by OR-Tools' routing; knows no clock but the limit it is given.

Travel is registered as a matrix, never as a Python callback, and every search has a limit: guided local search does not end by
itself (google/or-tools #1049).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from fieldwise_allocation.core.visits.problem import (
    CAPACITY,
    CLOSES,
    DAY,
    END,
    KIND,
    LONGEST,
    OPENS,
    PER_KM,
    PER_MINUTE,
    REST_FIRST,
    REST_LAST,
    REST_MINUTES,
    START,
    Problem,
    Sequences,
)

# Whole numbers per minute and per unit of load: travel is rounded up, so that what fits there fits here.
FINE = 1000
MOST = 10**9
# Whole numbers per unit of money; so many that the cost of a thousandth of a minute is one too.
MONEY = 100_000
DEAREST = 10**15
# Beyond this a first solution takes longer than own rebuilding needs to pass it.
MOST_STOPS = 250


def is_quick(problem: Problem) -> bool:
    """Whether a descent is worth its time: with breaks it takes seconds for 30 stops, fifty times as long as own rebuilding."""
    return problem.stops <= MOST_STOPS and not problem.tour_floats[:, REST_MINUTES].any()


def tours(
    problem: Problem, *, seconds: float, guided: bool = False, stop: Callable[[], bool] | None = None
) -> Sequences | None:
    """Tours as stops in order; None when OR-Tools found none.

    Args:
        seconds: Wall limit; without ``guided`` the descent ends by itself, mostly far earlier.
        guided: Guided local search from the cheapest arcs, which are the settings of OR-Tools' own examples; else a descent
            from parallel insertion.
        stop: Asked all the time; ends the search when it says so.
    """
    manager = pywrapcp.RoutingIndexManager(*_nodes(problem))
    model = pywrapcp.RoutingModel(manager)
    _add_costs(problem, model)
    _add_time(problem, manager, model)
    _add_loads(problem, model)
    _add_stops(problem, manager, model)
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.time_limit.FromMilliseconds(max(1, round(seconds * 1000)))
    first, way = routing_enums_pb2.FirstSolutionStrategy, routing_enums_pb2.LocalSearchMetaheuristic
    parameters.first_solution_strategy = (
        first.PATH_CHEAPEST_ARC if guided else first.PARALLEL_CHEAPEST_INSERTION
    )
    parameters.local_search_metaheuristic = way.GUIDED_LOCAL_SEARCH if guided else way.GREEDY_DESCENT
    if stop is not None:
        model.AddSearchMonitor(model.solver().CustomLimit(stop))
    found = model.SolveWithParameters(parameters)
    return None if found is None else _sequences(problem, manager, model, found)


def _nodes(problem: Problem) -> tuple[int, int, list[int], list[int]]:
    """Stops first, then each tour's start and end as nodes of their own."""
    n, t = problem.stops, problem.tours
    return n + 2 * t, t, list(range(n, n + t)), list(range(n + t, n + 2 * t))


def _places(problem: Problem) -> npt.NDArray[np.int64]:
    whole = problem.tour_whole
    return np.concatenate([problem.place, whole[:, START], whole[:, END]])


def _whole(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.ceil(np.minimum(numbers * FINE - 1e-6, MOST)).astype(np.int64)


def _add_costs(problem: Problem, model: pywrapcp.RoutingModel) -> None:
    at = _places(problem)
    km = problem.km[np.ix_(at, at)]
    by_rate: dict[float, int] = {}
    for v, rate in enumerate(problem.tour_floats[:, PER_KM].tolist()):
        if rate not in by_rate:
            by_rate[rate] = model.RegisterTransitMatrix(np.round(km * rate * MONEY).astype(np.int64).tolist())
        model.SetArcCostEvaluatorOfVehicle(by_rate[rate], v)


def _add_time(problem: Problem, manager: pywrapcp.RoutingIndexManager, model: pywrapcp.RoutingModel) -> None:
    at, n = _places(problem), problem.stops
    service = _whole(np.concatenate([problem.service, np.zeros(2 * problem.tours)]))
    transit = _whole(problem.minutes[np.ix_(at, at)]) + service[:, None]
    model.AddDimension(model.RegisterTransitMatrix(transit.tolist()), MOST, MOST, False, "time")
    time = model.GetDimensionOrDie("time")
    visits = [int(service[manager.IndexToNode(i)]) if i < n else 0 for i in range(model.Size())]
    for v, f in enumerate(problem.tour_floats.tolist()):
        start, end = model.Start(v), model.End(v)
        time.CumulVar(start).SetRange(round(f[OPENS] * FINE), round(f[CLOSES] * FINE))
        time.CumulVar(end).SetRange(round(f[OPENS] * FINE), round(f[CLOSES] * FINE))
        time.SetSpanUpperBoundForVehicle(min(MOST, round(f[LONGEST] * FINE)), v)
        time.SetSpanCostCoefficientForVehicle(round(f[PER_MINUTE] * MONEY / FINE), v)
        if f[REST_MINUTES] > 0.0:
            first, last = round(f[REST_FIRST] * FINE), round(f[REST_LAST] * FINE)
            pause = model.solver().FixedDurationIntervalVar(
                first, last, math.ceil(f[REST_MINUTES] * FINE), False, f"break {v}"
            )
            time.SetBreakIntervalsOfVehicle([pause], v, visits)


def _add_loads(problem: Problem, model: pywrapcp.RoutingModel) -> None:
    if not problem.load.any():
        return
    loads = [*_whole(problem.load).tolist(), *[0] * (2 * problem.tours)]
    room = [min(MOST, round(c * FINE)) for c in problem.tour_floats[:, CAPACITY].tolist()]
    model.AddDimensionWithVehicleCapacity(model.RegisterUnaryTransitVector(loads), 0, room, True, "load")


def _add_stops(problem: Problem, manager: pywrapcp.RoutingIndexManager, model: pywrapcp.RoutingModel) -> None:
    """Penalties, who may go, and windows; a window that differs from day to day is left to the check of the result."""
    time = model.GetDimensionOrDie("time")
    kind_of, day_of = problem.tour_whole[:, KIND], problem.tour_whole[:, DAY]
    for s in range(problem.stops):
        index = manager.NodeToIndex(s)
        model.AddDisjunction([index], min(DEAREST, round(float(problem.penalty[s]) * MONEY)))
        able = np.flatnonzero(problem.able[s, kind_of] == 1)
        if len(able) < problem.tours:
            model.VehicleVar(index).SetValues([-1, *able.tolist()])
        days = np.unique(day_of[able])
        opens, closes = problem.opens[s, days], problem.closes[s, days]
        if len(days):
            low, high = max(0.0, float(opens.min())), min(MOST / FINE, float(closes.max()))
            time.CumulVar(index).SetRange(math.ceil(low * FINE - 1e-6), math.floor(high * FINE))


def _sequences(
    problem: Problem,
    manager: pywrapcp.RoutingIndexManager,
    model: pywrapcp.RoutingModel,
    found: pywrapcp.Assignment,
) -> Sequences:
    sequences: Sequences = []
    for v in range(problem.tours):
        stops, index = [], found.Value(model.NextVar(model.Start(v)))
        while not model.IsEnd(index):
            stops.append(manager.IndexToNode(index))
            index = found.Value(model.NextVar(index))
        sequences.append(stops)
    return sequences
