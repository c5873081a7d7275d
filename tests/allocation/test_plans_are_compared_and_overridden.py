"""Plans beside each other, an earlier practice brought in, and a manager's wishes with their cost, against naive sums."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import territory_wire
from fieldwise_allocation.core.plans.alternatives import alternatives
from fieldwise_allocation.core.territory.compile import compiled
from tests.allocation.allocation_servers import Allocation, allocation, fault_of, moment
from tests.allocation.plan_builders import (
    CURRENCY,
    asked,
    by_turns,
    keep,
    keeps_rules,
    naive_cost,
    naive_loads,
    plan_message,
    road,
)

Hands = dict[str, str]


@dataclass(frozen=True)
class World:
    """A server with one plan in it, and the question that it answers."""

    served: Allocation
    asked: service_pb2.PlanTerritoriesRequest
    plan: plan_pb2.TerritoryPlan

    @property
    def rep_of(self) -> Hands:
        return {each.account: each.rep for each in self.plan.assignments}

    async def override(
        self,
        wish: Hands,
        *,
        request_id: str = "wish",
        accept_broken_rules: bool = False,
        validate_only: bool = False,
    ) -> plans_pb2.OverridePlanResponse:
        request = plans_pb2.OverridePlanRequest(
            name=self.plan.name,
            request_id=request_id,
            decision_time=moment(),
            assignments=hands(wish),
            actor="Ann",
            accept_broken_rules=accept_broken_rules,
            validate_only=validate_only,
        )
        return await self.served.plans.OverridePlan(request)

    async def practice(self, rep_of: Hands) -> plan_pb2.TerritoryPlan:
        request = plans_pb2.ImportPlanRequest(
            parent=self.plan.name,
            request_id="practice",
            decision_time=moment(),
            assignments=hands(rep_of),
            display_name="2023",
        )
        return await self.served.plans.ImportPlan(request)

    async def whole(self, name: str) -> plan_pb2.TerritoryPlan:
        return await self.served.calls.GetPlan(service_pb2.GetPlanRequest(name=name))


def hands(rep_of: Hands) -> list[plan_life_pb2.HandAssignment]:
    return [plan_life_pb2.HandAssignment(account=account, rep=rep) for account, rep in rep_of.items()]


@pytest.fixture
async def world(sqlite_database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    request = asked()
    plan = plan_message(request, by_turns(request))
    await keep(sqlite_database_url, (request, plan))
    async with allocation(tmp_path, FIELDWISE_ALLOCATION_DATABASE_URL=sqlite_database_url) as served:
        yield World(served, request, plan)


# ---- comparison ---------------------------------------------------------------------------------------------------


async def test_a_comparison_says_what_naive_sums_over_both_plans_say(world: World) -> None:
    other = dict(zip(world.rep_of, np.roll(list(world.rep_of.values()), 1), strict=True))
    practice = await world.practice(other)
    request = plans_pb2.ComparePlansRequest(plan=world.plan.name, base=practice.name, most_moves=5)
    found = await world.served.plans.ComparePlans(request)
    value = {account.name: account.value.micros for account in world.asked.accounts}
    hours = {account.name: account.workload_hours for account in world.asked.accounts}
    moved = [name for name in value if world.rep_of[name] != other[name]]
    assert found.accounts_moved == len(moved)
    assert found.value_moved.micros == sum(value[name] for name in moved)
    assert found.hours_moved == pytest.approx(sum(hours[name] for name in moved))
    assert (found.accounts_added, found.accounts_removed) == (0, 0)
    for totals, rep_of in ((found.plan_totals, world.rep_of), (found.base_totals, other)):
        assert totals.objective == pytest.approx(naive_cost(world.asked, rep_of))
        loads = naive_loads(world.asked, rep_of)
        share = sum(loads.values()) / len(loads)
        assert totals.worst_deviation == pytest.approx(max(abs(load / share - 1) for load in loads.values()))
    homes = {rep.name: rep.home for rep in world.asked.reps}
    places = {account.name: account.place for account in world.asked.accounts}
    for each in found.reps:
        own = [name for name, rep in world.rep_of.items() if rep == each.rep]
        before = [name for name, rep in other.items() if rep == each.rep]
        assert each.plan_km == pytest.approx(sum(road(homes[each.rep], places[name]) for name in own))
        assert each.base_km == pytest.approx(sum(road(homes[each.rep], places[name]) for name in before))
        assert (each.gained, each.lost) == (len(set(own) - set(before)), len(set(before) - set(own)))
    assert [move.account for move in found.moves] == sorted(moved, key=lambda name: (-value[name], name))[:5]
    first = found.moves[0]
    assert (first.from_rep, first.to_rep) == (other[first.account], world.rep_of[first.account])


async def test_a_plan_is_compared_with_what_the_company_has_today(world: World) -> None:
    found = await world.served.plans.ComparePlans(plans_pb2.ComparePlansRequest(plan=world.plan.name))
    today = {account.name: account.incumbent for account in world.asked.accounts}
    assert found.base_totals.objective == pytest.approx(naive_cost(world.asked, today))
    assert found.accounts_moved == world.plan.moves
    assert found.plan_totals.gap == pytest.approx(0.5)


async def test_an_earlier_practice_is_measured_and_its_faults_are_named_but_not_put_in_force(
    world: World,
) -> None:
    everything = dict.fromkeys(list(world.rep_of)[:20], "reps/a")
    practice = await world.practice(everything)
    assert (practice.unassigned, practice.origin, practice.parent) == (
        4,
        plan_life_pb2.PLAN_ORIGIN_IMPORTED,
        world.plan.name,
    )
    lacking = [a.name for a in world.asked.accounts[:20] if a.needs_skills]
    assert {b.subject for b in practice.breaches if b.rule == "skill:cold"} == set(lacking)
    assert {b.subject for b in practice.breaches if b.rule == "band:workload"} == {
        rep.name for rep in world.asked.reps
    }
    assert practice.breach_count == len(practice.breaches)
    assert all(breach.description for breach in practice.breaches)
    apply = service_pb2.ApplyPlanRequest(name=practice.name, request_id="apply")
    fault = await fault_of(world.served.calls.ApplyPlan(apply))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RULES_BROKEN")
    request = plans_pb2.ComparePlansRequest(plan=world.plan.name, base=practice.name)
    found = await world.served.plans.ComparePlans(request)
    assert (found.base_totals.unassigned, found.base_totals.breach_count) == (4, practice.breach_count)
    assert not found.base_totals.HasField("gap")


# ---- override -----------------------------------------------------------------------------------------------------


async def test_the_cost_of_an_override_is_true_and_the_parent_stays_as_it_was(world: World) -> None:
    for account, rep in [("customers/0", "reps/b"), ("customers/2", "reps/d"), ("customers/7", "reps/b")]:
        wish = {account: rep}
        answer = await world.override(wish, request_id=f"{account} {rep}", accept_broken_rules=True)
        after = world.rep_of | wish
        assert answer.objective_before == pytest.approx(naive_cost(world.asked, world.rep_of))
        assert answer.objective_after == pytest.approx(naive_cost(world.asked, after))
        assert answer.moves == 1
        assert bool(answer.new_breaches) == (not keeps_rules(world.asked, after))
        child = await world.whole(answer.plan.name)
        assert {each.account: each.rep for each in child.assignments} == after
        assert {each.account: each.reason for each in child.assignments}[account] == "HAND"
        assert (child.parent, child.origin) == (world.plan.name, plan_life_pb2.PLAN_ORIGIN_OVERRIDDEN)
        assert list(child.changes) == [f"{account}: {world.rep_of[account]} -> {rep}"]
        assert sum(cost.cost for cost in child.rule_costs) == pytest.approx(child.objective)
    parent = await world.whole(world.plan.name)
    assert list(parent.assignments) == list(world.plan.assignments)


async def test_an_override_that_breaks_a_hard_rule_is_refused_by_name_unless_accepted(world: World) -> None:
    cold = next(account.name for account in world.asked.accounts if account.needs_skills)
    fault = await fault_of(world.override({cold: "reps/a"}))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RULES_BROKEN")
    assert f"{cold} needs ['cold'], which reps/a lacks" in fault.message
    assert f"skill:cold {cold}" in fault.metadata["rules"]
    listed = await world.served.plans.ListPlans(plans_pb2.ListPlansRequest())
    assert len(listed.plans) == 1
    answer = await world.override({cold: "reps/a"}, accept_broken_rules=True)
    assert {breach.rule for breach in answer.new_breaches} >= {"skill:cold"}
    assert answer.plan.breaches_accepted
    again = await world.override({cold: "reps/a"}, accept_broken_rules=True)
    assert again.plan == answer.plan
    for rep in world.asked.reps:
        await world.served.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id=rep.name))
    apply = service_pb2.ApplyPlanRequest(name=answer.plan.name, request_id="apply")
    assert (await world.served.calls.ApplyPlan(apply)).applied


async def test_asking_for_the_cost_only_keeps_nothing(world: World) -> None:
    answer = await world.override({"customers/0": "reps/c"}, validate_only=True)
    assert not answer.HasField("plan")
    assert answer.objective_after > answer.objective_before
    assert len((await world.served.plans.ListPlans(plans_pb2.ListPlansRequest())).plans) == 1


async def test_unknown_accounts_and_reps_are_all_named_at_once(world: World) -> None:
    request = plans_pb2.OverridePlanRequest(name=world.plan.name, request_id="w", decision_time=moment())
    request.assignments.extend(hands({"customers/0": "reps/z", "customers/99": "reps/a"}))
    request.assignments.extend(hands({"customers/0": ""}))
    fault = await fault_of(world.served.plans.OverridePlan(request))
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in fault.violations] == [
        "assignments[0].rep",
        "assignments[1].account",
        "assignments[2].rep",
        "assignments[2].account",
    ]


async def test_the_alternatives_of_an_override_keep_the_rules_at_the_cost_they_state(world: World) -> None:
    heaviest = max(world.asked.accounts, key=lambda account: account.workload_hours)
    tried = 0
    for account, rep in itertools.product(world.asked.accounts, world.asked.reps):
        wish = {account.name: rep.name}
        broken = not keeps_rules(world.asked, world.rep_of | wish)
        if account is not heaviest and not (broken and tried < 6):
            continue
        tried += broken
        answer = await world.override(wish, validate_only=True)
        assert list(answer.alternatives) == [] or broken
        for each in answer.alternatives:
            instead = world.rep_of | {a.account: a.rep for a in each.assignments}
            assert keeps_rules(world.asked, instead)
            more = naive_cost(world.asked, instead) - naive_cost(world.asked, world.rep_of)
            assert each.cost_more == pytest.approx(more)
            assert each.grants_wish == (instead[account.name] == rep.name)
        costs = [each.cost_more for each in answer.alternatives]
        assert costs == sorted(costs)


@pytest.mark.parametrize("seed", range(12))
def test_the_cheapest_way_to_grant_a_wish_is_no_dearer_than_the_best_single_move_that_repairs_it(
    seed: int,
) -> None:
    request = asked(20, 4, seed=seed, band=0.25)
    rep_of = by_turns(request)
    if not keeps_rules(request, rep_of):
        request.rules.workload_band = 0.5
    wishes = [{account: f"reps/{rep}"} for account, rep in itertools.product(rep_of, "abcd")]
    breaking = [wish for wish in wishes if not keeps_rules(request, rep_of | wish)]
    wish = breaking[seed % len(breaking)]
    granted = rep_of | wish
    before = naive_cost(request, rep_of)
    single = [
        naive_cost(request, each) - before
        for account, rep in itertools.product(rep_of, "abcd")
        if account not in wish
        for each in [granted | {account: f"reps/{rep}"}]
        if keeps_rules(request, each)
    ]
    way = compiled(territory_wire.question_from(request, (), CURRENCY))
    names = [request.accounts[j].name for j in way.rows.tolist()]
    reps = [request.reps[i].name for i in way.seats.tolist()]
    plan = np.array([reps.index(rep_of[name]) for name in names], dtype=np.int32)
    found = alternatives(
        way.problem,
        plan,
        [names.index(account) for account in wish],
        [reps.index(rep) for rep in wish.values()],
    )
    granting = [each.cost_more for each in found if each.grants]
    if single:
        assert min(granting) <= min(single) + 1e-6
    for each in found:
        instead = rep_of | {names[j]: reps[i] for j, i in zip(each.accounts, each.reps, strict=True)}
        assert keeps_rules(request, instead)
