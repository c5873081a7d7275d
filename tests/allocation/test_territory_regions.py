"""Plans made in regions against every hard rule, against plans made whole, and whoever makes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fieldwise_allocation.core.territory import curvature, regional, regions
from fieldwise_allocation.core.territory.arcs import cheapest
from fieldwise_allocation.core.territory.bound import bound
from fieldwise_allocation.core.territory.bound import split as priced
from fieldwise_allocation.core.territory.curvature import Heard, bend, pattern
from fieldwise_allocation.core.territory.describe import prepared
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.newton import step
from fieldwise_allocation.core.territory.prices import climb
from fieldwise_allocation.core.territory.problem import (
    Ints,
    Problem,
    feasible,
    loads,
    move_count,
    objective,
    permitted,
    understaffed,
)
from fieldwise_allocation.core.territory.regions import Cut, split
from fieldwise_allocation.core.territory.solve import solve
from fieldwise_allocation.core.territory.spread import spread
from fieldwise_allocation.crew import hired
from fieldwise_allocation.plan_task import Hands
from tests.allocation.question_builders import with_every_rule
from tests.allocation.territory_problems import problem, watch

RULES: list[dict[str, int]] = [
    {},
    {"soft": True, "travel_hours": True},
    {"most_moves": 50, "staffing": True},
]


@pytest.fixture
def _small_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "LARGE", 0)
    monkeypatch.setattr(regions, "MOST_REPS", 3)
    monkeypatch.setattr(regional, "WAVES", (100,))


def _asked(rules: dict[str, int]) -> Problem:
    """A force of eight whose reps of today are mostly those who would share evenly."""
    asked = problem(160, 8, seed=1, **{"band": 0.2, **rules})  # type: ignore[arg-type]  # values of several types
    kept = spread(asked)
    today = np.where(np.arange(160) % 5 < 4, kept, np.maximum(asked.incumbent, 0)).astype(np.int32)
    today = np.where(permitted(replace(asked, incumbent=today), today), today, kept).astype(np.int32)
    return replace(asked, incumbent=today, locked=asked.locked & (today == kept))


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_a_plan_made_in_regions_keeps_every_hard_rule_and_its_bound_holds_for_a_plan_made_whole(
    rules: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _asked(rules)
    whole = solve(asked, watch(0.5))
    found = _in_regions(asked, monkeypatch)
    assert feasible(asked, found.rep_of)
    assert found.objective == pytest.approx(objective(asked, found.rep_of))
    assert found.bound <= whole.objective * (1 + 1e-9)
    assert whole.bound <= found.objective * (1 + 1e-9)
    assert bound(asked, found.price, found.move_price) == pytest.approx(found.bound, rel=1e-6)
    assert found.objective <= whole.objective * 1.05


def _in_regions(asked: Problem, monkeypatch: pytest.MonkeyPatch) -> Found:
    with monkeypatch.context() as forced:
        forced.setattr(regions, "LARGE", 0)
        forced.setattr(regions, "MOST_REPS", 3)
        forced.setattr(regional, "WAVES", (300,))
        return solve(asked, watch())


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.usefixtures("_small_regions")
def test_regions_hold_all_accounts_once_and_their_costs_and_rules_are_those_of_the_whole(
    rules: dict[str, int],
) -> None:
    asked = _asked(rules)
    rep_of = np.where(asked.incumbent >= 0, asked.incumbent, 0).astype(np.int32)
    for turn in range(3):
        cut = Cut.of(asked, rep_of, split(asked.home, turn))
        parts = [cut[index] for index in range(len(cut.groups))]
        assert sorted(np.concatenate([part.rows for part in parts])) == list(range(160))
        assert sorted(np.concatenate([part.reps for part in parts])) == list(range(8))
        together = np.full(160, -1, dtype=np.int32)
        for part in parts:
            together[part.rows] = part.reps[part.rep_of]
            assert loads(part.problem, part.rep_of) == pytest.approx(loads(asked, rep_of)[:, part.reps])
            assert (
                permitted(part.problem, part.rep_of).tolist() == permitted(asked, rep_of)[part.rows].tolist()
            )
            assert not understaffed(part.problem, part.rep_of).any()
        assert (together == rep_of).all()
        assert sum(objective(part.problem, part.rep_of) for part in parts) == pytest.approx(
            objective(asked, rep_of)
        )
        if asked.most_moves is not None:
            allowed = sum(part.problem.most_moves or 0 for part in parts)
            assert move_count(asked, rep_of) <= allowed <= asked.most_moves


@pytest.mark.usefixtures("_small_regions")
def test_plans_of_regions_that_keep_their_rules_are_together_a_plan_that_does() -> None:
    """Shifts at random that keep the rules of their region keep those of the whole."""
    asked, rng = _asked(RULES[2]), np.random.default_rng(0)
    rep_of = solve(asked, watch()).rep_of
    cut = Cut.of(asked, rep_of, split(asked.home, 1))
    changed = 0
    for index, reps in enumerate(cut.groups):
        part, now = cut[index].problem, cut[index].rep_of.copy()
        for _ in range(200):
            other = _one_elsewhere(now, len(reps), rng)
            now = other if feasible(part, other) else now
        changed += int((now != cut[index].rep_of).sum())
        rep_of = rep_of.copy()
        rep_of[cut.rows[index]] = reps[now]
    assert changed > 10
    assert feasible(asked, rep_of)


def _one_elsewhere(rep_of: Ints, reps: int, rng: np.random.Generator) -> Ints:
    other = rep_of.copy()
    other[rng.integers(len(other))] = rng.integers(reps)
    return other


def test_seams_lie_elsewhere_each_time() -> None:
    home = problem(400, 300, seed=2).home
    first, second = ({frozenset(group.tolist()) for group in split(home, turn)} for turn in (1, 2))
    assert max(map(len, first | second)) <= regions.MOST_REPS
    assert not first & second


@pytest.mark.usefixtures("_small_regions")
def test_shuffled_accounts_get_the_same_plan_in_regions() -> None:
    asked = with_every_rule(90, 6)
    order = np.random.default_rng(4).permutation(90)
    other = replace(asked, accounts=tuple(asked.accounts[j] for j in order))
    plans = []
    for each in (asked, other):
        frame = prepared(each).compiled
        found = solve(frame.problem, watch())
        plans.append(found)
    assert (plans[0].rep_of == plans[1].rep_of).all()
    assert plans[0].bound == plans[1].bound


@pytest.mark.usefixtures("_small_regions")
def test_other_processes_make_the_same_plan_of_regions_as_this_one() -> None:
    asked = _asked(RULES[1])
    alone = solve(asked, watch())
    with hired(
        Hands(processes=2, prepare="fieldwise_allocation.plan_worker:prepare"), asked.accounts
    ) as crew:
        together = solve(asked, watch(60), crew=crew)
    assert (together.rep_of == alone.rep_of).all()
    assert together.bound == alone.bound


def test_prices_of_many_reps_are_climbed_as_high_sparsely_as_densely(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem(200, 12, seed=6, band=0.1, soft=True, most_moves=60, travel_hours=True)
    dense = climb(asked)
    monkeypatch.setattr(curvature, "MOST_DENSE", 0)
    sparse = climb(asked)
    heights = [bound(asked, priced(asked, each.worth), each.move) for each in (dense, sparse)]
    assert heights[1] == pytest.approx(heights[0], rel=1e-4)


def test_a_sparse_step_is_the_dense_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, rng = problem(200, 12, seed=6, soft=True), np.random.default_rng(3)
    arcs = cheapest(asked, np.zeros((2, 12)), 0.0, 5)
    heard, share = Heard(arcs, asked.amount, asked.incumbent, 12), rng.dirichlet(np.ones(5), 200)
    share *= arcs.rep >= 0
    share /= share.sum(axis=1, keepdims=True)
    bands, slope, free = rng.random((2, 12)), rng.normal(size=25), np.append(rng.random(24) < 0.9, True)
    whole = bend(heard, None, share, 2.0, bands)
    monkeypatch.setattr(curvature, "MOST_DENSE", 0)
    parts = bend(heard, pattern(heard), share, 2.0, bands)
    assert parts.diagonal == pytest.approx(whole.diagonal)
    dense = step(whole, slope, free, 0.01)
    assert step(parts, slope, free, 0.01) == pytest.approx(dense, abs=1e-3 * np.abs(dense).max())
