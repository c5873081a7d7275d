"""The plan of a question from its tours: times, money, bound and reasons; knows no search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldwise_allocation.core.visits import reasons
from fieldwise_allocation.core.visits.bound import upper_bound
from fieldwise_allocation.core.visits.parts import Part, Split
from fieldwise_allocation.core.visits.problem import Sequences
from fieldwise_allocation.core.visits.question import LeftOut, Question, Tour, VisitPlan
from fieldwise_allocation.core.visits.schedule import timetable


def finished(question: Question, whole: Split, sequences: Sequence[Sequences]) -> VisitPlan:
    """The plan, its tours by rep and day.

    Args:
        sequences: Tours of each part, stops of the part in order.
    """
    tours: list[Tour] = []
    left: list[LeftOut] = [reasons.without_day(question, stop) for stop in whole.lost]
    bound = 0.0
    for part, found in zip(whole.parts, sequences, strict=True):
        tours += _timed(question, whole, part, found)
        left += reasons.left_out(question, part, found)
        bound += _bound(question, part, found)
    profit = sum(_profit(question, tour) for tour in tours)
    return VisitPlan(
        tuple(sorted(tours, key=lambda tour: (tour.visitor, tour.day))),
        tuple(sorted(left, key=lambda out: out.stop)),
        profit,
        max(bound, profit),
    )


def _timed(question: Question, whole: Split, part: Part, found: Sequences) -> list[Tour]:
    tours = []
    for day, stops in zip(part.days, found, strict=True):
        if stops:
            tour = timetable(question, whole.roads, day, [part.tasks[s].stop for s in stops])
            if tour is None:
                raise ArithmeticError(
                    f"the tour of visitor {day.visitor} on day {day.shift.day} has no timetable"
                )
            tours.append(tour)
    return tours


def _profit(question: Question, tour: Tour) -> float:
    visitor = question.visitors[tour.visitor]
    prize = sum(question.stops[visit.stop].prize for visit in tour.visits)
    return prize - tour.km * visitor.per_km - (tour.returns - tour.leaves) / 60.0 * visitor.per_hour


def _bound(question: Question, part: Part, found: Sequences) -> float:
    prize = np.array([question.stops[task.stop].prize for task in part.tasks], dtype=np.float64)
    inside = np.zeros(len(part.tasks), dtype=bool)
    inside[[s for stops in found for s in stops]] = True
    mandatory = part.problem.mandatory
    return upper_bound(part.problem, prize, mandatory & inside, mandatory & ~inside)
