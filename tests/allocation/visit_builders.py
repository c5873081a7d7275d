"""Small questions of visits for the tests; each shows only what matters."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Place
from fieldwise_allocation.core.visits import solving
from fieldwise_allocation.core.visits.finishing import finished
from fieldwise_allocation.core.visits.parts import split
from fieldwise_allocation.core.visits.question import (
    Question,
    Rest,
    Shift,
    Stop,
    Visitor,
    VisitPlan,
    Window,
)
from fieldwise_allocation.core.visits.schedule import timetable

LUNCH = Rest(690.0, 780.0, 45.0)


def question(
    stops: int,
    reps: int = 2,
    days: int = 1,
    *,
    seed: int = 0,
    rest: Rest | None = LUNCH,
    mandatory: float = 0.2,
    own: bool = False,
) -> Question:
    """Customers around a few towns, some with windows, some who need a skill, some to be visited twice."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform((47, 8), (47.6, 9), (4, 2))
    where = towns[rng.integers(0, 4, stops)] + rng.normal(0, 0.08, (stops, 2))
    homes = where[rng.choice(stops, reps)]
    visitors = tuple(
        Visitor(
            f"reps/{i}",
            tuple(Shift(day, 480.0, 1050.0, rest, 540.0 if i % 2 else math.inf) for day in range(days)),
            Place(*homes[i]),
            skills=frozenset("b") if i % 2 == 0 else frozenset(),
            per_km=0.3,
            per_hour=20.0,
        )
        for i in range(reps)
    )
    return Question(
        tuple(_stop(j, where[j], days, reps, rng, mandatory, own) for j in range(stops)), visitors, effort=0.3
    )


def _stop(
    j: int,
    where: npt.NDArray[np.float64],
    days: int,
    reps: int,
    rng: np.random.Generator,
    mandatory: float,
    own: bool,
) -> Stop:
    opens, length = float(rng.uniform(480, 900)), float(rng.uniform(60, 240))
    windows = tuple(Window(day, opens, opens + length) for day in range(days)) if rng.random() < 0.4 else ()
    twice = days > 2 and j % 4 == 0
    return Stop(
        f"customers/{j:03}",
        float(rng.choice([20, 30, 45])),
        Place(*where),
        windows,
        frozenset("b") if j % 9 == 4 and not own else frozenset(),
        float(rng.gamma(2, 30)),
        bool(rng.random() < mandatory),
        visits=2 if twice else 1,
        spacing=2 if twice else 1,
        visitor=f"reps/{j % reps}" if own else "",
    )


def planned(asked: Question, *, seconds: float = 30.0) -> VisitPlan:
    """The plan of a question, found in this process."""
    whole = split(asked)
    ends = time.perf_counter() + seconds
    watch = solving.Watch(lambda: ends - time.perf_counter())
    stops = sum(len(part.tasks) for part in whole.parts)
    tours = [
        solving.improved(
            part.problem, solving.first(part.problem)[0], watch, all_stops=stops, effort=asked.effort
        )
        for part in whole.parts
    ]
    return finished(asked, whole, tours)


def best_profit_of_one_day(asked: Question) -> float:
    """Most that one rep earns on his one day, by trying every order of every set of stops that holds the mandatory ones."""
    whole = split(asked)
    (day,) = whole.parts[0].days
    visitor = asked.visitors[0]
    must = {j for j, stop in enumerate(asked.stops) if stop.mandatory}
    best = -math.inf if must else 0.0
    for size in range(1, len(asked.stops) + 1):
        for order in itertools.permutations(range(len(asked.stops)), size):
            tour = timetable(asked, whole.roads, day, order) if must <= set(order) else None
            if tour is not None:
                cost = tour.km * visitor.per_km + (tour.returns - tour.leaves) / 60.0 * visitor.per_hour
                best = max(best, sum(asked.stops[j].prize for j in order) - cost)
    return best
