"""Spans on their way to an OTLP receiver: a real one, several, none, and one that never answers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from fieldwise_runtime import metrics, tracing
from fieldwise_runtime.workers import run_in_process
from tests.runtime import work_for_workers as work


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.something = asyncio.Event()
        self.spans: list[tuple[str, Any]] = []

    async def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            service = next(
                a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
            )
            self.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
        self.something.set()
        return trace_service_pb2.ExportTraceServiceResponse()


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield receiver, f"127.0.0.1:{port}"
    await server.stop(0)


def make_spans(count: int) -> None:
    for number in range(count):
        with tracing.tracer().start_as_current_span(f"span {number}"):
            pass


async def shut_down(recording: tracing.Tracing) -> float:
    """Seconds that the shutdown took; in a thread, because the receiver of a test lives in this loop."""
    began = time.monotonic()
    await asyncio.to_thread(recording.shutdown)
    tracing.configure("fieldwise-test", "")
    return time.monotonic() - began


async def test_every_span_arrives_under_its_services_name() -> None:
    async with receiving() as (receiver, address):
        recording = tracing.configure("fieldwise-profile", address)
        make_spans(2000)
        await shut_down(recording)
        assert sorted(span.name for _, span in receiver.spans) == sorted(f"span {n}" for n in range(2000))
        assert {service for service, _ in receiver.spans} == {"fieldwise-profile"}
        assert recording.dropped == 0


async def test_a_span_arrives_within_a_second() -> None:
    async with receiving() as (receiver, address):
        recording = tracing.configure("fieldwise-profile", address)
        make_spans(1)
        await asyncio.wait_for(receiver.something.wait(), 1.0)
        await shut_down(recording)


async def test_several_receivers_get_the_same_spans() -> None:
    async with receiving() as (one, first), receiving() as (two, second):
        recording = tracing.configure("fieldwise-profile", first, also=[second])
        make_spans(3)
        await shut_down(recording)
        assert len(one.spans) == len(two.spans) == 3


async def test_a_receiver_that_is_down_delays_the_end_by_less_than_a_second_and_drops_are_counted() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    recording = tracing.configure("fieldwise-profile", address)
    make_spans(1000)
    assert await shut_down(recording) < 1.0
    await asyncio.sleep(0.2)  # the thread that was cut off counts what it could not send
    assert recording.dropped == 1000


async def test_a_receiver_that_never_answers_delays_the_end_by_no_more_than_a_second() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        recording = tracing.configure("fieldwise-profile", f"127.0.0.1:{deaf.getsockname()[1]}")
        make_spans(3000)
        assert await shut_down(recording) < 1.2


async def test_a_receiver_that_comes_late_gets_what_comes_after() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    recording = tracing.configure("fieldwise-profile", address)
    make_spans(1)
    await asyncio.sleep(0.5)
    receiver, server = Receiver(), grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    server.add_insecure_port(address)
    await server.start()
    for _ in range(50):
        make_spans(1)
        await asyncio.sleep(0.1)
        if receiver.spans:
            break
    assert receiver.spans
    await shut_down(recording)
    await server.stop(0)


async def test_a_span_arrives_with_all_that_was_told_about_it() -> None:
    async with receiving() as (receiver, address):
        recording = tracing.configure("fieldwise-profile", address)
        told: Any = {"text": "a", "long": "x" * 500, "yes": True, "one": 1, "share": 0.5, "names": ["a", "b"]}
        with tracing.tracer().start_as_current_span("above", attributes=told) as above:
            call = tracing.client_span("a.B/C", {"rpc.system": "grpc"})
            call.record_exception(ValueError("secret"))
            tracing.mark_failed(call, "UNAVAILABLE")
            call.add_link(above.get_span_context())
            call.end()
        await shut_down(recording)
    spans = {span.name: span for _, span in receiver.spans}
    values = {each.key: each.value for each in spans["above"].attributes}
    assert (values["text"].string_value, values["long"].string_value) == ("a", "x" * 500)
    assert (values["yes"].bool_value, values["one"].int_value, values["share"].double_value) == (True, 1, 0.5)
    assert [each.string_value for each in values["names"].array_value.values] == ["a", "b"]
    sent = spans["a.B/C"]
    assert (sent.kind, spans["above"].kind) == (
        trace_pb2.Span.SPAN_KIND_CLIENT,
        trace_pb2.Span.SPAN_KIND_INTERNAL,
    )
    assert (sent.status.code, sent.status.message) == (trace_pb2.Status.STATUS_CODE_ERROR, "UNAVAILABLE")
    assert sent.trace_id == spans["above"].trace_id
    assert sent.parent_span_id == sent.links[0].span_id == spans["above"].span_id
    assert 0 < sent.start_time_unix_nano <= sent.end_time_unix_nano
    assert sent.events[0].name == "exception"
    assert "secret" not in str(sent)


async def test_a_worker_process_sends_its_span_before_it_ends() -> None:
    async with receiving() as (receiver, address):
        recording = tracing.configure("fieldwise-allocation", address)
        with tracing.tracer().start_as_current_span("above"):
            trace_id = await run_in_process(work.tell_trace, timeout=30)
        await shut_down(recording)
        spans = {span.name: (service, span) for service, span in receiver.spans}
    service, span = spans["worker tests.runtime.work_for_workers.tell_trace"]
    assert service == "fieldwise-allocation"
    assert span.trace_id.hex() == trace_id
    assert span.parent_span_id == spans["above"][1].span_id


@pytest.mark.parametrize("header", ["", "00-1-2-3", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "x" * 55])
def test_a_header_that_is_no_traceparent_names_no_parent(header: str) -> None:
    assert tracing.parse_traceparent(header) is None


def test_a_carried_context_comes_back_as_it_was(recorded: Any) -> None:
    with tracing.tracer().start_as_current_span("here") as here:
        carrier = tracing.carry()
    with tracing.continued(carrier, "there") as there:
        assert there.get_span_context().trace_id == here.get_span_context().trace_id
    assert tracing.carry() == {}
    assert [link.context.span_id for link in tracing.link_to(carrier)] == [here.get_span_context().span_id]
    assert recorded.get_finished_spans()[-1].parent.span_id == here.get_span_context().span_id


async def test_every_span_that_nobody_takes_is_counted_also_those_that_find_the_queue_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "_MOST_QUEUED", 1_024)
    before = metrics.REGISTRY.get_sample_value("fieldwise_spans_dropped_total") or 0.0
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        recording = tracing.configure("fieldwise-test", f"127.0.0.1:{deaf.getsockname()[1]}")
        await asyncio.to_thread(make_spans, 4_000)
        await shut_down(recording)
    dropped = (metrics.REGISTRY.get_sample_value("fieldwise_spans_dropped_total") or 0.0) - before
    # Most found the queue full; what the shutdown did not wait for is in neither count.
    assert 2_000 <= dropped <= 4_000
