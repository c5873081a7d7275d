"""Infeasible questions: the rules named are in conflict, and none of them is there for nothing."""

from __future__ import annotations

import dataclasses

import pytest

from fieldwise_allocation.core.conflicts import Conflict, Rule, divisible_plan_exists, explain
from fieldwise_allocation.core.linear import Infeasible
from fieldwise_allocation.core.question import Account, Question, Rep, Rules
from fieldwise_allocation.core.solve import solve
from tests.allocation.builders import question, watch


def force(count: int, skills: str = "") -> tuple[Rep, ...]:
    return tuple(Rep(f"reps/r{i}", 40, skills=frozenset(skills)) for i in range(count))


def conflict_of(*accounts: Account, reps: tuple[Rep, ...], band: float = 0.1) -> Conflict:
    return explain(Question(accounts, reps, Rules(band=band)))


def test_a_skill_that_nobody_has_is_the_whole_conflict() -> None:
    found = conflict_of(Account("a", 1, needs=frozenset({"cold"})), Account("b", 1), reps=force(2))
    assert found.rules == (Rule("skill", "cold"),)
    assert "'cold'" in found.sentences[0]
    assert "0 of 2 reps" in found.sentences[0]


def test_locks_beyond_a_ceiling_are_named_with_the_ceiling() -> None:
    locked = [Account(f"l{j}", 1, incumbent="reps/r0", locked=True) for j in range(8)]
    found = conflict_of(*locked, Account("free", 4), reps=force(3))
    assert found.rules == (Rule("ceiling", "reps/r0"), Rule("lock", "reps/r0"))
    assert "8 accounts of 8 h" in found.sentences[1]
    assert "unlock" in found.sentences[1]


def test_one_account_above_every_ceiling_is_named_itself() -> None:
    found = conflict_of(Account("huge", 9), Account("b", 1), Account("c", 2), reps=force(2))
    assert "accounts[0].workload_hours: got 9" in found.sentences[0]


def test_equal_accounts_that_do_not_divide_are_found_by_exact_search() -> None:
    asked = Question(tuple(Account(f"a{j}", 1) for j in range(3)), force(2), Rules(band=0.1))
    assert divisible_plan_exists(asked)
    with pytest.raises(Infeasible):
        solve(asked, watch())
    kinds = {rule.kind for rule in explain(asked).rules}
    assert kinds <= {"floor", "ceiling"}
    assert kinds


def test_each_rule_named_is_needed_for_the_conflict() -> None:
    base = question(40, 4, band=0.1, skills=False)
    held = tuple(
        dataclasses.replace(a, incumbent="reps/r0", locked=True) if j < 15 else a
        for j, a in enumerate(base.accounts)
    )
    found = explain(Question(held, base.reps, base.rules))
    assert set(found.rules) == {Rule("ceiling", "reps/r0"), Rule("lock", "reps/r0")}
    assert not divisible_plan_exists(Question(held, base.reps, base.rules))
    assert divisible_plan_exists(base)
    assert divisible_plan_exists(Question(held, base.reps, dataclasses.replace(base.rules, band=1.0)))


def test_when_time_is_short_all_rules_are_named_and_none_is_accused_wrongly() -> None:
    asked = Question(tuple(Account(f"a{j}", 1) for j in range(3)), force(2), Rules(band=0.1))
    found = explain(asked, lambda: True)
    assert {rule.kind for rule in found.rules} == {"floor", "ceiling"}
    assert len(found.rules) == 4
