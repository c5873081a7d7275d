"""Whether every decision left one whole trace; knows nothing of its speed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc.aio

from benchmarks.decide.company import Company
from benchmarks.decide.systems import Gateway
from benchmarks.report import Report, Row
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as traces_grpc
from fieldwise_client.waterfall import accounted_services

SERVICES = frozenset(
    f"fieldwise-{name}" for name in ("gateway", "profile", "forecast", "allocation", "recommend")
)
_SECONDS = 3.0


async def measure(company: Company, customers: Sequence[str], report: Report, decisions: int) -> None:
    """Decide so many times and read every trace from the receiver."""
    gateway = Gateway(company)
    asked = [customers[number % len(customers)] for number in range(decisions)]
    names = [(await gateway.decide(customer)).trace_id for customer in asked]
    options = [("grpc.max_receive_message_length", 64 << 20)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{company.base + 5}", options=options) as channel:
        stub = traces_grpc.TracesServiceStub(channel)
        traces = [await _trace(stub, name) for name in names]
    orphans = sum(trace.orphans for trace in traces)
    share = sum(_is_whole(trace) for trace in traces) / len(traces)
    report.add(Row(f"decisions with one complete trace, of {decisions:,}", share, "share", "must", ">= 1"))
    report.add(Row("orphan spans in those traces", orphans, "spans", "must", "<= 0"))
    spans = sum(len(trace.spans) for trace in traces) / len(traces)
    report.add(Row("spans per decision", spans, "spans"))


async def _trace(stub: traces_grpc.TracesServiceAsyncStub, trace_id: str) -> traces_pb.Trace:
    """The trace as soon as it is whole; what is there when patience runs out."""
    ends = asyncio.get_running_loop().time() + _SECONDS
    trace = traces_pb.Trace()
    while asyncio.get_running_loop().time() < ends:
        try:
            trace = await stub.GetTrace(traces_pb.GetTraceRequest(name=f"traces/{trace_id}"), timeout=2)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
        if _is_whole(trace):
            break
        await asyncio.sleep(0.05)
    return trace


def _is_whole(trace: traces_pb.Trace) -> bool:
    roots = [span for span in trace.spans if not span.parent_span_id]
    arrived = accounted_services(trace) >= SERVICES
    return arrived and len(roots) == 1 and not trace.orphans and not trace.missing_services
