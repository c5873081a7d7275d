"""Profile's services at the gateway: passed on with the business time, errors and cancellations; the rest is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import fieldwise.profile.v1
from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise_gateway.relay import OF_THE_STORE, relayed_services
from fieldwise_runtime import tracing
from fieldwise_runtime.errors import from_rpc_error
from tests.gateway.backend_fakes import World

KNOWN = "customers/known-1"
SERVICE = consent_pb2.PURPOSE_SERVICE


def at_the_gateway(world: World) -> profile_grpc.ProfileServiceAsyncStub:
    return profile_grpc.ProfileServiceStub(world.channel)


def request(name: str = KNOWN) -> pb.GetProfileRequest:
    return pb.GetProfileRequest(name=name, purpose=SERVICE)


async def refusal(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


async def test_the_business_time_is_filled_in(world: World) -> None:
    profile = await at_the_gateway(world).GetProfile(request(), timeout=5)
    assert (profile.name, profile.event_count) == (KNOWN, 7)
    assert profile.as_of.ToJsonString() == "2017-12-25T00:00:00Z"


async def test_a_time_that_the_caller_gives_is_kept(world: World) -> None:
    asked = request()
    asked.as_of.FromJsonString("2017-01-01T00:00:00Z")
    assert (await at_the_gateway(world).GetProfile(asked, timeout=5)).as_of == asked.as_of


async def test_a_time_that_may_be_left_out_is_left_out(world: World) -> None:
    watching = pb.WatchProfilesRequest(names=[KNOWN], purpose=SERVICE)
    assert [each.name async for each in at_the_gateway(world).WatchProfiles(watching, timeout=5)] == [KNOWN]
    assert not world.fakes.profile.watched[0].HasField("as_of")


async def test_field_rules_are_checked_before_profile_is_asked(world: World) -> None:
    fault = await refusal(at_the_gateway(world).GetProfile(pb.GetProfileRequest(name="wang"), timeout=5))
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert {each.field for each in fault.violations} == {"name", "purpose"}
    assert world.fakes.mood("profile").calls == 0


async def test_a_refusal_of_profile_arrives_with_its_reason(world: World) -> None:
    fault = await refusal(at_the_gateway(world).GetProfile(request(name="customers/nobody"), timeout=5))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
    assert fault.metadata["resource"] == "customers/nobody"


async def test_profile_gets_less_time_than_the_caller_gave(world: World) -> None:
    await at_the_gateway(world).GetProfile(request(), timeout=1.0)
    assert 0.0 < world.fakes.mood("profile").budgets[-1] < 1.0


async def test_a_slow_profile_ends_the_call_with_its_deadline(world: World) -> None:
    world.fakes.mood("profile").seconds = 10.0
    fault = await refusal(at_the_gateway(world).GetProfile(request(), timeout=0.3))
    assert fault.code == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_who_leaves_a_stream_ends_it_behind_the_gateway_too(world: World) -> None:
    world.fakes.mood("profile").seconds = 30.0
    watching: Any = at_the_gateway(world).WatchProfiles(
        pb.WatchProfilesRequest(names=[KNOWN], purpose=SERVICE)
    )
    async with asyncio.timeout(5.0):
        assert (await watching.read()).name == KNOWN
        watching.cancel()
        await world.fakes.mood("profile").cancelled.wait()


async def test_a_profile_that_is_away_is_named_as_such(world: World) -> None:
    await world.fakes.kill("profile")
    fault = await refusal(at_the_gateway(world).GetProfile(request(), timeout=2))
    assert fault.code == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    "method",
    ["IngestEvents", "StreamFeatures", "StreamBehaviour", "ListOutcomeEvents", "StreamWeeklySales"],
)
async def test_what_is_for_other_services_is_refused_with_the_way_to_take(world: World, method: str) -> None:
    path = f"/fieldwise.profile.v1.ProfileService/{method}"
    fault = await refusal(world.channel.stream_unary(path)(iter([]), timeout=5))
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_AT_THE_GATEWAY")
    assert (
        "GatewayService" if method in ("IngestEvents", "ListOutcomeEvents") else "GetProfile"
    ) in fault.message


def test_every_service_of_profile_is_found_by_its_contract() -> None:
    services = {service.name: service for service in relayed_services(fieldwise.profile.v1)}
    assert "ProfileService" in services
    assert {method.name for method in services["ProfileService"].methods} >= OF_THE_STORE


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    recording = tracing.configure("fieldwise-gateway", "", spans_to=SimpleSpanProcessor(kept))
    yield kept
    recording.shutdown()
    tracing.configure("fieldwise-gateway", "").shutdown()


async def test_the_callers_trace_goes_on_through_the_gateway(
    spans: InMemorySpanExporter, world: World
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    header = (("traceparent", f"00-{trace_id}-b7ad6b7169203331-01"),)
    await at_the_gateway(world).GetProfile(request(), timeout=5, metadata=header)
    read = [each for each in spans.get_finished_spans() if each.name.endswith("/GetProfile")]
    # The gateway's own, its call, and profile's.
    assert len(read) == 3
    assert {f"{each.context.trace_id:032x}" for each in read} == {trace_id}
