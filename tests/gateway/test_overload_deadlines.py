"""Whatever is asked on behalf of a caller is given up when his time is over or he goes: decisions, relays, streams. Real sockets."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import grpc.aio
import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from tests.gateway.backend_fakes import World

# 50 ms is what the benchmark holds; a busy machine of tests gets more.
SLACK = 0.5
DECISION = consent_pb2.PURPOSE_DECISION


async def all_given_up(world: World, since: float) -> float:
    """Waits until every fake that was asked has seen its cancellation; seconds since then."""
    asked = [
        mood
        for mood in map(world.fakes.mood, ("profile", "forecast", "allocation", "recommend"))
        if mood.begun.is_set()
    ]
    assert asked
    await asyncio.wait_for(asyncio.gather(*(mood.cancelled.wait() for mood in asked)), 5)
    return time.monotonic() - since


def hang(world: World) -> None:
    for name in ("profile", "forecast", "allocation", "recommend"):
        world.fakes.mood(name).seconds = 30.0


@pytest.mark.asyncio
async def test_no_question_outlives_the_deadline_of_the_decision_it_was_for(world: World) -> None:
    hang(world)
    for number, seconds in enumerate((0.1, 0.2)):
        ends = time.monotonic() + seconds
        asked = pb.DecideRequest(request_id=str(number), customer=f"customers/{number}")
        # A decision that is late is still one; only its caller's patience ends it.
        await asyncio.gather(world.gateway.Decide(asked, timeout=seconds), return_exceptions=True)
        assert await all_given_up(world, ends) < SLACK
        assert all(budget <= seconds for budget in world.fakes.mood("profile").budgets[-1:])


@pytest.mark.asyncio
async def test_no_question_outlives_a_caller_who_goes(world: World) -> None:
    hang(world)
    asked = pb.DecideRequest(request_id="r", customer="customers/1")
    call: Any = world.gateway.Decide(asked, timeout=20)
    await asyncio.wait_for(world.fakes.mood("profile").begun.wait(), 5)
    call.cancel()
    assert await all_given_up(world, time.monotonic()) < SLACK


@pytest.mark.asyncio
async def test_a_batch_that_nobody_waits_for_any_more_is_given_up(world: World) -> None:
    hang(world)
    asked = [pb.DecideRequest(request_id=str(n), customer=f"customers/{n}") for n in range(6)]
    calls: list[Any] = [world.gateway.Decide(each, timeout=20) for each in asked]
    await asyncio.wait_for(world.fakes.mood("profile").begun.wait(), 5)
    await asyncio.sleep(0.05)
    for call in calls:
        call.cancel()
    gone = time.monotonic()
    assert await all_given_up(world, gone) < SLACK
    calls_then = world.fakes.mood("profile").calls
    await asyncio.sleep(0.1)
    assert world.fakes.mood("profile").calls == calls_then, "no question is asked for those who have gone"


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["deadline", "cancel"])
@pytest.mark.parametrize("method", ["GetProfile", "WatchProfiles"])
async def test_a_relayed_call_ends_behind_the_gateway_when_it_ends_before_it(
    world: World, method: str, how: str
) -> None:
    hang(world)
    mood = world.fakes.mood("profile")
    mood.begun.clear()
    mood.cancelled.clear()
    # A stub of async calls, each of which has a call's methods.
    stub: Any = profile_grpc.ProfileServiceStub(world.channel)
    seconds = 0.1 if how == "deadline" else 20.0
    ends = time.monotonic() + seconds
    if method == "GetProfile":
        call = stub.GetProfile(
            profile_pb.GetProfileRequest(name="customers/known-1", purpose=DECISION), timeout=seconds
        )
        reading = asyncio.ensure_future(call.code())
    else:
        call = stub.WatchProfiles(
            profile_pb.WatchProfilesRequest(names=["customers/known-1"], purpose=DECISION), timeout=seconds
        )
        reading = asyncio.ensure_future(_read(call))
    await asyncio.wait_for(mood.begun.wait(), 5)
    if how == "cancel":
        call.cancel()
        ends = time.monotonic()
    await asyncio.wait_for(mood.cancelled.wait(), 5)
    assert time.monotonic() - ends < SLACK
    await asyncio.gather(reading, return_exceptions=True)
    assert await call.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


async def _read(call: Any) -> None:
    async for _ in call:
        pass
