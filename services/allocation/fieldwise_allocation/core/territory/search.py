"""Annealing over shifts, swaps and chains of accounts along given arcs; knows no prices and no time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.territory.arcs import Arcs
from fieldwise_allocation.core.territory.breach import Breach
from fieldwise_allocation.core.territory.problem import NOBODY, Floats, Ints, Problem, km_to

# Of all proposals: one account goes over; two are exchanged; the rest push a second account on to a third rep.
SHIFTS, SWAPS = 0.3, 0.85
# Members of the other rep looked at for one that could come back.
TRIES = 6
NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Heat:
    """How long to search and how freely.

    Args:
        proposals: Changes tried.
        first, last: Plan units by which a change may cost more and still be taken about one time in three; falls
            from first to last by equal factors. 0: only changes that cost nothing more.
        firm: What a breach of a hard rule counts at the end, in multiples of what it counts at the start; rises
            by equal factors.
    """

    proposals: int
    first: float
    last: float
    firm: float


def improve(
    problem: Problem,
    arcs: Arcs,
    rep_of: Ints,
    heat: Heat,
    breach: Breach,
    *,
    seed: int,
    rows: Ints | None = None,
) -> Ints:
    """The assignment after the search: only along arcs, needs and locks kept, other hard rules as ``breach`` asks.

    Args:
        arcs: Pairs to choose from; the pairs of ``rep_of`` are added where they are missing.
        rows: Accounts that changes begin with; None: all.
    """
    arcs = including(problem, arcs, rep_of)
    slot = np.argmax(arcs.rep == rep_of[:, None], axis=1).astype(np.int32)
    _anneal(
        arcs.rep,
        arcs.cost,
        arcs.hours,
        problem.amount,
        problem.incumbent,
        problem.area,
        problem.least_reps,
        problem.band_measure,
        problem.low,
        problem.high,
        np.where(np.isinf(problem.outside), 0.0, problem.outside),
        breach.band,
        NO_LIMIT if problem.most_moves is None else problem.most_moves,
        problem.reps,
        breach.other,
        heat.first,
        heat.last,
        heat.firm,
        heat.proposals,
        seed,
        np.arange(problem.accounts, dtype=np.int32) if rows is None else rows.astype(np.int32),
        slot,
    )
    return np.ascontiguousarray(arcs.rep[np.arange(len(slot)), slot])


def including(problem: Problem, arcs: Arcs, rep_of: Ints) -> Arcs:
    """The arcs with each account's pair of ``rep_of`` in the place of its dearest, where it was missing."""
    missing = np.flatnonzero(~(arcs.rep == rep_of[:, None]).any(axis=1))
    if not len(missing):
        return arcs
    last = arcs.rep.shape[1] - 1
    rep, cost, hours = arcs.rep.copy(), arcs.cost.copy(), arcs.hours.copy()
    to = rep_of[missing]
    km = km_to(problem, missing, to)
    goes = (problem.incumbent[missing] != NOBODY) & (problem.incumbent[missing] != to)
    rep[missing, last] = to
    cost[missing, last] = problem.per_km[missing] * km + goes * problem.per_move[missing]
    hours[missing, last] = problem.amount[0, missing] + problem.pace[missing] * km
    return Arcs(rep, cost, hours, arcs.reduced)


@compiled
def _outside(carried: Floats, i: int, band_measure: Ints, low: Floats, high: Floats, weight: Floats) -> float:
    """Plan units for what a rep carries outside his bands."""
    total = 0.0
    for b in range(len(band_measure)):
        load = carried[band_measure[b], i]
        if load < low[b, i]:
            total += weight[b, i] * (low[b, i] - load)
        elif load > high[b, i]:
            total += weight[b, i] * (load - high[b, i])
    return total


@compiled
def _staff(present: Ints, served: Ints, h: int, leaves: int, comes: int) -> None:
    """Notes in an area that an account goes from one rep to another; ``served`` is its number of reps."""
    present[h, leaves] -= 1
    if present[h, leaves] == 0:
        served[h] -= 1
    present[h, comes] += 1
    if present[h, comes] == 1:
        served[h] += 1


@compiled
def _anneal(  # noqa: C901, PLR0912, PLR0915 - one loop over proposals on shared counts
    rep: Ints,
    cost: Floats,
    hours: Floats,
    amount: Floats,
    incumbent: Ints,
    area: Ints,
    least_reps: Ints,
    band_measure: Ints,
    low: Floats,
    high: Floats,
    soft: Floats,
    hard: Floats,
    most_moves: int,
    reps: int,
    other: float,
    first: float,
    last: float,
    firm: float,
    proposals: int,
    seed: int,
    rows: Ints,
    slot: Ints,
) -> None:
    """Changes ``slot``, the chosen arc of each account, proposal by proposal."""
    np.random.seed(seed)
    n, most = rep.shape
    measures, areas = len(amount), len(least_reps)
    carried = np.zeros((measures, reps))
    count = np.zeros(reps, dtype=np.int64)
    present = np.zeros((areas, reps if areas else 0), dtype=np.int32)
    served = np.zeros(areas, dtype=np.int32)
    moves, breach = 0, other
    for j in range(n):
        i = rep[j, slot[j]]
        count[i] += 1
        carried[0, i] += hours[j, slot[j]]
        for b in range(1, measures):
            carried[b, i] += amount[b, j]
        moves += incumbent[j] >= 0 and incumbent[j] != i
        if areas and area[j] >= 0:
            present[area[j], i] += 1
            served[area[j]] += present[area[j], i] == 1
    # Who serves whom, so that a partner for an exchange is drawn at once; a full list takes nobody more.
    room = 2 * count.max() + 64
    members = np.empty((reps, room), dtype=np.int32)
    seat = np.empty(n, dtype=np.int32)
    count[:] = 0
    for j in range(n):
        i = rep[j, slot[j]]
        members[i, count[i]] = j
        seat[j] = count[i]
        count[i] += 1
    outside = np.empty(reps)
    weight = soft + hard
    who, into = np.empty(2, dtype=np.int64), np.empty(2, dtype=np.int64)
    touched, before, after = np.empty(3, dtype=np.int64), np.empty((measures, 3)), np.empty(3)
    heat, firmness, stride = first, 1.0, max(1000, 4 * reps)
    part = stride / max(proposals, 1)
    for step in range(proposals):
        if step % stride == 0:
            if step > 0:
                heat *= (last / first) ** part if heat > 0 else 1.0
                firmness *= firm**part
            weight[:] = soft + firmness * hard
            breach = firmness * other
            for i in range(reps):
                outside[i] = _outside(carried, i, band_measure, low, high, weight)
        j = rows[np.random.randint(len(rows))]
        to = int(most * np.random.random() ** 2)
        a, b = rep[j, slot[j]], rep[j, to]
        if b < 0 or a == b:
            continue
        who[0], into[0], changes = j, to, 1
        c, kind = a, np.random.random()
        if kind >= SHIFTS and count[b] > 0:
            found = False
            for _ in range(TRIES):
                k = members[b, np.random.randint(count[b])]
                if kind < SWAPS:
                    for at in range(most):
                        if rep[k, at] == a:
                            who[1], into[1], found = k, at, True
                            break
                else:
                    at = int(most * np.random.random() ** 2)
                    if rep[k, at] >= 0 and rep[k, at] != b:
                        who[1], into[1], found = k, at, True
                if found:
                    break
            if not found:
                continue
            changes, c = 2, rep[who[1], into[1]]
        touched[0], touched[1], touched[2] = a, b, c
        affected = 2 if c == a else 3
        more, hops = 0.0, 0
        for t in range(affected):
            more -= outside[touched[t]]
            for m in range(measures):
                before[m, t] = carried[m, touched[t]]
        short = 0
        for t in range(changes):
            x, old, new = who[t], rep[who[t], slot[who[t]]], rep[who[t], into[t]]
            more += cost[x, into[t]] - cost[x, slot[x]]
            carried[0, old] -= hours[x, slot[x]]
            carried[0, new] += hours[x, into[t]]
            for m in range(1, measures):
                carried[m, old] -= amount[m, x]
                carried[m, new] += amount[m, x]
            if incumbent[x] >= 0:
                hops += (incumbent[x] == old) - (incumbent[x] == new)
            if areas and area[x] >= 0:
                short -= max(0, least_reps[area[x]] - served[area[x]])
                _staff(present, served, area[x], old, new)
                short += max(0, least_reps[area[x]] - served[area[x]])
        for t in range(affected):
            after[t] = _outside(carried, touched[t], band_measure, low, high, weight)
            more += after[t]
        more += breach * (max(0, moves + hops - most_moves) - max(0, moves - most_moves) + short)
        full = (count[b] >= room and changes == 1) or (c != a and count[c] >= room)
        if not full and (
            more < 0 or (heat > 0 and more < 20 * heat and np.random.random() < np.exp(-more / heat))
        ):
            moves += hops
            for t in range(affected):
                outside[touched[t]] = after[t]
            for t in range(changes):
                x, old, new = who[t], rep[who[t], slot[who[t]]], rep[who[t], into[t]]
                moved = members[old, count[old] - 1]
                members[old, seat[x]], seat[moved] = moved, seat[x]
                count[old] -= 1
                members[new, count[new]], seat[x] = x, count[new]
                count[new] += 1
                slot[x] = into[t]
        else:
            for t in range(affected):
                for m in range(measures):
                    carried[m, touched[t]] = before[m, t]
            for t in range(changes - 1, -1, -1):
                x = who[t]
                if areas and area[x] >= 0:
                    _staff(present, served, area[x], rep[x, into[t]], rep[x, slot[x]])
