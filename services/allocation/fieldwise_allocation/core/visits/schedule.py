"""When a rep is where, given whom he visits in which order; knows no search and no arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from fieldwise_allocation.core.visits.building import Day
from fieldwise_allocation.core.visits.question import Matrix, Question, Tour, Visit

FAR = 1e9
SLACK = 1e-7


@dataclass(frozen=True)
class _Step:
    """Something to do at a place: within a window, for some minutes, after some minutes on the road."""

    travel: float
    opens: float
    closes: float
    minutes: float


def timetable(question: Question, roads: Matrix, day: Day, stops: Sequence[int]) -> Tour | None:
    """The tour over these stops with its break where it lasts shortest, leaving as late as that allows; None when impossible."""
    steps = _steps(question, roads, day, stops)
    rest = day.shift.rest
    found: list[tuple[float, int, list[float]]] = []
    if rest is None:
        found += _timed(steps, day.shift.starts, day.shift.ends, len(stops) + 1)
    else:
        # Whoever is back before his break has to begin takes it after work.
        found += _timed(steps, day.shift.starts, min(day.shift.ends, rest.latest), len(stops) + 1)
        for gap in range(len(stops), -1, -1):
            pause = _Step(0.0, rest.earliest, rest.latest, rest.minutes)
            found += _timed([*steps[:gap], pause, *steps[gap:]], day.shift.starts, day.shift.ends, gap)
    if not found:
        return None
    _, gap, begins = min(found, key=lambda each: each[0])
    return _tour(question, roads, day, stops, begins, gap)


def legs(question: Question, day: Day, stops: Sequence[int]) -> list[int]:
    """Rows of the travel matrix from start to end."""
    n = len(question.stops)
    return [n + day.visitor, *stops, n + len(question.visitors) + day.visitor]


def _steps(question: Question, roads: Matrix, day: Day, stops: Sequence[int]) -> list[_Step]:
    places = legs(question, day, stops)
    steps = []
    for before, here in itertools.pairwise(places):
        way = float(roads.minutes[before, here])
        if here >= len(question.stops):
            steps.append(_Step(way, -FAR, FAR, 0.0))
            continue
        stop = question.stops[here]
        window = next((w for w in stop.windows if w.day == day.shift.day), None)
        opens, closes = (window.opens, window.closes) if window else (-FAR, FAR)
        steps.append(_Step(way, opens, closes, stop.minutes))
    return steps


def _timed(
    steps: Sequence[_Step], starts: float, ends: float, gap: int
) -> list[tuple[float, int, list[float]]]:
    """Duration, gap of the break, and when he leaves and each step begins; nothing when a step is too late."""
    back, begins = _forward(steps, starts)
    if back > ends + SLACK:
        return []
    leaves = back
    for step in reversed(steps):
        leaves = min(leaves - step.minutes, step.closes) - step.travel
    leaves = max(starts, leaves)
    back, begins = _forward(steps, leaves)
    if back > ends + SLACK:
        return []
    return [(back - leaves, gap, [leaves, *begins])]


def _forward(steps: Sequence[_Step], leaves: float) -> tuple[float, list[float]]:
    now, begins = leaves, []
    for step in steps:
        now = max(now + step.travel, step.opens)
        if now > step.closes + SLACK:
            return math.inf, []
        begins.append(now)
        now += step.minutes
    return now, begins


def _tour(
    question: Question, roads: Matrix, day: Day, stops: Sequence[int], begins: list[float], gap: int
) -> Tour:
    leaves, *times = begins
    rest_begins = math.nan
    if gap <= len(stops):
        rest_begins = times.pop(gap)
    rest = day.shift.rest
    visits: list[Visit] = []
    now = leaves
    places = legs(question, day, stops)
    for i, (stop, begin) in enumerate(zip(stops, times, strict=False)):
        if i == gap and rest is not None:
            now = rest_begins + rest.minutes
        arrives = now + float(roads.minutes[places[i], stop])
        now = begin + question.stops[stop].minutes
        visits.append(Visit(stop, arrives, begin, now))
    km = sum(float(roads.km[a, b]) for a, b in itertools.pairwise(places))
    before = gap if gap <= len(stops) else 0
    return Tour(day.visitor, day.shift.day, leaves, times[-1], tuple(visits), km, rest_begins, before)
