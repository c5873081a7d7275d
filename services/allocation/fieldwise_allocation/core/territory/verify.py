"""A plan checked against its question from scratch: no solver, and none of the arrays that made it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Place, Question
from fieldwise_allocation.core.territory.audit import Audit, audited
from fieldwise_allocation.core.territory.ledger import Ledger
from fieldwise_allocation.core.territory.plan import Plan
from fieldwise_allocation.core.territory.verify_reasons import wrong_reasons

RELATIVE = 1e-6
# So many faults of one sort are told; one is enough to hold a plan back.
SHOWN = 5


def faults(question: Question, plan: Plan, ledger: Ledger | None = None) -> list[str]:
    """Everything in the plan that breaks a rule or does not add up; empty for a plan that may be given out.

    Args:
        ledger: The question's columns, where they have been read already.
    """
    n, r = len(question.accounts), len(question.reps)
    if len(plan.rep_of) != n:
        return [f"{len(plan.rep_of)} assignments for {n} accounts"]
    strangers = plan.rep_of[(plan.rep_of < 0) | (plan.rep_of >= r)]
    if len(strangers):
        return [f"assignment to rep number {strangers[0]}, of {r}"]
    if any(plan.chosen):
        ledger = Ledger(question, _homes(question, plan))
    ledger = ledger or Ledger(question)
    found = audited(ledger, plan.rep_of)
    return [
        *_broken_rules(question, plan, found),
        *_wrong_columns(question, plan, found),
        *_wrong_figures(plan, found),
        *_wrong_rule_costs(plan, found),
        *_wrong_bands(plan, found),
        *wrong_reasons(ledger, plan, found),
    ]


def _homes(question: Question, plan: Plan) -> list[Place | None]:
    return [chosen or rep.home for rep, chosen in zip(question.reps, plan.chosen, strict=True)]


def _broken_rules(question: Question, plan: Plan, found: Audit) -> Iterator[str]:
    told: dict[str, int] = {}
    for each in found.broken:
        sort = "lock" if each.kind == "lock" else each.rule
        told[sort] = told.get(sort, 0) + 1
        if told[sort] <= SHOWN:
            yield f"{each.rule} is broken for {each.subject or 'the plan'} by {each.amount:g} {each.unit}"
    yield from (f"{sort} is broken {count} times in all" for sort, count in told.items() if count > SHOWN)
    for i, (rep, chosen) in enumerate(zip(question.reps, plan.chosen, strict=True)):
        if chosen and rep.home and not rep.free_home:
            yield f"reps[{i}] {rep.name} is pinned to his home and was moved to {chosen}"


def _wrong_columns(question: Question, plan: Plan, found: Audit) -> Iterator[str]:
    """Columns by account and by rep."""
    accounts = [account.name for account in question.accounts]
    reps = [rep.name for rep in question.reps]
    yield from _differing("km", accounts, plan.km, found.km)
    for j in np.flatnonzero(plan.moved != found.moved)[:SHOWN].tolist():
        was = question.accounts[j].incumbent or "nobody"
        yield f"{accounts[j]} is marked moved={bool(plan.moved[j])} and was with {was}"
    yield from _differing("load", reps, plan.loads, found.loads)
    yield from _differing("target", reps, plan.targets, found.targets)
    yield from _differing("value", reps, plan.values, found.values)
    if (plan.connected is None) != (found.connected is None):
        yield "connected parts are reported without places, or not with them"
    elif plan.connected is not None and found.connected is not None:
        total = found.connected.total
        share = np.where(total > 0, found.connected.largest / np.where(total > 0, total, 1.0), 1.0)
        yield from _differing("connected share", reps, plan.connected, share)


def _wrong_figures(plan: Plan, found: Audit) -> Iterator[str]:
    """Figures of the whole plan."""
    figures = [
        ("objective", plan.objective, found.objective),
        ("worst deviation", plan.worst_deviation, found.worst_deviation),
        ("workload outside its band", plan.outside_band, 0.0),
    ]
    if found.connected is not None:
        figures.append(("connected share", plan.connected_share or 0.0, found.connected.share))
    for name, told, true in figures:
        if not _close(told, true):
            yield f"{name} {told:g} is reported, {true:g} found"
    if not 0 <= plan.bound <= plan.objective * (1 + RELATIVE) + RELATIVE:
        yield f"bound {plan.bound:g} does not lie between 0 and the objective {plan.objective:g}"
    if plan.move_price < 0:
        yield f"one more move costs {plan.move_price:g}: a limit that is wider never costs"


def _wrong_rule_costs(plan: Plan, found: Audit) -> Iterator[str]:
    told = {each.rule: each for each in plan.rule_costs}
    true = {each.rule: each for each in found.rule_costs}
    if told.keys() != true.keys():
        yield f"rules without a cost, or costs without a rule: {sorted(told.keys() ^ true.keys())}"
    for rule in told.keys() & true.keys():
        if not _close(told[rule].cost, true[rule].cost) or not _close(told[rule].amount, true[rule].amount):
            yield (
                f"{rule} costs {told[rule].cost:g} for {told[rule].amount:g} in the plan, "
                f"{true[rule].cost:g} for {true[rule].amount:g} found"
            )
    total = sum(each.cost for each in plan.rule_costs)
    if not _close(total, plan.objective):
        yield f"the costs of the rules add up to {total:g}, the objective is {plan.objective:g}"


def _wrong_bands(plan: Plan, found: Audit) -> Iterator[str]:
    if len(plan.bands) != len(found.bands):
        yield f"{len(plan.bands)} bands are reported, of {len(found.bands)}"
        return
    for told, (amount, low, high) in zip(plan.bands, found.bands, strict=True):
        numbers = [f"number {i}" for i in range(len(amount))]
        for name, column, true in (
            ("amount", told.amount, amount),
            ("least", told.low, low),
            ("most", told.high, high),
        ):
            yield from _differing(f"{told.rule} {name}", numbers, column, true)


def _differing(
    what: str, names: list[str], told: npt.NDArray[np.float64], true: npt.NDArray[np.float64]
) -> Iterator[str]:
    if told.shape != true.shape:
        yield f"{what}: {len(told)} are reported, of {len(true)}"
        return
    same = np.isclose(told, true, rtol=RELATIVE, atol=1e-6)
    for i in np.flatnonzero(~same)[:SHOWN].tolist():
        yield f"{what} of {names[i]}: {told[i]:g} is reported, {true[i]:g} found"


def _close(told: float, true: float) -> bool:
    return bool(np.isclose(told, true, rtol=RELATIVE, atol=1e-6))
