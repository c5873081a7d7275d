"""An upper bound on what any plan earns; knows no plan's tours.

Each stop pays half of its cheapest way in and half of its cheapest way out, which no tour can undercut, and its minutes at a price
per kind of tour; what is over after the price is taken, or nothing. Plus each tour's minutes at their price. Valid for every price
of 0 or more (Lagrangian relaxation of the minutes); the prices are improved by subgradient steps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.visits.problem import (
    CLOSES,
    END,
    KIND,
    LONGEST,
    OPENS,
    PER_KM,
    PER_MINUTE,
    REST_LAST,
    REST_MINUTES,
    START,
    Floats,
    Problem,
)

STEPS = 150


def upper_bound(
    problem: Problem, prize: Floats, forced: npt.NDArray[np.bool_], barred: npt.NDArray[np.bool_]
) -> float:
    """Most that a plan earns which makes the ``forced`` visits and none of the ``barred`` ones.

    Args:
        prize: Money for each stop, mandatory ones at what they are worth, shape (n,).
    """
    if problem.stops == 0 or problem.tours == 0:
        return 0.0
    net, minutes, room = _worth(problem, prize)
    able = (problem.able == 1) & ~barred[:, None]
    net = np.where(able, net, -np.inf)
    floor = np.where(forced, -np.inf, 0.0)
    price = np.zeros(len(room))
    best = np.inf
    step = 1.0
    for _ in range(STEPS):
        reduced = net - minutes * price
        kind = reduced.argmax(axis=1)
        top = reduced[np.arange(len(kind)), kind]
        taken = (top > floor) & np.isfinite(top)
        value = float(np.where(taken, top, np.where(forced, 0.0, floor)).sum() + price @ room)
        step = step * 0.9 if value >= best else step
        best = min(best, value)
        used = np.bincount(kind[taken], weights=minutes[taken, kind[taken]], minlength=len(room))
        slope = used - room
        norm = float((slope**2).sum())
        if norm == 0.0:
            break
        price = np.maximum(0.0, price + step * 0.1 * abs(best) / norm * slope)
    return best


def _worth(problem: Problem, prize: Floats) -> tuple[Floats, Floats, Floats]:
    """Prize less least cost, least minutes, both shape (n, kinds), and minutes of all tours of each kind."""
    f = problem.tour_floats
    half_km = _half(problem, problem.km)
    half_minutes = _half(problem, problem.minutes)
    whole = np.minimum(f[:, LONGEST], f[:, CLOSES] - f[:, OPENS])
    rested = np.maximum(np.minimum(whole, f[:, REST_LAST] - f[:, OPENS]), whole - f[:, REST_MINUTES])
    whole = np.where(f[:, REST_MINUTES] > 0.0, rested, whole)
    kinds = problem.able.shape[1]
    room = np.bincount(problem.tour_whole[:, KIND], weights=whole, minlength=kinds).astype(np.float64)
    first = np.array([int(np.argmax(problem.tour_whole[:, KIND] == k)) for k in range(kinds)])
    minutes = np.repeat((problem.service + half_minutes)[:, None], kinds, axis=1)
    cost = half_km[:, None] * f[first, PER_KM] + minutes * f[first, PER_MINUTE]
    return prize[:, None] - cost, minutes, room


def _half(problem: Problem, way: Floats) -> Floats:
    """Half of the cheapest way in and out of each stop, from and to other stops, starts and ends."""
    between = way[np.ix_(problem.place, problem.place)].copy()
    np.fill_diagonal(between, np.inf)
    starts, ends = np.unique(problem.tour_whole[:, START]), np.unique(problem.tour_whole[:, END])
    to_stop = np.minimum(between.min(axis=0), way[np.ix_(starts, problem.place)].min(axis=0))
    from_stop = np.minimum(between.min(axis=1), way[np.ix_(problem.place, ends)].min(axis=1))
    return np.asarray((to_stop + from_stop) / 2)
