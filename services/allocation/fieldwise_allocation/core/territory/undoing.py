"""Undoing some moves of a plan and mending what that breaks, again and again; knows no prices and no time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.territory.arcs import NONE, Arcs
from fieldwise_allocation.core.territory.breach import Breach
from fieldwise_allocation.core.territory.problem import BAND_TOLERANCE, NO_AREA, Floats, Ints, Problem
from fieldwise_allocation.core.territory.search import NO_LIMIT, including

# Moves undone at once, and moves that may mend what is broken then.
UNDONE, STEPS = 6, 15
# What a broken rep counts besides his hours: nearly a whole move. Measured on the tuning seeds, as all here.
FIXED = 0.9
# The heat at first and at last, in charges.
FIRST, LAST = 0.15, 0.005
# What breaks counts so many times when a turn is judged, at first and at last: more than while it is mended.
STRICT, STRICTER = 5.0, 20.0
# How often the heat and the strictness change.
STRIDES = 64


@dataclass(frozen=True)
class Turns:
    """How long to search and how freely.

    Args:
        count: Times that moves are undone.
        charge: Plan units that a move is usually charged.
        luck: Plan units, up to so much, that are added by chance to each way to mend.
    """

    count: int
    charge: float
    luck: float


def undone(
    problem: Problem,
    arcs: Arcs,
    rep_of: Ints,
    turns: Turns,
    breach: Breach,
    *,
    seed: int,
    apart: float = np.inf,
) -> Ints:
    """The assignment after the search: only along arcs, needs and locks kept, other hard rules as ``breach`` asks.

    Each turn sends a few neighbouring accounts who moved back to their incumbents, or to their cheapest rep where they
    have none, and then mends one broken rep after the other by the single move that costs least, what it breaks
    elsewhere counted. The turn stands where it costs less, or by the heat little more.

    Accounts that count for the staffing of an area stay where they are.

    Args:
        apart: Arcs whose reduced cost lies further above the least are left out.
    Source: Schrimpf et al. (2000), Record breaking optimization results using the ruin and recreate principle.
    """
    arcs = including(problem, arcs, rep_of)
    mine, home = arcs.rep == rep_of[:, None], (arcs.rep == problem.incumbent[:, None]) & (arcs.rep >= 0)
    far = arcs.reduced - arcs.reduced[:, :1] > apart
    still = (problem.area != NO_AREA)[:, None]
    rep = np.where(((far & ~home) | still) & ~mine, NONE, arcs.rep)
    slot = np.argmax(mine, axis=1).astype(np.int32)
    rest = np.where(home.any(axis=1), np.argmax(home, axis=1), 0)
    rest = np.where(problem.area != NO_AREA, slot, rest).astype(np.int32)
    account, at = np.nonzero(rep >= 0)
    reps = rep[account, at]
    order = np.argsort(reps, kind="stable")
    top = np.where(np.isfinite(problem.high), np.abs(problem.high), 0.0)
    _turn(
        rep,
        arcs.cost,
        arcs.hours,
        problem.amount,
        problem.incumbent,
        problem.band_measure,
        problem.low,
        problem.high,
        np.where(np.isinf(problem.outside), 0.0, problem.outside),
        breach.band,
        # Half the tolerance: sums of floats differ by their order.
        BAND_TOLERANCE / 2 * np.maximum(top, 1.0),
        NO_LIMIT if problem.most_moves is None else problem.most_moves,
        breach.other,
        np.stack([account[order], at[order]], axis=1).astype(np.int32),
        np.append(0, np.cumsum(np.bincount(reps, minlength=problem.reps))).astype(np.int32),
        rest,
        turns.count,
        turns.charge,
        turns.luck,
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
    hair: Floats,
    soft: Floats,
    hard: Floats,
    fixed: float,
) -> float:
    """Plan units for what a rep carries outside his bands when an account comes (sign 1) or goes (-1)."""
    total, broken = 0.0, False
    for b in range(len(band_measure)):
        m = band_measure[b]
        load = carried[m, i] + sign * (hours if m == 0 else amount[m, j])
        out = max(low[b, i] - load, load - high[b, i])
        if out > hair[b, i]:
            total += (soft[b, i] + hard[b, i]) * out
            broken |= hard[b, i] > 0
    return total + (fixed if broken else 0.0)


@compiled
def _go(
    carried: Floats, rep: Ints, hours: Floats, amount: Floats, incumbent: Ints, slot: Ints, j: int, to: int
) -> int:
    """An account goes to the rep of another arc; returns how many moves more that is."""
    old, new = rep[j, slot[j]], rep[j, to]
    carried[0, old] -= hours[j, slot[j]]
    carried[0, new] += hours[j, to]
    for m in range(1, len(amount)):
        carried[m, old] -= amount[m, j]
        carried[m, new] += amount[m, j]
    slot[j] = to
    return int(incumbent[j] == old) - int(incumbent[j] == new) if incumbent[j] >= 0 else 0


@compiled
def _turn(  # noqa: C901, PLR0912, PLR0915 - one loop over turns on shared counts
    rep: Ints,
    cost: Floats,
    hours: Floats,
    amount: Floats,
    incumbent: Ints,
    band_measure: Ints,
    low: Floats,
    high: Floats,
    soft: Floats,
    hard: Floats,
    hair: Floats,
    most_moves: int,
    other: float,
    pairs: Ints,
    begins: Ints,
    rest: Ints,
    turns: int,
    charge: float,
    luck: float,
    seed: int,
    slot: Ints,
) -> None:
    """Changes ``slot``, the chosen arc of each account; ``pairs`` are all arcs (account, slot) by rep, from ``begins`` of each.

    ``rest`` is the arc to which an account goes when its move is undone.
    """
    np.random.seed(seed)
    n, most = rep.shape
    reps, fixed = len(begins) - 1, FIXED * charge
    carried, outside, mild = np.zeros((len(amount), reps)), np.zeros(reps), np.zeros(reps)
    nothing = np.zeros(hard.shape)
    # Who is away from rest, so that one is drawn at once.
    away, seat, count, moves = np.empty(n, dtype=np.int64), np.full(n, -1), 0, 0
    for j in range(n):
        carried[0, rep[j, slot[j]]] += hours[j, slot[j]]
        for m in range(1, len(amount)):
            carried[m, rep[j, slot[j]]] += amount[m, j]
        moves += incumbent[j] >= 0 and incumbent[j] != rep[j, slot[j]]
        if slot[j] != rest[j]:
            away[count], seat[j] = j, count
            count += 1
    for i in range(reps):
        outside[i] = _outside(
            carried, i, 0.0, 0.0, amount, 0, band_measure, low, high, hair, soft, hard, fixed
        )
        mild[i] = _outside(carried, i, 0.0, 0.0, amount, 0, band_measure, low, high, hair, soft, nothing, 0.0)
    # Of this turn: the reps it touches with what they were outside, and the accounts that changed hands.
    hot, held, gentle = np.empty(reps, dtype=np.int64), np.empty(reps), np.empty(reps)
    touched, tired, mark = np.full(reps, -1), np.full(reps, -1), np.full(n, -1)
    who, was = np.empty(UNDONE + STEPS, dtype=np.int64), np.empty(UNDONE + STEPS, dtype=np.int64)
    heat, strict = FIRST * charge, STRICT
    for turn in range(turns):
        if turn % STRIDES == 0:
            part = turn / turns
            heat = charge * FIRST * (LAST / FIRST) ** part
            strict = STRICT * (STRICTER / STRICT) ** part
        seen, used, more, hops = 0, 0, 0.0, 0
        # It begins at a broken rep, or with an account that is away.
        broken, first = 0, -1
        for i in range(reps):
            if outside[i] > mild[i]:
                broken += 1
                if np.random.randint(broken) == 0:
                    first = i
        if first < 0 or (count > 0 and np.random.random() < 0.5):
            if count == 0:
                break
            first = away[np.random.randint(count)]
            ends = (rep[first, slot[first]], rep[first, rest[first]])
        else:
            ends = (first, first)
        for i in ends:
            if touched[i] != turn:
                touched[i], hot[seen], held[seen], gentle[seen] = turn, i, outside[i], mild[i]
                seen += 1
        want, at = 1 + np.random.randint(UNDONE), 0
        while at < seen and used < want:
            i = hot[at]
            at += 1
            for p in range(begins[i], begins[i + 1]):
                k, s = pairs[p, 0], pairs[p, 1]
                if slot[k] == rest[k] or (slot[k] != s and rest[k] != s):
                    continue
                if used == want:
                    break
                ends = (rep[k, slot[k]], rep[k, rest[k]])
                who[used], was[used] = k, slot[k]
                used += 1
                more += cost[k, rest[k]] - cost[k, slot[k]]
                hops += _go(carried, rep, hours, amount, incumbent, slot, k, rest[k])
                for e in ends:
                    if touched[e] != turn:
                        touched[e], hot[seen], held[seen], gentle[seen] = turn, e, outside[e], mild[e]
                        seen += 1
        for t in range(seen):
            outside[hot[t]] = _outside(
                carried, hot[t], 0.0, 0.0, amount, 0, band_measure, low, high, hair, soft, hard, fixed
            )
            mild[hot[t]] = _outside(
                carried, hot[t], 0.0, 0.0, amount, 0, band_measure, low, high, hair, soft, nothing, 0.0
            )
        for _ in range(STEPS):
            broken, here = 0, -1
            for t in range(seen):
                if outside[hot[t]] > 0 and tired[hot[t]] != turn:
                    broken += 1
                    if np.random.randint(broken) == 0:
                        here = hot[t]
            if here < 0:
                break
            best, x, to = np.inf, -1, 0
            for p in range(begins[here], begins[here + 1]):
                k, s = pairs[p, 0], pairs[p, 1]
                if mark[k] == turn:
                    continue
                now = slot[k]
                there = rep[k, now]
                # What lies outside a band costs at least nothing: whoever is too dear without it is so with it.
                if now == s:
                    gone = _outside(
                        carried,
                        here,
                        -1.0,
                        hours[k, now],
                        amount,
                        k,
                        band_measure,
                        low,
                        high,
                        hair,
                        soft,
                        hard,
                        fixed,
                    )
                    gone -= outside[here] + cost[k, now]
                    for c in range(most):
                        if rep[k, c] < 0 or c == now:
                            continue
                        worse = gone + cost[k, c] - outside[rep[k, c]]
                        if worse < best:
                            worse += luck * np.random.random() + _outside(
                                carried,
                                rep[k, c],
                                1.0,
                                hours[k, c],
                                amount,
                                k,
                                band_measure,
                                low,
                                high,
                                hair,
                                soft,
                                hard,
                                fixed,
                            )
                            if worse < best:
                                best, x, to = worse, k, c
                else:
                    worse = cost[k, s] - cost[k, now] - outside[here] - outside[there]
                    if worse < best:
                        worse += _outside(
                            carried,
                            here,
                            1.0,
                            hours[k, s],
                            amount,
                            k,
                            band_measure,
                            low,
                            high,
                            hair,
                            soft,
                            hard,
                            fixed,
                        )
                        if worse < best:
                            worse += luck * np.random.random() + _outside(
                                carried,
                                there,
                                -1.0,
                                hours[k, now],
                                amount,
                                k,
                                band_measure,
                                low,
                                high,
                                hair,
                                soft,
                                hard,
                                fixed,
                            )
                            if worse < best:
                                best, x, to = worse, k, s
            # Outside soft bands only: it may stay so.
            if x < 0 or (best >= 0 and outside[here] == mild[here]):
                tired[here] = turn
                continue
            ends = (rep[x, slot[x]], rep[x, to])
            mark[x], who[used], was[used] = turn, x, slot[x]
            used += 1
            more += cost[x, to] - cost[x, slot[x]]
            hops += _go(carried, rep, hours, amount, incumbent, slot, x, to)
            for e in ends:
                if touched[e] != turn:
                    touched[e], hot[seen], held[seen], gentle[seen] = turn, e, outside[e], mild[e]
                    seen += 1
                outside[e] = _outside(
                    carried, e, 0.0, 0.0, amount, 0, band_measure, low, high, hair, soft, hard, fixed
                )
                mild[e] = _outside(
                    carried, e, 0.0, 0.0, amount, 0, band_measure, low, high, hair, soft, nothing, 0.0
                )
        more += other * (max(0, moves + hops - most_moves) - max(0, moves - most_moves))
        for t in range(seen):
            i = hot[t]
            more += mild[i] - gentle[t] + strict * (outside[i] - mild[i] - held[t] + gentle[t])
        if more < -heat * np.log(1.0 - np.random.random()):
            moves += hops
            for t in range(used):
                k = who[t]
                if slot[k] != rest[k] and seat[k] < 0:
                    away[count], seat[k] = k, count
                    count += 1
                elif slot[k] == rest[k] and seat[k] >= 0:
                    count -= 1
                    last = away[count]
                    away[seat[k]], seat[last] = last, seat[k]
                    seat[k] = -1
        else:
            for t in range(used - 1, -1, -1):
                _go(carried, rep, hours, amount, incumbent, slot, who[t], was[t])
            for t in range(seen):
                outside[hot[t]], mild[hot[t]] = held[t], gentle[t]
