"""Spans of this process and the trace context that crosses processes; knows no service and no decision."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import grpc
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from fieldwise_runtime import tls
from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.metrics import counter
from fieldwise_runtime.otlp import encoded
from fieldwise_runtime.rpc_spans import RpcSpan

TRACEPARENT: Final = "traceparent"
_EXPORT_METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_EXPORT_SECONDS: Final = 1.0
_SHUTDOWN_MILLISECONDS: Final = 500
_MOST_QUEUED: Final = 16_384
_RECONNECT: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)

_log = logging.getLogger(__name__)
_DROPPED: Final = counter("fieldwise_spans_dropped", "Spans of this process that no receiver took.")
_tracer: trace.Tracer = trace.NoOpTracer()
_receivers: tuple[str, ...] = ()
_service: str = "fieldwise"
_resource: Resource = Resource({"service.name": "fieldwise"})
_processor: SpanProcessor | None = None


class OtlpExporter(SpanExporter):
    """Sends batches to OTLP/gRPC receivers: one try each, what fails is dropped and counted."""

    def __init__(self, receivers: Sequence[str]) -> None:
        self._channels = [tls.channel(address, "traces", _RECONNECT) for address in receivers]
        self._calls: list[Any] = [channel.unary_unary(_EXPORT_METHOD) for channel in self._channels]
        self.dropped = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        request = encoded(spans)
        sent = [self._send(call, request) for call in self._calls]
        if all(sent):
            return SpanExportResult.SUCCESS
        self.dropped += len(spans)
        _DROPPED.inc(len(spans))
        _log.debug("spans dropped: %d so far; receiver did not take them", self.dropped)
        return SpanExportResult.FAILURE

    def _send(self, call: Any, request: bytes) -> bool:
        try:
            call(request, timeout=_EXPORT_SECONDS)
        except (grpc.RpcError, ValueError):  # ValueError: the channel was closed during shutdown
            return False
        return True

    def shutdown(self) -> None:
        for channel in self._channels:
            channel.close()


@dataclass(frozen=True)
class Tracing:
    """What `configure` set up; `shutdown` sends what is queued."""

    provider: TracerProvider
    processor: SpanProcessor | None
    exporter: SpanExporter | None

    @property
    def dropped(self) -> int:
        """Spans that no receiver took, since the start."""
        return self.exporter.dropped if isinstance(self.exporter, OtlpExporter) else 0

    def flush(self) -> None:
        """Sends what is queued now; blocks for up to a second when the receiver is away."""
        if self.processor is not None:
            self.processor.force_flush()

    def shutdown(self) -> None:
        """Sends what is queued and stops; returns within a second even when the receiver is down."""
        if isinstance(self.processor, BatchSpanProcessor):
            # The SDK's own shutdown would wait 30 s for a receiver that is down.
            self.processor._batch_processor.shutdown(timeout_millis=_SHUTDOWN_MILLISECONDS)
        elif self.processor is not None:
            self.processor.shutdown()


def configure(
    service: str, receiver: str, *, also: Sequence[str] = (), spans_to: SpanProcessor | None = None
) -> Tracing:
    """Makes this process record spans under ``service`` (such as fieldwise-profile).

    Args:
        receiver: host:port of an OTLP/gRPC receiver; empty records nothing but still passes trace context on.
        also: Further receivers that get the same spans.
        spans_to: Takes the spans instead of any receiver; how tests look at them.
    """
    global _tracer, _receivers, _service, _resource, _processor  # noqa: PLW0603  # a process has one tracer, as it has one log
    _receivers, _service = tuple(address for address in (receiver, *also) if address), service
    _resource = Resource({"service.name": service})
    provider = TracerProvider(resource=_resource, shutdown_on_exit=False)
    exporter = OtlpExporter(_receivers) if _receivers and spans_to is None else None
    processor = spans_to if exporter is None else _batching(exporter)
    if processor is not None:
        provider.add_span_processor(processor)
    _tracer, _processor = provider.get_tracer("fieldwise"), processor
    return Tracing(provider, processor, exporter)


def _batching(exporter: SpanExporter) -> BatchSpanProcessor:
    # Rare exports are cheap (at 600 ms the receiver took a third less CPU per decision than at 200 ms, 100 decisions a second),
    # but a trace should be readable within a second of its decision.
    processor = BatchSpanProcessor(
        exporter, max_queue_size=_MOST_QUEUED, schedule_delay_millis=400, max_export_batch_size=512
    )
    told = processor._batch_processor._metrics
    drop_items = told.drop_items

    def counted(count: int, *why: str) -> None:
        _DROPPED.inc(count)
        drop_items(count, *why)

    # What finds the queue full never gets to the exporter, which counts the rest; the SDK tells its own meter only.
    setattr(told, "drop_items", counted)  # noqa: B010  # mypy takes no new method, and we want no new class
    return processor


def configuration() -> tuple[str, tuple[str, ...]]:
    """Service name and receivers in use: what a worker process is started with."""
    return _service, _receivers


def tracer() -> trace.Tracer:
    """The tracer of this process; before `configure` it records nothing."""
    return _tracer


def client_span(name: str, attributes: Mapping[str, AttributeValue]) -> Span:
    """A span of a call that this process makes, below the current span."""
    above = trace.get_current_span().get_span_context()
    parent = above if above.is_valid else None
    return RpcSpan(name, parent, SpanKind.CLIENT, attributes, _resource, _processor)


def server_span(
    name: str, header: str, attributes: Mapping[str, AttributeValue], *, recorded: bool = True
) -> Span:
    """A span of a call that this process answers, made current for the rest of the task.

    Args:
        header: The caller's traceparent; empty or malformed starts a trace.
        recorded: False leaves no span of the call, here or further on (see `unrecorded`).
    """
    parent = parse_traceparent(header) if header else None
    if not recorded:
        parent = _unsampled(parent)
    span = RpcSpan(name, parent, SpanKind.SERVER, attributes, _resource, _processor)
    otel_context.attach(trace.set_span_in_context(span, otel_context.Context()))
    return span


def internal_span(name: str) -> Span:
    """A span below the current one for a stretch of time that does not become current; a light one, ended by its maker."""
    above = trace.get_current_span().get_span_context()
    parent = above if above.is_valid else None
    return RpcSpan(name, parent, SpanKind.INTERNAL, {}, _resource, _processor)


def memory_span(name: str, links: Sequence[trace.Link]) -> None:
    """Notes below the current span that something was answered from memory, linked to where it came from."""
    span = internal_span(name)
    for link in links:
        span.add_link(link.context)
    span.end()


@contextmanager
def batch_span(name: str, members: Sequence[SpanContext]) -> Iterator[Span]:
    """A current span that begins a trace of its own, linked to the spans of those whose work it does together."""
    span = RpcSpan(name, None, SpanKind.INTERNAL, {}, _resource, _processor)
    for member in members:
        span.add_link(member)
    with trace.use_span(span, end_on_exit=False):
        try:
            yield span
        except BaseException as error:
            mark_failed(span, reason_of(error))
            raise
        finally:
            span.end()


def current_trace_id() -> str:
    """The current trace as 32 hexadecimal digits; empty outside a trace."""
    trace_id = trace.get_current_span().get_span_context().trace_id
    return f"{trace_id:032x}" if trace_id else ""


def traceparent(context: SpanContext) -> str:
    """The W3C header that makes the span's trace continue elsewhere."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parse_traceparent(header: str) -> SpanContext | None:
    """The remote parent named by a W3C header; None when the header is malformed, as the standard asks."""
    parts = header.split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    try:
        trace_id, span_id, flags = int(parts[1], 16), int(parts[2], 16), int(parts[3], 16)
    except ValueError:
        return None
    if not trace_id or not span_id:
        return None
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def carry() -> dict[str, str]:
    """The current trace context in a form that can be stored or sent; empty outside a trace."""
    context = trace.get_current_span().get_span_context()
    return {TRACEPARENT: traceparent(context)} if context.is_valid else {}


def parent_context(carrier: Mapping[str, str]) -> otel_context.Context:
    """The context whose current span is the carrier's; an empty one when the carrier names none."""
    parent = parse_traceparent(carrier.get(TRACEPARENT, ""))
    root = otel_context.Context()
    return root if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), root)


def link_to(carrier: Mapping[str, str]) -> list[trace.Link]:
    """A link to the carrier's span, for work that belongs to another trace; none when the carrier names none."""
    parent = parse_traceparent(carrier.get(TRACEPARENT, ""))
    return [] if parent is None else [trace.Link(parent)]


@contextmanager
def continued(
    carrier: Mapping[str, str],
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """A current span whose parent is the carrier's: how another process or a later task goes on with a trace."""
    with _telling_no_text(
        tracer().start_as_current_span(
            name,
            parent_context(carrier),
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
    ) as span:
        yield span


@contextmanager
def step(name: str, attributes: Mapping[str, AttributeValue] | None = None) -> Iterator[Span]:
    """A current span below the current one, for a part of the work."""
    with _telling_no_text(
        tracer().start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        )
    ) as span:
        yield span


@contextmanager
def _telling_no_text(started: AbstractContextManager[Span]) -> Iterator[Span]:
    """The span, failed by reason when an error passes: the SDK would record the text, which may hold personal data."""
    with started as span:
        try:
            yield span
        except BaseException as error:
            mark_failed(span, reason_of(error))
            raise


@contextmanager
def unrecorded() -> Iterator[None]:
    """Calls made within leave no span, neither here nor where they arrive: for polling, which would bury the rest."""
    with trace.use_span(NonRecordingSpan(_unsampled(None))):
        yield


def _unsampled(parent: SpanContext | None) -> SpanContext:
    trace_id = random.getrandbits(128) if parent is None else parent.trace_id
    span_id = random.getrandbits(64) if parent is None else parent.span_id
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(0))


def mark_failed(span: Span, reason: str) -> None:
    """Sets the span's status to ERROR; a reason or a type, never an error's text."""
    span.set_status(StatusCode.ERROR, reason)
