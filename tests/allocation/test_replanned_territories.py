"""Repairing a plan after a change: every hard rule kept, a true bound, nobody moved without need, the same each time."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.allocation.least_moves import NEAR, least_moves
from fieldwise_allocation.core.territory.arcs import cheapest
from fieldwise_allocation.core.territory.breach import Breach
from fieldwise_allocation.core.territory.chains import chained
from fieldwise_allocation.core.territory.compile import compiled
from fieldwise_allocation.core.territory.few import few
from fieldwise_allocation.core.territory.found import Impossible, Watch
from fieldwise_allocation.core.territory.problem import (
    Floats,
    Ints,
    Problem,
    feasible,
    move_count,
    objective,
)
from fieldwise_allocation.core.territory.replan import filled, replan
from fieldwise_allocation.core.territory.search import Heat
from fieldwise_allocation.core.territory.solve import solve
from fieldwise_allocation.core.territory.undoing import Turns, undone
from fieldwise_allocation.plan_task import Task
from fieldwise_allocation.plan_worker import question_of
from tests.allocation.long_plans import long_request

Planned = tuple[Problem, Ints, Floats]


def problem_of(accounts: int = 400, reps: int = 8, seed: int = 0) -> Problem:
    request = long_request(accounts, reps, seed=seed)
    request.rules.workload_band = 0.15
    return compiled(question_of(Task(request.SerializeToString(), accounts, "USD"))).problem


def watch(seconds: float = 5.0) -> Watch:
    end = time.perf_counter() + seconds
    return Watch(lambda: end - time.perf_counter())


@pytest.fixture(scope="module")
def planned() -> Planned:
    problem = problem_of()
    found = solve(problem, watch(2.0))
    return replace(problem, incumbent=found.rep_of.astype(np.int32)), found.rep_of, -found.price[0]


def test_a_plan_that_nothing_broke_stays_as_it_is(planned: Planned) -> None:
    problem, start, prices = planned
    found = replan(problem, watch(), start, prices)
    assert feasible(problem, found.rep_of)
    assert found.objective == pytest.approx(objective(problem, start))
    assert (found.rep_of == start).all()


def test_doubled_demand_is_carried_within_the_bands(planned: Planned) -> None:
    problem, start, prices = planned
    amount = problem.amount.copy()
    amount[0, ::40] *= 2
    grown = amount[0].sum() / problem.amount[0].sum()
    changed = replace(problem, amount=amount, low=problem.low * grown, high=problem.high * grown)
    found = replan(changed, watch(), start, prices)
    assert feasible(changed, found.rep_of)
    assert found.objective == pytest.approx(objective(changed, found.rep_of))
    assert found.bound <= found.objective
    best = solve(changed, watch(3.0))
    assert found.bound <= best.objective * (1 + 1e-9)
    assert best.bound <= found.objective * (1 + 1e-9)


def test_accounts_without_a_rep_get_one_and_locks_hold(planned: Planned) -> None:
    problem, start, prices = planned
    lost = start.copy()
    lost[:15] = -1
    locked = problem.locked.copy()
    incumbent = problem.incumbent.copy()
    locked[100:103], incumbent[100:103] = True, (start[100:103] + 1) % problem.reps
    changed = replace(problem, locked=locked, incumbent=incumbent)
    found = replan(changed, watch(), lost, prices)
    assert feasible(changed, found.rep_of)
    assert (found.rep_of[100:103] == incumbent[100:103]).all()


def test_a_rep_without_a_price_of_before_takes_part(planned: Planned) -> None:
    problem, start, prices = planned
    unknown = prices.copy()
    unknown[3] = np.nan
    assert feasible(problem, replan(problem, watch(), start, unknown).rep_of)


def test_the_same_change_gives_the_same_plan(planned: Planned) -> None:
    problem, start, prices = planned
    lost = start.copy()
    lost[::29] = -1
    first, second = (replan(problem, watch(), lost, prices) for _ in range(2))
    assert (first.rep_of == second.rep_of).all()
    assert first.bound == second.bound


def test_a_repair_moves_fewer_accounts_than_a_new_plan_and_costs_little_more(planned: Planned) -> None:
    problem, start, prices = planned
    lost = start.copy()
    lost[::40] = -1
    free = replace(problem, incumbent=np.where(problem.locked, problem.incumbent, -1).astype(np.int32))
    found, best = replan(free, watch(), lost, prices), solve(free, watch(3.0))
    assert (found.rep_of != start).sum() < (best.rep_of != start).sum()
    assert found.objective < 1.05 * best.objective


def test_few_accounts_keep_the_rules_when_all_do(planned: Planned) -> None:
    problem, start, _ = planned
    problem = replace(problem, most_moves=12)
    arcs = cheapest(problem, np.zeros((len(problem.amount), problem.reps)), 0.0, 3)
    rng = np.random.default_rng(5)
    kept = set()
    for part in (2, 8, 20) * 20:
        rows = np.sort(rng.choice(problem.accounts, part, replace=False)).astype(np.int32)
        small = few(problem, arcs, start, rows)
        chosen = np.where(rng.random(part) < 0.8, start[rows], rng.integers(problem.reps, size=part)).astype(
            np.int32
        )
        kept.add(feasible(small.problem, chosen))
        assert feasible(small.problem, chosen) == feasible(problem, small.put(start, chosen))
    assert kept == {True, False}


def test_chains_without_heat_mend_a_plan_and_save_without_breaking_a_rule(planned: Planned) -> None:
    problem, start, _ = planned
    arcs = cheapest(problem, np.zeros((len(problem.amount), problem.reps)), 0.0, 4)
    firm = Breach(np.full(problem.low.shape, 1e6), 1e6)
    cold = Heat(20_000, 0.0, 0.0, 1.0)
    rng = np.random.default_rng(3)
    for most_moves in (None, 30):
        limited = replace(problem, most_moves=most_moves)
        worse = start.copy()
        astray = rng.choice(np.flatnonzero(~problem.locked), 20, replace=False)
        worse[astray] = arcs.rep[astray, 1]
        better = chained(limited, arcs, worse, cold, firm, seed=1)
        assert feasible(limited, better)
        assert objective(limited, better) < objective(limited, worse)


def test_undoing_moves_mends_a_plan_and_takes_moves_without_need_back(planned: Planned) -> None:
    problem, start, _ = planned
    charged = replace(problem, per_move=problem.per_move + 50.0)
    arcs = cheapest(charged, np.zeros((len(problem.amount), problem.reps)), 0.0, 4)
    firm = Breach(np.full(problem.low.shape, 1e6), 1e6)
    rng = np.random.default_rng(3)
    for most_moves in (None, 12):
        limited = replace(charged, most_moves=most_moves)
        worse = start.copy()
        astray = rng.choice(np.flatnonzero(~problem.locked), 20, replace=False)
        worse[astray] = arcs.rep[astray, 1]
        better = undone(limited, arcs, worse, Turns(800, 50.0, 5.0), firm, seed=1)
        assert feasible(limited, better)
        assert move_count(limited, better) < move_count(limited, worse) / 2
        assert (better == undone(limited, arcs, worse, Turns(800, 50.0, 5.0), firm, seed=1)).all()


def test_undoing_moves_keeps_soft_bands_as_long_as_that_pays(planned: Planned) -> None:
    problem, start, _ = planned
    soft = replace(problem, outside=np.full(problem.outside.shape, 3.0))
    arcs = cheapest(soft, np.zeros((len(problem.amount), problem.reps)), 0.0, 4)
    worse = start.copy()
    worse[::9] = arcs.rep[::9, 1]
    better = undone(soft, arcs, worse, Turns(800, 1.0, 0.1), Breach(np.zeros(soft.low.shape), 0.0), seed=1)
    assert objective(soft, better) < objective(soft, worse)


def test_undoing_moves_leaves_accounts_of_staffed_areas_alone(planned: Planned) -> None:
    problem, start, _ = planned
    area = np.where(np.arange(problem.accounts) % 2 == 0, 0, -1).astype(np.int32)
    staffed = replace(problem, area=area, least_reps=np.array([1], dtype=np.int32), low=problem.low * 1.1)
    arcs = cheapest(staffed, np.zeros((len(problem.amount), problem.reps)), 0.0, 4)
    astray = start.copy()
    astray[::16] = arcs.rep[::16, 1]
    found = undone(
        staffed, arcs, astray, Turns(50, 1.0, 1.0), Breach(np.full(problem.low.shape, 9.0), 0.0), seed=1
    )
    assert (found[area == 0] == astray[area == 0]).all()
    assert (found != astray).any()


def test_chains_leave_accounts_of_staffed_areas_alone(planned: Planned) -> None:
    problem, start, _ = planned
    area = np.where(np.arange(problem.accounts) % 2 == 0, 0, -1).astype(np.int32)
    staffed = replace(problem, area=area, least_reps=np.array([1], dtype=np.int32))
    arcs = cheapest(staffed, np.zeros((len(problem.amount), problem.reps)), 0.0, 4)
    hot = Heat(5000, 10.0, 1.0, 1.0)
    found = chained(staffed, arcs, start, hot, Breach(np.zeros(problem.low.shape), 0.0), seed=1)
    assert (found[area == 0] == start[area == 0]).all()
    assert (found != start).any()


def test_the_least_moves_are_never_above_those_of_any_plan() -> None:
    for seed in range(12):
        problem = problem_of(7, 2, seed)
        total = problem.amount[0].sum()
        rng = np.random.default_rng(seed)
        start = rng.integers(-1, 2, 7).astype(np.int32)
        problem = replace(
            problem,
            able=np.ones_like(problem.able),
            locked=np.zeros(7, dtype=np.bool_),
            incumbent=np.maximum(start, 0),
            low=np.full((1, 2), 0.35 * total),
            high=np.full((1, 2), 0.65 * total),
        )
        plans = [np.array(each, dtype=np.int32) for each in itertools.product(range(2), repeat=7)]
        kept = [each for each in plans if feasible(problem, each)]
        if not kept:
            continue
        best = min(objective(problem, each) for each in kept)
        moves = [(each != start).sum() for each in kept if objective(problem, each) <= (1 + NEAR) * best]
        assert least_moves(problem, start, best) <= min(moves)


def test_an_account_that_nobody_may_have_is_impossible(planned: Planned) -> None:
    problem, start, prices = planned
    able = np.vstack([problem.able, np.zeros((1, problem.reps), dtype=np.bool_)])
    kind = problem.kind.copy()
    kind[0] = len(able) - 1
    with pytest.raises(Impossible):
        replan(replace(problem, able=able, kind=kind), watch(), start, prices)


def test_filling_gives_nobody_a_rep_he_may_not_have(planned: Planned) -> None:
    problem, start, _ = planned
    kept = filled(problem, start)
    assert (kept == start).all()
    nobody = filled(problem, np.full_like(start, -1))
    assert ((nobody >= 0) & (nobody < problem.reps)).all()
