"""Decide with services that are away, slow or at fault: it answers as the contracts say, in time, and names the gaps."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import grpc
import grpc.aio
import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_runtime.errors import from_rpc_error
from tests.gateway.backend_fakes import World

KNOWN = "customers/known-1"


async def decide(
    world: World, customer: str = KNOWN, timeout: float = 2.0, **fields: object
) -> decision_pb2.Decision:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer, **fields)  # type: ignore[arg-type]
    return (await world.gateway.Decide(request, timeout=timeout)).decision


def states(decision: decision_pb2.Decision) -> dict[str, str]:
    return {
        part.name: provenance.PartState.Name(part.state).removeprefix("PART_STATE_")
        for part in decision.parts
    }


async def test_all_four_services_stand_behind_a_decision(world: World) -> None:
    decision = await decide(world)
    assert set(states(decision)) == {"profile", "forecast", "allocation", "recommend"}
    assert set(states(decision).values()) == {"FRESH"}
    (request,) = world.fakes.recommend.requests
    assert request.price_set.name == "priceSets/3"
    assert request.inputs[0].rep == "reps/wang"
    assert request.inputs[0].decision_time.ToJsonString() == "2017-12-25T00:00:00Z"


async def test_a_dead_profile_is_replaced_by_the_last_snapshot(world: World) -> None:
    await decide(world)
    await world.fakes.kill("profile")
    decision = await decide(world)
    assert states(decision)["profile"] == "SNAPSHOT"
    assert world.fakes.recommend.requests[-1].inputs[0].profile.event_count == 7
    assert "snapshot" in decision.parts[0].detail


async def test_a_dead_profile_without_a_snapshot_gives_a_cold_start(world: World) -> None:
    await world.fakes.kill("profile")
    decision = await decide(world)
    assert states(decision)["profile"] == "COLD_START"
    assert not world.fakes.recommend.requests[-1].inputs[0].HasField("profile")


async def test_a_dead_forecast_is_replaced_by_priors(world: World) -> None:
    await world.fakes.kill("forecast")
    assert states(await decide(world))["forecast"] == "PRIOR"


async def test_a_dead_allocation_is_replaced_by_the_last_prices_and_the_last_rep(world: World) -> None:
    await decide(world)
    await world.fakes.kill("allocation")
    assert states(await decide(world))["allocation"] == "LAST_VALID"
    last = world.fakes.recommend.requests[-1]
    assert (last.price_set.name, last.inputs[0].rep) == ("priceSets/3", "reps/wang")


async def test_a_dead_allocation_without_earlier_prices_is_missing(world: World) -> None:
    await world.fakes.kill("allocation")
    assert states(await decide(world))["allocation"] == "MISSING"
    assert not world.fakes.recommend.requests[-1].HasField("price_set")


async def test_a_dead_recommend_gives_an_explicit_no_decision(world: World) -> None:
    await world.fakes.kill("recommend")
    decision = await decide(world)
    assert decision.verdict == decision_pb2.VERDICT_NO_DECISION
    assert states(decision)["recommend"] == "MISSING"
    assert "ask again with the same request_id" in decision.no_decision_reason


@pytest.mark.parametrize("slow", ["profile", "forecast", "allocation", "recommend"])
async def test_a_slow_service_never_makes_a_decision_late(world: World, slow: str) -> None:
    world.fakes.mood(slow).seconds = 10.0
    begun = time.monotonic()
    decision = await decide(world, timeout=1.0)
    # That it answered at all says that it kept the deadline; the rest is this process's own wait for a turn.
    assert time.monotonic() - begun < 1.5
    assert states(decision)[slow] != "FRESH"


@pytest.mark.parametrize("faulty", ["profile", "forecast", "allocation"])
async def test_a_service_at_fault_is_stood_in_for_and_named(world: World, faulty: str) -> None:
    world.fakes.mood(faulty).code = grpc.StatusCode.INTERNAL
    decision = await decide(world)
    assert states(decision)[faulty] != "FRESH"
    assert any("INTERNAL" in part.detail for part in decision.parts)


async def test_every_service_gets_less_time_than_the_caller_gave(world: World) -> None:
    await decide(world, timeout=1.0)
    for service in ("profile", "forecast", "allocation", "recommend"):
        # The follower asks profile too, with a time of its own.
        assert 0.0 < min(world.fakes.mood(service).budgets) < 1.0


async def test_a_caller_who_leaves_takes_the_work_behind_him_with_him(world: World) -> None:
    world.fakes.mood("profile").seconds = 10.0
    call = world.gateway.Decide(pb.DecideRequest(request_id="r", customer=KNOWN), timeout=30.0)
    async with asyncio.timeout(2.0):
        await world.fakes.mood("profile").begun.wait()
        call.cancel()
        await world.fakes.mood("profile").cancelled.wait()


async def test_an_unknown_customer_gets_a_flagged_cold_start(world: World) -> None:
    decision = await decide(world, "customers/stranger")
    assert (states(decision)["profile"], states(decision)["forecast"]) == ("COLD_START", "PRIOR")


async def test_one_unknown_customer_of_a_batch_does_not_speak_for_the_others(world: World) -> None:
    asked = pb.BatchDecideRequest(request_id="two", customers=[KNOWN, "customers/stranger"])
    known, stranger = (await world.gateway.BatchDecide(asked)).decisions
    assert (states(known)["forecast"], states(stranger)["forecast"]) == ("FRESH", "PRIOR")


async def test_an_unknown_customer_is_refused_where_he_must_be_known(world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await decide(world, "customers/stranger", require_known=True)
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
    assert "customers/stranger" in fault.message


async def test_nobody_is_let_through_as_known_while_profile_is_away(world: World) -> None:
    await world.fakes.kill("profile")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await decide(world, require_known=True)
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNAVAILABLE, "CUSTOMER_STATE_UNKNOWN")


async def test_a_remembered_customer_is_known_while_profile_is_away(world: World) -> None:
    await decide(world)
    await world.fakes.kill("profile")
    assert states(await decide(world, require_known=True))["profile"] == "SNAPSHOT"


async def test_without_a_deadline_all_steps_together_keep_to_the_stated_time(world: World) -> None:
    for service in ("profile", "forecast", "recommend"):
        world.fakes.mood(service).seconds = 10.0
    begun = time.monotonic()
    decision = (await world.gateway.Decide(pb.DecideRequest(request_id="r", customer=KNOWN))).decision
    # Each step on its own would take a quarter, a quarter and the whole of the 2 s.
    assert time.monotonic() - begun < 2.5
    assert decision.verdict == decision_pb2.VERDICT_NO_DECISION


async def test_the_same_request_gives_the_same_decision(world: World) -> None:
    request = pb.DecideRequest(request_id="once", customer=KNOWN)
    first, second = await world.gateway.Decide(request), await world.gateway.Decide(request)
    assert first.decision.name == second.decision.name


async def test_a_request_id_with_another_body_is_refused(world: World) -> None:
    await world.gateway.Decide(pb.DecideRequest(request_id="once", customer=KNOWN))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.Decide(pb.DecideRequest(request_id="once", customer=KNOWN, max_actions=7))
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_a_batch_gives_one_decision_per_customer_in_order(world: World) -> None:
    customers = [f"customers/c{number}" for number in range(601)]
    answer = await world.gateway.BatchDecide(pb.BatchDecideRequest(request_id="many", customers=customers))
    assert [decision.customer for decision in answer.decisions] == customers
    assert len({decision.name for decision in answer.decisions}) == 601
    assert len(world.fakes.recommend.requests) == 5, "a batch goes to the services in chunks, not one by one"


@pytest.mark.parametrize(
    ("customers", "words"),
    [
        ([], "customers: "),
        ([f"customers/c{n}" for n in range(10_001)], "split the batch"),
        ([KNOWN, KNOWN], "customers"),
    ],
)
async def test_a_batch_of_the_wrong_size_is_refused(world: World, customers: list[str], words: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.BatchDecide(pb.BatchDecideRequest(request_id="many", customers=customers))
    fault = from_rpc_error(caught.value)
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert words in fault.message


async def test_a_deadline_that_has_passed_reaches_no_service(world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await decide(world, timeout=-1.0)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert world.fakes.mood("profile").calls == 0


async def test_bytes_that_are_no_request_are_refused_and_the_gateway_goes_on(world: World) -> None:
    raw: Any = world.channel.unary_unary("/fieldwise.gateway.v1.GatewayService/Decide")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(b"\xff\xff\xff\xff")
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert "fieldwise.gateway.v1.DecideRequest" in fault.message
    assert states(await decide(world))["recommend"] == "FRESH"
