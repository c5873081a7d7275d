"""The trace store when it is full: a decision's trace by name and by search, and what taking a span costs."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.trace.v1 import trace_pb2 as pb_trace

from benchmarks.processes import cpu_seconds, free_port, peak_memory_mib, start_module, stop, wait_for_port
from benchmarks.report import Row
from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise.gateway.v1.traces_service_pb2_grpc import TracesServiceStub

# As a decision leaves them: the gateway's span and its four calls, then one span of each service.
_SERVICES: Final = ("profile", "forecast", "allocation", "recommend")
_SPANS_PER_TRACE: Final = 9
_PER_EXPORT: Final = 56  # traces: about the 512 spans that processes send at once
_BEGUN: Final = 1_700_000_000 * 10**9


def rows(*, quick: bool) -> Iterator[Row]:
    """Fill the store, then ask."""
    spans = 200_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        yield from _measured(Path(folder), spans, 100 if quick else 400)


def _measured(folder: Path, spans: int, asked: int) -> Iterator[Row]:
    port = free_port()
    environ = {
        "FIELDWISE_DATA": str(folder),
        "FIELDWISE_TRACES_DATABASE_URL": f"sqlite:///{folder / 'traces.sqlite'}",
        "FIELDWISE_TRACES_LISTEN": f"127.0.0.1:{port}",
        "FIELDWISE_TRACES_CAPACITY": str(spans * 2),
        "FIELDWISE_LOG_LEVEL": "ERROR",
    }
    migrating = [sys.executable, "-m", "fieldwise_gateway.traces", "migrate"]
    subprocess.run(migrating, env=os.environ | environ, check=True)
    process = start_module("fieldwise_gateway.traces", environ=environ)
    try:
        wait_for_port(port)
        options = [("grpc.max_receive_message_length", 64 << 20)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield from _filled(channel, process.pid, spans)
            size = sum(file.stat().st_size for file in folder.glob("traces.sqlite*"))
            yield Row("bytes of a span in the store", size / spans, "B")
            yield Row("memory of the trace store", peak_memory_mib([process.pid]), "MiB")
            yield from _asked(TracesServiceStub(channel), spans, asked)
    finally:
        stop([process])


def _filled(channel: grpc.Channel, pid: int, spans: int) -> Iterator[Row]:
    export: Any = TraceServiceStub(channel).Export
    traces: Any = TracesServiceStub(channel)
    before, begun, sending = cpu_seconds([pid]), time.perf_counter(), 0.0
    for first in range(0, spans // _SPANS_PER_TRACE, _PER_EXPORT):
        made = _exports(range(first, min(first + _PER_EXPORT, spans // _SPANS_PER_TRACE)))
        at = time.perf_counter()
        for each in made:
            export(each, timeout=30)
        sending += time.perf_counter() - at
    while traces.GetTraceStore(pb.GetTraceStoreRequest(), timeout=30).undecided:
        time.sleep(0.2)
    held = traces.GetTraceStore(pb.GetTraceStoreRequest(), timeout=30).spans
    cpu = cpu_seconds([pid]) - before
    yield Row("spans held", held, "spans", "must", f">= {spans // _SPANS_PER_TRACE * _SPANS_PER_TRACE}")
    yield Row("CPU to take, settle and index a span", cpu / spans * 1e6, "us")
    yield Row("spans taken in a second, one sender", spans / sending, "spans/s")
    yield Row("whole of the filling", time.perf_counter() - begun, "s")


def _exports(numbers: range) -> list[ExportTraceServiceRequest]:
    """What each process sends of these decisions."""
    return [_export("gateway", numbers), *(_export(service, numbers) for service in _SERVICES)]


def _export(service: str, numbers: range) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = f"fieldwise-{service}"
    scope = resource.scope_spans.add()
    scope.scope.name = "fieldwise"
    for number in numbers:
        start = _BEGUN + number * 10_000_000
        trace_id = _trace_id(number)
        for place, callee in enumerate(_SERVICES if service == "gateway" else (service,), start=1):
            index = place if service == "gateway" else _SERVICES.index(service) + 1
            span = scope.spans.add(
                trace_id=trace_id,
                span_id=_span_id(number, index + (0 if service == "gateway" else 8)),
                parent_span_id=_span_id(number, 7 if service == "gateway" else index),
                name=f"fieldwise.{callee}.v1.{callee.title()}Service/Call",
                kind=pb_trace.Span.SPAN_KIND_CLIENT
                if service == "gateway"
                else pb_trace.Span.SPAN_KIND_SERVER,
                start_time_unix_nano=start + place * 100_000,
                end_time_unix_nano=start + place * 400_000,
            )
            _tell(span, {"rpc.system": "grpc", "rpc.service": f"fieldwise.{callee}.v1", "rpc.method": "Call"})
        if service == "gateway":
            root = scope.spans.add(
                trace_id=trace_id,
                span_id=_span_id(number, 7),
                name="fieldwise.gateway.v1.GatewayService/Decide",
                kind=pb_trace.Span.SPAN_KIND_SERVER,
                start_time_unix_nano=start,
                end_time_unix_nano=start + (50_000_000 if number % 1000 == 0 else 3_000_000),
            )
            _tell(root, {"fieldwise.decision": _decision(number), "fieldwise.verdict": "VERDICT_ACT"})
            _tell(root, {"fieldwise.action": f"actions/{number % 20}"})
            _tell(root, {"fieldwise.customer": f"pseudonyms/{number % 5000:024x}"})
            if number % 500 == 0:
                root.status.code = pb_trace.Status.STATUS_CODE_ERROR
    return request


def _tell(span: Any, attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        span.attributes.add(key=key).value.string_value = value


def _trace_id(number: int) -> bytes:
    # Spread as real ids are: neighbours in time are no neighbours in an index.
    return random.Random(number).getrandbits(128).to_bytes(16, "big")


def _span_id(number: int, place: int) -> bytes:
    return (number * 16 + place + 1).to_bytes(8, "big")


def _decision(number: int) -> str:
    return f"decisions/01890000-0000-7000-8000-{number:012x}"


def _asked(stub: Any, spans: int, asked: int) -> Iterator[Row]:
    traces = spans // _SPANS_PER_TRACE
    drawn = random.Random(1).choices(range(traces), k=asked)

    def read(number: int) -> None:
        trace = stub.GetTrace(pb.GetTraceRequest(name=_decision(number)), timeout=10)
        assert len(trace.spans) == _SPANS_PER_TRACE, trace
        assert not trace.orphans

    def search(**filters: Any) -> Callable[[int], None]:
        def ask(_: int) -> None:
            assert stub.SearchTraces(pb.SearchTracesRequest(**filters), timeout=60).traces

        return ask

    def made(number: int) -> None:
        answer = stub.SearchTraces(pb.SearchTracesRequest(made=_decision(number)), timeout=10)
        assert [each.name for each in answer.traces] == [f"traces/{_trace_id(number).hex()}"]

    def of_customer(number: int) -> None:
        pseudonym = f"pseudonyms/{number % 5000:024x}"
        assert stub.SearchTraces(pb.SearchTracesRequest(customer=pseudonym), timeout=10).traces

    def nothing(_: int) -> None:
        filters = pb.SearchTracesRequest(attributes={"fieldwise.action": "actions/none"})
        assert not stub.SearchTraces(filters, timeout=60).traces

    of = f"among {spans:,} spans"
    p50, p99 = _milliseconds(read, drawn)
    yield Row(f"a decision's trace {of}, p50", p50, "ms", "must", "<= 100")
    yield Row(f"a decision's trace {of}, p99", p99, "ms", "must", "<= 100")
    p50, p99 = _milliseconds(made, drawn)
    yield Row(f"search by decision {of}, p50", p50, "ms", "must", "<= 100")
    yield Row(f"search by decision {of}, p99", p99, "ms", "must", "<= 100")
    few = drawn[: max(10, asked // 10)]
    for name, ask in (
        ("customer", of_customer),
        ("newest", search()),
        ("error", search(errors_only=True)),
        ("duration and service", search(min_duration={"nanos": 40_000_000}, service="profile")),
        ("root and attribute", search(root_method="Decide", attributes={"fieldwise.action": "actions/3"})),
        ("an attribute that none has", nothing),
    ):
        yield Row(f"search by {name} {of}, p50", _milliseconds(ask, few)[0], "ms", "stretch", "<= 100")
    begun = time.perf_counter()
    other = {"rpc.method": "None"}
    stub.SearchTraces(pb.SearchTracesRequest(attributes=other), timeout=120)
    yield Row(f"search by what no index holds {of}", (time.perf_counter() - begun) * 1000, "ms")


def _milliseconds(ask: Callable[[int], None], numbers: list[int]) -> tuple[float, float]:
    taken = []
    for number in numbers:
        begun = time.perf_counter()
        ask(number)
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    return statistics.median(taken), taken[min(len(taken) - 1, int(0.99 * len(taken)))]
