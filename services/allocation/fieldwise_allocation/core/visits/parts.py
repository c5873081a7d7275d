"""Parts of a question that have nothing to do with each other, such as reps with their own customers; knows no search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fieldwise_allocation.core.visits.building import (
    Day,
    Task,
    build,
    days_of,
    may_visit,
    same_places,
    travel,
)
from fieldwise_allocation.core.visits.days import tasks_of
from fieldwise_allocation.core.visits.problem import Problem
from fieldwise_allocation.core.visits.question import Matrix, Question

# Visits of one part above which its days are solved apart.
TOGETHER = 400


@dataclass(frozen=True)
class Part:
    """Tasks and rep-days that concern each other, in the order of the problem's stops and tours."""

    tasks: tuple[Task, ...]
    days: tuple[Day, ...]
    problem: Problem


@dataclass(frozen=True)
class Split:
    """A question in parts.

    Attributes:
        lost: Stops of visits for which there is no day, once for each visit.
    """

    parts: tuple[Part, ...]
    lost: tuple[int, ...]
    roads: Matrix


def split(question: Question) -> Split:
    """The parts of a question, largest first."""
    roads, days = travel(question), days_of(question)
    tasks, lost = tasks_of(question, roads, days, fix_all=False)
    groups = _groups(question, tasks, days)
    if any(len(some) > TOGETHER for some, _ in groups):
        tasks, lost = tasks_of(question, roads, days, fix_all=True)
        groups = _groups(question, tasks, days)
    same = same_places(roads)
    parts = [
        Part(tuple(some), tuple(mine), build(question, roads, same, some, mine)) for some, mine in groups
    ]
    return Split(tuple(sorted(parts, key=lambda part: -len(part.tasks))), tuple(sorted(lost)), roads)


def _groups(
    question: Question, tasks: Sequence[Task], days: Sequence[Day]
) -> list[tuple[list[Task], list[Day]]]:
    """Tasks and days that are joined by who may visit whom and when; days without tasks are left aside."""
    able: dict[tuple[object, ...], list[int]] = {}
    leader = list(range(len(days)))

    def lead(v: int) -> int:
        while leader[v] != v:
            leader[v] = leader[leader[v]]
            v = leader[v]
        return v

    first: list[int] = []
    for task in tasks:
        stop = question.stops[task.stop]
        key = (stop.visitor, stop.needs, task.days)
        if key not in able:
            able[key] = [
                v
                for v, day in enumerate(days)
                if day.shift.day in task.days and may_visit(question.visitors[day.visitor], stop)
            ]
            for v in able[key][1:]:
                leader[lead(v)] = lead(able[key][0])
        first.append(able[key][0])
    grouped: dict[int, tuple[list[Task], list[Day]]] = defaultdict(lambda: ([], []))
    for task, v in zip(tasks, first, strict=True):
        grouped[lead(v)][0].append(task)
    for v, day in enumerate(days):
        if lead(v) in grouped:
            grouped[lead(v)][1].append(day)
    return [grouped[v] for v in sorted(grouped)]
