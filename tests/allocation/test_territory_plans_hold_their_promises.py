"""Plans against brute force, against their own bound and against the rules."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_allocation.core.bound import lagrangian_bound
from fieldwise_allocation.core.instance import build
from fieldwise_allocation.core.linear import Infeasible
from fieldwise_allocation.core.question import Account, Question, Rep, Rules
from fieldwise_allocation.core.solve import solve
from fieldwise_allocation.core.verify import faults
from tests.allocation.builders import cheapest_by_brute_force, question, watch


@pytest.mark.parametrize("seed", range(4))
def test_a_small_plan_costs_what_brute_force_finds(seed: int) -> None:
    asked = question(8, 3, seed=seed, band=0.6)
    plan = solve(asked, watch())
    best = cheapest_by_brute_force(asked)
    assert plan.bound <= best * (1 + 1e-6)
    assert best - 1e-6 <= plan.objective <= best / (1 - plan.gap) + 1e-6
    assert plan.objective == pytest.approx(best, rel=1e-3)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    accounts=st.integers(2, 6),
    reps=st.integers(1, 3),
    band=st.sampled_from([0.3, 0.6, 1.0]),
)
def test_the_bound_is_never_above_the_best_plan_there_is(
    seed: int, accounts: int, reps: int, band: float
) -> None:
    asked = question(accounts, reps, seed=seed, band=band)
    best = cheapest_by_brute_force(asked)
    try:
        plan = solve(asked, watch())
    except Infeasible:
        assert best == np.inf
        return
    assert plan.bound <= best * (1 + 1e-6) + 1e-9
    assert faults(asked, plan) == []


@settings(max_examples=50, deadline=None, derandomize=True)
@given(prices=st.lists(st.floats(-500, 500), min_size=3, max_size=3), seed=st.integers(0, 20))
def test_any_prices_at_all_give_a_bound_that_holds(prices: list[float], seed: int) -> None:
    asked = question(5, 3, seed=seed, band=0.6)
    assert lagrangian_bound(build(asked), np.array(prices)) <= cheapest_by_brute_force(asked) + 1e-6


def test_a_plan_of_a_whole_force_is_near_its_bound_and_keeps_every_rule() -> None:
    asked = question(200, 6, band=0.1)
    plan = solve(asked, watch(5))
    assert faults(asked, plan) == []
    assert plan.gap < 0.02
    assert plan.outside_band == 0


def test_shuffling_accounts_and_reps_gives_the_same_plan() -> None:
    asked = question(80, 5, band=0.15)
    order = np.random.default_rng(1).permutation(80)
    shuffled = Question(tuple(asked.accounts[j] for j in order), asked.reps[::-1], asked.rules)
    first, second = solve(asked, watch(60)), solve(shuffled, watch(60))
    who = {a.name: asked.reps[i].name for a, i in zip(asked.accounts, first.rep_of, strict=True)}
    assert who == {
        a.name: shuffled.reps[i].name for a, i in zip(shuffled.accounts, second.rep_of, strict=True)
    }
    assert first.objective == pytest.approx(second.objective)


def test_without_places_and_incumbents_workload_and_value_are_spread_evenly() -> None:
    rng = np.random.default_rng(3)
    accounts = tuple(
        Account(f"customers/{j}", float(0.02 + rng.gamma(1, 0.1)), float(rng.gamma(1, 100)))
        for j in range(800)
    )
    asked = Question(accounts, tuple(Rep(f"reps/{i}", 40) for i in range(8)))
    plan = solve(asked, watch())
    assert (plan.objective, plan.bound, plan.gap) == (0, 0, 0)
    assert plan.values.max() / plan.values.min() < 1.1
    assert plan.loads.max() / plan.loads.min() < 1.1
    assert set(plan.reasons) == {"NEW"}
    assert plan.nearest is None
    assert plan.incumbent is None


def test_nobody_moves_when_today_is_balanced_and_nothing_is_gained() -> None:
    reps = tuple(Rep(f"reps/{i}", 40) for i in range(3))
    accounts = tuple(Account(f"customers/{j}", 1.0, 10.0, incumbent=reps[j % 3].name) for j in range(30))
    plan = solve(Question(accounts, reps), watch())
    assert not any(plan.moved)
    assert set(plan.reasons) == {"INCUMBENT"}


def test_an_account_whose_workload_triples_pushes_others_to_their_neighbours() -> None:
    reps = tuple(Rep(f"reps/{i}", 40) for i in range(2))
    accounts = [Account(f"customers/{j}", 1.0, 10.0 + j, incumbent=reps[j % 2].name) for j in range(20)]
    accounts[0] = dataclasses.replace(accounts[0], hours=6.0)
    plan = solve(Question(tuple(accounts), reps), watch())
    assert 1 <= sum(plan.moved) <= 3
    assert plan.gap < 0.5
    assert {r for r, m in zip(plan.reasons, plan.moved, strict=True) if m} == {"BALANCE"}


def test_reasons_name_skill_lock_and_shorter_ways() -> None:
    asked = question(60, 4, band=0.6)
    rep = asked.reps[0]  # has no skill b
    accounts = (
        dataclasses.replace(asked.accounts[0], needs=frozenset("b"), incumbent=rep.name),
        dataclasses.replace(asked.accounts[1], needs=frozenset(), incumbent=rep.name, locked=True),
        *asked.accounts[2:],
    )
    plan = solve(Question(accounts, asked.reps, asked.rules), watch())
    assert plan.reasons[:2] == ("SKILL", "LOCKED")
    assert "LESS_TRAVEL" in plan.reasons


def test_an_hour_of_a_full_rep_near_the_accounts_saves_travel() -> None:
    asked = question(200, 4, band=0.1, incumbents=False)
    plan = solve(asked, watch())
    full = np.argmax(plan.hour_prices)
    assert plan.hour_prices[full] > 0
    assert plan.loads[full] > plan.targets[full]


def test_the_time_limit_ends_the_search_with_a_plan() -> None:
    asked = question(600, 12, band=0.05)
    start = time.perf_counter()
    plan = solve(asked, watch(1.0))
    assert faults(asked, plan) == []
    assert time.perf_counter() - start < 6


def test_accounts_without_workload_go_to_the_nearest_rep() -> None:
    asked = question(12, 3, skills=False, incumbents=False)
    idle = tuple(dataclasses.replace(account, hours=0.0) for account in asked.accounts)
    plan = solve(Question(idle, asked.reps, Rules()), watch())
    assert plan.objective == 0
    assert faults(Question(idle, asked.reps, Rules()), plan) == []
