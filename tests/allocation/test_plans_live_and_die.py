"""The life of plans over a socket, on both databases: copied, approved, applied, rolled back, deleted, remembered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from tests.allocation.allocation_servers import Allocation, allocation, fault_of, moment
from tests.allocation.plan_builders import asked, by_turns, keep, plan_message

STATES = plan_life_pb2.PlanState
KINDS = plan_life_pb2.PlanEventKind


@dataclass(frozen=True)
class World:
    """A server, and two plans of one question in it: the second gives customer 0 to another rep."""

    served: Allocation
    one: plan_pb2.TerritoryPlan
    two: plan_pb2.TerritoryPlan

    async def apply(self, plan: str, request_id: str = "") -> plan_pb2.TerritoryPlan:
        request = service_pb2.ApplyPlanRequest(
            name=plan,
            request_id=request_id or f"apply {plan}",
            decision_time=moment(),
            actor="Ann",
            note="go",
        )
        return await self.served.calls.ApplyPlan(request)

    async def roll_back(self, request_id: str = "back", in_force: str = "") -> plan_pb2.TerritoryPlan:
        request = plans_pb2.RollbackPlanRequest(
            request_id=request_id, decision_time=moment(), in_force=in_force, actor="Bob"
        )
        return await self.served.plans.RollbackPlan(request)

    async def approve(self, plan: str, request_id: str = "yes") -> plan_pb2.TerritoryPlan:
        request = plans_pb2.ApprovePlanRequest(
            name=plan, request_id=request_id, decision_time=moment(), actor="Eve", note="fine"
        )
        return await self.served.plans.ApprovePlan(request)

    async def copy(self, plan: str, request_id: str, called: str = "") -> plan_pb2.TerritoryPlan:
        request = plans_pb2.CopyPlanRequest(
            name=plan, request_id=request_id, decision_time=moment(), display_name=called
        )
        return await self.served.plans.CopyPlan(request)

    async def states(self) -> dict[str, str]:
        listed = await self.served.plans.ListPlans(plans_pb2.ListPlansRequest())
        return {plan.name: STATES.Name(plan.state).removeprefix("PLAN_STATE_") for plan in listed.plans}

    async def happened(self, plan: str = "") -> list[tuple[str, str, str]]:
        """Plan, kind and actor of each event, oldest first."""
        listed = await self.served.plans.ListPlanEvents(plans_pb2.ListPlanEventsRequest(plan=plan))
        return [
            (e.plan, KINDS.Name(e.kind).removeprefix("PLAN_EVENT_KIND_"), e.actor)
            for e in reversed(listed.events)
        ]

    async def rep_of(self, customer: str) -> str:
        request = service_pb2.LookUpTermsRequest(customers=[customer], decision_time=moment())
        found = await self.served.calls.LookUpTerms(request)
        rep: str = found.reps[0]
        return rep


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(database_url, tmp_path) as running:
        yield running


@asynccontextmanager
async def opened(url: str, folder: Path, **more: str) -> AsyncIterator[World]:
    """A world on a database."""
    request = asked()
    one = plan_message(request, by_turns(request))
    two = plan_message(request, by_turns(request) | {"customers/0": "reps/b"})
    await keep(url, (request, one), (request, two))
    async with allocation(folder, FIELDWISE_ALLOCATION_DATABASE_URL=url, **more) as served:
        for rep in request.reps:
            await served.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id=f"hire {rep.name}"))
        yield World(served, one, two)


async def test_a_copy_is_a_child_with_the_same_answer_and_stands_in_the_tree(world: World) -> None:
    copy = await world.copy(world.one.name, "c", "Spring")
    again = await world.copy(world.one.name, "c", "Spring")
    assert copy == again
    grandchild = await world.copy(copy.name, "g")
    assert (copy.parent, copy.display_name, grandchild.display_name) == (world.one.name, "Spring", "Spring")
    assert copy.origin == plan_life_pb2.PLAN_ORIGIN_COPIED
    whole = await world.served.calls.GetPlan(service_pb2.GetPlanRequest(name=grandchild.name))
    assert list(whole.assignments) == list(world.one.assignments)
    assert list(whole.loads) == list(world.one.loads)
    listed = await world.served.plans.ListPlans(plans_pb2.ListPlansRequest())
    assert [p.name for p in listed.plans] == [grandchild.name, copy.name, world.two.name, world.one.name]
    assert not any(plan.loads or plan.assignments for plan in listed.plans)
    children = await world.served.plans.ListPlans(plans_pb2.ListPlansRequest(parent=world.one.name))
    assert [plan.name for plan in children.plans] == [copy.name]
    reused = await fault_of(world.copy(world.two.name, "c", "Spring"))
    assert (reused.code, reused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_lists_of_plans_accounts_and_events_come_in_pages(world: World) -> None:
    names: list[str] = []
    token = ""
    while True:
        page = await world.served.plans.ListPlans(plans_pb2.ListPlansRequest(page_size=1, page_token=token))
        names += [plan.name for plan in page.plans]
        token = page.next_page_token
        if not token:
            break
    assert names == [world.two.name, world.one.name]
    first = plans_pb2.ListPlanAccountsRequest(plan=world.one.name, page_size=20)
    accounts = await world.served.plans.ListPlanAccounts(first)
    rest = plans_pb2.ListPlanAccountsRequest(
        plan=world.one.name, page_size=20, page_token=accounts.next_page_token
    )
    others = await world.served.plans.ListPlanAccounts(rest)
    assert [*accounts.accounts, *others.accounts] == list(asked().accounts)
    assert others.next_page_token == ""
    newest = await world.served.plans.ListPlanEvents(plans_pb2.ListPlanEventsRequest(page_size=1))
    older = plans_pb2.ListPlanEventsRequest(page_size=1, page_token=newest.next_page_token)
    assert [e.plan for e in (await world.served.plans.ListPlanEvents(older)).events] == [world.one.name]


async def test_a_plan_tells_the_reps_and_rules_that_it_answers(world: World) -> None:
    question = await world.served.plans.GetPlanQuestion(plans_pb2.GetPlanQuestionRequest(name=world.two.name))
    assert list(question.reps) == list(asked().reps)
    assert (question.rules.workload_band, question.accounts, question.name) == (0.3, 24, world.two.name)


async def test_an_applied_plan_is_superseded_rolled_back_to_and_restored(world: World) -> None:
    await world.apply(world.one.name)
    await world.apply(world.two.name)
    assert await world.states() == {world.one.name: "SUPERSEDED", world.two.name: "APPLIED"}
    assert await world.rep_of("customers/0") == "reps/b"
    restored = await world.roll_back()
    assert (restored.name, restored.applied) == (world.one.name, True)
    assert (await world.roll_back()).name == world.one.name  # the same request: nothing more happens
    assert await world.states() == {world.one.name: "APPLIED", world.two.name: "SUPERSEDED"}
    assert await world.rep_of("customers/0") == "reps/a"
    none = await fault_of(world.roll_back("back again"))
    assert (none.code, none.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_EARLIER_PLAN")
    await world.apply(world.two.name, "again")
    assert await world.rep_of("customers/0") == "reps/b"
    assert await world.happened() == [
        (world.one.name, "MADE", ""),
        (world.two.name, "MADE", ""),
        (world.one.name, "APPLIED", "Ann"),
        (world.one.name, "SUPERSEDED", "Ann"),
        (world.two.name, "APPLIED", "Ann"),
        (world.two.name, "ROLLED_BACK", "Bob"),
        (world.one.name, "RESTORED", "Bob"),
        (world.one.name, "SUPERSEDED", "Ann"),
        (world.two.name, "APPLIED", "Ann"),
    ]


async def test_a_plan_applied_twice_is_rolled_back_once(world: World) -> None:
    await world.apply(world.one.name)
    await world.apply(world.two.name)
    await world.apply(world.two.name, "again")
    assert (await world.roll_back()).name == world.one.name
    assert (await fault_of(world.roll_back("back again"))).reason == "NO_EARLIER_PLAN"


async def test_a_roll_back_of_another_plan_than_the_one_in_force_is_refused(world: World) -> None:
    await world.apply(world.one.name)
    await world.apply(world.two.name)
    fault = await fault_of(world.roll_back(in_force=world.one.name))
    assert (fault.code, fault.reason) == (grpc.StatusCode.ABORTED, "PLAN_CHANGED")
    assert (await world.states())[world.two.name] == "APPLIED"


async def test_two_who_apply_at_once_leave_one_plan_in_force_whole(world: World) -> None:
    await asyncio.gather(
        *[world.apply(p.name, f"{k} {p.name}") for k in range(3) for p in (world.one, world.two)]
    )
    states = await world.states()
    assert sorted(states.values()) == ["APPLIED", "SUPERSEDED"]
    in_force = next(name for name, state in states.items() if state == "APPLIED")
    rep = {world.one.name: "reps/a", world.two.name: "reps/b"}[in_force]
    assert await world.rep_of("customers/0") == rep
    budgets = await world.served.calls.ListBudgets(service_pb2.ListBudgetsRequest())
    assert budgets.plan == in_force


async def test_an_account_tells_its_rep_its_plan_and_who_applied_it(world: World) -> None:
    request = plans_pb2.GetAssignmentRequest(account="customers/0")
    unknown = await fault_of(world.served.plans.GetAssignment(request))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "ASSIGNMENT_NOT_FOUND")
    await world.apply(world.two.name)
    found = await world.served.plans.GetAssignment(request)
    assert (found.assignment.rep, found.assignment.reason, found.plan) == (
        "reps/b",
        "INCUMBENT",
        world.two.name,
    )
    assert (found.applied.actor, found.applied.note, found.applied.event_time) == ("Ann", "go", moment())


async def test_a_plan_whose_rep_has_left_comes_back_neither_by_applying_nor_by_rolling_back(
    world: World,
) -> None:
    await world.apply(world.one.name)
    await world.apply(world.two.name)
    await world.served.calls.DeleteRep(service_pb2.DeleteRepRequest(name="reps/c"))
    for call in (world.roll_back(), world.apply(world.one.name, "again")):
        fault = await fault_of(call)
        assert (fault.reason, fault.metadata["reps"]) == ("UNKNOWN_REPS", "reps/c")
        assert "ReplanTerritories" in fault.message
    assert (await world.states())[world.two.name] == "APPLIED"


async def test_a_draft_is_approved_once_and_a_plan_in_force_never(world: World) -> None:
    assert (await world.approve(world.one.name)).state == plan_life_pb2.PLAN_STATE_APPROVED
    assert (await world.approve(world.one.name)).state == plan_life_pb2.PLAN_STATE_APPROVED
    assert (await world.approve(world.one.name, "twice")).state == plan_life_pb2.PLAN_STATE_APPROVED
    assert await world.happened(world.one.name) == [
        (world.one.name, "MADE", ""),
        (world.one.name, "APPROVED", "Eve"),
    ]
    await world.apply(world.one.name)
    fault = await fault_of(world.approve(world.one.name, "late"))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PLAN_NOT_DRAFT")


async def test_where_plans_need_approval_a_draft_is_not_applied(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_database_url, tmp_path, FIELDWISE_PLANS_NEED_APPROVAL="true") as world:
        fault = await fault_of(world.apply(world.one.name))
        assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PLAN_NOT_APPROVED")
        await world.approve(world.one.name)
        assert (await world.apply(world.one.name)).applied


async def test_deleting_spares_what_is_in_force_and_what_others_were_made_from(world: World) -> None:
    async def delete(plan: str, *, children: bool = False) -> None:
        request = plans_pb2.DeletePlanRequest(name=plan, with_children=children, decision_time=moment())
        await world.served.plans.DeletePlan(request)

    copy = await world.copy(world.one.name, "c")
    assert (await fault_of(delete(world.one.name))).reason == "PLAN_HAS_CHILDREN"
    await world.apply(copy.name)
    assert (await fault_of(delete(world.one.name, children=True))).reason == "PLAN_IN_FORCE"
    await world.apply(world.two.name)
    await delete(world.one.name, children=True)
    assert set(await world.states()) == {world.two.name}
    gone = await fault_of(world.served.calls.GetPlan(service_pb2.GetPlanRequest(name=copy.name)))
    assert (gone.code, gone.reason) == (grpc.StatusCode.NOT_FOUND, "PLAN_NOT_FOUND")
    assert [kind for _, kind, _ in await world.happened(copy.name)] == [
        "MADE",
        "APPLIED",
        "SUPERSEDED",
        "DELETED",
    ]
    # The plan in force before was deleted: there is nothing to go back to, and the question is kept for the other plan.
    assert (await fault_of(world.roll_back())).reason == "NO_EARLIER_PLAN"
    question = plans_pb2.GetPlanQuestionRequest(name=world.two.name)
    assert (await world.served.plans.GetPlanQuestion(question)).accounts == 24


async def test_an_unknown_plan_is_not_found_by_any_call(world: World) -> None:
    name = "plans/00000000-0000-0000-0000-000000000000"
    plans = world.served.plans
    for call in (
        plans.GetPlanQuestion(plans_pb2.GetPlanQuestionRequest(name=name)),
        plans.ListPlanAccounts(plans_pb2.ListPlanAccountsRequest(plan=name)),
        plans.ComparePlans(plans_pb2.ComparePlansRequest(plan=name)),
        plans.DeletePlan(plans_pb2.DeletePlanRequest(name=name, decision_time=moment())),
        world.copy(name, "c"),
        world.approve(name),
        world.apply(name),
    ):
        fault = await fault_of(call)
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "PLAN_NOT_FOUND")
