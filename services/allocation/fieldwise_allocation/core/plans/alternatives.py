"""Ways to grant a manager's wish, or nearly, without breaking a rule that the plan keeps; knows no solver and no wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory import problem as territory
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints, Problem

Indices = npt.NDArray[np.int64]

# Candidates that pass the quick look and are then measured whole: a millisecond each at 10,000 accounts.
MEASURED = 24
# Other reps than the old one whose accounts are looked at for an exchange.
NEIGHBOURS = 6
# Alternatives of each sort.
KEPT = 3
# Accounts moved one after the other to make room; a wish that needs more is better planned anew.
MOST_STEPS = 30

# Accounts and the reps they go to.
Change = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Alternative:
    """Accounts and their reps beside the plan, and what that costs more, in plan units.

    Args:
        grants: The wish itself is in it.
    """

    accounts: tuple[int, ...]
    reps: tuple[int, ...]
    cost_more: float
    grants: bool


def alternatives(
    problem: Problem, rep_of: Ints, accounts: Sequence[int], reps: Sequence[int]
) -> list[Alternative]:
    """What would do instead of giving ``accounts`` to ``reps``, the cheapest first.

    Args:
        rep_of: The plan, in the order of the problem, shape (n,).
    """
    plan = _Plan(problem, rep_of)
    wish = tuple(zip(accounts, reps, strict=True))
    found = [*_best(plan, _room(plan, wish), wish)]
    if len(wish) == 1:
        found += _best(plan, _elsewhere(plan, wish[0]), ())
    return sorted(found, key=lambda each: (each.cost_more, each.accounts, each.reps))


@dataclass(frozen=True)
class _Plan:
    """The plan that the wish is about, and how far it breaks rules already: nothing may become worse."""

    problem: Problem
    rep_of: Ints

    @cached_property
    def objective(self) -> float:
        return territory.objective(self.problem, self.rep_of)

    @cached_property
    def hard(self) -> Bools:
        return np.isinf(self.problem.outside)

    @cached_property
    def excess(self) -> Floats:
        return territory.excess(self.problem, territory.loads(self.problem, self.rep_of))

    @cached_property
    def limits(self) -> tuple[Floats, Floats]:
        """The hard bands, as wide as the plan itself has made them; (k, r) each."""
        load = territory.loads(self.problem, self.rep_of)[self.problem.band_measure]
        low = np.where(self.hard, np.minimum(self.problem.low, load), -np.inf)
        high = np.where(self.hard, np.maximum(self.problem.high, load), np.inf)
        hair = territory.BAND_TOLERANCE * np.maximum(np.where(np.isfinite(high), np.abs(high), 0.0), 1.0)
        return low - hair, high + hair

    @cached_property
    def permitted(self) -> Bools:
        return territory.permitted(self.problem, self.rep_of)

    def keeps(self, rep_of: Ints) -> bool:
        """Whether an assignment breaks no hard rule more than the plan does."""
        problem = self.problem
        excess = territory.excess(problem, territory.loads(problem, rep_of))
        if (excess > self.excess * (1 + 1e-9) + 1e-9)[self.hard].any():
            return False
        if (self.permitted & ~territory.permitted(problem, rep_of)).any():
            return False
        most = problem.most_moves
        if most is not None and territory.move_count(problem, rep_of) > max(most, self.moves):
            return False
        return not (territory.understaffed(problem, rep_of) > self.short).any()

    @cached_property
    def moves(self) -> int:
        return territory.move_count(self.problem, self.rep_of)

    @cached_property
    def short(self) -> Ints:
        return territory.understaffed(self.problem, self.rep_of)

    def amounts(self, rows: Indices, reps: Indices) -> Floats:
        """What accounts weigh in each band with these reps, shape (k, candidates)."""
        amount = self.problem.amount[:, rows]
        hours = amount[0] + self.problem.pace[rows] * territory.km_to(self.problem, rows, reps)
        of_hours = (self.problem.band_measure == 0)[:, None]
        return np.asarray(np.where(of_hours, hours, amount[self.problem.band_measure]))

    def cost(self, rows: Indices, reps: Indices) -> Floats:
        """Plan units of accounts with these reps, shape of ``rows``."""
        problem = self.problem
        incumbent = problem.incumbent[rows]
        moved = (incumbent != territory.NOBODY) & (incumbent != reps)
        travel = problem.per_km[rows] * territory.km_to(problem, rows, reps)
        return np.asarray(travel + problem.per_move[rows] * moved)

    def may(self, rows: Indices, reps: Indices) -> Bools:
        """Pairs that neither a need nor a lock forbids."""
        problem = self.problem
        return problem.able[problem.kind[rows], reps] & ~problem.locked[rows]


@dataclass(frozen=True)
class _Changes:
    """Candidates, one per row: one account moves, or two do, shape (candidates, 1 or 2)."""

    rows: Indices
    reps: Indices
    cost: Floats

    def cheapest(self) -> Iterator[Change]:
        order = np.lexsort((self.reps[:, 0], self.rows[:, 0], self.cost))[:MEASURED]
        for k in order.tolist():
            yield tuple(zip(self.rows[k].tolist(), self.reps[k].tolist(), strict=True))


def _best(plan: _Plan, changes: Iterator[Change], wish: Change) -> list[Alternative]:
    """The cheapest changes that, together with the wish, break nothing: measured whole, not by the quick look."""
    found: list[Alternative] = []
    for change in changes:
        rep_of = plan.rep_of.copy()
        for account, rep in (*wish, *change):
            rep_of[account] = rep
        if plan.keeps(rep_of):
            accounts, reps = zip(*wish, *change, strict=True)
            more = territory.objective(plan.problem, rep_of) - plan.objective
            found.append(Alternative(accounts, reps, more, bool(wish)))
    found.sort(key=lambda each: (each.cost_more, each.accounts, each.reps))
    return found[:KEPT]


def _elsewhere(plan: _Plan, wish: tuple[int, int]) -> Iterator[Change]:
    """Other reps for the account."""
    account, wanted = wish
    reps = np.array(
        [i for i in range(plan.problem.reps) if i not in (wanted, int(plan.rep_of[account]))], dtype=np.int64
    )
    rows = np.full(len(reps), account, dtype=np.int64)
    yield from _fitting(plan, plan.rep_of, rows, reps).cheapest()


def _room(plan: _Plan, wish: Change) -> Iterator[Change]:
    """Moves of one more account, exchanges of two, and chains of moves, that make room for the wish."""
    rep_of = plan.rep_of.copy()
    free = np.ones(plan.problem.accounts, dtype=np.bool_)
    for account, rep in wish:
        rep_of[account] = rep
        free[account] = False
    over, under = _troubled(plan, rep_of)
    if not len(over) and not len(under):
        return
    yield from _fitting(plan, rep_of, *_movable(plan, rep_of, free, over, under)).cheapest()
    for rep in np.union1d(over, under).tolist():
        for other in _near(plan, rep, wish):
            yield from _exchanges(plan, rep_of, free, rep, other).cheapest()
    yield from _chain(plan, rep_of, free)


def _troubled(plan: _Plan, rep_of: Ints) -> tuple[Indices, Indices]:
    """Reps above and below what their hard bands allow."""
    low, high = plan.limits
    load = territory.loads(plan.problem, rep_of)[plan.problem.band_measure]
    return np.flatnonzero((load > high).any(axis=0)), np.flatnonzero((load < low).any(axis=0))


def _movable(
    plan: _Plan, rep_of: Ints, free: Bools, over: Indices, under: Indices
) -> tuple[Indices, Indices]:
    """Accounts with the reps that they might go to: from those above to everybody, from everybody to those below."""
    out, into = np.flatnonzero(free & np.isin(rep_of, over)), np.flatnonzero(free)
    every = np.arange(plan.problem.reps)
    rows = np.append(np.repeat(out, len(every)), np.repeat(into, len(under)))
    reps = np.append(np.tile(every, len(out)), np.tile(under, len(into)))
    allowed = (rep_of[rows] != reps) & plan.may(rows, reps)
    return rows[allowed], reps[allowed]


def _chain(plan: _Plan, rep_of: Ints, free: Bools) -> Iterator[Change]:
    """One account after the other, the cheapest for what it brings back inside, until nobody is troubled any more."""
    rep_of, free = rep_of.copy(), free.copy()
    change: list[tuple[int, int]] = []
    for _ in range(MOST_STEPS):
        over, under = _troubled(plan, rep_of)
        if not len(over) and not len(under):
            yield tuple(change)
            return
        rows, reps = _movable(plan, rep_of, free, over, under)
        step = _most_relief(plan, rep_of, rows, reps)
        if step is None:
            return
        change.append(step)
        rep_of[step[0]], free[step[0]] = step[1], False


def _most_relief(plan: _Plan, rep_of: Ints, rows: Indices, reps: Indices) -> tuple[int, int] | None:
    """The single move that costs least for each unit it brings back inside; None when every one makes something worse."""
    low, high = plan.limits
    load = territory.loads(plan.problem, rep_of)[plan.problem.band_measure]
    before = rep_of[rows].astype(np.int64)
    relief = np.zeros(len(rows))
    for seats, change in ((before, -plan.amounts(rows, before)), (reps, plan.amounts(rows, reps))):
        bottom, top, now = low[:, seats], high[:, seats], load[:, seats]
        was = np.maximum(np.maximum(bottom - now, now - top), 0.0)
        will = np.maximum(np.maximum(bottom - now - change, now + change - top), 0.0)
        # A rep who stood inside may not be pushed out.
        relief += np.where(will > was, -np.inf, was - will).sum(axis=0)
    fits = relief > 0
    if not fits.any():
        return None
    cost = plan.cost(rows[fits], reps[fits]) - plan.cost(rows[fits], before[fits])
    # What costs nothing or less goes first, the largest relief before all.
    rate = np.where(cost > 0, cost / relief[fits], -relief[fits])
    best = np.flatnonzero(fits)[np.lexsort((reps[fits], rows[fits], rate))[0]]
    return int(rows[best]), int(reps[best])


def _near(plan: _Plan, rep: int, wish: Change) -> list[int]:
    """Reps to exchange with: those whose accounts the wish takes away, and those for whom this one's accounts are cheap."""
    losers = {int(plan.rep_of[account]) for account, _ in wish} - {rep}
    own = np.flatnonzero(plan.rep_of == rep)
    if not len(own):
        return sorted(losers)
    sample = own[:: max(1, len(own) // 50)]
    others = np.arange(plan.problem.reps)
    mean = np.array([plan.cost(sample, np.full(len(sample), i)).mean() for i in others.tolist()])
    mean[rep] = np.inf
    return sorted(losers | set(np.argsort(mean, kind="stable")[:NEIGHBOURS].tolist()) - {rep})


def _fitting(plan: _Plan, rep_of: Ints, rows: Indices, reps: Indices) -> _Changes:
    """Single moves after which every hard band holds as it did before."""
    allowed = (rep_of[rows] != reps) & plan.may(rows, reps)
    rows, reps = rows[allowed], reps[allowed]
    before = rep_of[rows].astype(np.int64)
    taken, given = plan.amounts(rows, before), plan.amounts(rows, reps)
    fits = _within(plan, rep_of, before, -taken, reps, given)
    rows, reps, before = rows[fits], reps[fits], before[fits]
    cost = plan.cost(rows, reps) - plan.cost(rows, before)
    return _Changes(rows[:, None], reps[:, None], cost)


def _exchanges(plan: _Plan, rep_of: Ints, free: Bools, one: int, other: int) -> _Changes:
    """An account of one rep against an account of the other, after which every hard band holds as it did before."""
    mine, theirs = np.flatnonzero(free & (rep_of == one)), np.flatnonzero(free & (rep_of == other))
    mine = mine[plan.may(mine, np.full(len(mine), other))]
    theirs = theirs[plan.may(theirs, np.full(len(theirs), one))]
    # Weighed once each, not once in each of a million pairs.
    mine_stay, mine_go = _weighed(plan, mine, one), _weighed(plan, mine, other)
    theirs_stay, theirs_come = _weighed(plan, theirs, other), _weighed(plan, theirs, one)
    pairs = (len(plan.problem.band_measure), len(mine) * len(theirs))
    to_one = (theirs_come.amounts[:, None, :] - mine_stay.amounts[:, :, None]).reshape(pairs)
    to_other = (mine_go.amounts[:, :, None] - theirs_stay.amounts[:, None, :]).reshape(pairs)
    first, second = np.full(pairs[1], one), np.full(pairs[1], other)
    fits = np.flatnonzero(_within(plan, rep_of, first, to_one, second, to_other))
    a, b = np.divmod(fits, max(1, len(theirs)))
    cost = mine_go.cost[a] + theirs_come.cost[b] - mine_stay.cost[a] - theirs_stay.cost[b]
    rows = np.column_stack((mine[a], theirs[b]))
    return _Changes(rows, np.column_stack((second[fits], first[fits])), cost)


@dataclass(frozen=True)
class _Weighed:
    """What accounts weigh in each band with one rep, (k, accounts), and what they cost with her."""

    amounts: Floats
    cost: Floats


def _weighed(plan: _Plan, rows: Indices, rep: int) -> _Weighed:
    reps = np.full(len(rows), rep)
    return _Weighed(plan.amounts(rows, reps), plan.cost(rows, reps))


def _within(
    plan: _Plan, rep_of: Ints, one: Indices, to_one: Floats, other: Indices, to_other: Floats
) -> Bools:
    """Changes of two reps' loads after which nobody is outside the limits; ``to_one`` and ``to_other`` are (k, candidates)."""
    low, high = plan.limits
    load = territory.loads(plan.problem, rep_of)[plan.problem.band_measure]
    outside = np.asarray(((load < low) | (load > high)).any(axis=0))
    fits = outside[one].astype(np.int64) + outside[other] == outside.sum()
    for reps, change in ((one, to_one), (other, to_other)):
        after = load[:, reps] + change
        fits &= ((after >= low[:, reps]) & (after <= high[:, reps])).all(axis=0)
    return np.asarray(fits)
