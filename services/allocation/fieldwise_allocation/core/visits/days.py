"""On which days a stop with several visits is visited, before anybody drives; knows no tours.

Each visit becomes a task. Stops with one visit keep all their days, unless a question is so large that days are solved apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fieldwise_allocation.core.visits.building import Day, Task, may_visit, open_days
from fieldwise_allocation.core.visits.question import Matrix, Question, Stop

# Share of a day's minutes above which more work on it counts as overload, and what a minute of overload counts in minutes of travel.
FULL = 0.85
OVERLOAD = 10.0
PASSES = 3


@dataclass
class Diary:
    """Who is visited on which day so far.

    Attributes:
        room: Minutes of work on each (visitor or "", day).
        booked: Stops of each (visitor or "", day).
    """

    question: Question
    roads: Matrix
    room: dict[tuple[str, int], float]
    booked: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def added(self, stop: int, day: int) -> float:
        """Minutes that a visit on this day adds, overload counted dear."""
        whose = self.question.stops[stop].visitor
        others = self.booked[whose, day]
        way = min(
            (self.roads.minutes[stop, other] for other in others if other != stop),
            default=self._from_home(stop),
        )
        work = sum(self.question.stops[other].minutes for other in others) + len(others) * way
        over = work + self.question.stops[stop].minutes + way - FULL * self.room.get((whose, day), 0.0)
        return float(way + OVERLOAD * max(0.0, over))

    def _from_home(self, stop: int) -> float:
        first = len(self.question.stops)
        homes = self.roads.minutes[first : first + len(self.question.visitors), stop]
        return float(homes.min())


def tasks_of(
    question: Question, roads: Matrix, days: Sequence[Day], *, fix_all: bool
) -> tuple[list[Task], list[int]]:
    """The visits with the days left to each, and the stop of each visit for which there is no day at all.

    Args:
        fix_all: Give every visit one day, so that days can be solved apart.
    """
    numbers = sorted({day.shift.day for day in days})
    workable = {_key(stop): _days_worked(question, days, stop) for stop in question.stops}
    diary = Diary(question, roads, _room(question, days))
    chosen: dict[int, tuple[int, ...]] = {}
    free: list[Task] = []
    lost: list[int] = []
    several: list[tuple[int, list[tuple[int, ...]]]] = []
    for j, stop in enumerate(question.stops):
        possible = sorted(open_days(stop, numbers) & workable[_key(stop)])
        found = _patterns(possible, stop)
        lost += [j] * (stop.visits - (len(found[0]) if found else 0))
        if stop.visits == 1 and not fix_all:
            free += [Task(j, frozenset(possible))] if possible else []
        elif found:
            several.append((j, found))
    _assign(diary, several, chosen)
    fixed = [Task(j, frozenset({day})) for j, pattern in sorted(chosen.items()) for day in pattern]
    return sorted([*free, *fixed], key=lambda task: (task.stop, sorted(task.days))), lost


def _key(stop: Stop) -> tuple[str, frozenset[str]]:
    return stop.visitor, stop.needs


def _days_worked(question: Question, days: Sequence[Day], stop: Stop) -> frozenset[int]:
    able = {i for i, visitor in enumerate(question.visitors) if may_visit(visitor, stop)}
    return frozenset(day.shift.day for day in days if day.visitor in able)


def _room(question: Question, days: Sequence[Day]) -> dict[tuple[str, int], float]:
    room: dict[tuple[str, int], float] = defaultdict(float)
    for day in days:
        shift = day.shift
        minutes = min(shift.longest, shift.ends - shift.starts) - (shift.rest.minutes if shift.rest else 0.0)
        room[question.visitors[day.visitor].name, shift.day] += minutes
        room["", shift.day] += minutes
    return dict(room)


def _patterns(possible: Sequence[int], stop: Stop) -> list[tuple[int, ...]]:
    """Sets of days that keep the spacing: as many visits as asked for, else as many as there can be."""
    for visits in range(min(stop.visits, len(possible)), 0, -1):
        found = sorted(set(_evenly(possible, visits, stop.spacing)))
        if found:
            return found
    return []


def _evenly(possible: Sequence[int], visits: int, spacing: int) -> Iterator[tuple[int, ...]]:
    """From each first day, steps of each length: the next open day after a step."""
    # One visit fits however long the step.
    longest = max(spacing, possible[-1] - possible[0] + 1)
    for step in range(spacing, longest + 1):
        for first in range(len(possible)):
            pattern = [possible[first]]
            for day in possible[first + 1 :]:
                if len(pattern) < visits and day - pattern[-1] >= step:
                    pattern.append(day)
            if len(pattern) == visits:
                yield tuple(pattern)


def _assign(
    diary: Diary, several: Sequence[tuple[int, list[tuple[int, ...]]]], chosen: dict[int, tuple[int, ...]]
) -> None:
    """The cheapest pattern of each stop beside those of the others, those with the least choice first, some passes over."""
    stops = diary.question.stops
    order = sorted(
        several, key=lambda each: (not stops[each[0]].mandatory, len(each[1]), -stops[each[0]].prize, each[0])
    )
    for _ in range(PASSES):
        for j, patterns in order:
            whose = stops[j].visitor
            for day in chosen.pop(j, ()):
                diary.booked[whose, day].remove(j)
            cost = {
                day: diary.added(j, day) for day in sorted({day for pattern in patterns for day in pattern})
            }
            chosen[j] = min(patterns, key=lambda pattern: (sum(cost[day] for day in pattern), pattern))
            for day in chosen[j]:
                diary.booked[whose, day].append(j)
