"""Clocks that jump: the machine's, backwards and forwards by years, while calls are under way; and the installation's own."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import grpc
import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_runtime.errors import from_rpc_error
from tests.gateway.backend_fakes import World

YEARS = 10 * 365 * 86_400.0


async def decided(world: World, request_id: str) -> decision_pb2.Decision:
    request = pb.DecideRequest(request_id=request_id, customer="customers/known-1")
    return (await world.gateway.Decide(request, timeout=2)).decision


def _jump(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Another time of day for all of ours; grpc in this process counts its deadlines from the time of day and keeps the right one."""
    told = {name: getattr(time, name) for name in dir(time)}
    told["time"] = lambda: time.time() + seconds
    told["time_ns"] = lambda: time.time_ns() + int(seconds * 1e9)
    jumped = SimpleNamespace(**told)
    ours = [each for name, each in sys.modules.items() if name.startswith("fieldwise_")]
    found = [each for each in ours if getattr(each, "time", None) is time]
    assert found, "nobody asks for the time of day any more"
    for each in found:
        monkeypatch.setattr(each, "time", jumped)


@pytest.mark.parametrize("jump", [-YEARS, -3_600.0, 3_600.0, YEARS, -1_795_000_000.0], ids=str)
async def test_a_jump_of_the_machines_clock_changes_no_decision(
    world: World, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    before = await decided(world, "before")
    _jump(monkeypatch, jump)
    begun = time.monotonic()
    after = await decided(world, "after")
    assert time.monotonic() - begun < 1, "its deadline hung on the machine's clock"
    assert after.name != before.name
    assert after.decision_time == before.decision_time, "the business clock stands"
    assert all(part.state == provenance.PART_STATE_FRESH for part in after.parts)


async def test_the_installations_clock_goes_decades_ahead_and_never_back(world: World) -> None:
    move, now = pb.MoveClockRequest(), datetime(2017, 12, 25, tzinfo=UTC)
    move.to.FromDatetime(now + timedelta(days=80 * 365))
    await world.gateway.MoveClock(move, timeout=2)
    later = await decided(world, "in eighty years")
    assert later.decision_time == move.to
    back = pb.MoveClockRequest()
    back.to.FromDatetime(now)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.MoveClock(back, timeout=2)
    fault = from_rpc_error(caught.value)
    assert [each.field for each in fault.violations] == ["to"]
    assert (await decided(world, "and again")).decision_time == move.to


@pytest.mark.parametrize("seconds", [-62_135_596_801, 253_402_300_800, 2**62], ids=str)
async def test_a_moment_that_no_calendar_has_is_refused_by_name(world: World, seconds: int) -> None:
    move = pb.MoveClockRequest()
    move.to.seconds = seconds
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.gateway.MoveClock(move, timeout=2)
    fault = from_rpc_error(caught.value)
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [each.field for each in fault.violations] == ["to"]
