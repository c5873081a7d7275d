"""Scarce means shared out: against going through everything, against another solver, and against what was promised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from fieldwise_allocation.core.resources import check, hulls
from fieldwise_allocation.core.resources.allocation import BudgetPlan, allocate
from fieldwise_allocation.core.resources.compiling import compiled
from fieldwise_allocation.core.resources.conflicts import explain, smallest
from fieldwise_allocation.core.resources.curves import Curve
from fieldwise_allocation.core.resources.duals import clear
from fieldwise_allocation.core.resources.feasibility import impossible
from fieldwise_allocation.core.resources.force import Force, size
from fieldwise_allocation.core.resources.programme import Programme, Rows
from fieldwise_allocation.core.resources.question import Cell, Level, Limit, Question, Resource
from fieldwise_allocation.core.resources.solving import Infeasible, solve
from tests.allocation.resource_builders import dense, every_choice, patience, programme, question, segments


def faultless(asked: Question, plan: BudgetPlan) -> bool:
    return not check.faults(asked, [one.level for one in plan.lines], [one.value for one in plan.lines])


@pytest.mark.parametrize("seed", range(25))
def test_small_plans_are_the_best_of_all_and_no_bound_is_below_them(seed: int) -> None:
    asked = programme(np.random.default_rng(seed))
    kept = every_choice(asked)
    if not kept:
        with pytest.raises(Infeasible):
            solve(asked, patience)
        return
    found = solve(asked, patience)
    assert asked.holds(found.choice)
    assert found.value == pytest.approx(max(asked.worth(choice) for choice in kept))
    assert found.ceiling >= found.value
    assert (found.price >= 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_that_of_the_linear_programme(seed: int) -> None:
    asked = programme(np.random.default_rng(seed), cells=60, options=8, rows=4)
    cost, rows, right, one = dense(asked)
    other = linprog(cost, rows, right, one, np.ones(60), method="highs")
    if other.status == 2:
        pytest.skip("the rows cannot be kept; the seed says nothing of a bound")
    assert clear(asked).ceiling == pytest.approx(-other.fun, rel=2e-5)
    assert clear(asked).ceiling >= -other.fun * (1 - 1e-9)


def test_one_sort_gives_the_value_and_the_price_of_every_budget() -> None:
    rng = np.random.default_rng(3)
    value, use = rng.uniform(0, 9, (30, 6)), rng.uniform(0, 5, (30, 6))
    way = hulls.way(value, use)
    for budget in np.linspace(way.use[0], way.use[-1] * 1.1, 9):
        everyone = np.ones((1, 30), dtype=bool)
        rows = Rows(np.zeros(1, dtype=np.int64), np.ones(1), np.array([budget]), everyone)
        cost, table, right, one = dense(Programme(value, use[None], rows))
        other = linprog(cost, table, right, one, np.ones(30), method="highs")
        assert way.worth(float(budget)) == pytest.approx(-other.fun)
        assert way.price(float(budget)) == pytest.approx(-other.ineqlin.marginals[0], abs=1e-9)


def test_three_kinds_of_means_are_shared_out_at_once_and_within_their_budgets() -> None:
    asked = question(segments(np.random.default_rng(1), 24))
    plan = allocate(asked, patience)
    assert faultless(asked, plan)
    assert plan.gap < 5e-3
    for resource in asked.resources:
        assert plan.totals[resource.name] <= resource.capacity * (1 + 1e-9)
    prices = {one.rule.id: one.price for one in plan.prices}
    assert max(prices.values()) > 0
    assert plan.low == plan.value == plan.high


def test_the_order_of_cells_changes_nothing() -> None:
    cells = segments(np.random.default_rng(2), 20)
    there = allocate(question(cells), patience)
    back = allocate(question(cells[::-1]), patience)
    assert [one.level for one in there.lines] == [one.level for one in back.lines][::-1]
    assert [one.price for one in there.prices] == [one.price for one in back.prices]


def test_a_price_is_what_one_more_unit_brings() -> None:
    asked = question(segments(np.random.default_rng(4), 200))
    plan = allocate(asked, patience)
    (index,) = [k for k, one in enumerate(plan.prices) if one.rule.id == "capacity of money"]
    price, room = plan.prices[index].price, 40.0
    assert price > 0
    money = replace(asked.resources[2], capacity=asked.resources[2].capacity + room)
    more = compiled(replace(asked, resources=(*asked.resources[:2], money)))
    gained = clear(more.programme).ceiling - plan.ceiling
    assert 0.5 * price * room <= gained + 1e-3 * plan.ceiling / 100
    assert gained <= price * room * 1.05 + 1e-5 * plan.ceiling


def test_any_amount_is_worth_no_less_than_whole_levels() -> None:
    rng = np.random.default_rng(5)
    whole = question(segments(rng, 8, step=2.0))
    free = replace(whole, cells=tuple(replace(cell, step=0.0) for cell in whole.cells))
    best_whole, best_free = allocate(whole, patience), allocate(free, patience)
    assert faultless(free, best_free)
    assert best_free.value >= best_whole.value
    assert best_free.ceiling >= best_free.worth
    assert best_free.gap < 2e-2


def test_any_amount_meets_a_rule_that_is_an_equality() -> None:
    cells = segments(np.random.default_rng(13), 6, step=0.0)
    exactly = Limit("hours spent", "hours", at_least=17.3, at_most=17.3)
    asked = question(cells, exactly, share=0.9)
    plan = allocate(asked, patience)
    assert faultless(asked, plan)
    assert plan.totals["hours"] == pytest.approx(17.3)


@pytest.mark.parametrize("seed", range(3))
def test_no_amount_drawn_at_random_is_worth_more_than_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked = replace(question(segments(rng, 8, step=0.0, spread=0.2), share=0.3), caution=1.0)
    plan = allocate(asked, patience)
    for _ in range(300):
        share = rng.uniform(0, 1, 8)
        for effort in (share * 10, share * 10 * 0.3):
            taken = [check.taken_by(cell, level) for cell, level in zip(asked.cells, effort, strict=True)]
            if any(sum(one[r.name] for one in taken) > r.capacity for r in asked.resources):
                continue
            curves = [cell.response for cell in asked.cells if isinstance(cell.response, Curve)]
            worth = sum(
                one["value"] - np.hypot(c.noise, c.spread * (one["value"] - c.lowest))
                for one, c in zip(taken, curves, strict=True)
            )
            assert worth <= plan.ceiling * (1 + 1e-9)


def test_floors_and_ceilings_of_channels_hold_and_have_prices() -> None:
    free = question(segments(np.random.default_rng(6), 20))
    used = allocate(free, patience)
    visited = sum(one.level for one in used.lines if one.cell.labels["channel"] == "visit")
    floor = Limit("visits", "hours", at_least=visited + 15, where={"channel": "visit"})
    bound = replace(free, limits=(floor,))
    plan = allocate(bound, patience)
    assert faultless(bound, plan)
    assert plan.value < used.value
    assert {one.rule.id: one.price for one in plan.prices}["visits at least"] > 0


def test_the_plan_nearest_to_today_is_as_good_and_changes_less() -> None:
    asked = replace(question(segments(np.random.default_rng(7), 20)), near=0.01)
    plan = allocate(asked, patience)
    assert plan.nearest is not None
    assert plan.nearest.value >= (1 - asked.near) * plan.value * (1 - 1e-9)
    assert plan.nearest.moved < plan.nearest.best_moved
    values = [check.value_of(c, level) for c, level in zip(asked.cells, plan.nearest.levels, strict=True)]
    assert not check.faults(asked, plan.nearest.levels, values)


def test_the_frontier_rises_ever_slower_and_stops_paying_at_the_break_even() -> None:
    cells = segments(np.random.default_rng(8), 40)
    resources = (Resource("money", 4000.0, "{currency}", unit_cost=1.0),)
    asked = Question(cells, resources, cost_of_capital=0.1, near=0.0)
    plan = allocate(asked, patience)
    values = np.array([point.value for point in plan.frontier])
    assert (np.diff(values) >= -1e-9).all()
    assert (np.diff(values, 2) <= 1e-6 * values[-1]).all()
    (even,) = plan.break_even
    at = {
        side: allocate(
            replace(asked, resources=(replace(resources[0], capacity=side * even.amount),)), patience
        )
        for side in (0.9, 1.1)
    }
    assert at[0.9].prices[0].price >= even.threshold >= at[1.1].prices[0].price


def promotions() -> Question:
    """Four products over three weeks; deeper discounts sell more and earn less."""
    rng = np.random.default_rng(9)
    cells = []
    for week in range(3):
        for product in range(4):
            base, lift = rng.uniform(80, 200), rng.uniform(1.5, 4)
            levels = []
            for depth in (0.0, 0.1, 0.2, 0.3):
                units = base * (1 + lift * depth**1.2 * 2)
                sales = units * 10 * (1 - depth)
                takes = {"stock": units, "sales": sales, "discount": units * 10 * depth}
                levels.append(Level(depth, sales - 6 * units, takes=takes))
            cells.append(Cell(f"p{product}/w{week}", tuple(levels), labels={"product": f"p{product}"}))
    return Question(tuple(cells))


def test_promotions_meet_every_key_figure_and_each_has_its_price() -> None:
    free = allocate(promotions(), patience)
    targets = (
        Limit("profit", "value", at_least=0.95 * free.value),
        Limit("stock-used", "stock", at_least=1.08 * free.totals["stock"]),
        Limit("depth", "discount", at_most=0.125, per="sales"),
    )
    asked = replace(promotions(), limits=targets)
    plan = allocate(asked, patience)
    assert faultless(asked, plan)
    assert plan.value < free.value
    reached = {one.rule.id: one for one in plan.prices}
    assert reached["stock-used at least"].price > 0
    assert reached["depth at most"].used <= 0.125 + 1e-9
    assert reached["depth at most"].used == pytest.approx(plan.totals["discount"] / plan.totals["sales"])


def test_contradicting_rules_are_named_and_the_way_out_is_one() -> None:
    cells = segments(np.random.default_rng(10), 20)
    impossible = (
        Limit("calls", "hours", at_least=60, where={"channel": "call"}),
        Limit("visits", "hours", at_least=50, where={"channel": "visit"}),
        Limit("harmless", "packs", at_least=1),
    )
    asked = replace(question(cells, *impossible), resources=(Resource("hours", 80.0),))
    with pytest.raises(Infeasible):
        allocate(asked, patience)
    ways = explain(compiled(asked), patience).ways
    assert {way.rule.id for way in ways} == {"capacity of hours", "calls at least", "visits at least"}
    needed = {way.rule.id: way.needed for way in ways}
    assert needed == {"capacity of hours": 110, "calls at least": 30, "visits at least": 20}
    mended = replace(asked, resources=(Resource("hours", 110.0),))
    assert faultless(mended, allocate(mended, patience))


def possible_in_shares(asked: Programme) -> bool:
    """By another solver's word."""
    cost, rows, right, one = dense(asked)
    ended: int = linprog(0 * cost, rows, right, one, np.ones(len(asked.value)), method="highs").status
    return ended == 0


@pytest.mark.parametrize("seed", range(25))
def test_a_conflict_is_one_and_needs_all_of_its_rules(seed: int) -> None:
    asked = programme(np.random.default_rng(1000 + seed), cells=8, rows=5)
    rows = smallest(asked)
    assert bool(rows.size) != possible_in_shares(asked)
    if rows.size and not impossible(asked).size:
        assert not possible_in_shares(asked.with_rows(asked.rows.only(rows)))
        for row in rows:
            others = asked.with_rows(asked.rows.only(rows[rows != row]))
            assert possible_in_shares(others)


def test_one_more_rep_than_the_best_number_costs_more_than_he_brings() -> None:
    cells = segments(np.random.default_rng(11), 24)
    asked = Question(cells, (Resource("hours"), Resource("money", 2000.0)), near=0.0)
    sized = size(asked, Force("hours", 40.0, 1200.0, 1, 5), patience)
    value = {one.reps: one.value for one in sized.curve}
    best = sized.best.reps
    assert 1 < best < 5
    assert value[best] - value[best - 1] >= 1200.0 * (1 - 1e-4)
    assert value[best + 1] - value[best] < 1200.0 * (1 + 1e-4)
    assert sized.plan.totals["hours"] <= 40 * best
    assert sized.plan.value <= value[best] * (1 + 1e-6)


def test_the_check_finds_what_was_planted() -> None:
    asked = question(segments(np.random.default_rng(12), 10))
    plan = allocate(asked, patience)
    levels, values = [one.level for one in plan.lines], [one.value for one in plan.lines]
    assert not check.faults(asked, levels, values)
    assert check.faults(asked, levels[:-1], values[:-1]) == ["9 levels for 10 cells"]
    for wrong, words in (
        ([10.0] * 10, "capacity of"),
        ([*levels[:-1], 11.0], "outside"),
        ([*levels[:-1], 2.5], "no multiple"),
    ):
        right = [check.value_of(cell, level) for cell, level in zip(asked.cells, wrong, strict=True)]
        assert any(words in fault for fault in check.faults(asked, wrong, right))
    assert any("the response says" in fault for fault in check.faults(asked, levels, [v + 1 for v in values]))
