"""Assignments of small questions against trying all, and what holds for every question."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from fieldwise_allocation.core.assignment import check
from fieldwise_allocation.core.assignment.annealing import Round
from fieldwise_allocation.core.assignment.bundles import gathered
from fieldwise_allocation.core.assignment.knapsack import packed
from fieldwise_allocation.core.assignment.outcome import Infeasible, NoPlanFound
from fieldwise_allocation.core.assignment.plan import Compiled, Plan
from fieldwise_allocation.core.assignment.prices import bound_at, price
from fieldwise_allocation.core.assignment.programme import Columns, best_of
from fieldwise_allocation.core.assignment.question import Agent, Item, Pair, Question
from fieldwise_allocation.core.assignment.solve import solve
from fieldwise_allocation.core.assignment.trades import traded
from tests.allocation.assignments import cheapest_by_brute_force, question, solved, watch

KINDS: list[dict[str, bool]] = [
    {},
    {"optional": True},
    {"counted": True},
    {"forbidden": True, "optional": True},
    {"profit": True},
    {"whole": False},
    {"profit": True, "optional": True, "counted": True, "whole": False},
]


def planned(asked: Question, *, lane: int = 0) -> Plan:
    compiled = Compiled.of(asked)
    found = solve(compiled.problem, watch(), lane=lane)
    return compiled.plan(found.agent_of, bound=found.bound, unit=found.unit, item=found.item)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "+".join(kind) or "plain")
def test_small_questions_are_answered_as_well_as_by_trying_all(kind: dict[str, bool]) -> None:
    for seed in range(3):
        asked = question(6, 3, seed=seed, tightness=0.9 + 0.1 * seed, **kind)
        problem = Compiled.of(asked).problem
        best = cheapest_by_brute_force(problem)
        if np.isinf(best):
            with pytest.raises(Infeasible):
                solve(problem, watch())
            continue
        _, found = solved(asked)
        assert found.objective == pytest.approx(best)
        assert found.bound == pytest.approx(best)
        assert problem.feasible(found.agent_of)
        assert not check.faults(asked, planned(asked))


def test_the_bound_is_below_the_best_plan_at_any_prices() -> None:
    rng = np.random.default_rng(3)
    for seed in range(5):
        problem = Compiled.of(question(6, 3, seed=seed, tightness=1.0, counted=True)).problem
        best = cheapest_by_brute_force(problem)
        prices = price(problem, lambda: 60.0)
        assert prices.bound <= best + 1e-9
        for _ in range(20):
            assert bound_at(problem, rng.gamma(1.0, 2.0, 3), rng.gamma(1.0, 5.0, 3)) <= best + 1e-9


def test_the_bound_by_bundles_is_closer_and_still_below_the_best_plan() -> None:
    for seed in range(5):
        problem = Compiled.of(question(7, 3, seed=seed, tightness=1.0)).problem
        prices = price(problem, lambda: 60.0)
        closer = gathered(problem, prices, [], lambda: False).bound
        assert prices.bound - 0.5 <= closer <= cheapest_by_brute_force(problem) + 1e-9


def test_a_bundle_is_the_best_of_all_that_fit() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        value, weight = rng.normal(3, 5, 8), rng.integers(0, 9, 8)
        inside = np.zeros(8, dtype=np.int64)
        worth = packed(value, weight, 15, inside)
        subsets = (np.array(each) for each in itertools.product((0, 1), repeat=8))
        best = max(float(value @ each) for each in subsets if weight @ each <= 15)
        assert worth == pytest.approx(best)
        assert value @ inside == pytest.approx(best)
        assert weight @ inside <= 15


def test_trades_keep_capacities_and_find_at_least_what_trying_all_of_their_moves_finds() -> None:
    won = 0
    for seed in range(6):
        problem = Compiled.of(question(9, 4, seed=seed, tightness=1.1)).problem
        prices = price(problem, lambda: 60.0)
        reduced = prices.reduced(problem)
        start = next(
            plan for plan in np.random.default_rng(seed).integers(0, 4, (10_000, 9)) if problem.feasible(plan)
        )
        aside = reduced.copy()
        aside[np.arange(9), start] = np.inf
        ways = itertools.product(*zip(start.tolist(), aside.argmin(axis=1).tolist(), strict=True))
        plans = (np.array(way) for way in ways)
        best = min(problem.objective(plan) for plan in plans if problem.feasible(plan))
        found = traded(problem, prices, reduced, Round(0.01, 4, 1, seed, start), lambda: False)
        assert found is not None
        assert problem.feasible(found[0])
        assert problem.objective(found[0]) == found[1] <= best
        won += found[1] < problem.objective(start)
    assert won


def test_trades_of_three_keep_capacities_where_five_agents_have_the_items() -> None:
    problem = Compiled.of(question(30, 5, seed=2, tightness=1.1)).problem
    prices = price(problem, lambda: 60.0)
    plans = np.random.default_rng(0).integers(0, 5, (10_000, 30))
    start = next(plan for plan in plans if problem.feasible(plan))
    task = Round(0.5, 5, 500, 0, start)
    found = traded(problem, prices, prices.reduced(problem), task, lambda: False, 3)
    assert found is not None
    assert problem.feasible(found[0])
    assert problem.objective(found[0]) == found[1] < problem.objective(start)


def test_a_plan_is_called_best_only_when_none_is_cheaper_however_large_the_costs() -> None:
    for seed in range(3):
        small = Compiled.of(question(12, 3, seed=seed, tightness=0.9)).problem
        large = replace(small, cost=small.cost + 1e6)
        everywhere = Columns.of(small, np.isfinite(small.cost)), Columns.of(large, np.isfinite(large.cost))
        one, other = (best_of(columns, seconds=60.0, nodes=100_000) for columns in everywhere)
        assert one.complete
        assert other.complete
        assert one.agent_of is not None
        assert other.agent_of is not None
        assert small.objective(other.agent_of) == small.objective(one.agent_of)


def test_shuffled_rows_change_nothing() -> None:
    asked = question(24, 4, seed=1, tightness=0.9, forbidden=True)
    rng = np.random.default_rng(0)
    shuffled = replace(
        asked,
        items=tuple(asked.items[j] for j in rng.permutation(24)),
        agents=tuple(asked.agents[i] for i in rng.permutation(4)),
        pairs=tuple(asked.pairs[k] for k in rng.permutation(len(asked.pairs))),
    )
    one, other = planned(asked), planned(shuffled)
    first = {item.name: agent for item, agent in zip(asked.items, one.agent_of, strict=True)}
    second = {item.name: agent for item, agent in zip(shuffled.items, other.agent_of, strict=True)}
    assert first == second
    assert one.objective == other.objective
    prices = {agent.name: price for agent, price in zip(asked.agents, one.capacity_prices, strict=True)}
    assert prices == {
        agent.name: price for agent, price in zip(shuffled.agents, other.capacity_prices, strict=True)
    }


def test_other_lanes_find_other_ways_to_plans_as_faultless() -> None:
    asked = question(24, 4, seed=2, tightness=0.9)
    plans = [planned(asked, lane=lane) for lane in (0, 1)]
    assert not any(check.faults(asked, plan) for plan in plans)
    assert max(plan.bound for plan in plans) <= min(plan.objective for plan in plans) + 1e-9


def test_more_capacity_never_costs_and_is_worth_at_most_its_price() -> None:
    asked = question(18, 3, seed=5, tightness=0.9, whole=False)
    plan = planned(asked)
    for i, price_of in enumerate(plan.capacity_prices):
        agents = list(asked.agents)
        agents[i] = replace(agents[i], capacity=(agents[i].capacity or 0.0) + 1.0)
        # The bound is concave in capacity: the price is the slope of the relaxation from above.
        wider = planned(replace(asked, agents=tuple(agents)))
        assert wider.bound >= plan.bound - price_of - 1e-6 or wider.objective <= plan.objective


def test_an_item_goes_where_nothing_is_said_of_its_pair_at_its_own_terms() -> None:
    asked = Question((Item("a", use=2, cost=5), Item("b", use=2, cost=7)), (Agent("x", 2), Agent("y", 2)))
    plan = planned(asked)
    assert sorted(plan.agent_of) == ["x", "y"]
    assert plan.objective == 12


def test_only_listed_pairs_are_used_when_asked_for() -> None:
    pairs = (Pair("a", "y", cost=3), Pair("b", "x", cost=4))
    asked = Question((Item("a"), Item("b")), (Agent("x"), Agent("y")), pairs, only_listed=True)
    assert planned(asked).agent_of == ("y", "x")


def test_an_item_is_left_out_when_that_is_cheaper() -> None:
    asked = Question((Item("a", cost=9, leave_out=2), Item("b", cost=1, leave_out=2)), (Agent("x"),))
    plan = planned(asked)
    assert (plan.agent_of, plan.objective) == (("", "x"), 3)


@pytest.mark.parametrize(
    "asked",
    [
        Question((Item("a", use=3),), (Agent("x", 2),)),
        Question((Item("a", use=2), Item("b", use=2)), (Agent("x", 3),)),
        Question((Item("a"), Item("b")), (Agent("x", most=1),)),
        Question((Item("a", use=2), Item("b", use=2), Item("c", use=2)), (Agent("x", 3), Agent("y", 3))),
    ],
    ids=["one item too large", "too much in all", "too many in number", "whole items do not fit"],
)
def test_what_cannot_be_assigned_is_proven_impossible(asked: Question) -> None:
    with pytest.raises(Infeasible):
        planned(asked)


def test_a_negative_time_left_ends_the_search_and_not_the_solver() -> None:
    compiled = Compiled.of(question(200, 10, seed=4))
    late = replace(watch(), seconds_left=lambda: -1.0)
    with pytest.raises(NoPlanFound):
        solve(compiled.problem, late)


FAULTS = {
    "other agent than allowed": lambda plan: replace(plan, agent_of=("agent1", *plan.agent_of[1:])),
    "left out": lambda plan: replace(plan, agent_of=("", *plan.agent_of[1:])),
    "stranger": lambda plan: replace(plan, agent_of=("nobody", *plan.agent_of[1:])),
    "one too few": lambda plan: replace(plan, agent_of=plan.agent_of[1:]),
    "all with one": lambda plan: replace(plan, agent_of=("agent0",) * len(plan.agent_of)),
    "objective": lambda plan: replace(plan, objective=plan.objective - 1),
    "bound": lambda plan: replace(plan, bound=plan.objective + 1),
    "price": lambda plan: replace(plan, capacity_prices=(-1.0, *plan.capacity_prices[1:])),
}


@pytest.mark.parametrize("planted", FAULTS)
def test_a_planted_fault_is_found_by_the_check(planted: str) -> None:
    asked = question(12, 3, seed=1)
    asked = replace(
        asked,
        pairs=tuple(
            Pair(p.item, p.agent, forbidden=True) if (p.item, p.agent) == ("item0", "agent1") else p
            for p in asked.pairs
        ),
    )
    plan = planned(asked)
    assert not check.faults(asked, plan)
    assert check.faults(asked, FAULTS[planted](plan))
