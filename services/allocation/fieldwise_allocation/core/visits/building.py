"""A question of visits as arrays; knows no search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Place
from fieldwise_allocation.core.travel import road_km
from fieldwise_allocation.core.visits.problem import (
    CLOSES,
    END,
    OPENS,
    PER_KM,
    PER_MINUTE,
    START,
    TOUR_FLOATS,
    Floats,
    Problem,
    Whole,
)
from fieldwise_allocation.core.visits.question import Matrix, Question, Shift, Stop, Visitor

# A mandatory visit is worth more than everything else together, so often.
MANDATORY = 10.0
FAR = 1e9


@dataclass(frozen=True)
class Task:
    """One visit of a stop: the stop's index, and the days left to it."""

    stop: int
    days: frozenset[int]


@dataclass(frozen=True)
class Day:
    """One tour to be: a visitor's index and one of his shifts."""

    visitor: int
    shift: Shift


def travel(question: Question) -> Matrix:
    """Minutes and km between all places of the question, in the order of `Matrix`."""
    if question.matrix is not None:
        return question.matrix
    places = [stop.place for stop in question.stops]
    places += [visitor.start for visitor in question.visitors]
    places += [visitor.end or visitor.start for visitor in question.visitors]
    at = np.array([(p.latitude, p.longitude) for p in map(_somewhere, places)]).reshape(-1, 2)
    km = road_km(at, at)
    return Matrix(km / question.speed * 60.0, km)


def by_name(question: Question) -> Question:
    """The same question with stops and visitors in the order of their names, so that shuffled rows give the same plan."""
    stops = sorted(range(len(question.stops)), key=lambda j: question.stops[j].name)
    visitors = sorted(range(len(question.visitors)), key=lambda i: question.visitors[i].name)
    n, m = len(stops), len(visitors)
    rows = [*stops, *(n + i for i in visitors), *(n + m + i for i in visitors)]
    matrix = question.matrix
    if matrix is not None:
        matrix = Matrix(matrix.minutes[np.ix_(rows, rows)], matrix.km[np.ix_(rows, rows)])
    return replace(
        question,
        stops=tuple(question.stops[j] for j in stops),
        visitors=tuple(question.visitors[i] for i in visitors),
        matrix=matrix,
    )


def days_of(question: Question) -> tuple[Day, ...]:
    """Every rep-day, by visitor and day."""
    return tuple(Day(i, shift) for i, visitor in enumerate(question.visitors) for shift in visitor.shifts)


def open_days(stop: Stop, days: Sequence[int]) -> frozenset[int]:
    """Days of the horizon on which the stop may be visited at all."""
    return frozenset(w.day for w in stop.windows) & frozenset(days) if stop.windows else frozenset(days)


def may_visit(visitor: Visitor, stop: Stop) -> bool:
    """Whether he has the skills, and is the one who is asked for."""
    return stop.needs <= visitor.skills and stop.visitor in ("", visitor.name)


def build(
    question: Question, roads: Matrix, same: Whole, tasks: Sequence[Task], days: Sequence[Day]
) -> Problem:
    """The arrays of some tasks and some rep-days of a question; tasks and tours in the order given.

    Args:
        same: From `same_places`.
    """
    column = {day: d for d, day in enumerate(sorted({day.shift.day for day in days}))}
    opens, closes = _windows(question, tasks, column)
    floats, whole, kinds = _tours(question, days, column, same)
    stops = [question.stops[task.stop] for task in tasks]
    place = same[[task.stop for task in tasks]] if tasks else np.zeros(0, dtype=np.int64)
    used, places = np.unique(np.concatenate([place, whole[:, START], whole[:, END]]), return_inverse=True)
    whole[:, START], whole[:, END] = places[len(place) :].reshape(2, -1)
    minutes = np.ascontiguousarray(roads.minutes[np.ix_(used, used)])
    km = np.ascontiguousarray(roads.km[np.ix_(used, used)])
    prizes = np.array([stop.prize for stop in stops], dtype=np.float64)
    mandatory = np.array([stop.mandatory for stop in stops], dtype=bool)
    return Problem(
        km=km,
        minutes=minutes,
        place=places[: len(place)].astype(np.int64),
        service=np.array([stop.minutes for stop in stops], dtype=np.float64),
        load=np.array([stop.load for stop in stops], dtype=np.float64),
        penalty=np.where(mandatory, _dear(prizes, km, floats), prizes),
        opens=opens,
        closes=closes,
        able=_able(question, tasks, kinds, opens <= closes, column),
        tour_floats=floats,
        tour_whole=whole,
        mandatory=mandatory,
    )


def _somewhere(place: Place | None) -> Place:
    assert place is not None, "checked before: without a matrix every stop and start has a place"
    return place


def _windows(question: Question, tasks: Sequence[Task], column: dict[int, int]) -> tuple[Floats, Floats]:
    opens = np.full((len(tasks), len(column)), 1.0)
    closes = np.zeros_like(opens)
    for j, task in enumerate(tasks):
        by_day = {w.day: w for w in question.stops[task.stop].windows}
        for day in task.days & column.keys():
            window = by_day.get(day)
            d = column[day]
            opens[j, d], closes[j, d] = (window.opens, window.closes) if window else (-FAR, FAR)
    return opens, closes


def _tours(
    question: Question, days: Sequence[Day], column: dict[int, int], same: Whole
) -> tuple[Floats, Whole, list[Day]]:
    """Floats and whole numbers of the tours, and the first tour of each kind."""
    floats = np.zeros((len(days), TOUR_FLOATS))
    whole = np.zeros((len(days), 4), dtype=np.int64)
    asked_for = {stop.visitor for stop in question.stops}
    kinds: dict[tuple[object, ...], int] = {}
    firsts: list[Day] = []
    first_start, first_end = len(question.stops), len(question.stops) + len(question.visitors)
    for v, day in enumerate(days):
        visitor = question.visitors[day.visitor]
        floats[v] = _figures(visitor, day.shift)
        start, end = int(same[first_start + day.visitor]), int(same[first_end + day.visitor])
        own = visitor.name if visitor.name in asked_for else ""
        key = (*floats[v].tolist(), start, end, visitor.skills, day.shift.day, own)
        if key not in kinds:
            kinds[key] = len(kinds)
            firsts.append(day)
        whole[v] = start, end, column[day.shift.day], kinds[key]
    return floats, whole, firsts


def _figures(visitor: Visitor, shift: Shift) -> tuple[float, ...]:
    rest = shift.rest
    return (
        shift.starts,
        shift.ends,
        min(shift.longest, FAR),
        min(visitor.capacity, FAR),
        visitor.per_km,
        visitor.per_hour / 60.0,
        *((rest.earliest, rest.latest, rest.minutes) if rest else (0.0, 0.0, 0.0)),
    )


def same_places(roads: Matrix) -> Whole:
    """For each place the first one that has the same travel from and to everywhere."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(_travel_of(roads, p), p) for p in range(len(roads.km))], dtype=np.int64)


def _travel_of(roads: Matrix, p: int) -> bytes:
    """A digest of all travel from and to a place."""
    digest = hashlib.blake2b(digest_size=16)
    for way in (roads.minutes, roads.km):
        digest.update(way[p].tobytes())
        digest.update(way[:, p].tobytes())
    return digest.digest()


def _able(
    question: Question,
    tasks: Sequence[Task],
    kinds: Sequence[Day],
    is_open: npt.NDArray[np.bool_],
    column: dict[int, int],
) -> Whole:
    able = np.zeros((len(tasks), len(kinds)), dtype=np.int64)
    for k, kind in enumerate(kinds):
        visitor, d = question.visitors[kind.visitor], column[kind.shift.day]
        for j, task in enumerate(tasks):
            able[j, k] = is_open[j, d] and may_visit(visitor, question.stops[task.stop])
    return able


def _dear(prizes: Floats, km: Floats, floats: Floats) -> float:
    """What leaving a mandatory visit out costs: more than every prize and the dearest way to all visits together."""
    dearest = km.max(initial=0.0) * floats[:, PER_KM].max(initial=0.0)
    hours = float(np.minimum(floats[:, CLOSES] - floats[:, OPENS], FAR).max(initial=0.0))
    paid = hours * floats[:, PER_MINUTE].max(initial=0.0)
    return float(MANDATORY * (1.0 + prizes.sum() + 2.0 * dearest + paid))
