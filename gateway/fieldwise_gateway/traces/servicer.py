"""The two faces of the trace store: OTLP in, traces out. No SQL, no rules."""

from __future__ import annotations

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as pb_grpc
from fieldwise_gateway.traces.core.sampling import Policy
from fieldwise_gateway.traces.core.tree import Branch, grow
from fieldwise_gateway.traces.exporting import as_json
from fieldwise_gateway.traces.keeping import Keeper
from fieldwise_gateway.traces.otlp import opened
from fieldwise_gateway.traces.relay import Relay
from fieldwise_gateway.traces.searching import Query, search
from fieldwise_gateway.traces.store import Line, TraceStore
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_PAGE = 50
_LARGEST_PAGE = 500
_PSEUDONYM = "pseudonyms/"


class Receiver(TraceServiceServicer):
    """Takes spans from every process over OTLP."""

    def __init__(self, keeper: Keeper, relay: Relay | None) -> None:
        self._keeper = keeper
        self._relay = relay

    async def Export(
        self, request: ExportTraceServiceRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> ExportTraceServiceResponse:
        """Keep the spans, answer when they are kept; those without proper ids are refused and counted."""
        return await self.take(request)

    async def take(self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
        """The same, whatever the wire."""
        added, refused = await self._keeper.take(request)
        if self._relay is not None and added:
            # A sender who got no answer sends all again, and the other backend must not get it twice: it is passed on when it
            # was kept, and not when it was here already.
            self._relay.offer(request)
        answer = ExportTraceServiceResponse()
        if refused:
            answer.partial_success.rejected_spans = refused
            answer.partial_success.error_message = (
                "trace_id must have 16 bytes and span_id 8; send OTLP as specified"
            )
        return answer


class Traces(pb_grpc.TracesServiceServicer):
    """Answers for the trace store."""

    def __init__(
        self, keeper: Keeper, store: TraceStore, database: Database, policy: Policy, relay: Relay | None
    ) -> None:
        self._keeper = keeper
        self._store = store
        self._database = database
        self._policy = policy
        self._relay = relay

    async def GetTrace(
        self, request: pb.GetTraceRequest, context: grpc.aio.ServicerContext[pb.GetTraceRequest, pb.Trace]
    ) -> pb.Trace:
        """One trace as a tree, by its own name or by what was made in it."""
        trace_id, body = await self._found(request.name)
        tree = grow(opened(body))
        return pb.Trace(
            name=f"traces/{trace_id.hex()}",
            spans=[_span(branch) for branch in tree.branches],
            missing_services=tree.missing_services,
            orphans=tree.orphans,
        )

    async def ExportTrace(
        self,
        request: pb.ExportTraceRequest,
        context: grpc.aio.ServicerContext[pb.ExportTraceRequest, pb.ExportedTrace],
    ) -> pb.ExportedTrace:
        """One trace as it came."""
        trace_id, body = await self._found(request.name)
        raw = request.form == pb.TRACE_FORM_OTLP_PROTOBUF
        return pb.ExportedTrace(
            name=f"traces/{trace_id.hex()}",
            content_type="application/x-protobuf" if raw else "application/json",
            content=body if raw else as_json(body),
        )

    async def SearchTraces(
        self,
        request: pb.SearchTracesRequest,
        context: grpc.aio.ServicerContext[pb.SearchTracesRequest, pb.SearchTracesResponse],
    ) -> pb.SearchTracesResponse:
        """Traces that match, newest first, a page at a time."""
        query = _query(request)
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        scope = f"traces {query}"
        cursor = cursor_of(request.page_token, scope)
        start, _, trace_id = cursor.partition(" ")
        after = (int(start), bytes.fromhex(trace_id)) if cursor else None
        await self._keeper.settled()
        found = await search(self._database, query, after, size + 1)
        page = found[:size]
        token = ""
        if len(found) > size:
            token = page_token(f"{page[-1].summary.start_ns} {page[-1].trace_id.hex()}", scope)
        return pb.SearchTracesResponse(traces=[_line(line) for line in page], next_page_token=token)

    async def GetTraceStore(
        self,
        request: pb.GetTraceStoreRequest,
        context: grpc.aio.ServicerContext[pb.GetTraceStoreRequest, pb.TraceStore],
    ) -> pb.TraceStore:
        """How full the store is, what was given up, and what became of the relay."""
        return pb.TraceStore(
            spans=self._keeper.spans,
            capacity=self._store.capacity,
            dropped=self._store.dropped,
            relayed=self._relay.relayed if self._relay else 0,
            relay_failures=self._relay.failures if self._relay else 0,
            undecided=self._keeper.undecided,
            sampled_out_traces=self._keeper.sampled.traces,
            sampled_out_spans=self._keeper.sampled.spans,
            kept_share=self._policy.share,
        )

    async def _found(self, name: str) -> tuple[bytes, bytes]:
        kind, _, rest = name.partition("/")
        trace_id = bytes.fromhex(rest) if kind == "traces" else await self._keeper.trace_of(name)
        body = await self._keeper.trace(trace_id) if trace_id else b""
        if trace_id is None or not body:
            sampled = "" if self._policy.share >= 1 else "sampling gave it up, or "
            raise NotFound(
                name,
                f"its spans may still be under way, or {sampled}the bounded store dropped it (oldest first): "
                "ask again in a second",
                reason="TRACE_NOT_FOUND",
            )
        return trace_id, body


def _query(request: pb.SearchTracesRequest) -> Query:
    if request.customer and not request.customer.startswith(_PSEUDONYM):
        remedy = "ask the gateway, which knows his pseudonym, or give pseudonyms/{24 hex digits}"
        # Not the value: a customer's name has no place in the answers and logs of the trace store.
        raise InvalidRequest([Violation("customer", "a name", remedy)])
    return Query(
        made=request.made,
        customer=request.customer,
        service=request.service,
        root=request.root_method,
        errors=request.errors_only,
        degraded=request.degraded_only,
        least_ns=_nanoseconds(request, "min_duration"),
        most_ns=_nanoseconds(request, "max_duration"),
        begun_ns=_nanoseconds(request, "start_time"),
        before_ns=_nanoseconds(request, "end_time"),
        attributes=dict(sorted(request.attributes.items())),
    )


def _nanoseconds(request: pb.SearchTracesRequest, name: str) -> int | None:
    value: Duration | Timestamp = getattr(request, name)
    return value.ToNanoseconds() if request.HasField(name) else None  # type: ignore[arg-type]  # one of the four above


def _line(line: Line) -> pb.TraceSummary:
    summary = line.summary
    message = pb.TraceSummary(
        name=f"traces/{line.trace_id.hex()}",
        root_method=summary.root,
        root_service=summary.root_service,
        spans=summary.spans,
        error=summary.error,
        degraded=summary.degraded,
        kept_because=line.because,
    )
    message.start_time.FromNanoseconds(summary.start_ns)
    message.duration.FromNanoseconds(summary.duration_ns)
    return message


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
