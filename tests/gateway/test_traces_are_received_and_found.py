"""The trace receiver over real gRPC, SQLite and PostgreSQL: what it keeps, finds, drops and passes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    TraceServiceStub,
    add_TraceServiceServicer_to_server,
)

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise.gateway.v1.traces_service_pb2_grpc import TracesServiceStub
from fieldwise_gateway.traces.__main__ import PACKAGE, receiver
from fieldwise_gateway.traces.settings import Settings
from fieldwise_runtime import migrations, server
from fieldwise_runtime.settings import SettingsError, load

DECISION = "decisions/01890000-0000-7000-8000-000000000001"
OTHER = "decisions/01890000-0000-7000-8000-000000000002"
TRACE = bytes(range(16))


class Store:
    """A running receiver and its two stubs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.otlp: Any = TraceServiceStub(channel)
        self.traces: Any = TracesServiceStub(channel)

    async def get(self, name: str) -> pb.Trace:
        trace: pb.Trace = await self.traces.GetTrace(pb.GetTraceRequest(name=name), timeout=5)
        return trace

    async def state(self) -> pb.TraceStore:
        state: pb.TraceStore = await self.traces.GetTraceStore(pb.GetTraceStoreRequest(), timeout=5)
        return state


@contextlib.asynccontextmanager
async def running(url: str, **more: str) -> AsyncIterator[Store]:
    environ = {"FIELDWISE_TRACES_LISTEN": "127.0.0.1:0", "FIELDWISE_TRACES_DATABASE_URL": url, **more}
    migrations.migrate(url, PACKAGE)
    started = await server.start(await receiver(load(Settings, environ)))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{started.port}") as channel:
            yield Store(channel)
    finally:
        await started.stop()


@pytest.fixture
def url(sqlite_database_url: str) -> str:
    return sqlite_database_url


def export(
    *, trace: bytes = TRACE, ids: range = range(1, 2), decision: str = "", service: str = "fieldwise-gateway"
) -> Any:
    """One export of a chain of spans, the first a root."""
    request = otlp.ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    for number in ids:
        span = scope.spans.add(
            trace_id=trace,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=(number - 1).to_bytes(8, "big") if number > 1 else b"",
            name="Decide",
            kind=2,
            start_time_unix_nano=10**18 + number,
            end_time_unix_nano=10**18 + number + 1_000_000,
        )
        span.attributes.add(key="rpc.grpc.status_code").value.int_value = 0
        if decision:
            span.attributes.add(key="fieldwise.decision").value.string_value = decision
    return request


async def test_a_trace_is_found_by_its_id_and_by_its_decision_as_soon_as_it_was_taken(
    database_url: str,
) -> None:
    async with running(database_url) as store:
        await store.otlp.Export(export(decision=DECISION, ids=range(1, 4)))
        begun = time.monotonic()
        by_decision = await store.get(DECISION)
        assert time.monotonic() - begun < 0.3
        assert by_decision == await store.get(f"traces/{TRACE.hex()}")
        assert [span.depth for span in by_decision.spans] == [0, 1, 2]
        first = by_decision.spans[0]
        assert (first.service, first.kind, first.status) == ("fieldwise-gateway", "SERVER", "")
        assert first.duration.ToMicroseconds() == 1000
        assert first.attributes["rpc.grpc.status_code"] == "0"


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("fieldwise.plan", "plans/01890000-0000-7000-8000-000000000003"),
        ("fieldwise.price_set", "priceSets/12"),
        ("fieldwise.operation", "operations/allocation/01890000-0000-7000-8000-000000000004"),
    ],
)
async def test_a_trace_is_found_by_whatever_was_made_in_it(url: str, attribute: str, name: str) -> None:
    request = export(ids=range(1, 3))
    last = request.resource_spans[0].scope_spans[0].spans[1]
    last.attributes.add(key=attribute).value.string_value = name
    async with running(url) as store:
        await store.otlp.Export(request)
        assert await store.get(name) == await store.get(f"traces/{TRACE.hex()}")


@pytest.mark.parametrize("joined", [True, False])
async def test_one_trace_holds_many_decisions(url: str, joined: bool) -> None:
    request = export(decision=f"{DECISION},{OTHER}" if joined else DECISION)
    if not joined:
        span = request.resource_spans[0].scope_spans[0].spans[0]
        value = span.attributes[1].value
        value.Clear()
        for name in (DECISION, OTHER):
            value.array_value.values.add().string_value = name
    async with running(url) as store:
        await store.otlp.Export(request)
        assert await store.get(DECISION) == await store.get(OTHER)


async def test_a_span_sent_twice_is_kept_once(database_url: str) -> None:
    async with running(database_url) as store:
        for _ in range(2):
            await store.otlp.Export(export(ids=range(1, 4)))
        assert (await store.state()).spans == 3


async def test_the_store_stays_within_its_capacity_and_drops_the_oldest_traces_whole(
    database_url: str,
) -> None:
    async with running(database_url, FIELDWISE_TRACES_CAPACITY="1000") as store:
        for number in range(1, 31):
            await store.otlp.Export(
                export(trace=bytes([number] * 16), ids=range(1, 51), decision=f"decisions/{number}")
            )
            assert (await store.state()).spans <= 1000
        state = await store.state()
        assert state.capacity == 1000
        assert state.dropped == 1500 - state.spans
        assert len((await store.get(f"traces/{bytes([30] * 16).hex()}")).spans) == 50
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await store.get(f"traces/{bytes([1] * 16).hex()}")
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_an_unknown_trace_is_refused_with_its_reason(url: str) -> None:
    async with running(url) as store:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await store.get(DECISION)
        assert reason_of(refused.value) == "TRACE_NOT_FOUND"
        assert DECISION in (refused.value.details() or "")


async def test_a_name_of_another_kind_is_refused(url: str) -> None:
    async with running(url) as store:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await store.get("customers/1")
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_spans_without_proper_ids_are_refused_and_the_others_kept(url: str) -> None:
    request = export(ids=range(1, 3))
    request.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
    async with running(url) as store:
        answer = await store.otlp.Export(request)
        assert answer.partial_success.rejected_spans == 1
        assert (await store.state()).spans == 1


async def test_an_attribute_of_any_length_and_kind_is_taken(url: str) -> None:
    request = export()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="long").value.string_value = "x" * 10_000
    span.attributes.add(key="yes").value.bool_value = True
    span.attributes.add(key="share").value.double_value = 0.25
    span.status.code = 2
    span.status.message = "INTERNAL"
    span.links.add(trace_id=b"\x07" * 16, span_id=b"\x01" * 8)
    async with running(url) as store:
        await store.otlp.Export(request)
        shown = (await store.get(f"traces/{TRACE.hex()}")).spans[0]
        assert (len(shown.attributes["long"]), shown.attributes["yes"], shown.attributes["share"]) == (
            10_000,
            "true",
            "0.25",
        )
        assert (shown.status, shown.status_message, list(shown.linked_traces)) == (
            "ERROR",
            "INTERNAL",
            ["07" * 16],
        )


async def test_a_service_that_sent_nothing_is_missing_until_it_sends(url: str) -> None:
    caller = export(ids=range(1, 3))
    call = caller.resource_spans[0].scope_spans[0].spans[1]
    call.kind = 3
    call.attributes.add(key="peer.service").value.string_value = "profile"
    async with running(url) as store:
        await store.otlp.Export(caller)
        assert list((await store.get(f"traces/{TRACE.hex()}")).missing_services) == ["fieldwise-profile"]
        await store.otlp.Export(export(ids=range(3, 4), service="fieldwise-profile"))
        assert list((await store.get(f"traces/{TRACE.hex()}")).missing_services) == []


class Backend(TraceServiceServicer):
    """Another OTLP backend, as far as the relay sees one."""

    def __init__(self) -> None:
        self.spans = 0

    async def Export(self, request: Any, context: Any) -> Any:
        self.spans += sum(len(scope.spans) for each in request.resource_spans for scope in each.scope_spans)
        return otlp.ExportTraceServiceResponse()


async def test_another_backend_gets_the_same_spans(url: str) -> None:
    backend = Backend()
    other = grpc.aio.server()
    add_TraceServiceServicer_to_server(backend, other)
    port = other.add_insecure_port("127.0.0.1:0")
    await other.start()
    async with running(url, FIELDWISE_TRACES_RELAY=f"127.0.0.1:{port}") as store:
        await store.otlp.Export(export(ids=range(1, 8)))
        await store.otlp.Export(export(ids=range(1, 8)))
        await until(lambda: backend.spans == 7)
        for _ in range(50):
            if (await store.state()).relayed == 7:
                break
            await asyncio.sleep(0.02)
        assert (await store.state()).relayed == 7
    await other.stop(None)


async def test_a_backend_that_is_away_delays_nobody_and_is_counted(url: str) -> None:
    async with running(url, FIELDWISE_TRACES_RELAY="127.0.0.1:1") as store:
        begun = time.monotonic()
        await store.otlp.Export(export(ids=range(1, 6)))
        assert time.monotonic() - begun < 1
        for _ in range(100):
            if (await store.state()).relay_failures == 5:
                break
            await asyncio.sleep(0.02)
        assert (await store.state()).relay_failures == 5


async def test_what_was_acknowledged_outlives_kill_9(url: str, tmp_path: Path) -> None:
    migrations.migrate(url, PACKAGE)
    port = free_port()
    environ = {
        **os.environ,
        "FIELDWISE_TRACES_DATABASE_URL": url,
        "FIELDWISE_TRACES_LISTEN": f"127.0.0.1:{port}",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "fieldwise_gateway.traces"], env=environ, stderr=subprocess.DEVNULL
    )
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await Store(channel).otlp.Export(export(ids=range(1, 101)), wait_for_ready=True, timeout=20)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    async with running(url) as store:
        assert (await store.state()).spans == 100


def test_every_bad_setting_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        load(Settings, {"FIELDWISE_TRACES_CAPACITY": "many", "FIELDWISE_TRACES_RELAY": "nowhere"})
    assert len(refused.value.faults) == 2


def reason_of(error: grpc.aio.AioRpcError) -> str:
    details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(bytes(details))
    info = error_details_pb2.ErrorInfo()
    return info.reason if any(detail.Unpack(info) for detail in status.details) else ""


async def until(holds: Any) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to hold")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
