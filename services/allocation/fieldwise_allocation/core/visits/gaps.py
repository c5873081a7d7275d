"""Every place in finished tours where one more visit could go, as columns; knows no search.

What `tours.py` does one place at a time inside a search is done here for all places at once, for the few questions asked of a
finished plan: which visit was left out why.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    Floats,
    Problem,
    Whole,
)

FAR = 1e9
SLACK = 1e-7
# A stretch that changes nothing it is joined with.
NOTHING = (0.0, -FAR, FAR)


@dataclass(frozen=True)
class Stretches:
    """Durations with the starts between which they are reached; see `tours.py`."""

    d: Floats
    e: Floats
    last: Floats

    def then(self, travel: Floats, after: Stretches) -> Stretches:
        """Joined with what follows; too late is an infinite duration."""
        gap = self.d + travel
        with np.errstate(invalid="ignore"):
            late = (self.e + gap > after.last + SLACK) | np.isinf(gap) | np.isinf(after.d)
            wait = np.maximum(0.0, after.e - gap - self.last)
            d = np.where(late, np.inf, gap + after.d + wait)
            e = np.where(late, 0.0, np.maximum(after.e - gap, self.e) - wait)
            last = np.where(late, 0.0, np.minimum(after.last - gap, self.last))
        return Stretches(d, e, last)


@dataclass(frozen=True)
class Gaps:
    """Places for one more visit.

    Attributes:
        tour: Shape (g,).
        before, after: Places next to it.
        so_far, pause, rest: What comes before, a break right behind the new visit if any, and what comes after.
        minutes, km: Of the tour as it is; 0 while it is empty.
    """

    problem: Problem
    tour: Whole
    before: Whole
    after: Whole
    so_far: Stretches
    pause: Stretches
    rest: Stretches
    minutes: Floats
    km: Floats
    load: Floats

    @classmethod
    def of(cls, problem: Problem, sequences: Sequence[Sequence[int]], *, no_end: bool = False) -> Gaps:
        """All gaps of these tours.

        Args:
            no_end: Count the minutes as if no shift ended and no tour were too long.
        """
        rows = [row for v, stops in enumerate(sequences) for row in _rows(problem, v, stops, no_end)]
        table = np.array(rows, dtype=np.float64).reshape(-1, 15)
        whole = table[:, :3].astype(np.int64)
        parts = [Stretches(*table[:, i : i + 3].T) for i in (3, 6, 9)]
        return cls(problem, *whole.T, *parts, *table[:, 12:].T)

    def longer(self, stop: int) -> Stretches:
        """The tour of each gap with the stop in it; infinite where that is impossible."""
        p, day = self.problem, self.problem.tour_whole[self.tour, DAY]
        here = p.place[stop]
        visit = Stretches(np.full(len(self.tour), p.service[stop]), p.opens[stop, day], p.closes[stop, day])
        whole = self.so_far.then(p.minutes[self.before, here], visit)
        whole = whole.then(np.zeros(1), self.pause).then(p.minutes[here, self.after], self.rest)
        full = self.load + p.load[stop] > p.tour_floats[self.tour, CAPACITY] + SLACK
        barred = full | (p.able[stop, p.tour_whole[self.tour, KIND]] == 0)
        return Stretches(np.where(barred, np.inf, whole.d), whole.e, whole.last)

    def added(self, stop: int) -> Floats:
        """Money that the stop adds in each gap; infinite where it cannot go."""
        p = self.problem
        f, here = p.tour_floats[self.tour], p.place[stop]
        whole = self.longer(stop).d
        way = np.where(self.minutes > 0.0, p.km[self.before, self.after], 0.0)
        road = p.km[self.before, here] + p.km[here, self.after] - way
        possible = whole <= f[:, LONGEST] + SLACK
        longer = np.where(possible, whole - self.minutes, 0.0)
        return np.where(possible, road * f[:, PER_KM] + longer * f[:, PER_MINUTE], np.inf)


def _rows(problem: Problem, v: int, stops: Sequence[int], no_end: bool) -> list[tuple[float, ...]]:
    """Tour, places before and after, the three stretches, minutes, km and load of each gap; a break is tried at each of its places."""
    f = problem.tour_floats[v]
    ends = FAR if no_end else float(f[CLOSES])
    limited = min(ends, float(f[REST_LAST])) if f[REST_MINUTES] > 0.0 else ends
    plain = _chain(problem, v, stops, -1, limited)
    chains = [(plain, -1)]
    if f[REST_MINUTES] > 0.0:
        chains += [(_chain(problem, v, stops, at, ends), at) for at in range(len(stops) + 1)]
    possible = [whole for (_, _, whole), _ in chains if np.isfinite(whole)]
    minutes = min(possible, default=0.0) if stops else 0.0
    places = _places(problem, v, stops)
    km = sum(float(problem.km[a, b]) for a, b in itertools.pairwise(places)) if stops else 0.0
    load = float(problem.load[list(stops)].sum())
    pause = (float(f[REST_MINUTES]), float(f[REST_FIRST]), float(f[REST_LAST]))
    rows: list[tuple[float, ...]] = []
    for (pre, suf, _), at in chains:
        for gap in range(len(stops) + 1):
            here = (float(v), float(places[gap]), float(places[gap + 1]))
            tail = (minutes, km, load)
            if gap != at:
                rows.append((*here, *pre[gap], *NOTHING, *suf[gap + 1], *tail))
            else:
                rested = _joined(pre[gap], 0.0, pause)
                rows.append((*here, *rested, *NOTHING, *suf[gap + 1], *tail))
                rows.append((*here, *pre[gap], *pause, *suf[gap + 1], *tail))
    return rows


Triple = tuple[float, float, float]


def _chain(
    problem: Problem, v: int, stops: Sequence[int], rest_at: int, ends: float
) -> tuple[list[Triple], list[Triple], float]:
    """Stretches from the start behind each stop, to the end from each stop, and the whole; a break behind ``rest_at`` stops."""
    f, day = problem.tour_floats[v], problem.tour_whole[v, DAY]
    pause = (float(f[REST_MINUTES]), float(f[REST_FIRST]), float(f[REST_LAST]))
    places = _places(problem, v, stops)
    ways = [float(problem.minutes[a, b]) for a, b in itertools.pairwise(places)]
    each = [
        (float(problem.service[s]), float(problem.opens[s, day]), float(problem.closes[s, day]))
        for s in stops
    ]
    pre = [(0.0, float(f[OPENS]), float(f[CLOSES]))]
    for i, visit in enumerate(each):
        so_far = _joined(pre[-1], 0.0, pause) if i == rest_at else pre[-1]
        pre.append(_joined(so_far, ways[i], visit))
    suf = [(0.0, float(f[OPENS]), ends)]
    for i in range(len(each) - 1, -1, -1):
        after = _joined(NOTHING, ways[i + 1], suf[-1])
        after = _joined(pause, 0.0, after) if i + 1 == rest_at else after
        suf.append(_joined(each[i], 0.0, after))
    suf.append(NOTHING)
    suf.reverse()
    begun = _joined(pre[0], 0.0, pause) if rest_at == 0 else pre[0]
    return pre, suf, _joined(begun, ways[0], suf[1])[0]


def _places(problem: Problem, v: int, stops: Sequence[int]) -> list[int]:
    start, end = problem.tour_whole[v, START], problem.tour_whole[v, END]
    return [int(start), *(int(problem.place[s]) for s in stops), int(end)]


def _joined(a: Triple, travel: float, b: Triple) -> Triple:
    gap = a[0] + travel
    if a[1] + gap > b[2] + SLACK or np.isinf(b[0]):
        return np.inf, 0.0, 0.0
    wait = max(0.0, b[1] - gap - a[2])
    return gap + b[0] + wait, max(b[1] - gap, a[1]) - wait, min(b[2] - gap, a[2])
