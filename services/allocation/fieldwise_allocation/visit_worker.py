"""Tours found inside a worker process: stopwatch and progress; knows no database and no wire."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fieldwise_allocation.core.visits.parts import Part
from fieldwise_allocation.core.visits.problem import Sequences
from fieldwise_runtime.worker_process import report


@dataclass(frozen=True)
class Better:
    """Better tours of a part; ``ended`` when there will be no more."""

    part: int
    tours: Sequences
    cost: float
    ended: bool = False


@dataclass(frozen=True)
class Job:
    """Parts of one question for one process.

    Attributes:
        parts: Each with its number in the question.
        stops: Stops of the whole question, which share the work.
        seconds: Wall limit.
    """

    parts: tuple[tuple[int, Part], ...]
    stops: int
    effort: float
    seconds: float


def find_tours(job: Job) -> bool:
    """Reports tours of every part at once, then better ones; whether all the work was done within the limit."""
    # Imported here: the service that hands out the job needs neither the solver nor the compiler.
    from fieldwise_allocation.core.visits import solving

    ends = time.perf_counter() + job.seconds
    starts: list[tuple[int, Part, Sequences]] = []
    for number, part in job.parts:
        tours, cost = solving.first(part.problem)
        report(Better(number, tours, cost))
        starts.append((number, part, tours))
    for k, (number, part, tours) in enumerate(starts):
        until = time.perf_counter() + _share(starts[k:]) * (ends - time.perf_counter())
        watch = solving.Watch(partial(_left, until), partial(_tell, number))
        best = solving.improved(part.problem, tours, watch, all_stops=job.stops, effort=job.effort)
        report(Better(number, best, 0.0, ended=True))
    return time.perf_counter() < ends


def _left(until: float) -> float:
    return until - time.perf_counter()


def _tell(number: int, tours: Sequences, cost: float) -> None:
    report(Better(number, tours, cost))


def _share(left: Sequence[tuple[int, Part, Sequences]]) -> float:
    """Share of the time left that the first of these parts may take: that of its stops."""
    stops = [1 + len(part.tasks) for _, part, _ in left]
    return stops[0] / sum(stops)
