"""Annealing over chains of accounts, each link the best of all that fit; knows no prices and no time."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.territory.arcs import NONE, Arcs
from fieldwise_allocation.core.territory.breach import Breach
from fieldwise_allocation.core.territory.problem import NO_AREA, Floats, Ints, Problem
from fieldwise_allocation.core.territory.search import NO_LIMIT, Heat, including

# Accounts that change hands at once: measured on the tuning seeds, two find less, four find no more in the same time.
LINKS = 3
# How often heat and firmness change.
STRIDES = 100


def chained(
    problem: Problem,
    arcs: Arcs,
    rep_of: Ints,
    heat: Heat,
    breach: Breach,
    *,
    seed: int,
    apart: float = np.inf,
) -> Ints:
    """The assignment after the search: only along arcs, needs and locks kept, other hard rules as ``breach`` asks.

    One account goes over, drawn at random. Whoever goes on from the rep who took it, or comes to the one who gave it,
    is the cheapest of all who can; so is the third. As much of the chain as pays best is kept. Where few accounts
    change, that found in a seventh of the CPU time what drawing partners finds (one tuning seed, a rep who left).

    Accounts that count for the staffing of an area stay where they are.

    Args:
        apart: Arcs whose reduced cost lies further above the least are left out.
    """
    arcs = including(problem, arcs, rep_of)
    mine = arcs.rep == rep_of[:, None]
    far = arcs.reduced - arcs.reduced[:, :1] > apart
    rep = np.where((far | (problem.area != NO_AREA)[:, None]) & ~mine, NONE, arcs.rep)
    account, at = np.nonzero(rep >= 0)
    reps = rep[account, at]
    order = np.argsort(reps, kind="stable")
    slot = np.argmax(mine, axis=1).astype(np.int32)
    _chain(
        rep,
        arcs.cost,
        arcs.hours,
        arcs.reduced,
        problem.amount,
        problem.incumbent,
        problem.band_measure,
        problem.low,
        problem.high,
        np.where(np.isinf(problem.outside), 0.0, problem.outside),
        breach.band,
        NO_LIMIT if problem.most_moves is None else problem.most_moves,
        breach.other,
        np.stack([account[order], at[order]], axis=1).astype(np.int32),
        np.append(0, np.cumsum(np.bincount(reps, minlength=problem.reps))).astype(np.int32),
        heat.first,
        heat.last,
        heat.firm,
        heat.proposals,
        seed,
        slot,
    )
    return np.ascontiguousarray(arcs.rep[np.arange(len(slot)), slot])


@compiled
def _outside(
    carried: Floats,
    i: int,
    sign: float,
    hours: float,
    amount: Floats,
    j: int,
    band_measure: Ints,
    low: Floats,
    high: Floats,
    weight: Floats,
) -> float:
    """Plan units for what a rep carries outside his bands when an account comes (sign 1) or goes (-1)."""
    total = 0.0
    for b in range(len(band_measure)):
        m = band_measure[b]
        load = carried[m, i] + sign * (hours if m == 0 else amount[m, j])
        if load < low[b, i]:
            total += weight[b, i] * (low[b, i] - load)
        elif load > high[b, i]:
            total += weight[b, i] * (load - high[b, i])
    return total


@compiled
def _carry(carried: Floats, i: int, sign: float, hours: float, amount: Floats, j: int) -> None:
    """An account comes to a rep (sign 1) or goes (-1)."""
    carried[0, i] += sign * hours
    for m in range(1, len(amount)):
        carried[m, i] += sign * amount[m, j]


@compiled
def _chain(  # noqa: C901, PLR0912, PLR0915 - one loop over proposals on shared counts
    rep: Ints,
    cost: Floats,
    hours: Floats,
    reduced: Floats,
    amount: Floats,
    incumbent: Ints,
    band_measure: Ints,
    low: Floats,
    high: Floats,
    soft: Floats,
    hard: Floats,
    most_moves: int,
    other: float,
    pairs: Ints,
    begins: Ints,
    first: float,
    last: float,
    firm: float,
    proposals: int,
    seed: int,
    slot: Ints,
) -> None:
    """Changes ``slot``, the chosen arc of each account; ``pairs`` are all arcs (account, slot) by rep, from ``begins`` of each."""
    np.random.seed(seed)
    n, most = rep.shape
    reps = len(begins) - 1
    carried, outside = np.zeros((len(amount), reps)), np.zeros(reps)
    moves = 0
    for j in range(n):
        i = rep[j, slot[j]]
        _carry(carried, i, 1.0, hours[j, slot[j]], amount, j)
        moves += incumbent[j] >= 0 and incumbent[j] != i
    weight = soft + hard
    who, was, into = np.empty((3, LINKS), dtype=np.int64)
    heat, firmness, breach, stride = first, 1.0, other, max(1, proposals // STRIDES)
    part = stride / max(proposals, 1)
    for step in range(proposals):
        if step % stride == 0:
            if step > 0:
                heat *= (last / first) ** part if heat > 0 else 1.0
                firmness *= firm**part
            weight[:] = soft + firmness * hard
            breach = firmness * other
            for i in range(reps):
                outside[i] = _outside(carried, i, 0.0, 0.0, amount, 0, band_measure, low, high, weight)
        x, to = np.random.randint(n), np.random.randint(most)
        if rep[x, to] < 0 or to == slot[x]:
            continue
        # A chain that pays has a link that pays, prices counted, or mends a band: it begins there.
        if (
            reduced[x, to] > reduced[x, slot[x]]
            and outside[rep[x, slot[x]]] == 0
            and outside[rep[x, to]] == 0
        ):
            continue
        onward = np.random.random() < 0.5
        more, least, kept, used, hops = 0.0, np.inf, 0, 0, 0
        while True:
            old, new = rep[x, slot[x]], rep[x, to]
            more += cost[x, to] - cost[x, slot[x]] - outside[old] - outside[new]
            _carry(carried, old, -1.0, hours[x, slot[x]], amount, x)
            _carry(carried, new, 1.0, hours[x, to], amount, x)
            outside[old] = _outside(carried, old, 0.0, 0.0, amount, 0, band_measure, low, high, weight)
            outside[new] = _outside(carried, new, 0.0, 0.0, amount, 0, band_measure, low, high, weight)
            more += outside[old] + outside[new]
            if incumbent[x] >= 0:
                hops += (incumbent[x] == old) - (incumbent[x] == new)
            who[used], was[used], into[used] = x, slot[x], to
            slot[x] = to
            used += 1
            total = more + breach * (max(0, moves + hops - most_moves) - max(0, moves - most_moves))
            if total < least:
                least, kept = total, used
            if used == LINKS:
                break
            # The next link: from the rep who took it on to anyone, or from anyone to the rep who gave it.
            here = new if onward else old
            x, best = -1, np.inf
            for p in range(begins[here], begins[here + 1]):
                k, s = pairs[p, 0], pairs[p, 1]
                now = slot[k]
                there = rep[k, now]
                if (there == here) != onward:
                    continue
                fresh = True
                for t in range(used):
                    fresh &= who[t] != k
                if not fresh:
                    continue
                if onward:
                    gone = -outside[here] - cost[k, now]
                    gone += _outside(
                        carried, here, -1.0, hours[k, now], amount, k, band_measure, low, high, weight
                    )
                    for at in range(most):
                        c = rep[k, at]
                        if c < 0 or at == now:
                            continue
                        worse = gone + cost[k, at] - outside[c]
                        # What lies outside a band costs at least nothing: whoever is too dear without it is so with it.
                        if worse < best:
                            worse += _outside(
                                carried, c, 1.0, hours[k, at], amount, k, band_measure, low, high, weight
                            )
                            if worse < best:
                                best, x, to = worse, k, at
                else:
                    worse = cost[k, s] - cost[k, now] - outside[here] - outside[there]
                    if worse < best:
                        worse += _outside(
                            carried, here, 1.0, hours[k, s], amount, k, band_measure, low, high, weight
                        )
                        if worse < best:
                            worse += _outside(
                                carried,
                                there,
                                -1.0,
                                hours[k, now],
                                amount,
                                k,
                                band_measure,
                                low,
                                high,
                                weight,
                            )
                            if worse < best:
                                best, x, to = worse, k, s
            if x < 0:
                break
        takes = least < 0 or (heat > 0 and least < 20 * heat and np.random.random() < np.exp(-least / heat))
        for t in range(used - 1, (kept if takes else 0) - 1, -1):
            x = who[t]
            old, new = rep[x, was[t]], rep[x, into[t]]
            _carry(carried, new, -1.0, hours[x, into[t]], amount, x)
            _carry(carried, old, 1.0, hours[x, was[t]], amount, x)
            outside[old] = _outside(carried, old, 0.0, 0.0, amount, 0, band_measure, low, high, weight)
            outside[new] = _outside(carried, new, 0.0, 0.0, amount, 0, band_measure, low, high, weight)
            slot[x] = was[t]
        if takes:
            for t in range(kept):
                x = who[t]
                if incumbent[x] >= 0:
                    moves += (incumbent[x] == rep[x, was[t]]) - (incumbent[x] == rep[x, into[t]])
