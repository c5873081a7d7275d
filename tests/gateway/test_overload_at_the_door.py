"""Calls beyond what is answered in good time are refused at once and told when to come back. Real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.admission import DECISIONS, SHORT, STREAMS, WORK, Admission, class_of
from fieldwise_gateway.core.admission import MOST_RETRY_SECONDS, Bounds
from fieldwise_runtime import tracing
from fieldwise_runtime.errors import from_rpc_error
from fieldwise_runtime.server import Service, start
from tests.gateway.backend_fakes import World

ASK = pb.DecideRequest(request_id="r", customer="customers/1")


class Slow(gateway_grpc.GatewayServiceServicer, operations_pb2_grpc.OperationsServicer):
    """Decides when it is let, and says who got as far as here."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Semaphore(0)
        self.calls = 0
        self.fails = False

    async def Decide(self, request: Any, context: Any) -> Any:
        self.calls += 1
        self.begun.release()
        await self.go.wait()
        if self.fails:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "told to")
        return pb.DecideResponse()

    async def GetClock(self, request: Any, context: Any) -> Any:
        return pb.Clock(recorded=True)

    async def CancelOperation(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


class Door:
    """A server of two decisions at once."""

    def __init__(self, servicer: Slow, admission: Admission, channel: grpc.aio.Channel) -> None:
        self.servicer = servicer
        self.admission = admission
        self.channel = channel
        # Taken as a stub of async calls, which it is on such a channel.
        self.stub: Any = gateway_grpc.GatewayServiceStub(channel)

    @property
    def under_way(self) -> int:
        return next(each.under_way for each in self.admission.standings() if each.name == DECISIONS)

    async def fill(self) -> list[Any]:
        """Two decisions that wait in their handlers."""
        calls = [asyncio.ensure_future(self.ask()) for _ in range(2)]
        for _ in calls:
            await asyncio.wait_for(self.servicer.begun.acquire(), 5)
        return calls

    async def ask(self, **options: Any) -> Any:
        return await self.stub.Decide(ASK, **options)

    async def until_free(self) -> None:
        for _ in range(500):
            if not self.under_way:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{self.under_way} seats are still taken")


@pytest.fixture
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracing.configure("test", "", spans_to=SimpleSpanProcessor(exporter))
    return exporter


@pytest_asyncio.fixture
async def door(spans: InMemorySpanExporter) -> AsyncIterator[Door]:
    # It has the methods that these tests reach.
    servicer = Slow()  # type: ignore[abstract]  # see above
    admission = Admission({DECISIONS: Bounds.fixed(2), SHORT: Bounds.fixed(4)})

    def register(server: Any) -> None:
        gateway_grpc.add_GatewayServiceServicer_to_server(servicer, server)
        operations_pb2_grpc.add_OperationsServicer_to_server(servicer, server)

    running = await start(
        Service(
            name="door",
            listen="127.0.0.1:0",
            register=register,
            service_names=[],
            gatekeepers=(admission,),
            door=admission.door,
            drain_seconds=0.0,
        )
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        yield Door(servicer, admission, channel)
    await running.stop()


async def refusal(asking: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asking
    return refused.value


@pytest.mark.asyncio
async def test_what_is_too_much_is_refused_before_it_is_read_and_told_when_to_come_back(door: Door) -> None:
    waiting = await door.fill()
    refused = await asyncio.gather(*(refusal(door.ask()) for _ in range(40)))
    faults = [from_rpc_error(each) for each in refused]
    assert {(fault.code, fault.reason) for fault in faults} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    }
    delays = [fault.retry_after_seconds for fault in faults]
    assert all(delay is not None and 0.0 < delay <= 1.5 * MOST_RETRY_SECONDS for delay in delays)
    assert len(set(delays)) > 5, "they must not come back together"
    assert door.servicer.calls == 2
    door.servicer.go.set()
    await asyncio.gather(*waiting)
    await door.ask()


@pytest.mark.asyncio
async def test_a_request_that_does_not_even_parse_is_refused_alike_while_there_is_no_room(door: Door) -> None:
    await door.fill()
    raw: Any = door.channel.unary_unary("/fieldwise.gateway.v1.GatewayService/Decide")
    for _ in range(3):
        assert from_rpc_error(await refusal(raw(b"\xff\xff"))).reason == "OVERLOADED"


@pytest.mark.asyncio
async def test_other_classes_health_and_the_end_of_work_pass_while_decisions_are_refused(door: Door) -> None:
    await door.fill()
    await refusal(door.ask())
    assert (await door.stub.GetClock(pb.GetClockRequest())).recorded
    health: Any = health_pb2_grpc.HealthStub(door.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    operations: Any = operations_pb2_grpc.OperationsStub(door.channel)
    for _ in range(50):
        await operations.CancelOperation(operations_pb2.CancelOperationRequest(name="operations/x/1"))


@pytest.mark.asyncio
@pytest.mark.parametrize("ending", ["answer", "error", "cancel", "deadline", "nonsense"])
async def test_a_seat_is_free_again_however_its_call_ends(door: Door, ending: str) -> None:
    if ending == "nonsense":
        raw: Any = door.channel.unary_unary("/fieldwise.gateway.v1.GatewayService/Decide")
        for _ in range(3):
            assert from_rpc_error(await refusal(raw(b"\xff\xff"))).reason == "MALFORMED_REQUEST"
    elif ending == "deadline":
        for _ in range(3):
            refused = await refusal(door.ask(timeout=0.05))
            assert refused.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await door.until_free()
    else:
        door.servicer.fails = ending == "error"
        waiting = await door.fill()
        if ending == "cancel":
            for each in waiting:
                each.cancel()
        else:
            door.servicer.go.set()
        await asyncio.gather(*waiting, return_exceptions=True)
    await door.until_free()
    door.servicer.fails = False
    door.servicer.go.set()
    await door.ask()


@pytest.mark.asyncio
async def test_refusals_are_counted_and_only_a_few_have_a_span(
    door: Door, spans: InMemorySpanExporter
) -> None:
    await door.fill()
    begun = time.monotonic()
    for _ in range(200):
        await refusal(door.ask())
    seconds = time.monotonic() - begun
    recorded = [
        span
        for span in spans.get_finished_spans()
        if (span.attributes or {}).get("fieldwise.error.reason") == "OVERLOADED"
    ]
    assert 1 <= len(recorded) <= 2 + 10 * seconds
    assert next(each.refused for each in door.admission.standings() if each.name == DECISIONS) == 200


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_main, "limits", lambda _: {DECISIONS: Bounds.fixed(2)})


@pytest.mark.asyncio
async def test_the_gateway_itself_refuses_at_its_door(two_at_once: None, world: World) -> None:
    for name in ("profile", "forecast", "allocation", "recommend"):
        world.fakes.mood(name).seconds = 0.1
    asks = [pb.DecideRequest(request_id=str(n), customer=f"customers/{n}") for n in range(12)]
    # A stub of async calls, each of which has a call's methods.
    stub: Any = world.gateway
    calls = [stub.Decide(ask, timeout=5) for ask in asks]
    codes = [await call.code() for call in calls]
    assert codes.count(grpc.StatusCode.OK) == 2
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 10
    assert (await stub.Decide(asks[0], timeout=5)).decision.name


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fieldwise.gateway.v1.GatewayService/Decide", DECISIONS),
        ("fieldwise.gateway.v1.GatewayService/BatchDecide", WORK),
        ("fieldwise.gateway.v1.GatewayService/PlanTerritories", WORK),
        ("fieldwise.profile.v1.ProfileService/RebuildProfiles", WORK),
        ("fieldwise.gateway.v1.GatewayService/IngestEvents", STREAMS),
        ("fieldwise.gateway.v1.EventsService/CaptureEvents", STREAMS),
        ("fieldwise.profile.v1.ProfileService/WatchProfiles", STREAMS),
        ("fieldwise.gateway.v1.GatewayService/GetDecision", SHORT),
        ("fieldwise.profile.v1.ProfileService/GetProfile", SHORT),
        ("fieldwise.gateway.v1.GatewayService/RecordOutcome", SHORT),
        ("google.longrunning.Operations/CancelOperation", ""),
    ],
)
def test_every_method_has_a_class_by_what_it_costs(method: str, expected: str) -> None:
    assert class_of(f"/{method}") == expected
