"""The check that stands between the solver and the answer, against one lie at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from fieldwise_allocation.core.plan import Plan
from fieldwise_allocation.core.question import Question
from fieldwise_allocation.core.solve import solve
from fieldwise_allocation.core.verify import faults
from tests.allocation.builders import question, watch


@pytest.fixture(scope="module")
def asked() -> Question:
    base = question(40, 4, band=0.3)
    held = dataclasses.replace(base.accounts[1], incumbent=base.reps[1].name, locked=True)
    return Question((base.accounts[0], held, *base.accounts[2:]), base.reps, base.rules)


@pytest.fixture(scope="module")
def plan(asked: Question) -> Plan:
    return solve(asked, watch())


def given_to(plan: Plan, account: int, rep: int) -> Plan:
    rep_of = plan.rep_of.copy()
    rep_of[account] = rep
    return dataclasses.replace(plan, rep_of=rep_of)


LIES: dict[str, Callable[[Plan], Plan]] = {
    "which reps/r0 lacks": lambda p: given_to(p, 0, 0),
    "is locked to reps/r1": lambda p: given_to(p, 1, 3),
    "off his": lambda p: dataclasses.replace(p, rep_of=np.where(p.rep_of == 2, 3, p.rep_of)),
    "objective": lambda p: dataclasses.replace(p, objective=p.objective * 0.99),
    "bound": lambda p: dataclasses.replace(p, bound=p.objective * 1.01),
    "km from": lambda p: dataclasses.replace(p, km=p.km * 1.001),
    "load": lambda p: dataclasses.replace(p, loads=p.loads + 0.1),
    "marked moved": lambda p: dataclasses.replace(p, moved=tuple(not m for m in p.moved)),
    "39 assignments for 40 accounts": lambda p: dataclasses.replace(p, rep_of=p.rep_of[1:]),
    "assignment to rep number 9": lambda p: given_to(p, 0, 9),
    "outside its band": lambda p: dataclasses.replace(p, outside_band=0.01),
}


def test_an_honest_plan_passes(asked: Question, plan: Plan) -> None:
    assert faults(asked, plan) == []


@pytest.mark.parametrize("said", LIES)
def test_a_planted_fault_is_found(asked: Question, plan: Plan, said: str) -> None:
    assert any(said in fault for fault in faults(asked, LIES[said](plan)))
