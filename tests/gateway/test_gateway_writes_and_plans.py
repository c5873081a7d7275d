"""Outcomes, events, plans and the clock at the gateway."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import plan_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import event_pb2
from fieldwise_gateway import outcomes
from fieldwise_gateway.settings import Settings
from fieldwise_gateway.store import ClockStore
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import RpcFault, from_rpc_error
from fieldwise_runtime.settings import load
from tests.gateway.backend_fakes import World


async def fault_of(call: Awaitable[object]) -> RpcFault:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def decision_name(world: World) -> str:
    answer = await world.gateway.Decide(pb.DecideRequest(request_id="d", customer="customers/known-1"))
    return answer.decision.name


async def test_an_outcome_is_an_event_of_the_customer_with_the_decision(world: World) -> None:
    name = await decision_name(world)
    request = pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_ACTED)
    answer = await world.gateway.RecordOutcome(request)
    (stored,) = world.fakes.profile.batches[-1].events
    assert (stored.customer, stored.outcome.decision) == ("customers/known-1", name)
    assert stored.event_time.ToJsonString() == "2017-12-25T00:00:00Z"
    assert not answer.duplicate
    assert (await world.gateway.RecordOutcome(request)).duplicate


async def test_an_outcome_id_with_another_body_is_refused(world: World) -> None:
    name = await decision_name(world)
    await world.gateway.RecordOutcome(
        pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_ACTED)
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.RecordOutcome(
            pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_DECLINED)
        )
    assert from_rpc_error(caught.value).reason == "REQUEST_ID_REUSED"


async def test_an_outcome_that_changed_nothing_leaves_its_id_free(world: World) -> None:
    def outcome(name: str, kind: event_pb2.OutcomeKind.ValueType) -> pb.RecordOutcomeRequest:
        return pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=kind)

    name = await decision_name(world)
    nowhere = outcome(f"decisions/{uuid.UUID(int=7)}", event_pb2.OUTCOME_KIND_ACTED)
    assert (await fault_of(world.gateway.RecordOutcome(nowhere))).code == grpc.StatusCode.NOT_FOUND
    world.fakes.profile.rejects = True
    rejected = await fault_of(world.gateway.RecordOutcome(outcome(name, event_pb2.OUTCOME_KIND_DECLINED)))
    assert [each.field for each in rejected.violations] == ["event_time"]
    world.fakes.profile.rejects = False
    assert not (await world.gateway.RecordOutcome(outcome(name, event_pb2.OUTCOME_KIND_ACTED))).duplicate


async def test_a_repeated_outcome_is_answered_with_the_times_that_are_stored(world: World) -> None:
    name = await decision_name(world)
    request = pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_ACTED)
    first = await world.gateway.RecordOutcome(request)
    later = Timestamp()
    later.FromJsonString("2018-01-01T00:00:00Z")
    await world.gateway.MoveClock(pb.MoveClockRequest(to=later))
    again = await world.gateway.RecordOutcome(request)
    assert again.duplicate
    assert again.event == first.event


async def test_an_outcome_from_before_its_decision_is_refused_and_leaves_its_id_free(world: World) -> None:
    name = await decision_name(world)
    request = pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_ACTED)
    request.event_time.FromJsonString("2017-12-24T23:58:59Z")
    fault = await fault_of(world.gateway.RecordOutcome(request))
    assert (fault.reason, fault.violations[0].field) == ("OUTCOME_BEFORE_DECISION", "event_time")
    assert not world.fakes.profile.batches
    request.event_time.FromJsonString("2017-12-24T23:59:00Z")  # clocks may differ by a minute
    assert not (await world.gateway.RecordOutcome(request)).duplicate


async def test_an_explanation_is_asked_of_recommend(world: World) -> None:
    name = await decision_name(world)
    plain = await world.gateway.GetDecision(pb.GetDecisionRequest(name=name))
    explained = await world.gateway.GetDecision(pb.GetDecisionRequest(name=name, explain=True))
    assert not plain.decision.counterfactuals
    assert [each.input for each in explained.decision.counterfactuals] == ["pacing"]


async def test_recording_an_outcome_ends_its_call_to_profile_in_order(world: World) -> None:
    name = await decision_name(world)
    request = pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_ACTED)
    await world.gateway.RecordOutcome(request)
    assert world.fakes.profile.drained.is_set(), "a call left half-read is cancelled"


async def test_a_profile_that_hangs_never_keeps_an_outcome_waiting_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await decision_name(world)
    monkeypatch.setattr(outcomes, "INGEST_SECONDS", 0.3)
    world.fakes.mood("profile").seconds = 30.0
    request = pb.RecordOutcomeRequest(request_id="o1", decision=name, kind=event_pb2.OUTCOME_KIND_ACTED)
    async with asyncio.timeout(5.0):
        fault = await fault_of(world.gateway.RecordOutcome(request))
    assert fault.code == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_batches_of_events_pass_in_order_with_the_business_time(world: World) -> None:
    def batch(number: int) -> pb.IngestEventsRequest:
        return pb.IngestEventsRequest(
            batch_number=number, events=[event_pb2.Event(event_id=f"e{number}", source="pos")]
        )

    call = world.gateway.IngestEvents(iter([batch(0), batch(1), batch(2)]))
    answers = [answer async for answer in call]
    assert [answer.batch_number for answer in answers] == [0, 1, 2]
    times = {each.decision_time.ToJsonString() for each in world.fakes.profile.batches}
    assert times == {"2017-12-25T00:00:00Z"}


async def test_accounts_are_derived_from_profile_and_forecast(world: World) -> None:
    await world.gateway.PlanTerritories(pb.PlanTerritoriesRequest(request_id="p"))
    (asked,) = world.fakes.allocation.plans
    assert [account.name for account in asked.accounts] == ["customers/known-1", "customers/known-2"]
    account = asked.accounts[0]
    # P(buys) .5 x 80 x margin .25 = 10 USD; .5 x (28/7 + 4)/2 orders x 4 min + .5 x 12 min, over four weeks.
    assert account.value.micros == 10_000_000
    assert account.workload_hours == pytest.approx((2.0 * 4.0 + 6.0) / 4 / 60)
    assert account.incumbent == "reps/wang"


async def test_a_derived_plan_is_known_by_what_was_asked_and_not_by_what_was_derived(world: World) -> None:
    for request_id, band in (("p", 0.2), ("p", 0.2), ("q", 0.3)):
        rules = plan_pb2.TerritoryRules(workload_band=band)
        await world.gateway.PlanTerritories(pb.PlanTerritoriesRequest(request_id=request_id, rules=rules))
    first, again, other = (plan.fingerprint for plan in world.fakes.allocation.plans)
    assert first == again != other
    assert first


async def test_given_accounts_are_known_by_allocation_itself(world: World) -> None:
    accounts = [plan_pb2.Account(name="customers/a", workload_hours=1.0)]
    await world.gateway.PlanTerritories(pb.PlanTerritoriesRequest(request_id="p", accounts=accounts))
    assert world.fakes.allocation.plans[0].fingerprint == ""


async def test_who_applies_a_plan_and_when_goes_into_its_history(world: World) -> None:
    name = "plans/01890000-0000-7000-8000-000000000001"
    request = pb.ApplyPlanRequest(name=name, request_id="a", actor="reps/1", note="agreed")
    await world.gateway.ApplyPlan(request)
    (applied,) = world.fakes.allocation.applied
    assert (applied.name, applied.request_id, applied.actor, applied.note) == (name, "a", "reps/1", "agreed")
    assert applied.decision_time.ToJsonString() == "2017-12-25T00:00:00Z"


async def test_a_plan_never_rests_on_something_that_stood_in(world: World) -> None:
    await world.fakes.kill("forecast")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.PlanTerritories(pb.PlanTerritoriesRequest(request_id="p"))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert not world.fakes.allocation.plans


async def test_the_recorded_clock_stands_until_it_is_moved_forward(world: World) -> None:
    clock = await world.gateway.GetClock(pb.GetClockRequest())
    assert (clock.now.ToJsonString(), clock.recorded) == ("2017-12-25T00:00:00Z", True)
    later, earlier = Timestamp(), Timestamp()
    later.FromJsonString("2018-01-01T00:00:00Z")
    earlier.FromJsonString("2017-12-30T00:00:00Z")
    assert (await world.gateway.MoveClock(pb.MoveClockRequest(to=later))).now == later
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.MoveClock(pb.MoveClockRequest(to=earlier))
    assert "not before 2018-01-01" in from_rpc_error(caught.value).message


async def test_a_clock_moved_by_another_gateway_is_followed(world: World, tmp_path: Path) -> None:
    other = Database.open(load(Settings, {"FIELDWISE_DATA": str(tmp_path)}).database_url)
    later = datetime(2018, 1, 1, tzinfo=UTC)
    await ClockStore(other).move(later)
    await other.close()
    for _ in range(100):
        now = (await world.gateway.GetClock(pb.GetClockRequest())).now.ToDatetime(tzinfo=UTC)
        if now == later:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the clock was not followed within 5 s")


async def test_an_operation_of_no_service_is_not_found(world: World) -> None:
    from google.longrunning import operations_pb2, operations_pb2_grpc

    stub = operations_pb2_grpc.OperationsStub(world.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetOperation(operations_pb2.GetOperationRequest(name="operations/nobody/1"))
    assert from_rpc_error(caught.value).reason == "OPERATION_NOT_FOUND"
