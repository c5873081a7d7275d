"""Infeasible questions: the rules named are in conflict, none of them is there for nothing, and what is said to help helps."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.allocation.planted_conflicts import KINDS, planted
from fieldwise_allocation.core.question import Account, Band, Question, Rep, Rules, Staffing
from fieldwise_allocation.core.territory.compile import compiled
from fieldwise_allocation.core.territory.conflicts import Trials, conflict_in
from fieldwise_allocation.core.territory.elastic import Prices, certificate
from fieldwise_allocation.core.territory.explanation import Explanation, explain
from fieldwise_allocation.core.territory.possible import Answer, verdict
from fieldwise_allocation.core.territory.problem import Problem, feasible
from fieldwise_allocation.core.territory.stated_rules import Stated


def force(count: int, skills: str = "") -> tuple[Rep, ...]:
    return tuple(Rep(f"reps/r{i}", 40, skills=frozenset(skills)) for i in range(count))


def names(found: Explanation) -> set[str]:
    return {each.rule for each in found.rules}


def possible(question: Question) -> bool:
    stated = Stated(question)
    return verdict(stated.problem(stated.names)).answer is Answer.POSSIBLE


def tiny(seed: int) -> Question:
    """Five accounts, three reps and a rule of every kind, often in each other's way."""
    rng = np.random.default_rng(seed)
    reps = tuple(Rep(f"r{i}", 40, skills=frozenset("b" if i else "")) for i in range(3))
    accounts = tuple(
        Account(
            f"a{j}",
            float(rng.integers(1, 5)),
            value=float(rng.integers(1, 5)),
            needs=frozenset("b") if rng.random() < 0.3 else frozenset(),
            incumbent=f"r{rng.integers(3)}" if rng.random() < 0.8 else "",
            area="x" if rng.random() < 0.6 else "",
        )
        for j in range(5)
    )
    held = dataclasses.replace(accounts[0], incumbent=f"r{rng.integers(3)}", locked=True)
    rules = Rules(
        band=float(rng.choice([0.2, 0.5, 0.9])),
        bands=(Band("worth", "value", width=float(rng.choice([0.4, 1.0]))),),
        most_moves=int(rng.integers(0, 4)),
        staffing=(Staffing("x", int(rng.integers(1, 4))),),
    )
    return Question((held, *accounts[1:]), reps, rules)


def possible_by_brute_force(problem: Problem) -> bool:
    plans = itertools.product(range(problem.reps), repeat=problem.accounts)
    return any(feasible(problem, np.array(plan, dtype=np.int32)) for plan in plans)


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_conflict_is_named_whole_and_alone(kind: str) -> None:
    case = planted(kind, 80, 5, seed=1)
    found = explain(case.question)
    assert names(found) == case.rules
    assert found.minimal
    assert found.ways


@pytest.mark.parametrize("seed", range(30))
def test_small_questions_are_judged_as_brute_force_judges_them(seed: int) -> None:
    question = tiny(seed)
    stated = Stated(question)
    here = conflict_in(Trials(Stated(question)))
    assert (here.answer is Answer.POSSIBLE) == possible_by_brute_force(stated.problem(stated.names))
    if here.rules:
        assert not possible_by_brute_force(stated.problem(here.rules))
        for rule in here.rules:
            assert possible_by_brute_force(stated.problem(set(here.rules) - {rule}))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 300), prices=st.lists(st.floats(-2, 2), min_size=10, max_size=10))
def test_no_prices_prove_a_question_impossible_that_has_a_plan(seed: int, prices: list[float]) -> None:
    problem = compiled(tiny(seed)).problem
    given_prices = Prices(
        band=np.array(prices[:6]).reshape(2, 3),
        move=prices[6],
        area=np.array(prices[7:8]),
        seat=np.abs(np.array([prices[7:]])),
    )
    if certificate(problem, given_prices) > 1e-9:
        assert not possible_by_brute_force(problem)


def test_the_first_change_that_is_said_to_help_helps() -> None:
    case = planted("floors above the whole", 80, 5, seed=4)
    way = explain(case.question).ways[0]
    (change,) = way.changes
    floor = case.question.rules.bands[0]
    wider = dataclasses.replace(floor, low=floor.low * (1 - change.becomes))
    rules = dataclasses.replace(case.question.rules, bands=(wider,))
    assert not possible(case.question)
    assert possible(dataclasses.replace(case.question, rules=rules))
    hardly = dataclasses.replace(floor, low=floor.low * (1 - change.becomes / 1.15))
    less = dataclasses.replace(case.question.rules, bands=(hardly,))
    assert not possible(dataclasses.replace(case.question, rules=less))


def test_moves_are_raised_to_the_fewest_that_are_enough() -> None:
    case = planted("too few moves for a skill", 80, 5, seed=2)
    allowed = next(c for way in explain(case.question).ways for c in way.changes if c.rule == "moves")
    assert (allowed.value, allowed.becomes) == (4, 6)


def test_two_conflicts_at_once_are_both_ended() -> None:
    both = planted("more reps than accounts", 80, 5, seed=1).question
    needy = dataclasses.replace(both.accounts[-1], needs=frozenset({"unheard of"}), locked=False)
    found = explain(Question((*both.accounts[:-1], needy), both.reps, both.rules))
    assert found.minimal
    (way,) = found.ways
    assert {change.rule for change in way.changes} == {"staffing:north", "skill:unheard of"}


def test_a_skill_that_nobody_has_is_told_with_its_field_and_a_remedy() -> None:
    asked = Question((Account("a", 1, needs=frozenset({"cold"})), Account("b", 1)), force(2))
    (rule,) = explain(asked).rules
    assert rule.rule == "skill:cold"
    assert "accounts.needs_skills: got 'cold'" in rule.sentence
    assert "0 of 2 reps" in rule.sentence


def test_one_account_above_every_ceiling_is_named_itself() -> None:
    asked = Question((Account("huge", 9), Account("b", 1), Account("c", 2)), force(2))
    (rule,) = explain(asked).rules
    assert rule.rule == "band:workload"
    assert "huge alone has 9 h" in rule.sentence


def test_equal_accounts_that_do_not_divide_are_found_by_exact_search() -> None:
    asked = Question(tuple(Account(f"a{j}", 1) for j in range(3)), force(2), Rules(band=0.1))
    found = explain(asked)
    assert names(found) == {"band:workload"}
    assert found.minimal
    assert found.ways[0].changes[0].becomes == pytest.approx(1 / 3, abs=0.02)


def test_the_accounts_whose_locks_matter_are_named() -> None:
    asked = Question(
        (
            *(Account(f"small{j}", 0.1, incumbent="reps/r0", locked=True) for j in range(4)),
            *(Account(f"large{j}", 3.0, incumbent="reps/r0", locked=True) for j in range(2)),
            *(Account(f"free{j}", 1.0) for j in range(4)),
        ),
        force(3),
        Rules(band=0.5),
    )
    found = explain(asked)
    lock = next(rule for rule in found.rules if rule.rule == "lock:reps/r0")
    assert lock.parts == ("lock:large0", "lock:large1")
    assert found.ways[0].changes[0].sentence == "unlock large0"


def test_in_a_hurry_nothing_is_claimed() -> None:
    asked = Question(tuple(Account(f"a{j}", 1) for j in range(3)), force(2), Rules(band=0.1))
    found = explain(asked, lambda: True)
    assert (found.answer, found.rules, found.ways) == (Answer.OPEN, (), ())


def test_travel_to_visits_counts_against_a_ceiling() -> None:
    rng = np.random.default_rng(5)
    base = planted("a skill that nobody has", 60, 4, seed=3).question
    accounts = tuple(
        dataclasses.replace(
            a, needs=frozenset(), visits_per_week=float(rng.uniform(0.5, 1.5)), visit_hours=0.2
        )
        for a in base.accounts
    )
    problem = compiled(Question(accounts, base.reps, Rules(band=0.4))).problem
    # All that must be driven at least is more than what these ceilings leave.
    nearest = problem.low.sum() / (1 - 0.4)
    tight = Band("few hours", "workload", high=0.9 * nearest / 4)
    question = Question(accounts, base.reps, Rules(band=0.0, bands=(tight,)))
    found = conflict_in(Trials(Stated(question)))
    assert found.rules == ("few hours",)
    assert found.minimal


def test_a_conflict_that_the_linear_presolve_sees_is_proven() -> None:
    hours, workloads = (40.0, 20.0, 40.0), (2.0, 3.5, 3.5, 0.0, 3.5)
    reps = tuple(Rep(f"reps/{i}", each) for i, each in enumerate(hours))
    accounts = tuple(Account(f"a{j}", each) for j, each in enumerate(workloads))
    stated = Stated(Question(accounts, reps, Rules(band=0.2)))
    assert verdict(stated.problem(stated.names)).answer is Answer.IMPOSSIBLE
