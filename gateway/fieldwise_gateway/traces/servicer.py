"""The two faces of the trace store: OTLP in, traces out. No SQL, no rules."""

from __future__ import annotations

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as pb_grpc
from fieldwise_gateway.traces.core.tree import Branch, grow
from fieldwise_gateway.traces.otlp import opened, received
from fieldwise_gateway.traces.relay import Relay
from fieldwise_gateway.traces.store import SpanStore
from fieldwise_runtime.errors import NotFound


class Receiver(TraceServiceServicer):
    """Takes spans from every process over OTLP/gRPC."""

    def __init__(self, store: SpanStore, relay: Relay | None) -> None:
        self._store = store
        self._relay = relay

    async def Export(
        self, request: ExportTraceServiceRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> ExportTraceServiceResponse:
        """Keep the spans, answer when they are kept; those without proper ids are refused and counted."""
        if self._relay is not None:
            self._relay.offer(request)
        spans = list(received(request))
        kept = [span for span in spans if span is not None]
        await self._store.add(kept)
        answer = ExportTraceServiceResponse()
        if len(kept) < len(spans):
            answer.partial_success.rejected_spans = len(spans) - len(kept)
            answer.partial_success.error_message = (
                "trace_id must have 16 bytes and span_id 8; send OTLP as specified"
            )
        return answer


class Traces(pb_grpc.TracesServiceServicer):
    """Answers for the trace store."""

    def __init__(self, store: SpanStore, capacity: int, relay: Relay | None) -> None:
        self._store = store
        self._capacity = capacity
        self._relay = relay

    async def GetTrace(
        self, request: pb.GetTraceRequest, context: grpc.aio.ServicerContext[pb.GetTraceRequest, pb.Trace]
    ) -> pb.Trace:
        """One trace as a tree, by its own name or by what was made in it."""
        trace_id = await self._trace_id(request.name)
        stored = await self._store.trace(trace_id) if trace_id else []
        if trace_id is None or not stored:
            raise NotFound(
                request.name,
                "its spans may still be under way, or the bounded store dropped it (oldest first): ask again in a second",
                reason="TRACE_NOT_FOUND",
            )
        tree = grow([opened(span.service, span.body) for span in stored])
        return pb.Trace(
            name=f"traces/{trace_id.hex()}",
            spans=[_span(branch) for branch in tree.branches],
            missing_services=tree.missing_services,
            orphans=tree.orphans,
        )

    async def GetTraceStore(
        self,
        request: pb.GetTraceStoreRequest,
        context: grpc.aio.ServicerContext[pb.GetTraceStoreRequest, pb.TraceStore],
    ) -> pb.TraceStore:
        """How full the store is and what became of the relay."""
        fill = await self._store.fill()
        return pb.TraceStore(
            spans=fill.spans,
            capacity=self._capacity,
            dropped=fill.dropped,
            relayed=self._relay.relayed if self._relay else 0,
            relay_failures=self._relay.failures if self._relay else 0,
        )

    async def _trace_id(self, name: str) -> bytes | None:
        kind, _, rest = name.partition("/")
        return bytes.fromhex(rest) if kind == "traces" else await self._store.trace_of(name)


def _span(branch: Branch) -> pb.Span:
    span = branch.span
    message = pb.Span(
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        service=span.service,
        kind=span.kind,
        status=span.status,
        status_message=span.status_message,
        attributes=span.attributes,
        linked_traces=span.linked_traces,
        depth=branch.depth,
    )
    message.start_time.FromNanoseconds(span.start_ns)
    message.duration.FromNanoseconds(max(0, span.end_ns - span.start_ns))
    return message
