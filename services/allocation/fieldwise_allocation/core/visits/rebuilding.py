"""Search by tearing out strings of stops and putting them back greedily, in any tour; knows no clock.

Source: Christiaens & Vanden Berghe (2020), Slack induction by string removals for vehicle routing problems, sections 5 and 6. Here
a stop may stay out for its penalty, and a tour may hold a break.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.visits.problem import REST, Floats, Whole
from fieldwise_allocation.core.visits.tours import Given, Tours, best_gap, put, refresh

# Stops torn out per round in the mean, longest string, share of split strings, chance to overlook a place: the paper's, section 6.
TORN = 10
LONGEST_STRING = 10
SPLIT = 0.5
LONGER_SPLIT = 0.01
BLINK = 0.01
# Stops that were out before are tried at most so many a round: a long list of those not worth it would slow every round.
TRIED_AGAIN = 20
# In a share of rounds a stop is let in for more than its penalty: a far place pays only when several stops share the way.
OFTEN_EAGER = 0.3
MOST_EAGER = 2.0


class State(NamedTuple):
    """Where a search stands between two calls.

    Attributes:
        tour_of: Tour of each stop, -1 while it is out, shape (n,).
        out: Stops that are out, the first ``how_many[0]`` of them, shape (n,).
        how_many: How many are out, shape (1,).
        best_seq, best_length: The best tours so far.
        cost: Cost now and of the best, shape (2,).
    """

    tour_of: Whole
    out: Whole
    how_many: Whole
    best_seq: Whole
    best_length: Whole
    cost: Floats


class Scratch(NamedTuple):
    """Room that the rounds share: rows as they were before a round, and marks."""

    seq: Whole
    length: Whole
    touched: Whole
    seen: Whole
    out: Whole
    key: Floats


@compiled
def tear(seed: int, near: Whole, t: Tours, state: State, room: Scratch) -> int:
    """Tears strings out around a stop; how many tours were touched (their rows are kept in ``room`` first)."""
    tours, inside = 0, 0
    for v in range(len(t.length)):
        if t.length[v] > 0 and not (t.length[v] == 1 and t.seq[v, 0] == REST):
            tours += 1
            inside += t.length[v]
    if tours == 0:
        return 0
    longest = min(float(LONGEST_STRING), inside / tours)
    strings = int(np.random.random() * (4.0 * TORN / (1.0 + longest) - 1.0) + 1.0)
    touched = 0
    for s in near[seed]:
        v = state.tour_of[s]
        if v < 0:
            continue
        again = False
        for k in range(touched):
            again = again or room.touched[k] == v
        if again:
            continue
        keep_row(v, touched, t, room)
        touched += 1
        take_string(s, v, longest, t, state)
        if touched >= strings:
            break
    return int(touched)


@compiled
def keep_row(v: int, k: int, t: Tours, room: Scratch) -> None:
    """Remembers a tour as the ``k``-th touched one."""
    room.touched[k] = v
    room.length[k] = t.length[v]
    for i in range(t.length[v]):
        room.seq[k, i] = t.seq[v, i]


@compiled
def take_string(s: int, v: int, longest: float, t: Tours, state: State) -> None:
    """Takes a string of stops that holds ``s`` out of its tour; a split string keeps some in its middle. A break stays."""
    n = t.length[v]
    size = int(np.random.random() * min(float(n), longest) + 1.0)
    kept = 0
    if size > 1 and size < n and np.random.random() < SPLIT:
        kept = 1
        while size + kept < n and np.random.random() < LONGER_SPLIT:
            kept += 1
    at = 0
    while t.seq[v, at] != s:
        at += 1
    span = size + kept
    first = max(0, at - span + 1)
    begin = first + int(np.random.random() * (min(at, n - span) - first + 1))
    hole = begin + 1 + int(np.random.random() * (size - 1)) if kept else begin + span
    write = 0
    for i in range(n):
        inside = begin <= i < begin + span and not hole <= i < hole + kept
        if inside and t.seq[v, i] != REST:
            state.tour_of[t.seq[v, i]] = -1
            state.out[state.how_many[0]] = t.seq[v, i]
            state.how_many[0] += 1
        else:
            t.seq[v, write] = t.seq[v, i]
            write += 1
    t.length[v] = write


@compiled
def order_out(torn_from: int, keys: Floats, weight: Floats, state: State, room: Scratch) -> int:
    """Brings the stops to be tried to the front, sorted by one of the keys or by chance; how many are to be tried."""
    total = state.how_many[0]
    torn = total - torn_from
    # Torn ones first, then a sample of those that were out before.
    for i in range(torn):
        state.out[i], state.out[total - 1 - i] = state.out[total - 1 - i], state.out[i]
    tried = min(total, torn + TRIED_AGAIN)
    for i in range(torn, tried):
        j = i + int(np.random.random() * (total - i))
        state.out[i], state.out[j] = state.out[j], state.out[i]
    draw, column = np.random.random() * weight[len(weight) - 1], 0
    while draw >= weight[column]:
        column += 1
    for i in range(tried):
        s = state.out[i]
        value = np.random.random() if column == keys.shape[1] else keys[s, column]
        j = i
        while j > 0 and room.key[j - 1] > value:
            room.key[j] = room.key[j - 1]
            state.out[j] = state.out[j - 1]
            j -= 1
        room.key[j] = value
        state.out[j] = s
    return int(tried)


@compiled
def put_back(
    tried: int, touched: int, eager: float, blink: float, g: Given, t: Tours, state: State, room: Scratch
) -> int:
    """Puts each stop to be tried where it costs least, unless it stays out for ``eager`` times its penalty; how many tours are touched."""
    left = 0
    for i in range(tried):
        s = state.out[i]
        room.seen[0] += 1
        v, position = best_gap(s, eager * g.penalty[s], blink, g, t, room.seen[1:], room.seen[0])
        if v < 0:
            state.out[left] = s
            left += 1
            continue
        known = False
        for k in range(touched):
            known = known or room.touched[k] == v
        if not known:
            keep_row(v, touched, t, room)
            touched += 1
        put(s, v, position, g, t)
        state.tour_of[s] = v
    for i in range(tried, state.how_many[0]):
        state.out[left] = state.out[i]
        left += 1
    state.how_many[0] = left
    return int(touched)


@compiled
def cost_now(g: Given, t: Tours, state: State) -> float:
    """Cost of all tours and of all that is left out."""
    total = 0.0
    for v in range(len(t.length)):
        total += t.totals[v, 2]
    for i in range(state.how_many[0]):
        total += g.penalty[state.out[i]]
    return total


@compiled
def take_back(touched: int, count: int, g: Given, t: Tours, state: State, room: Scratch) -> None:
    """Undoes a round."""
    for i in range(count):
        state.out[i] = room.out[i]
        state.tour_of[room.out[i]] = -1
    state.how_many[0] = count
    for k in range(touched):
        v = room.touched[k]
        t.length[v] = room.length[k]
        for i in range(room.length[k]):
            s = room.seq[k, i]
            t.seq[v, i] = s
            if s != REST:
                state.tour_of[s] = v
        refresh(v, g, t)


@compiled
def keep_best(t: Tours, state: State) -> None:
    """Remembers the tours as the best ones."""
    state.cost[1] = state.cost[0]
    for v in range(len(t.length)):
        state.best_length[v] = t.length[v]
        for i in range(t.length[v]):
            state.best_seq[v, i] = t.seq[v, i]


@compiled
def rounds(
    number: int,
    seed: int,
    warm: float,
    cooling: float,
    near: Whole,
    keys: Floats,
    weight: Floats,
    g: Given,
    t: Tours,
    state: State,
    room: Scratch,
) -> None:
    """So many rounds of tearing out and putting back, accepted as in simulated annealing.

    Args:
        warm, cooling: Temperature at the first round, in money, and its factor from round to round.
        near: For each stop the others by distance, itself first, shape (n, m).
        keys, weight: Orders of putting back, smallest first, shape (n, k), and their chances summed up, shape (k + 1,),
            the last one for an order by chance.
    """
    np.random.seed(seed)
    n = len(state.tour_of)
    for _ in range(number):
        before = state.how_many[0]
        for i in range(before):
            room.out[i] = state.out[i]
        touched = tear(int(np.random.random() * n), near, t, state, room)
        possible = True
        for k in range(touched):
            possible = refresh(room.touched[k], g, t) and possible
        torn_tours = touched
        if possible:
            tried = order_out(before, keys, weight, state, room)
            eager = 1.0
            if np.random.random() < OFTEN_EAGER:
                eager += MOST_EAGER * np.random.random()
            touched = put_back(tried, torn_tours, eager, BLINK, g, t, state, room)
            cost = cost_now(g, t, state)
            if cost < state.cost[0] - warm * np.log(np.random.random()):
                state.cost[0] = cost
                if cost < state.cost[1] - 1e-9:
                    keep_best(t, state)
            else:
                take_back(touched, before, g, t, state, room)
        else:
            take_back(touched, before, g, t, state, room)
        warm *= cooling
