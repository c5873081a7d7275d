"""Tours under change, as stretches that join in constant time; knows no search.

A stretch is (duration, earliest, latest): its shortest duration, and between which starts that duration is reached.
Source: Vidal, Crainic, Gendreau & Prins (2013), A hybrid genetic algorithm with adaptive diversity management for a large
class of vehicle routing problems with time-windows, section 4.3; without time warp, for nobody is late here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fieldwise_allocation.core.compiled import compiled
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
    REST,
    REST_FIRST,
    REST_LAST,
    REST_MINUTES,
    START,
    Floats,
    Problem,
    Whole,
)

# Minutes by which sums in another order may differ.
SLACK = 1e-7
# Stands for no limit among minutes.
FAR = 1e9

Stretch = tuple[float, float, float]


class Given(NamedTuple):
    """What does not change; see `Problem`."""

    km: Floats
    minutes: Floats
    place: Whole
    service: Floats
    load: Floats
    penalty: Floats
    opens: Floats
    closes: Floats
    able: Whole
    tour_floats: Floats
    tour_whole: Whole


class Tours(NamedTuple):
    """What a search changes, one row per tour.

    Attributes:
        seq, length: Stops in order and their number, REST among them.
        where: Place at each position, 0 the start and length + 1 the end; a break is taken where the stop before it was.
        pre, suf: Stretches from the start to a position and from a position to the end, shape (t, width, 3).
        totals: Load, km, cost and minutes of waiting, shape (t, 4).
    """

    seq: Whole
    length: Whole
    where: Whole
    pre: Floats
    suf: Floats
    totals: Floats


def given(problem: Problem) -> Given:
    """The arrays of a problem as compiled loops take them."""
    return Given(
        problem.km,
        problem.minutes,
        problem.place,
        problem.service,
        problem.load,
        problem.penalty,
        problem.opens,
        problem.closes,
        problem.able,
        problem.tour_floats,
        problem.tour_whole,
    )


def empty_tours(tours: int, most: int) -> Tours:
    """Room for so many stops a tour."""
    return Tours(
        np.zeros((tours, most + 3), dtype=np.int64),
        np.zeros(tours, dtype=np.int64),
        np.zeros((tours, most + 3), dtype=np.int64),
        np.zeros((tours, most + 3, 3)),
        np.zeros((tours, most + 3, 3)),
        np.zeros((tours, 4)),
    )


@compiled
def joined(
    d: float, e: float, last: float, travel: float, next_d: float, next_e: float, next_last: float
) -> Stretch:
    """Two stretches with travel between them; an infinite duration when the second cannot be reached in time."""
    gap = d + travel
    if e + gap > next_last + SLACK:
        return np.inf, 0.0, 0.0
    wait = max(0.0, next_e - gap - last)
    return gap + next_d + wait, max(next_e - gap, e) - wait, min(next_last - gap, last)


@compiled
def stretches(v: int, skipped: bool, g: Given, t: Tours) -> float:
    """Places and stretches of a tour as its sequence stands; its duration, infinite when it is impossible.

    Args:
        skipped: The break stands last and is not needed, because the tour is back before it would have to begin.
    """
    f, w, n = g.tour_floats[v], g.tour_whole[v], t.length[v]
    where, pre, suf = t.where[v], t.pre[v], t.suf[v]
    where[0], where[n + 1] = w[START], w[END]
    pre[0, 0], pre[0, 1], pre[0, 2] = 0.0, f[OPENS], f[CLOSES]
    for i in range(1, n + 1):
        s = t.seq[v, i - 1]
        if s == REST:
            where[i] = where[i - 1]
            a, b, c = f[REST_MINUTES], f[REST_FIRST], f[REST_LAST]
        else:
            where[i] = g.place[s]
            a, b, c = g.service[s], g.opens[s, w[DAY]], g.closes[s, w[DAY]]
        travel = 0.0 if s == REST else g.minutes[where[i - 1], where[i]]
        pre[i, 0], pre[i, 1], pre[i, 2] = joined(pre[i - 1, 0], pre[i - 1, 1], pre[i - 1, 2], travel, a, b, c)
    suf[n + 1, 0], suf[n + 1, 1], suf[n + 1, 2] = 0.0, f[OPENS], f[CLOSES]
    for i in range(n, 0, -1):
        s = t.seq[v, i - 1]
        if s == REST:
            a, b, c = f[REST_MINUTES], f[REST_FIRST], f[REST_LAST]
        else:
            a, b, c = g.service[s], g.opens[s, w[DAY]], g.closes[s, w[DAY]]
        travel = g.minutes[where[i], where[i + 1]]
        if i < n and t.seq[v, i] == REST:
            travel = 0.0
        if s == REST and skipped:
            suf[i, 0], suf[i, 1], suf[i, 2] = joined(
                0.0, -FAR, FAR, travel, 0.0, f[OPENS], min(f[CLOSES], f[REST_LAST])
            )
        else:
            suf[i, 0], suf[i, 1], suf[i, 2] = joined(
                a, b, c, travel, suf[i + 1, 0], suf[i + 1, 1], suf[i + 1, 2]
            )
    first = 0.0 if n > 0 and t.seq[v, 0] == REST else g.minutes[where[0], where[1]]
    whole, _, _ = joined(0.0, f[OPENS], f[CLOSES], first, suf[1, 0], suf[1, 1], suf[1, 2])
    return whole


@compiled
def rest_gap(v: int, g: Given, t: Tours) -> tuple[int, bool]:
    """Behind which position of a tour without a break the break costs least, and whether it is not needed at all."""
    f, n = g.tour_floats[v], t.length[v]
    where, pre, suf = t.where[v], t.pre[v], t.suf[v]
    best, at = np.inf, n
    for b in range(n + 1):
        d, e, last = joined(
            pre[b, 0], pre[b, 1], pre[b, 2], 0.0, f[REST_MINUTES], f[REST_FIRST], f[REST_LAST]
        )
        d, e, last = joined(
            d, e, last, g.minutes[where[b], where[b + 1]], suf[b + 1, 0], suf[b + 1, 1], suf[b + 1, 2]
        )
        if d <= best:
            best, at = d, b
    d, e, last = joined(
        pre[n, 0],
        pre[n, 1],
        pre[n, 2],
        g.minutes[where[n], where[n + 1]],
        0.0,
        f[OPENS],
        min(f[CLOSES], f[REST_LAST]),
    )
    if d <= best:
        return n, True
    return at, False


@compiled
def refresh(v: int, g: Given, t: Tours) -> bool:
    """Puts the break of a tour where it costs least and computes the tour anew; whether it keeps every rule."""
    f = g.tour_floats[v]
    n = 0
    load = 0.0
    for i in range(t.length[v]):
        s = t.seq[v, i]
        if s != REST:
            t.seq[v, n] = s
            load += g.load[s]
            n += 1
    t.length[v] = n
    whole = stretches(v, False, g, t)
    road, busy = 0.0, 0.0
    for i in range(n + 1):
        road += g.km[t.where[v, i], t.where[v, i + 1]]
        busy += g.minutes[t.where[v, i], t.where[v, i + 1]]
    for i in range(n):
        busy += g.service[t.seq[v, i]]
    if f[REST_MINUTES] > 0.0:
        at, skipped = rest_gap(v, g, t)
        for i in range(n, at, -1):
            t.seq[v, i] = t.seq[v, i - 1]
        t.seq[v, at] = REST
        t.length[v] = n + 1
        whole = stretches(v, skipped, g, t)
        busy += 0.0 if skipped else f[REST_MINUTES]
    t.totals[v, 0] = load
    if n == 0:
        t.totals[v, 1], t.totals[v, 2], t.totals[v, 3] = 0.0, 0.0, 0.0
        return True
    t.totals[v, 1], t.totals[v, 2], t.totals[v, 3] = (
        road,
        road * f[PER_KM] + whole * f[PER_MINUTE],
        whole - busy,
    )
    return bool(whole <= f[LONGEST] + SLACK and load <= f[CAPACITY] + SLACK)


@compiled
def gap_cost(s: int, v: int, gap: int, g: Given, t: Tours) -> float:
    """What it adds to the cost of a tour to visit ``s`` behind position ``gap``; infinite when it is impossible."""
    # Elements, never rows: a row is a view, whose counting of references costs more than the sum.
    day, n = g.tour_whole[v, DAY], t.length[v]
    before, here = t.where[v, gap], g.place[s]
    d, e, last = joined(
        t.pre[v, gap, 0],
        t.pre[v, gap, 1],
        t.pre[v, gap, 2],
        g.minutes[before, here],
        g.service[s],
        g.opens[s, day],
        g.closes[s, day],
    )
    if d == np.inf:
        return np.inf
    i = gap + 1
    back = np.inf
    if gap < n and t.seq[v, gap] == REST:
        i = gap + 2
        if gap == n - 1:
            limit = min(g.tour_floats[v, CLOSES], g.tour_floats[v, REST_LAST])
            way = g.minutes[here, t.where[v, i]]
            back, _, _ = joined(d, e, last, way, 0.0, g.tour_floats[v, OPENS], limit)
        d, e, last = joined(
            d,
            e,
            last,
            0.0,
            g.tour_floats[v, REST_MINUTES],
            g.tour_floats[v, REST_FIRST],
            g.tour_floats[v, REST_LAST],
        )
    after = t.where[v, i]
    whole, _, _ = joined(d, e, last, g.minutes[here, after], t.suf[v, i, 0], t.suf[v, i, 1], t.suf[v, i, 2])
    whole = min(whole, back)
    if whole > g.tour_floats[v, LONGEST] + SLACK:
        return np.inf
    per_km, per_minute = g.tour_floats[v, PER_KM], g.tour_floats[v, PER_MINUTE]
    road = g.km[before, here] + g.km[here, after]
    # A tour without stops has cost nothing so far, not even the way from its start to its end.
    if n > 1 or (n == 1 and t.seq[v, 0] != REST):
        road -= g.km[before, after]
    old_minutes = t.totals[v, 2] - t.totals[v, 1] * per_km if per_minute > 0.0 else 0.0
    return float(road * per_km + whole * per_minute - old_minutes)


@compiled
def best_gap(  # noqa: C901  # the innermost loop: split into functions it takes twice the time
    s: int, most: float, blink: float, g: Given, t: Tours, seen: Whole, mark: int
) -> tuple[int, int]:
    """Tour and position of the cheapest place for a stop; tour -1 when every place costs ``most`` or more.

    Args:
        blink: Chance that a place is overlooked, which makes each rebuilding another one.
        seen: Scratch, shape (kinds,): of empty tours of a kind one is enough; holds ``mark`` where one was looked at.
    """
    km, minutes = g.km, g.minutes
    here, service, load = g.place[s], g.service[s], g.load[s]
    best, tour, position = most, -1, 0
    # Counts down to the next place that is overlooked: one draw for many places.
    overlooked = -1
    if blink > 0.0:
        overlooked = int(np.log(np.random.random()) / np.log(1.0 - blink))
    for v in range(len(t.length)):
        k, n = g.tour_whole[v, KIND], t.length[v]
        if g.able[s, k] == 0 or n + 2 >= t.seq.shape[1]:
            continue
        empty = n == 0 or (n == 1 and t.seq[v, 0] == REST)
        if empty:
            if seen[k] == mark:
                continue
            seen[k] = mark
        if t.totals[v, 0] + load > g.tour_floats[v, CAPACITY] + SLACK:
            continue
        per_km, per_minute, waiting = g.tour_floats[v, PER_KM], g.tour_floats[v, PER_MINUTE], t.totals[v, 3]
        for gap in range(n + 1):
            if overlooked == 0:
                overlooked = int(np.log(np.random.random()) / np.log(1.0 - blink))
                continue
            overlooked -= 1
            if not empty and not (gap < n and t.seq[v, gap] == REST):
                # A longer way and time that no waiting can make up for: most places need no look at the clock.
                before, after = t.where[v, gap], t.where[v, gap + 1]
                longer = minutes[before, here] + minutes[here, after] - minutes[before, after] + service
                least = per_km * (km[before, here] + km[here, after] - km[before, after])
                if least + per_minute * max(0.0, longer - waiting) >= best:
                    continue
            added = gap_cost(s, v, gap, g, t)
            if added < best:
                best, tour, position = added, v, gap
    return tour, position


@compiled
def put(s: int, v: int, position: int, g: Given, t: Tours) -> None:
    """Visits a stop behind a position."""
    for i in range(t.length[v], position, -1):
        t.seq[v, i] = t.seq[v, i - 1]
    t.seq[v, position] = s
    t.length[v] += 1
    refresh(v, g, t)
