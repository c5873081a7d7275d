"""AssignTasks over a real socket: answered once, checked, refused with every fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2

from fieldwise.allocation.v1 import task_service_pb2 as task_pb2
from fieldwise.allocation.v1 import task_service_pb2_grpc as task_grpc
from fieldwise_runtime.errors import from_status
from tests.allocation.allocation_servers import fault_of, moment, serving


@dataclass(frozen=True)
class Tasks:
    """Stubs of one running server."""

    calls: task_grpc.TaskServiceAsyncStub
    operations: operations_pb2.OperationsStub

    async def finished(self, request: task_pb2.AssignTasksRequest) -> operations_pb2.Operation:
        operation = await self.calls.AssignTasks(request)
        wait = operations_pb2.WaitOperationRequest(
            name=operation.name, timeout=duration_pb2.Duration(seconds=60)
        )
        ended: operations_pb2.Operation = await self.operations.WaitOperation(wait)
        return ended


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Tasks]:
    async with serving(tmp_path) as channel:
        yield Tasks(task_grpc.TaskServiceStub(channel), operations_pb2.OperationsStub(channel))


def leads(request_id: str = "leads", *, capacity: float = 2) -> task_pb2.AssignTasksRequest:
    """Three leads for two reps; the second rep knows the first lead."""
    return task_pb2.AssignTasksRequest(
        request_id=request_id,
        decision_time=moment(),
        items=[task_pb2.Item(name=f"leads/{j}", cost=10) for j in range(3)],
        agents=[task_pb2.Agent(name=f"reps/{i}", capacity=capacity) for i in range(2)],
        pairs=[task_pb2.TaskPair(item="leads/0", agent="reps/1", cost=25)],
        aim=task_pb2.AssignTasksRequest.AIM_MOST_PROFIT,
        time_limit_seconds=5,
    )


async def test_leads_go_where_they_bring_most_and_the_plan_is_proven(served: Tasks) -> None:
    operation = await served.finished(leads())
    plan = task_pb2.TaskPlan()
    assert operation.response.Unpack(plan), operation
    assert (plan.objective, plan.bound, plan.gap) == (45, 45, 0)
    assert [line.item for line in plan.assignments] == ["leads/0", "leads/1", "leads/2"]
    assert plan.assignments[0].agent == "reps/1"
    assert plan.assignments[0].cost == 25
    assert sum(load.items for load in plan.loads) == 3
    assert all(load.used <= 2 for load in plan.loads)
    assert plan.decision_time == moment()
    told = task_pb2.AssignTasksMetadata()
    assert operation.metadata.Unpack(told)
    assert told.objective == 45
    again = await served.calls.AssignTasks(leads())
    assert again.name == operation.name


async def test_items_that_fit_nobody_are_named(served: Tasks) -> None:
    operation = await served.finished(leads(capacity=0.5))
    fault = from_status(operation.error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INFEASIBLE_TASKS")
    assert "leads/0, leads/1, leads/2" in fault.message


async def test_what_is_short_in_all_is_said(served: Tasks) -> None:
    operation = await served.finished(leads(capacity=1))
    fault = from_status(operation.error)
    assert fault.reason == "INFEASIBLE_TASKS"
    assert "at least 3" in fault.message


async def test_every_fault_of_a_request_is_told_at_once(served: Tasks) -> None:
    request = leads()
    request.items.add(name="leads/1")
    request.agents.add(name="reps/0", capacity=-1)
    request.pairs.add(item="leads/9", agent="reps/9", forbidden=True, cost=1)
    fault = await fault_of(served.calls.AssignTasks(request))
    assert "agents[2].capacity" in fault.message
    request.agents[2].capacity = 1
    fault = await fault_of(served.calls.AssignTasks(request))
    fields = {violation.field for violation in fault.violations}
    assert fields == {
        "items[3].name",
        "agents[2].name",
        "pairs[1].item",
        "pairs[1].agent",
        "pairs[1].forbidden",
    }


async def test_a_request_id_for_another_body_is_refused(served: Tasks) -> None:
    await served.finished(leads())
    fault = await fault_of(served.calls.AssignTasks(leads(capacity=3)))
    assert fault.reason == "REQUEST_ID_REUSED"


def endless() -> task_pb2.AssignTasksRequest:
    """What is dear to use is cheap to have: nothing proves the best plan of these in any time."""
    rng = np.random.default_rng(1)
    use = rng.integers(1, 101, (200, 10))
    cost = 111 - use + rng.integers(-10, 11, use.shape)
    return task_pb2.AssignTasksRequest(
        request_id="endless",
        decision_time=moment(),
        items=[task_pb2.Item(name=f"items/{j:03}") for j in range(200)],
        agents=[task_pb2.Agent(name=f"agents/{i}", capacity=0.08 * use[:, i].sum()) for i in range(10)],
        pairs=[
            task_pb2.TaskPair(item=f"items/{j:03}", agent=f"agents/{i}", cost=cost[j, i], use=use[j, i])
            for j in range(200)
            for i in range(10)
        ],
        time_limit_seconds=300,
    )


async def test_a_cancelled_assignment_ends_with_the_best_so_far(served: Tasks) -> None:
    started = await served.calls.AssignTasks(endless())
    told = task_pb2.AssignTasksMetadata()
    async with asyncio.timeout(100):
        while not told.HasField("objective"):
            await asyncio.sleep(0.05)
            now = await served.operations.GetOperation(operations_pb2.GetOperationRequest(name=started.name))
            now.metadata.Unpack(told)
    await served.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=started.name))
    wait = operations_pb2.WaitOperationRequest(name=started.name, timeout=duration_pb2.Duration(seconds=60))
    ended = await served.operations.WaitOperation(wait)
    plan = task_pb2.TaskPlan()
    assert ended.response.Unpack(plan), ended
    assert len(plan.assignments) == 200
    assert plan.bound <= plan.objective <= told.objective
    assert plan.solve_seconds < 100
