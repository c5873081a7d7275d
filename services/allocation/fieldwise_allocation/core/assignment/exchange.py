"""Compiled exchanges of items between agents, taken or left by chance at a temperature; knows no schedule.

An exchange is a shift (one item moves), a swap (two change places), a chain (the item that must make room moves on to a
third agent) or a ring (and one of the third agent's comes back). What counts is the reduced cost of the pairs and how far
loads lie from capacities, so that agents may be over capacity for a while.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.assignment.problem import Floats, Ints
from fieldwise_allocation.core.compiled import compiled

OVER, SLACK, OVER_NUMBER, SLACK_NUMBER = range(4)
COST, BEST_COST, AGENTS_OVER = range(3)
# Share of the exchanges that go on to a third agent, where the second has no room.
CHAINS = 0.45
_TO_UNIT = 2.0**-53


class State(NamedTuple):
    """Everything an exchange reads and writes: n items, r agents, k agents near each item.

    ``cost``, ``use`` and ``reduced`` are (n, r); ``near`` (n, k), the first ``choices[j]`` of a row are meant.
    ``members`` (r, n) lists each agent's items, ``place`` (n,) where in the list an item stands, ``size`` (r,) how many
    there are. ``strain`` (4, r) is the cost per unit over and under capacity, and per item over and under the number.
    ``over`` (r,) marks agents beyond a limit. ``tally`` is the cost now, the best feasible cost, the number of agents over.
    """

    cost: Floats
    use: Floats
    reduced: Floats
    near: Ints
    choices: Ints
    agent: Ints
    place: Ints
    members: Ints
    size: Ints
    load: Floats
    capacity: Floats
    limit: Floats
    most: Floats
    strain: Floats
    over: Ints
    tally: Floats
    best: Ints
    random: npt.NDArray[np.uint64]


@compiled
def chance(random: npt.NDArray[np.uint64]) -> float:
    """The next number of [0, 1): xorshift64, whose numbers are the same wherever they are drawn."""
    x = random[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    random[0] = x
    return float(x >> np.uint64(11)) * _TO_UNIT


@compiled
def below(random: npt.NDArray[np.uint64], n: int) -> int:
    return int(chance(random) * n)


@compiled
def _strained(s: State, i: int, load: float) -> float:
    away = float(load - s.capacity[i])
    return float(away * s.strain[OVER, i] if away > 0.0 else -away * s.strain[SLACK, i])


@compiled
def _crowded(s: State, i: int, more: int) -> float:
    """Strain of an agent's number of items with some more, over what it is now."""
    now = s.size[i] - s.most[i]
    then = now + more
    a = now * s.strain[OVER_NUMBER, i] if now > 0.0 else -now * s.strain[SLACK_NUMBER, i]
    b = then * s.strain[OVER_NUMBER, i] if then > 0.0 else -then * s.strain[SLACK_NUMBER, i]
    return float(b - a)


@compiled
def move(s: State, j: int, q: int) -> None:
    p = s.agent[j]
    s.size[p] -= 1
    last = s.members[p, s.size[p]]
    s.members[p, s.place[j]] = last
    s.place[last] = s.place[j]
    s.members[q, s.size[q]] = j
    s.place[j] = s.size[q]
    s.size[q] += 1
    s.agent[j] = q
    s.load[p] -= s.use[j, p]
    s.load[q] += s.use[j, q]
    s.tally[COST] += s.cost[j, q] - s.cost[j, p]


@compiled
def _mark(s: State, i: int) -> None:
    over = 1 if s.load[i] > s.limit[i] or s.size[i] > s.most[i] else 0
    s.tally[AGENTS_OVER] += over - s.over[i]
    s.over[i] = over


@compiled
def _partner(s: State, p: int, q: int, load_p: float, load_q: float, most: float, budget: float) -> int:
    """An item of ``q`` that may come to ``p``, looked for from a random one on; -1 when there is none.

    Args:
        most: Most that its reduced cost may grow.
        budget: Most that this growth and the strains of both agents may come to.
    """
    size = s.size[q]
    if size == 0:
        return -1
    x = below(s.random, size)
    for _ in range(size):
        k = s.members[q, x]
        growth = s.reduced[k, p] - s.reduced[k, q]
        if growth <= most:
            strain = _strained(s, p, load_p + s.use[k, p]) + _strained(s, q, load_q - s.use[k, q])
            if growth + strain <= budget:
                return int(k)
        x += 1
        if x == size:
            x = 0
    return -1


@compiled
def exchange(s: State, proposals: int, temperature: float, counted: bool) -> int:
    """Propose exchanges at one temperature; the best feasible plan is kept in ``best``. Returns how many were taken.

    A worse one is taken with probability exp(-growth / temperature); the chance is drawn first, as the growth allowed.
    Source of the chains: Yagiura, Ibaraki & Glover (2004), An ejection chain approach for the generalized assignment
    problem; of the acceptance: Kirkpatrick, Gelatt & Vecchi (1983).
    """
    taken = 0
    for _ in range(proposals):
        j = below(s.random, len(s.agent))
        p = s.agent[j]
        q = s.near[j, below(s.random, s.choices[j])]
        if q == p:
            continue
        allowed = -temperature * np.log(1.0 - chance(s.random))
        growth = s.reduced[j, q] - s.reduced[j, p]
        load_p, load_q = s.load[p] - s.use[j, p], s.load[q] + s.use[j, q]
        budget = allowed - growth + _strained(s, p, s.load[p]) + _strained(s, q, s.load[q])
        room = budget - _crowded(s, p, -1) - _crowded(s, q, 1) if counted else budget
        if _strained(s, p, load_p) + _strained(s, q, load_q) <= room:
            move(s, j, q)
        elif chance(s.random) >= CHAINS:
            k = _partner(s, p, q, load_p, load_q, allowed - growth, budget)
            if k < 0:
                continue
            move(s, j, q)
            move(s, k, p)
        elif not _chained(s, j, p, q, load_p, load_q, budget, counted):
            continue
        taken += 1
        _mark(s, p)
        _mark(s, q)
        if s.tally[AGENTS_OVER] == 0 and s.tally[COST] < s.tally[BEST_COST] - 1e-9:
            s.tally[BEST_COST] = s.tally[COST]
            s.best[:] = s.agent
    return taken


@compiled
def _chained(
    s: State, j: int, p: int, q: int, load_p: float, load_q: float, budget: float, counted: bool
) -> bool:
    """``j`` goes to ``q``, one of whose items goes on to a third agent, from where one may come back to ``p``."""
    if s.size[q] == 0:
        return False
    k = s.members[q, below(s.random, s.size[q])]
    t = s.near[k, below(s.random, s.choices[k])]
    if t in (q, p):
        return False
    load_q -= s.use[k, q]
    load_t = s.load[t] + s.use[k, t]
    budget += _strained(s, t, s.load[t]) - _strained(s, q, load_q) - (s.reduced[k, t] - s.reduced[k, q])
    if budget < 0.0:
        return False
    room = budget - _crowded(s, p, -1) - _crowded(s, t, 1) if counted else budget
    back = -1
    if _strained(s, p, load_p) + _strained(s, t, load_t) > room:
        back = _partner(s, p, t, load_p, load_t, budget, budget)
        if back < 0:
            return False
    move(s, j, q)
    move(s, k, t)
    if back >= 0:
        move(s, back, p)
    _mark(s, t)
    return True
