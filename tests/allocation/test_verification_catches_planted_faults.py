"""The check that stands between the solver and the answer, against one lie at a time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fieldwise_allocation.core.question import Place, Question
from fieldwise_allocation.core.territory.describe import prepared
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.plan import REASONS, Plan
from fieldwise_allocation.core.territory.verify import faults
from tests.allocation.builders import question
from tests.allocation.question_builders import some_plan, with_every_rule


@pytest.fixture(scope="module")
def asked() -> Question:
    return with_every_rule()


@pytest.fixture(scope="module")
def plan(asked: Question) -> Plan:
    return some_plan(asked)[1]


def given_to(plan: Plan, account: int, rep: int) -> Plan:
    rep_of = plan.rep_of.copy()
    rep_of[account] = rep
    return dataclasses.replace(plan, rep_of=rep_of)


def all_to(plan: Plan, rep: int) -> Plan:
    return dataclasses.replace(plan, rep_of=np.full_like(plan.rep_of, rep))


def staying(plan: Plan, **columns: Any) -> Plan:
    return dataclasses.replace(plan, staying=dataclasses.replace(plan.staying, **columns))


def reason(plan: Plan, of: str, told: str) -> Plan:
    code = plan.reason.copy()
    code[code == REASONS.index(of)] = REASONS.index(told)
    return dataclasses.replace(plan, reason=code)


def cost_of(plan: Plan, rule: str, more: float) -> Plan:
    costs = [
        dataclasses.replace(each, cost=each.cost + more * (each.rule == rule)) for each in plan.rule_costs
    ]
    return dataclasses.replace(plan, rule_costs=tuple(costs))


def band(plan: Plan, **columns: Any) -> Plan:
    first = dataclasses.replace(plan.bands[0], **columns)
    return dataclasses.replace(plan, bands=(first, *plan.bands[1:]))


LIES: dict[str, Callable[[Plan], Plan]] = {
    "skill:b is broken": lambda p: all_to(p, 0),
    "lock:customers/0 is broken": lambda p: given_to(p, 0, 3),
    "band:workload is broken": lambda p: all_to(p, 1),
    "band:value is broken": lambda p: all_to(p, 1),
    "few for r0 is broken": lambda p: all_to(p, 0),
    "moves is broken": lambda p: dataclasses.replace(p, rep_of=(p.rep_of + 1) % 4),
    "staffing:north is broken": lambda p: all_to(p, 2),
    "objective": lambda p: dataclasses.replace(p, objective=p.objective * 0.99),
    "bound": lambda p: dataclasses.replace(p, bound=p.objective * 1.01),
    "km of": lambda p: dataclasses.replace(p, km=p.km * 1.001),
    "load of": lambda p: dataclasses.replace(p, loads=p.loads + 0.1),
    "target of": lambda p: dataclasses.replace(p, targets=p.targets + 0.1),
    "value of": lambda p: dataclasses.replace(p, values=p.values + 1),
    "marked moved": lambda p: dataclasses.replace(p, moved=~p.moved),
    "59 assignments for 60 accounts": lambda p: dataclasses.replace(p, rep_of=p.rep_of[1:]),
    "assignment to rep number 9": lambda p: given_to(p, 0, 9),
    "outside its band": lambda p: dataclasses.replace(p, outside_band=0.01),
    "worst deviation": lambda p: dataclasses.replace(p, worst_deviation=0.001),
    "connected share": lambda p: dataclasses.replace(p, connected_share=0.01),
    "beds costs": lambda p: cost_of(p, "beds", 1.0),
    "add up to": lambda p: cost_of(p, "travel", 5.0),
    "without a cost": lambda p: dataclasses.replace(p, rule_costs=p.rule_costs[1:]),
    "band:workload most": lambda p: band(p, high=p.bands[0].high + 1),
    "staying changes travel": lambda p: staying(p, travel=p.staying.travel + 1),
    "staying changes move": lambda p: staying(p, move=p.staying.move * 2 - 1),
    "staying changes bands": lambda p: staying(p, band=p.staying.band + 1),
    "staying would break": lambda p: staying(p, breaks=tuple(("moves",) for _ in p.staying.breaks)),
    "have costs of staying": lambda p: staying(p, account=p.staying.account[1:]),
    "NEW is no reason": lambda p: reason(p, "INCUMBENT", "NEW"),
    "moved for SKILL, which is not so": lambda p: reason(p, "LESS_TRAVEL", "SKILL"),
    "moved for LESS_TRAVEL, which is not so": lambda p: reason(p, "BALANCE", "LESS_TRAVEL"),
    "one more move costs": lambda p: dataclasses.replace(p, move_price=-1.0),
    "is pinned to his home": lambda p: dataclasses.replace(p, chosen=(Place(1, 1), *p.chosen[1:])),
}


def test_an_honest_plan_passes(asked: Question, plan: Plan) -> None:
    assert faults(asked, plan) == []
    assert {"LESS_TRAVEL", "BALANCE", "INCUMBENT", "NEW", "LOCKED"} <= set(plan.reasons)


@pytest.mark.parametrize("said", LIES)
def test_a_planted_fault_is_found(asked: Question, plan: Plan, said: str) -> None:
    assert any(said in fault for fault in faults(asked, LIES[said](plan)))


@pytest.mark.parametrize("seed", range(6))
def test_honest_plans_of_other_questions_pass(seed: int) -> None:
    asked = with_every_rule(40 + 10 * seed, 3 + seed % 3, seed=seed)
    assert faults(asked, some_plan(asked)[1]) == []


def test_ten_thousand_accounts_are_checked_in_a_fraction_of_a_second() -> None:
    asked = question(10_000, 100, band=1.0, skills=False)
    frame = prepared(asked)
    problem = frame.compiled.problem
    rep_of = (np.arange(10_000) % 100).astype(np.int32)
    plan = frame.described(Found(rep_of, 0.0, 0.0, np.zeros(problem.low.shape), 0.0, problem.home))
    begun = time.process_time()
    faults(asked, plan, frame.ledger)
    assert time.process_time() - begun < 0.5
