"""OTLP messages <-> rows and spans; knows nothing of where they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from fieldwise_gateway.traces.core.span import Received, Span

# What a trace is found by beside its own id.
NAMING = frozenset({"fieldwise.decision", "fieldwise.plan", "fieldwise.price_set", "fieldwise.operation"})
_names_something = re.compile("|".join(map(re.escape, sorted(NAMING))).encode()).search


def received(request: ExportTraceServiceRequest) -> Iterator[Received | None]:
    """Every span of an export in order; None for one without proper ids, which no reader could find."""
    for resource in request.resource_spans:
        service = service_name(resource)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _received(span, service)


def _received(span: OtlpSpan, service: str) -> Received | None:
    if len(span.trace_id) != 16 or len(span.span_id) != 8:
        return None
    body = span.SerializeToString()
    # Most spans name nothing: a look at the bytes is much cheaper than a walk over the attributes.
    names = names_in(span.attributes) if _names_something(body) else ()
    return Received(span.trace_id, span.span_id, service, body, names)


def service_name(resource: ResourceSpans) -> str:
    """The resource's ``service.name``; `unknown` when it has none."""
    found = (item.value.string_value for item in resource.resource.attributes if item.key == "service.name")
    return next(found, "") or "unknown"


def names_in(attributes: Iterable[KeyValue]) -> tuple[str, ...]:
    """What the attributes name that a trace is found by: each one name, several joined by commas, or an array."""
    values = (item.value for item in attributes if item.key in NAMING)
    names = (name.strip() for value in values for text in _texts(value) for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def opened(service: str, body: bytes) -> Span:
    """A stored span, read."""
    span = OtlpSpan.FromString(body)
    return Span(
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        service=service,
        kind=OtlpSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=_status(span.status),
        status_message=span.status.message,
        attributes=_attributes(span),
        linked_traces=tuple(dict.fromkeys(link.trace_id.hex() for link in span.links)),
    )


def _status(status: Status) -> str:
    name: str = Status.StatusCode.Name(status.code)
    return name.removeprefix("STATUS_CODE_").replace("UNSET", "")


def _attributes(span: OtlpSpan) -> Mapping[str, str]:
    return {item.key: ", ".join(_texts(item.value)) for item in span.attributes}


def _texts(value: AnyValue) -> Sequence[str]:
    kind = value.WhichOneof("value")
    if kind is None:
        return []
    if kind == "array_value":
        return [text for item in value.array_value.values for text in _texts(item)]
    if kind == "bool_value":
        return [str(value.bool_value).lower()]
    return [str(getattr(value, kind))]
