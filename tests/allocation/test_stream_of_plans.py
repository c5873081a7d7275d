"""WatchPlan: monotone news up to the plan's name; starts, repeats and pages of plans that take long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_runtime.errors import from_rpc_error, from_status
from tests.allocation.allocation_servers import Allocation, allocation, moment, plan_of, plan_request
from tests.allocation.long_plans import cancelled, long_request, with_a_plan


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Allocation]:
    async with allocation(tmp_path) as running:
        yield running


async def watched(served: Allocation, name: str) -> list[service_pb2.WatchPlanResponse]:
    return [news async for news in served.calls.WatchPlan(service_pb2.WatchPlanRequest(name=name))]


async def test_a_watcher_sees_plans_get_better_until_the_last_is_named(served: Allocation) -> None:
    operation = await served.calls.PlanTerritories(long_request(600, 12, seconds=2))
    *news, last = await watched(served, operation.name)
    plan = plan_of(await served.finished(operation))
    assert (last.plan, last.stopped) == (plan.name, plan.stopped)
    assert all(each.plan == "" for each in news)
    costs = [n.progress.objective for n in news if n.progress.HasField("objective")]
    bounds = [n.progress.bound for n in news if n.progress.HasField("bound")]
    assert len(set(costs)) > 1
    assert costs == sorted(costs, reverse=True)
    assert bounds == sorted(bounds)
    assert plan.objective <= costs[-1] * (1 + 1e-9)
    assert plan.bound >= bounds[-1] * (1 - 1e-9)
    assert all(
        n.progress.gap == pytest.approx(1 - n.progress.bound / n.progress.objective)
        for n in news
        if n.progress.HasField("gap")
    )
    assert news[-1].progress.elapsed_seconds > 0


async def test_all_who_watch_see_the_end_also_of_a_cancelled_plan(served: Allocation) -> None:
    operation = await served.calls.PlanTerritories(long_request())
    watching = [asyncio.create_task(watched(served, operation.name)) for _ in range(3)]
    await with_a_plan(served, operation.name)
    plan = plan_of(await cancelled(served, operation.name))
    assert {news[-1].plan for news in await asyncio.gather(*watching)} == {plan.name}
    (*_, last) = await watched(served, operation.name)
    assert (last.plan, last.stopped) == (plan.name, plan_pb2.PLAN_STOPPED_CANCELLED)


async def test_watching_ends_with_the_error_of_the_operation(served: Allocation) -> None:
    await served.hire("reps/a", "reps/b")
    request = plan_request()
    request.accounts[3].needs_skills.append("cold")
    operation = await served.calls.PlanTerritories(request)
    with pytest.raises(grpc.RpcError) as ended:
        await watched(served, operation.name)
    assert from_rpc_error(ended.value).reason == "INFEASIBLE_PLAN"
    with pytest.raises(grpc.RpcError) as unknown:
        await watched(served, "operations/allocation/none")
    assert from_rpc_error(unknown.value).reason == "OPERATION_NOT_FOUND"


async def test_a_watcher_who_leaves_stops_nothing(served: Allocation) -> None:
    operation = await served.calls.PlanTerritories(long_request(600, 12, seconds=2))
    call = served.calls.WatchPlan(service_pb2.WatchPlanRequest(name=operation.name))
    await anext(aiter(call))
    call.cancel()
    assert len(plan_of(await served.finished(operation)).assignments) == 600


def same(one: plan_pb2.TerritoryPlan, other: plan_pb2.TerritoryPlan) -> bool:
    rep_of = [{a.account: a.rep for a in plan.assignments} for plan in (one, other)]
    return rep_of[0] == rep_of[1] and one.objective == pytest.approx(other.objective, rel=1e-12)


async def test_the_same_request_gives_the_same_plan_in_any_order_of_its_rows(served: Allocation) -> None:
    first = plan_of(await served.plan(long_request(300, 6, request_id="1")))
    request = long_request(300, 6, request_id="2")
    accounts, reps = list(request.accounts)[::-1], list(request.reps)[::-1]
    del request.accounts[:], request.reps[:]
    request.accounts.extend(accounts)
    request.reps.extend(reps)
    second = plan_of(await served.plan(request))
    assert first.stopped == second.stopped == plan_pb2.PLAN_STOPPED_FINISHED
    assert same(first, second)


async def test_a_plan_started_from_another_costs_no_more(served: Allocation) -> None:
    first = plan_of(await served.plan(long_request(600, 12, request_id="1", seconds=2)))
    again = long_request(600, 12, request_id="2", seconds=1)
    again.start_from = first.name
    second = plan_of(await served.plan(again))
    assert second.start_from == first.name
    assert second.objective <= first.objective * (1 + 1e-9)


async def test_a_plan_to_start_from_that_is_not_there_is_told(served: Allocation) -> None:
    request = long_request(60, 3)
    request.start_from = "plans/0190a5b0-0000-7000-8000-000000000001"
    with pytest.raises(grpc.RpcError) as refused:
        await served.calls.PlanTerritories(request)
    assert from_rpc_error(refused.value).reason == "PLAN_NOT_FOUND"


async def uploaded(served: Allocation, request: service_pb2.PlanTerritoriesRequest, size: int) -> str:
    creating = accounts_pb2.CreateAccountSetRequest(request_id="set", decision_time=moment())
    name: str = (await served.accounts.CreateAccountSet(creating)).name
    for sequence, first in enumerate(range(0, len(request.accounts), size)):
        chunk = request.accounts[first : first + size]
        await served.accounts.AppendAccounts(
            accounts_pb2.AppendAccountsRequest(account_set=name, sequence=sequence, accounts=chunk)
        )
    return name


async def test_uploaded_accounts_give_the_plan_that_they_give_in_one_message(served: Allocation) -> None:
    request = long_request(300, 6, request_id="1")
    at_once = plan_of(await served.plan(request))
    request.account_set = await uploaded(served, request, 70)
    request.request_id = "2"
    del request.accounts[:]
    assert same(at_once, plan_of(await served.plan(request)))


async def test_faults_of_uploaded_accounts_end_the_operation(served: Allocation) -> None:
    request = long_request(20, 3)
    request.accounts[7].name = request.accounts[3].name
    request.account_set = await uploaded(served, request, 20)
    del request.accounts[:]
    fault = from_status((await served.plan(request)).error)
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert fault.violations[0].field == "accounts[7].name"


async def test_accounts_come_with_the_request_or_from_a_set_that_is_there(served: Allocation) -> None:
    neither, both, unknown = long_request(0, 0), long_request(20, 3), long_request(0, 0)
    both.account_set = unknown.account_set = "accountSets/0190a5b0-0000-7000-8000-000000000001"
    for request, told in ((neither, "accounts"), (both, "accounts")):
        with pytest.raises(grpc.RpcError) as refused:
            await served.calls.PlanTerritories(request)
        assert from_rpc_error(refused.value).violations[0].field == told
    with pytest.raises(grpc.RpcError) as refused:
        await served.calls.PlanTerritories(unknown)
    assert from_rpc_error(refused.value).reason == "ACCOUNT_SET_NOT_FOUND"


async def test_too_many_accounts_for_a_message_are_refused_with_the_way_to_send_them(
    served: Allocation,
) -> None:
    request = plan_request(0)
    request.accounts.extend(plan_pb2.Account(name=f"{j}") for j in range(100_001))
    with pytest.raises(grpc.RpcError) as refused:
        await served.calls.PlanTerritories(request)
    (fault,) = from_rpc_error(refused.value).violations
    assert fault.field == "accounts"
    assert "CreateAccountSet" in fault.remedy


async def test_assignments_come_in_pages_in_the_order_of_the_accounts(served: Allocation) -> None:
    plan = plan_of(await served.plan(long_request(300, 6)))
    listed: list[plan_pb2.Assignment] = []
    request = service_pb2.ListAssignmentsRequest(plan=plan.name, page_size=70)
    while True:
        page = await served.calls.ListAssignments(request)
        listed += page.assignments
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert listed == list(plan.assignments)
    with pytest.raises(grpc.RpcError) as refused:
        await served.calls.ListAssignments(
            service_pb2.ListAssignmentsRequest(plan="plans/0190a5b0-0000-7000-8000-000000000001")
        )
    assert from_rpc_error(refused.value).reason == "PLAN_NOT_FOUND"
