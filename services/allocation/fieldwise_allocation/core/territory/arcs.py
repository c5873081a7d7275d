"""The cheapest reps of every account at given prices, found over all pairs; knows nothing of how prices are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.territory.leaves import leaves
from fieldwise_allocation.core.territory.problem import NOBODY, Bools, Floats, Ints, Problem
from fieldwise_allocation.core.travel import DETOUR, EARTH_RADIUS_KM

ROAD = DETOUR * EARTH_RADIUS_KM
NONE = -1


@dataclass(frozen=True)
class Arcs:
    """For each account its cheapest reps, the cheapest first; q of them at most.

    Args:
        rep: The rep, or NONE where an account has fewer than q, shape (n, q).
        cost: Plan units of the pair, infinite beside NONE, shape (n, q).
        hours: What the pair adds to measure 0, shape (n, q).
        reduced: Cost less what the prices pay for the account, shape (n, q).
    """

    rep: Ints
    cost: Floats
    hours: Floats
    reduced: Floats


def cheapest(problem: Problem, worth: Floats, move_price: float, most: int, rows: Ints | None = None) -> Arcs:
    """The ``most`` reps with the lowest reduced cost for each account; exact: no other pair is cheaper.

    Args:
        worth: Plan units paid per unit of each measure to each rep, shape (m, r).
        move_price: Plan units charged per move that ``most_moves`` counts.
        rows: Only these accounts; None: all.
    """
    tree = leaves(problem.home)
    rows = np.arange(problem.accounts, dtype=np.int32) if rows is None else rows
    shape = (len(rows), min(most, problem.reps))
    arcs = Arcs(
        np.full(shape, NONE, dtype=np.int32), np.full(shape, np.inf), np.zeros(shape), np.full(shape, np.inf)
    )
    _price(
        rows,
        problem.place,
        problem.amount,
        problem.pace,
        problem.kind,
        problem.able,
        problem.incumbent,
        problem.locked,
        problem.per_km,
        problem.per_move,
        problem.home,
        np.ascontiguousarray(worth),
        move_price,
        tree.order,
        tree.start,
        tree.centre,
        tree.radius,
        _best_worth(worth, tree.order, tree.start),
        arcs.rep,
        arcs.cost,
        arcs.hours,
        arcs.reduced,
    )
    return arcs


def joined(old: Arcs, new: Arcs) -> Arcs:
    """The arcs of both, each once; ``reduced`` is left as it was in each."""
    known = (new.rep[:, :, None] == old.rep[:, None, :]).any(axis=2)
    rep = np.concatenate([old.rep, np.where(known, NONE, new.rep)], axis=1)
    order = np.argsort(rep < 0, axis=1, kind="stable")[:, : int((rep >= 0).sum(axis=1).max(initial=1))]
    return Arcs(
        np.take_along_axis(rep, order, axis=1),
        np.take_along_axis(np.concatenate([old.cost, new.cost], axis=1), order, axis=1),
        np.take_along_axis(np.concatenate([old.hours, new.hours], axis=1), order, axis=1),
        np.take_along_axis(np.concatenate([old.reduced, new.reduced], axis=1), order, axis=1),
    )


def _best_worth(worth: Floats, order: Ints, start: Ints) -> Floats:
    return np.ascontiguousarray(np.maximum.reduceat(worth[:, order], start[:-1], axis=1))


@compiled
def _price(  # noqa: C901 - one loop over pairs; in parts it would be passed twenty arrays each time
    rows: Ints,
    place: Floats,
    amount: Floats,
    pace: Floats,
    kind: Ints,
    able: Bools,
    incumbent: Ints,
    locked: Bools,
    per_km: Floats,
    per_move: Floats,
    home: Floats,
    worth: Floats,
    move_price: float,
    order: Ints,
    start: Ints,
    centre: Floats,
    radius: Floats,
    best_worth: Floats,
    out_rep: Ints,
    out_cost: Floats,
    out_hours: Floats,
    out_reduced: Floats,
) -> None:
    """Fills the arrays ``out_*``; a group of reps is looked into only when its best could be among the cheapest."""
    groups, measures, most = len(radius), len(amount), out_rep.shape[1]
    floor = np.empty(groups)
    for at in range(len(rows)):
        j = rows[at]
        x, y, z = place[j, 0], place[j, 1], place[j, 2]
        mine = incumbent[j]
        hop = 0.0 if mine == NOBODY else per_move[j]
        charge = move_price if mine >= 0 else 0.0
        best, lowest = 0, np.inf
        for g in range(groups):
            chord = np.sqrt((x - centre[g, 0]) ** 2 + (y - centre[g, 1]) ** 2 + (z - centre[g, 2]) ** 2)
            near = ROAD * (chord - radius[g])
            # No place: NaN fails the comparison and travel is 0. The chord is shorter than the way over the earth.
            near = near if near > 0 else 0.0
            rate = per_km[j] - best_worth[0, g] * pace[j]
            floor[g] = rate * near if rate >= 0 else rate * np.pi * ROAD
            for b in range(measures):
                floor[g] -= amount[b, j] * best_worth[b, g]
            if floor[g] < lowest:
                best, lowest = g, floor[g]
        floor[best] = -np.inf
        for step in range(-1, groups):
            # Reps that cost the same are heard in turn, or all accounts would choose among the same few.
            g = best if step < 0 else (step + j) % groups
            if (step >= 0 and g == best) or (not locked[j] and not floor[g] < out_reduced[at, most - 1]):
                continue
            size = start[g + 1] - start[g]
            for slot in range(size):
                i = order[start[g] + (slot + j) % size]
                if not able[kind[j], i] or (locked[j] and i != mine):
                    continue
                dx, dy, dz = x - home[i, 0], y - home[i, 1], z - home[i, 2]
                chord = np.sqrt(dx * dx + dy * dy + dz * dz)
                km = 2 * ROAD * np.arcsin(min(chord / 2, 1.0)) if chord >= 0 else 0.0
                stays = i == mine
                cost = per_km[j] * km + (0.0 if stays else hop)
                hours = amount[0, j] + pace[j] * km
                reduced = cost + (0.0 if stays else charge) - worth[0, i] * hours
                for b in range(1, measures):
                    reduced -= worth[b, i] * amount[b, j]
                if not reduced < out_reduced[at, most - 1]:
                    continue
                k = most - 1
                while k > 0 and reduced < out_reduced[at, k - 1]:
                    out_rep[at, k] = out_rep[at, k - 1]
                    out_cost[at, k] = out_cost[at, k - 1]
                    out_hours[at, k] = out_hours[at, k - 1]
                    out_reduced[at, k] = out_reduced[at, k - 1]
                    k -= 1
                out_rep[at, k] = i
                out_cost[at, k] = cost
                out_hours[at, k] = hours
                out_reduced[at, k] = reduced
