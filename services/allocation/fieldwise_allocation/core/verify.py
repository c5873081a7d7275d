"""A plan checked against its question from scratch: no solver, and none of the arrays that made it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fieldwise_allocation.core.plan import Plan
from fieldwise_allocation.core.question import Place, Question
from fieldwise_allocation.core.travel import DETOUR, EARTH_RADIUS_KM

RELATIVE = 1e-6


def faults(question: Question, plan: Plan) -> list[str]:
    """Everything in the plan that breaks a rule or does not add up; empty for a plan that may be given out."""
    if len(plan.rep_of) != len(question.accounts):
        return [f"{len(plan.rep_of)} assignments for {len(question.accounts)} accounts"]
    strangers = [int(i) for i in plan.rep_of if not 0 <= i < len(question.reps)]
    if strangers:
        return [f"assignment to rep number {strangers[0]}, of {len(question.reps)}"]
    return [*_broken_rules(question, plan), *_outside_bands(question, plan), *_wrong_sums(question, plan)]


def _broken_rules(question: Question, plan: Plan) -> Iterator[str]:
    for account, i, moved in zip(question.accounts, plan.rep_of, plan.moved, strict=True):
        rep = question.reps[i]
        if not account.needs <= rep.skills:
            yield f"{account.name} needs {sorted(account.needs - rep.skills)}, which {rep.name} lacks"
        if account.locked and rep.name != account.incumbent:
            yield f"{account.name} is locked to {account.incumbent} and went to {rep.name}"
        if moved != (account.incumbent not in ("", rep.name)):
            yield f"{account.name} is marked moved={moved} and was with {account.incumbent or 'nobody'}"


def _outside_bands(question: Question, plan: Plan) -> Iterator[str]:
    total = math.fsum(account.hours for account in question.accounts)
    capacity = math.fsum(rep.hours for rep in question.reps)
    loads = [0.0] * len(question.reps)
    for account, i in zip(question.accounts, plan.rep_of, strict=True):
        loads[i] += account.hours
    for i, (rep, load) in enumerate(zip(question.reps, loads, strict=True)):
        target = total * rep.hours / capacity
        if abs(load - target) > question.rules.band * target + 1e-8 * max(target, 1.0):
            yield f"{rep.name} carries {load:g} h, more than {question.rules.band:g} off his {target:g} h"
        if not _close(load, float(plan.loads[i])) or not _close(target, float(plan.targets[i])):
            yield f"{rep.name}: load {plan.loads[i]:g} of {plan.targets[i]:g} h is reported, {load:g} of {target:g} found"


def _wrong_sums(question: Question, plan: Plan) -> Iterator[str]:
    rules = question.rules
    cost = 0.0
    for account, i, reported in zip(question.accounts, plan.rep_of, plan.km, strict=True):
        rep = question.reps[i]
        km = _km(account.place, rep.home)
        if not _close(km, float(reported)):
            yield f"{account.name} is {reported:g} km from {rep.name} in the plan and {km:g} km on the earth"
        away = account.incumbent not in ("", rep.name)
        cost += rules.kilometre_cost * account.hours * km + away * rules.move_cost * account.value
    if not _close(cost, plan.objective):
        yield f"objective {plan.objective:g} is reported, {cost:g} found"
    if not 0 <= plan.bound <= plan.objective * (1 + RELATIVE) + RELATIVE:
        yield f"bound {plan.bound:g} does not lie between 0 and the objective {plan.objective:g}"
    if plan.outside_band > 0:
        yield f"{plan.outside_band:.3%} of the workload is reported outside its band"


def _km(place: Place | None, home: Place | None) -> float:
    """Great circle x detour by the chord between unit vectors, another formula than the solver's."""
    if place is None or home is None:
        return 0.0
    a, b = _on_sphere(place), _on_sphere(home)
    across = math.dist(a, b) / 2
    return 2 * DETOUR * EARTH_RADIUS_KM * math.asin(min(1.0, across))


def _on_sphere(place: Place) -> tuple[float, float, float]:
    latitude, longitude = math.radians(place.latitude), math.radians(place.longitude)
    ring = math.cos(latitude)
    return ring * math.cos(longitude), ring * math.sin(longitude), math.sin(latitude)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=1e-6)
