"""What a plan says of its rules, its moves and what stands beside it, against counting by hand and a second way to count."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from google.type import latlng_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise.allocation.v1 import territory_service_pb2 as territory_pb
from fieldwise_allocation import territory_wire
from fieldwise_allocation.core.checks import faults as question_faults
from fieldwise_allocation.core.question import Account, Band, Place, Question, Rep, Rules, Staffing
from fieldwise_allocation.core.territory import problem as territory
from fieldwise_allocation.core.territory.audit import audited
from fieldwise_allocation.core.territory.compile import compiled
from fieldwise_allocation.core.territory.contiguity import connected, drawn
from fieldwise_allocation.core.territory.describe import prepared
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.k_means import cheapest_match, k_means
from fieldwise_allocation.core.territory.ledger import Ledger
from fieldwise_allocation.core.territory.staying import returns
from tests.allocation.allocation_servers import allocation, dollars, plan_of, plan_request
from tests.allocation.question_builders import some_plan, with_every_rule


@pytest.mark.parametrize("seed", range(8))
def test_the_audit_counts_what_the_problem_counts(seed: int) -> None:
    asked = with_every_rule(30, 3, seed=seed)
    asked = dataclasses.replace(asked, rules=dataclasses.replace(asked.rules, contiguity_cost=0.0))
    way = compiled(asked)
    rng = np.random.default_rng(seed)
    for _ in range(30):
        rep_of = rng.integers(0, 3, 30).astype(np.int32)
        found = audited(Ledger(asked), rep_of)
        solved = way.solved(rep_of)
        assert found.objective == pytest.approx(territory.objective(way.problem, solved))
        assert (not found.broken) == territory.feasible(way.problem, solved)
        assert sum(each.cost for each in found.rule_costs) == pytest.approx(found.objective)


def test_the_order_of_accounts_and_reps_changes_no_column() -> None:
    asked = with_every_rule(30, 3)
    order = np.random.default_rng(1).permutation(30)
    shuffled = Question(tuple(asked.accounts[j] for j in order), asked.reps[::-1], asked.rules)
    for name in territory.Problem.__dataclass_fields__:
        one, other = getattr(compiled(asked).problem, name), getattr(compiled(shuffled).problem, name)
        np.testing.assert_allclose(one, other, err_msg=name)


@pytest.mark.parametrize("seed", range(4))
def test_staying_is_told_as_the_plan_with_that_account_put_back_costs(seed: int) -> None:
    asked = with_every_rule(40, 3, seed=seed)
    asked = dataclasses.replace(asked, rules=dataclasses.replace(asked.rules, contiguity_cost=0.0))
    _, plan = some_plan(asked)
    names = [rep.name for rep in asked.reps]
    for s, j in enumerate(plan.staying.account.tolist()):
        back = plan.rep_of.copy()
        back[j] = names.index(asked.accounts[j].incumbent)
        told = plan.staying.travel[s] + plan.staying.move[s] + plan.staying.band[s]
        there = audited(Ledger(asked), back)
        assert there.objective - plan.objective == pytest.approx(told)
        assert bool(there.broken) == bool(plan.staying.breaks[s])


def test_no_account_moves_for_nothing() -> None:
    asked = with_every_rule(60, 4, seed=3)
    frame, plan = some_plan(asked)
    back = returns(frame.compiled.problem, frame.compiled.solved(plan.rep_of))
    assert len(back.rows) > 0
    assert not (~back.barred & (back.total < 0)).any()
    assert "SEARCH_ENDED" not in plan.reasons


def test_hours_at_work_and_on_the_way_are_visits_times_both() -> None:
    account = Account("a", 1.0, place=Place(10.0, 10.0), visit_hours=0.5, visits_per_week=2.0)
    reps = (Rep("near", 40, Place(10.0, 10.0)), Rep("far", 40, Place(10.0, 11.0)))
    asked = Question((account,), reps, Rules(speed=65.0))
    far = audited(Ledger(asked), np.array([1]))
    km = far.travel_km
    assert km == pytest.approx(1.3 * 111.19 * np.cos(np.radians(10)), rel=1e-3)
    assert far.loads[1] == pytest.approx(1.0 + 2 * 0.5 + 2 * 2 * km / 65)
    # The whole that is shared counts the way from the nearest rep.
    assert far.targets.sum() == pytest.approx(2.0)


def test_a_part_timer_has_a_part_of_the_share() -> None:
    asked = Question(
        tuple(Account(f"a{j}", 1.0) for j in range(16)), (Rep("full", 40), Rep("part", 40, share=0.6))
    )
    assert audited(Ledger(asked), np.zeros(16, dtype=np.int32)).targets == pytest.approx([10, 6])


def test_two_islands_of_one_rep_are_not_connected() -> None:
    islands = np.array([(0.0, 10.0 * k + 0.01 * j) for k in range(3) for j in range(4)])
    hours = np.ones(12)
    of_one = connected(drawn(islands, 3), hours, np.repeat([0, 1, 0], 4), 2)
    assert of_one.largest.tolist() == [4, 4]
    assert of_one.total.tolist() == [8, 4]
    assert of_one.share == pytest.approx(8 / 12)
    assert connected(drawn(islands, 3), hours, np.repeat([0, 0, 1], 4), 2).share == 1
    assert of_one.inside.sum() == 8


@pytest.mark.parametrize("seed", range(6))
def test_clusters_meet_homes_in_the_cheapest_way(seed: int) -> None:
    cost = np.random.default_rng(seed).random((5, 5))
    best = min(sum(cost[i, p[i]] for i in range(5)) for p in itertools.permutations(range(5)))
    match = cheapest_match(cost)
    assert sorted(match.tolist()) == list(range(5))
    assert cost[np.arange(5), match].sum() == pytest.approx(best)


def test_k_means_finds_towns_and_gives_each_to_the_rep_who_lives_there() -> None:
    rng = np.random.default_rng(0)
    towns = np.eye(3)
    which = rng.integers(0, 3, 300)
    places = towns[which] + rng.normal(0, 0.01, (300, 3))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    homes = towns[[2, 0, 1]]
    assert (k_means(places, homes) == np.array([1, 2, 0])[which]).all()


def test_every_rule_of_a_message_reaches_the_question() -> None:
    message = plan_pb2.TerritoryRules(
        bands=[
            plan_pb2.Band(measure="value", width=0.2, cost=3),
            plan_pb2.Band(id="hours", measure="workload", low=3, high=9),
        ],
        most_moves=0,
        staffing=[plan_pb2.Staffing(area="north", least_reps=2)],
        balance_cost=4,
    )
    rules = territory_wire.rules_from(message)
    assert rules.bands[0] == Band("band:value", "value", width=0.2, cost=3)
    assert rules.bands[1] == Band("hours", "workload", low=3, high=9)
    assert (rules.band, rules.most_moves) == (0.0, 0)
    assert rules.staffing == (Staffing("north", 2),)
    assert [band.id for band in rules.all_bands()] == ["band:value", "hours", "balance"]
    plain = territory_wire.rules_from(plan_pb2.TerritoryRules())
    assert (plain.band, plain.most_moves, plain.speed) == (0.1, None, 50.0)


def test_every_fault_of_the_rules_is_told_at_once() -> None:
    accounts = (
        Account("a", -1.0, measures=(("beds", -2.0), ("value", 1.0))),
        Account("a", 1.0, visit_hours=1.0, place=Place(0.0, 0.0)),
        Account("c", 1.0, locked=True),
    )
    rules = Rules(
        bands=(
            Band("x", "tables", width=0.1),
            Band("x", "beds", low=3, high=2),
            Band("moves", "beds", width=0.1, low=1.0),
            Band("y", "beds", reps=frozenset({"nobody"})),
        ),
        staffing=(Staffing("nowhere", 1), Staffing("nowhere", 2)),
    )
    told = {fault.field for fault in question_faults(Question(accounts, (Rep("r", 0.0),), rules))}
    assert told == {
        "accounts[0].workload_hours",
        "accounts[0].measures[beds]",
        "accounts[0].measures[value]",
        "accounts[0].place",
        "accounts[1].name",
        "accounts[1].place",
        "accounts[1].visit_hours",
        "accounts[2].incumbent",
        "accounts[2].place",
        "reps[0].hours_per_week",
        "rules.bands[0].measure",
        "rules.bands[1].id",
        "rules.bands[1].high",
        "rules.bands[2].id",
        "rules.bands[2].width",
        "rules.bands[3]",
        "rules.bands[3].reps",
        "rules.staffing[0].area",
        "rules.staffing[1].area",
    }


def test_a_place_far_from_everything_is_pointed_out() -> None:
    accounts = tuple(Account(f"a{j}", 1.0, place=Place(48.0 + 0.1 * j, 8.0)) for j in range(6))
    at_sea = Account("lost", 1.0, place=Place(-40.0, -20.0))
    asked = Question((*accounts, at_sea), (Rep("r", 40, Place(48.0, 8.0)),), Rules(band=1.0))
    (told,) = prepared(asked).warnings
    assert "lost" in told
    assert "at sea" in told
    assert prepared(Question(accounts, asked.reps)).warnings == ()


def test_homes_that_were_chosen_are_told_and_measured_from() -> None:
    accounts = tuple(Account(f"a{j}", 1.0, place=Place(48.0, 8.0 + j)) for j in range(4))
    asked = Question(accounts, (Rep("pinned", 40, Place(48.0, 8.0)), Rep("free", 40)), Rules(band=1.0))
    frame = prepared(asked)
    assert frame.compiled.free.tolist() == [True, False]  # by name
    home = frame.compiled.problem.home.copy()
    home[0] = frame.compiled.problem.place[3]
    found = Found(np.array([1, 1, 0, 0], dtype=np.int32), 0.0, 0.0, np.zeros((1, 2)), 0.0, home)
    plan = frame.described(found)
    assert plan.chosen[0] is None
    assert plan.chosen[1] is not None
    assert (plan.chosen[1].latitude, plan.chosen[1].longitude) == pytest.approx((48.0, 11.0))
    assert plan.km[3] == pytest.approx(0.0, abs=1e-6)


async def test_a_plan_with_every_rule_comes_back_with_what_each_costs(tmp_path: Path) -> None:
    reps = [
        rep_pb2.Rep(name=f"reps/{i}", hours_per_week=40, home=latlng_pb2.LatLng(latitude=48, longitude=8 + i))
        for i in range(3)
    ]
    request = plan_request(30, reps=reps)
    for j, account in enumerate(request.accounts):
        account.place.latitude, account.place.longitude = 48 + 0.01 * j, 8 + (j % 3) * 0.7
        account.incumbent = f"reps/{(j // 7) % 3}"
        account.visits_per_week, account.visit_hours = 0.5, 0.25
        account.measures["beds"] = j % 5
        account.area = "north" if j < 6 else ""
    request.rules.workload_band = 0.4
    request.rules.time_limit_seconds = 30
    request.rules.most_moves = 20
    request.rules.balance_cost = 1
    request.rules.bands.add(measure="beds", width=0.5)
    request.rules.staffing.add(area="north", least_reps=2)
    async with allocation(tmp_path) as served:
        plan = plan_of(await served.plan(request))
    costs = {each.rule: each for each in plan.rule_costs}
    assert sum(each.cost for each in plan.rule_costs) == pytest.approx(plan.objective)
    assert {"travel", "continuity", "band:workload", "balance", "band:beds", "contiguity", "moves"} <= set(
        costs
    )
    assert plan.bound <= plan.objective
    assert plan.k_means.travel_km > 0
    assert len(plan.k_means_rep) == 30
    assert plan.incumbent.moves == 0
    moved = [each for each in plan.assignments if each.moved]
    assert all(each.HasField("staying") for each in moved)
    assert len({each.rep for each in plan.assignments[:6]}) >= 2
    assert [load.measures[0].rule for load in plan.loads] == ["band:beds"] * 3


async def test_a_caller_learns_which_rules_conflict_and_what_helps(tmp_path: Path) -> None:
    async with allocation(tmp_path) as served:
        await served.hire("reps/a", "reps/b")
        asked = plan_request()
        asked.accounts[3].needs_skills.append("cold")
        answer = await served.territories.ExplainInfeasibility(
            territory_pb.ExplainInfeasibilityRequest(accounts=asked.accounts)
        )
        sound = await served.territories.ExplainInfeasibility(
            territory_pb.ExplainInfeasibilityRequest(accounts=plan_request().accounts)
        )
    assert answer.verdict == territory_pb.VERDICT_IMPOSSIBLE
    assert [rule.rule for rule in answer.rules] == ["skill:cold"]
    assert answer.minimal
    assert [change.becomes for change in answer.relaxations[0].changes] == [1]
    assert (sound.verdict, list(sound.rules)) == (territory_pb.VERDICT_POSSIBLE, [])


def test_amounts_of_another_currency_are_refused_in_a_question() -> None:
    request = plan_request(1)
    request.accounts[0].value.CopyFrom(dollars(5))
    assert territory_wire.question_from(request, (), "USD").accounts[0].value == pytest.approx(5e-6)


async def test_a_part_timer_whose_home_is_free_comes_back_as_he_was_sent(tmp_path: Path) -> None:
    rep = rep_pb2.Rep(name="reps/wang", hours_per_week=40, share_of_full_time=0.6, free_home=True)
    async with allocation(tmp_path) as served:
        await served.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id="1"))
        assert await served.calls.GetRep(service_pb2.GetRepRequest(name="reps/wang")) == rep
