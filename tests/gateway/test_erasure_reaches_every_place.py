"""EraseCustomer at the gateway: every place follows profile and is on the receipt; what is away is finished by the jobs process."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import grpc
import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import privacy_service_pb2 as privacy_pb
from fieldwise.profile.v1 import privacy_service_pb2_grpc as privacy_grpc
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.erasing import Erasing
from fieldwise_runtime.errors import from_rpc_error
from tests.gateway.backend_fakes import KNOWN, World

PLACES = {"profile", "recommend", "forecast", "allocation", "gateway", "jobs"}
ONE = KNOWN[0]


async def erase(world: World, letter: str = "letter-3") -> privacy_pb.ErasureReceipt:
    stub = privacy_grpc.PrivacyServiceStub(world.channel)
    return await stub.EraseCustomer(privacy_pb.EraseCustomerRequest(name=ONE, request_id=letter), timeout=5)


async def test_every_place_is_on_the_receipt(world: World) -> None:
    receipt = await erase(world)
    parts = {part.place: part for part in receipt.parts}
    assert set(parts) == PLACES
    assert world.fakes.recommend.erased == [ONE]
    assert dict(parts["recommend"].counts) == {"decisions": 2}
    assert list(parts["forecast"].model_versions) == ["models/buys-28d/versions/1"]
    assert world.fakes.allocation.erased == [ONE]
    assert dict(parts["allocation"].counts) == {"plans": 2, "questions": 1}
    assert parts["allocation"].remains
    assert {part.done_time.ToJsonString() for place, part in parts.items() if place != "profile"} == {
        "2017-12-25T00:00:00Z"
    }


async def test_what_the_gateway_remembered_of_him_is_gone(world: World) -> None:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=ONE)
    await world.gateway.Decide(request, timeout=5)
    receipt = await erase(world)
    part = next(part for part in receipt.parts if part.place == "gateway")
    assert part.counts["snapshots"] == 2, "his profile and his rep"
    await world.fakes.kill("profile")
    again = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=ONE)
    decision = (await world.gateway.Decide(again, timeout=5)).decision
    assert decision.parts[0].state == provenance.PART_STATE_COLD_START


async def test_the_same_letter_gives_the_same_receipt(world: World) -> None:
    assert await erase(world) == await erase(world)
    assert world.fakes.recommend.erased == [ONE]


@pytest.mark.parametrize("away", ["recommend", "forecast", "allocation"])
async def test_a_place_that_is_away_is_finished_later(world: World, away: str) -> None:
    world.fakes.mood(away).code = grpc.StatusCode.UNAVAILABLE
    receipt = await erase(world)
    assert {part.place for part in receipt.parts} == PLACES - {away}
    world.fakes.mood(away).code = None
    backends = Backends.connect(*(world.fakes.address(name) for name in world.fakes.servers))
    jobs = Erasing(backends, lambda: datetime(2017, 12, 25, tzinfo=UTC))
    assert await jobs.finish_all() == 1
    assert await jobs.finish_all() == 0
    assert {part.place for part in (await erase(world)).parts} == PLACES
    await backends.close()


async def test_what_a_place_erased_is_on_the_receipt_also_when_the_caller_did_not_wait(world: World) -> None:
    world.fakes.mood("allocation").seconds = 0.5
    stub = privacy_grpc.PrivacyServiceStub(world.channel)
    request = privacy_pb.EraseCustomerRequest(name=ONE, request_id="in a hurry")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.EraseCustomer(request, timeout=0.3)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    receipt = world.fakes.profile.privacy.receipts["in a hurry"]
    async with asyncio.timeout(5):
        while {part.place for part in receipt.parts} != PLACES:  # noqa: ASYNC110  # a fake of another server's memory
            await asyncio.sleep(0.02)
    assert world.fakes.allocation.erased == [ONE]


async def test_nothing_is_erased_anywhere_when_profile_refuses(world: World) -> None:
    world.fakes.profile.privacy.refuses = True
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await erase(world)
    assert from_rpc_error(raised.value).reason == "ERASURE_UNFINISHED"
    assert world.fakes.recommend.erased == []
