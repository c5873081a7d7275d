"""PlanTerritories and ExplainInfeasibility with one field wrong at a time: refused with its path, or answered; never a fault of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import territory_service_pb2 as territory_pb2
from fieldwise_allocation import territory_wire
from fieldwise_allocation.core import checks
from fieldwise_runtime.errors import RpcFault, from_rpc_error, from_status
from tests.allocation.allocation_servers import Allocation, allocation
from tests.allocation.mutants import mutants
from tests.allocation.plan_builders import asked

T = TypeVar("T")
# What a plan may end with: words about the question, by their reasons.
ABOUT_THE_QUESTION = {"INVALID_REQUEST", "FOREIGN_CURRENCY", "INFEASIBLE_PLAN", "AMOUNT_TOO_LARGE"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Allocation]:
    async with allocation(tmp_path) as running:
        yield running


def rich() -> service_pb2.PlanTerritoriesRequest:
    """Every field is set, most in the second of their kind."""
    request = asked(accounts=8, reps=2)
    for j, account in enumerate(request.accounts):
        account.visit_hours, account.visits_per_week, account.area = 0.2, 0.5, "north"
        account.measures["beds"] = 1.0 + j
    request.accounts[1].locked = True
    rules = request.rules
    rules.workload_band, rules.kilometre_cost, rules.move_cost = 0.8, 1.0, 0.1
    rules.travel_speed, rules.balance_cost, rules.contiguity_cost, rules.time_limit_seconds = 60, 1.0, 1.0, 2
    rules.most_moves = 8
    rules.bands.add(id="value", measure="value", width=0.9, cost=2.0)
    rules.bands.add(id="beds", measure="beds", low=1, high=1000, reps=["reps/a"], cost=1.0)
    rules.staffing.add(area="north", least_reps=1)
    return request


async def refusal(call: Awaitable[T]) -> RpcFault | T:
    try:
        return await call
    except grpc.RpcError as error:
        return from_rpc_error(error)


def assert_it_tells(what: str, fault: RpcFault) -> None:
    assert fault.reason in ABOUT_THE_QUESTION | {"PLAN_NOT_FOUND", "ACCOUNT_SET_NOT_FOUND"}, (what, fault)
    if fault.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert fault.violations, what
        assert all(each.field and each.remedy for each in fault.violations), (what, fault)
    else:
        assert len(fault.message) > 20, (what, fault)


async def plans_are_told(served: Allocation, *, every: int) -> None:
    """All are sent; of those that are taken, one in ``every`` is waited for."""
    started = {}
    for number, (what, request) in enumerate(mutants(rich())):
        if request.request_id == "asked":
            request.request_id = str(number)
        answer = await refusal(served.calls.PlanTerritories(request))
        if isinstance(answer, RpcFault):
            assert_it_tells(what, answer)
        else:
            started[what] = answer
    waited_for = dict(list(started.items())[::every])
    # Those that wait for a turn first: cancelled in their order, each would begin before it ends.
    for what, operation in reversed(started.items()):
        if what not in waited_for:
            await served.operations.CancelOperation(
                operations_pb2.CancelOperationRequest(name=operation.name)
            )
    for what, operation in waited_for.items():
        ended = await served.finished(operation)
        assert ended.done, what
        if ended.HasField("error"):
            assert_it_tells(what, from_status(ended.error))


async def conflicts_are_told(served: Allocation, *, every: int) -> None:
    whole = rich()
    question = territory_pb2.ExplainInfeasibilityRequest(
        accounts=whole.accounts, reps=whole.reps, rules=whole.rules
    )
    for what, request in list(mutants(question))[::every]:
        answer = await refusal(served.territories.ExplainInfeasibility(request))
        if isinstance(answer, RpcFault):
            assert_it_tells(what, answer)
    assert (await served.territories.ExplainInfeasibility(question)).verdict


async def test_a_question_with_one_field_wrong_is_refused_with_its_path_or_answered(
    served: Allocation,
) -> None:
    await plans_are_told(served, every=40)
    await conflicts_are_told(served, every=40)


@pytest.mark.soak
async def test_every_question_with_one_field_wrong_is_refused_with_its_path_or_answered(
    served: Allocation,
) -> None:
    await plans_are_told(served, every=1)
    await conflicts_are_told(served, every=1)


def test_a_speed_at_which_nobody_arrives_is_refused() -> None:
    question = territory_wire.question_from(rich(), (), "USD")
    slow = replace(question, rules=replace(question.rules, speed=5e-324))
    assert [fault.field for fault in checks.faults(slow)] == ["rules.travel_speed"]
