"""A territory plan from start to end: bound, round, repair, improve; time and progress are arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.bound import reduced_cost
from fieldwise_allocation.core.conflicts import divisible_plan_exists
from fieldwise_allocation.core.exchange import Exchange, neighbours
from fieldwise_allocation.core.instance import Floats, Instance, Ints, build
from fieldwise_allocation.core.linear import Infeasible
from fieldwise_allocation.core.neighbourhood import (
    MOST_PAIRS,
    cheapest_pairs,
    groups,
    promising,
    search_all,
    search_around,
    search_cores,
)
from fieldwise_allocation.core.plan import Plan, describe
from fieldwise_allocation.core.question import Question
from fieldwise_allocation.core.relaxation import Relaxation, relax
from fieldwise_allocation.core.spread import spread

# A plan this close to its bound is good enough to stop: forecasts of workload are far rougher.
ENOUGH = 0.0005
# Budgets in CP-SAT's deterministic seconds, so that a machine's speed does not change the plan.
WORK_WHOLE = 6.0
WORK_CORE = 0.7
WORK_GROUP = 0.1
PENALTY_STEPS = 8
# The exact search may take a question this large whole when no other way finds a plan.
WHOLE_PAIRS = 60_000
# Plan units per kilometre by which, of reps that cost the same, the nearer is chosen.
NEARER = 1e-9
# A first plan is finished even when the limit has passed, this many seconds at most: better late than none.
GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Watch:
    """What the outside gives a solve: the time that is left and ears for its progress."""

    seconds_left: Callable[[], float]
    report: Callable[[str, float | None, float | None], None]

    def out_of_time(self) -> bool:
        """Whether to stop with the best plan so far."""
        return self.seconds_left() <= 0

    def out_of_patience(self) -> bool:
        """Whether to stop even without a plan."""
        return self.seconds_left() <= -GRACE_SECONDS


class NoPlanFound(Exception):
    """No plan was found in the time given, and none was proven impossible."""


def solve(question: Question, watch: Watch) -> Plan:
    """The best plan found within the time, with a bound that no plan can beat.

    Accounts and reps are sorted by name first: the order of the request changes nothing.

    Raises:
        Infeasible: No plan keeps the rules: proven. ``conflicts.explain`` names them.
        NoPlanFound: Nothing found in time, nothing proven.
    """
    if not divisible_plan_exists(question):
        raise Infeasible
    rows = sorted(range(len(question.accounts)), key=lambda j: question.accounts[j].name)
    reps = sorted(range(len(question.reps)), key=lambda i: question.reps[i].name)
    ordered = Question(
        tuple(question.accounts[j] for j in rows), tuple(question.reps[i] for i in reps), question.rules
    )
    found = _solve(build(ordered), watch)
    rep_of, price = np.empty(len(rows), dtype=np.int64), np.empty(len(reps))
    rep_of[rows] = np.array(reps)[found.rep_of]
    price[reps] = found.price
    travels = any(account.place for account in question.accounts)
    return describe(build(question), rep_of, bound=found.bound, price=price, travels=travels)


@dataclass(frozen=True)
class _Found:
    rep_of: Ints
    bound: float
    price: Floats


def _solve(instance: Instance, watch: Watch) -> _Found:
    watch.report("bounding", None, None)
    if not instance.workload.any():
        return _each_alone(instance)
    if _indifferent(instance):
        return _spread(instance, watch)
    relaxation = relax(instance)
    watch.report("rounding", None, relaxation.bound)
    rep_of = _round(instance, relaxation, watch)
    watch.report("improving", instance.objective(rep_of), relaxation.bound)
    return _improve(instance, relaxation, rep_of, watch)


def _indifferent(instance: Instance) -> bool:
    """Whether every plan costs the same: nobody travels, and nobody has an incumbent to leave."""
    cheapest = instance.cost.min(axis=1, keepdims=True)
    return bool((~instance.allowed | (instance.cost <= cheapest)).all())


def _spread(instance: Instance, watch: Watch) -> _Found:
    """All plans cost the same, so the bound is that cost and any plan in the bands is optimal."""
    bound = float(instance.cost.min(axis=1).sum())
    level = Relaxation(bound, np.zeros(len(instance.target)), spread(instance))
    return _Found(_round(instance, level, watch), bound, level.price)


def _each_alone(instance: Instance) -> _Found:
    """Without workload there is nothing to balance: every account takes its cheapest rep, which is optimal."""
    rep_of = np.asarray(np.argmin(instance.cost + NEARER * instance.km, axis=1))
    return _Found(rep_of, instance.objective(rep_of), np.zeros(len(instance.target)))


def _round(instance: Instance, relaxation: Relaxation, watch: Watch) -> Ints:
    """A plan in whole accounts that keeps every rule: exchanges under a rising penalty, else the exact search."""
    rep_of = relaxation.rep_of.copy()
    idle = instance.workload <= 0
    rep_of[idle] = np.argmin(instance.cost[idle] + NEARER * instance.km[idle], axis=1)
    near = neighbours(instance, reduced_cost(instance, relaxation.price), rep_of)
    count = len(instance.target)
    everyone = [(a, b) for a in range(count) for b in range(a + 1, count)]
    # A low penalty would trade hours outside the bands for travel first: measured, that ends in dearer plans.
    penalty = 2.0 * float(np.abs(relaxation.price).max(initial=0.0)) + 1.0
    for step in range(PENALTY_STEPS):
        if instance.feasible(rep_of) or watch.out_of_patience():
            break
        # Neighbours mostly suffice; the last steps let anyone help.
        pairs = near if step < PENALTY_STEPS // 2 else everyone
        Exchange(instance, rep_of, pairs, penalty, watch.out_of_patience).descend()
        penalty *= 4
    return rep_of if instance.feasible(rep_of) else _exact(instance, watch)


def _exact(instance: Instance, watch: Watch) -> Ints:
    if instance.allowed.sum() > WHOLE_PAIRS:
        raise NoPlanFound
    found = search_all(
        instance,
        instance.allowed,
        None,
        -np.inf,
        work=10 * WORK_WHOLE,
        seconds=watch.seconds_left() + GRACE_SECONDS,
    )
    if found is None:
        raise NoPlanFound
    return found.rep_of


def _improve(instance: Instance, relaxation: Relaxation, rep_of: Ints, watch: Watch) -> _Found:
    """Exchanges, then exact search: of all that is promising when it is little, else around each rep in turn."""
    reduced = reduced_cost(instance, relaxation.price)
    pairs = neighbours(instance, reduced, rep_of)
    Exchange(instance, rep_of, pairs, np.inf, watch.out_of_time).descend()
    bound = relaxation.bound
    if not _open(instance, rep_of, bound, watch):
        return _Found(rep_of, bound, relaxation.price)
    rep_of = _in_cores(instance, relaxation, reduced, rep_of, watch)
    rep_of = _around_each(instance, relaxation, reduced, rep_of, watch)
    room = instance.objective(rep_of) - bound
    within = promising(instance, relaxation.price, room)
    if within.sum() <= MOST_PAIRS and _open(instance, rep_of, bound, watch):
        try:
            whole = search_all(instance, within, rep_of, bound, work=WORK_WHOLE, seconds=watch.seconds_left())
        except Infeasible:
            whole = None  # its scaled integers lost the plan that the floats hold
        if whole is not None:
            rep_of, bound = whole.rep_of, whole.bound
    return _Found(rep_of, bound, relaxation.price)


def _in_cores(
    instance: Instance, relaxation: Relaxation, reduced: Floats, rep_of: Ints, watch: Watch
) -> Ints:
    for better in search_cores(instance, reduced, rep_of, work=WORK_CORE, seconds_left=watch.seconds_left):
        rep_of = better
        watch.report("improving", instance.objective(rep_of), relaxation.bound)
        if not _open(instance, rep_of, relaxation.bound, watch):
            break
    return rep_of


def _around_each(
    instance: Instance, relaxation: Relaxation, reduced: Floats, rep_of: Ints, watch: Watch
) -> Ints:
    if len(instance.target) <= 2:
        return rep_of  # the whole is no larger than a neighbourhood
    for reps in groups(instance, reduced, rep_of):
        if not _open(instance, rep_of, relaxation.bound, watch):
            break
        room = instance.objective(rep_of) - relaxation.bound
        pairs = cheapest_pairs(reduced, reduced <= room)
        rep_of = search_around(instance, pairs, rep_of, reps, work=WORK_GROUP, seconds=watch.seconds_left())
        watch.report("improving", instance.objective(rep_of), relaxation.bound)
    return rep_of


def _open(instance: Instance, rep_of: Ints, bound: float, watch: Watch) -> bool:
    """Whether the plan may still be improved by something worth the time."""
    objective = instance.objective(rep_of)
    return objective - bound > ENOUGH * objective and not watch.out_of_time()
