"""Trades among a few agents: all combinations of the likeliest moves between them at once; knows no schedule.

The moves are dealt out to two halves. All combinations of each half are listed, and every one of the first is put together
with those of the second that leave little slack: they are found by the cell in which their loads lie. So hundreds of
thousands of combinations are looked at for the price of a thousand.
Source: Horowitz & Sahni (1974), Computing partitions with applications to the knapsack problem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fieldwise_allocation.core.assignment.annealing import Round, started
from fieldwise_allocation.core.assignment.exchange import BEST_COST, COST, State, below, chance, move
from fieldwise_allocation.core.assignment.prices import Prices
from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem
from fieldwise_allocation.core.compiled import compiled

TRADERS, MOVES_OF_HALF = 4, 9
# Agents drawn for the first place, of whom the one with most to win is taken; draws before the others are given up.
FIRST_DRAWS, DRAWS = 3, 200
# Trades between two looks at the clock.
CALL = 500


class Table(NamedTuple):
    """Room for one trade: g agents, 2b moves, at most 2^b combinations of each half.

    ``agent`` (g,) are those who trade, ``rank`` (r,) the place of each among them or -1. ``item``, ``source``, ``target``
    and ``growth`` (2b,) are the moves, by growth of the reduced cost. Of each half's combinations, (2, 2^b):
    ``load`` (2, 2^b, g) is what they add to the agents' loads, ``cost`` to the cost, ``spent`` to the reduced cost by
    moves that make it grow, ``moves`` their bits. ``head`` and ``after`` chain the second half's by cell.
    """

    agent: Ints
    rank: Ints
    item: Ints
    source: Ints
    target: Ints
    growth: Floats
    load: Floats
    cost: Floats
    spent: Floats
    moves: Ints
    head: Ints
    after: Ints
    cell: Ints
    width: Floats

    @classmethod
    def of(cls, agents: int, traders: int) -> Table:
        g, b = min(traders, agents), MOVES_OF_HALF
        room = 2**b
        return cls(
            agent=np.zeros(g, dtype=np.int64),
            rank=np.full(agents, -1, dtype=np.int64),
            item=np.zeros(2 * b, dtype=np.int64),
            source=np.zeros(2 * b, dtype=np.int64),
            target=np.zeros(2 * b, dtype=np.int64),
            growth=np.zeros(2 * b),
            load=np.zeros((2, room, g)),
            cost=np.zeros((2, room)),
            spent=np.zeros((2, room)),
            moves=np.zeros((2, room), dtype=np.int64),
            head=np.zeros(4 * room, dtype=np.int64),
            after=np.zeros(room, dtype=np.int64),
            cell=np.zeros(g, dtype=np.int64),
            width=np.zeros(g),
        )


def traded(
    problem: Problem,
    prices: Prices,
    reduced: Floats,
    task: Round,
    stop: Callable[[], bool],
    traders: int = TRADERS,
) -> tuple[Ints, float] | None:
    """The best plan that trades lead to from a plan, or one that costs as much; None when no such plan is within limits.

    Args:
        task: ``start`` is a plan within all capacities; ``proposals`` are trades; ``heat`` as a share of the mean reduced
            cost of the near pairs.
        traders: How many agents trade with each other.
    """
    assert task.start is not None
    known = problem.objective(task.start)
    state, table = started(problem, reduced, task, known), Table.of(problem.agents, traders)
    near = np.take_along_axis(reduced, state.near, axis=1)
    temperature = task.heat * float(near.mean(where=np.isfinite(near)))
    for _ in range(0, task.proposals, CALL):
        if stop():
            break
        trade(state, table, prices.unit, CALL, temperature)
    found = state.agent if state.tally[COST] <= state.tally[BEST_COST] else state.best
    cost = problem.objective(found)
    return (found, cost) if cost <= known and problem.feasible(found) else None


@compiled
def trade(s: State, t: Table, unit: Floats, tries: int, temperature: float) -> int:
    """Trades among agents drawn by chance, from a plan within all capacities; the best is kept. Returns how many were made.

    Args:
        unit: Price of each agent's capacity, shape (r,).
        temperature: A trade that makes the cost grow is made with probability exp(-growth / temperature).
    """
    made = 0
    for _ in range(tries):
        if not _draw(s, t, unit):
            continue
        allowed = -temperature * np.log(1.0 - chance(s.random))
        budget = allowed
        for i in t.agent:
            budget += _to_win(s, unit, i)
        count = _find_moves(s, t, budget)
        if count < 2:
            continue
        first = _combine(s, t, 0, count, budget)
        _sort_into_cells(t, unit, _combine(s, t, 1, count, budget), budget)
        x, y = _best_pair(s, t, first, allowed)
        if x < 0:
            continue
        for k in range(count):
            if (t.moves[k % 2, x if k % 2 == 0 else y] >> (k // 2)) & 1:
                move(s, t.item[k], t.agent[t.target[k]])
        made += 1
        if s.tally[COST] < s.tally[BEST_COST] - 1e-9:
            s.tally[BEST_COST] = s.tally[COST]
            s.best[:] = s.agent
    return made


@compiled
def _to_win(s: State, unit: Floats, i: int) -> float:
    """What an agent's slack and items cost above the bound."""
    cost = float(unit[i] * (s.limit[i] - s.load[i]))
    for x in range(s.size[i]):
        cost += s.reduced[s.members[i, x], i]
    return cost


@compiled
def _draw(s: State, t: Table, unit: Floats) -> bool:
    """Agents for a trade: one with much to win, then those that items of the drawn are near to."""
    for x in range(len(t.agent)):
        t.rank[t.agent[x]] = -1
    most = -1.0
    for _ in range(FIRST_DRAWS):
        i = below(s.random, len(s.load))
        cost = _to_win(s, unit, i)
        if cost > most:
            most = cost
            t.agent[0] = i
    t.rank[t.agent[0]] = 0
    drawn = 1
    for _ in range(DRAWS):
        if drawn == len(t.agent):
            break
        i = t.agent[below(s.random, drawn)]
        if s.size[i] == 0:
            continue
        j = s.members[i, below(s.random, s.size[i])]
        q = s.near[j, below(s.random, s.choices[j])]
        if t.rank[q] < 0:
            t.agent[drawn] = q
            t.rank[q] = drawn
            drawn += 1
    if drawn < len(t.agent):
        # Places that were not filled must not be taken for the agents of an earlier trade.
        t.agent[drawn:] = t.agent[0]
    return drawn == len(t.agent)


@compiled
def _find_moves(s: State, t: Table, budget: float) -> int:
    """The moves whose reduced cost grows least, one per item at most, in their order; returns how many."""
    count = 0
    for p in range(len(t.agent)):
        i = t.agent[p]
        for x in range(s.size[i]):
            j = s.members[i, x]
            to, least = -1, np.inf
            for q in range(len(t.agent)):
                if q != p and s.reduced[j, t.agent[q]] < least:
                    to, least = q, s.reduced[j, t.agent[q]]
            growth = least - s.reduced[j, i]
            if growth >= budget or (count == len(t.item) and growth >= t.growth[count - 1]):
                continue
            k = count if count < len(t.item) else count - 1
            while k > 0 and t.growth[k - 1] > growth:
                t.item[k], t.source[k], t.target[k] = t.item[k - 1], t.source[k - 1], t.target[k - 1]
                t.growth[k] = t.growth[k - 1]
                k -= 1
            t.item[k], t.source[k], t.target[k], t.growth[k] = j, p, to, growth
            count = min(count + 1, len(t.item))
    return count


@compiled
def _combine(s: State, t: Table, half: int, count: int, budget: float) -> int:
    """All combinations of every second move that do not spend the budget; returns how many."""
    t.load[half, 0] = 0.0
    t.cost[half, 0] = t.spent[half, 0] = 0.0
    t.moves[half, 0] = 0
    made = 1
    for k in range(half, count, 2):
        j, p, q = t.item[k], t.source[k], t.target[k]
        more = s.cost[j, t.agent[q]] - s.cost[j, t.agent[p]]
        for x in range(made):
            spent = t.spent[half, x] + max(t.growth[k], 0.0)
            if spent >= budget:
                continue
            for i in range(len(t.agent)):
                t.load[half, made, i] = t.load[half, x, i]
            t.load[half, made, p] -= s.use[j, t.agent[p]]
            t.load[half, made, q] += s.use[j, t.agent[q]]
            t.cost[half, made], t.spent[half, made] = t.cost[half, x] + more, spent
            t.moves[half, made] = t.moves[half, x] | (1 << (k // 2))
            made += 1
    return made


@compiled
def _chain(t: Table) -> int:
    """Where in ``head`` the cell stands; two cells may share a place."""
    mixed = 0
    for i in range(len(t.cell)):
        mixed = mixed * 1_000_003 + t.cell[i]
    mixed ^= mixed >> 17
    return int(mixed & (len(t.head) - 1))


@compiled
def _sort_into_cells(t: Table, unit: Floats, made: int, budget: float) -> None:
    """Cells as wide as the slack that the budget pays for: what fits a combination lies in its cell or the next."""
    t.head[:] = -1
    for i in range(len(t.agent)):
        t.width[i] = budget / max(unit[t.agent[i]], 1e-9) + 1e-6
    for y in range(made):
        for i in range(len(t.agent)):
            t.cell[i] = int(np.floor(t.load[1, y, i] / t.width[i]))
        place = _chain(t)
        t.after[y] = t.head[place]
        t.head[place] = y


@compiled
def _best_pair(s: State, t: Table, first: int, allowed: float) -> tuple[int, int]:
    """The combinations of both halves that together keep all capacities and cost least, below what is allowed; (-1, -1) if none."""
    best, found, partner = allowed, -1, -1
    agents = len(t.agent)
    slack, base = np.empty(agents), np.empty(agents, dtype=np.int64)
    for i in range(agents):
        slack[i] = s.limit[t.agent[i]] - s.load[t.agent[i]]
    # From a random one on: of those that cost the same, the first is taken, and it should not always be the same.
    x = below(s.random, first)
    for _ in range(first):
        x = x + 1 if x + 1 < first else 0
        for i in range(agents):
            base[i] = int(np.floor((slack[i] - t.load[0, x, i]) / t.width[i]))
        for corner in range(1 << agents):
            for i in range(agents):
                t.cell[i] = base[i] - ((corner >> i) & 1)
            y = t.head[_chain(t)]
            while y >= 0:
                cost = t.cost[0, x] + t.cost[1, y]
                if cost < best and x + y > 0:
                    fits = True
                    for i in range(agents):
                        fits = fits and t.load[0, x, i] + t.load[1, y, i] <= slack[i]
                    if fits:
                        best, found, partner = cost, x, y
                y = t.after[y]
    return found, partner
