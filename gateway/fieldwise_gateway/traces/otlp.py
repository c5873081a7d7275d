"""OTLP messages <-> held traces, stored parts and spans; knows nothing of where they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from fieldwise_gateway.traces.core.held import Held, Told
from fieldwise_gateway.traces.core.span import Span
from fieldwise_gateway.traces.core.summary import term

# What a trace is found by beside its own id.
NAMING: Final = frozenset(
    {"fieldwise.decision", "fieldwise.plan", "fieldwise.price_set", "fieldwise.operation"}
)
CUSTOMER: Final = "fieldwise.customer"
_DEGRADED: Final = frozenset({"fieldwise.degraded", "fieldwise.degraded_decisions"})
# A key of ours and the tag of its value. Names of calls begin with `fieldwise.` too and have a digit before their end.
_tells_something = re.compile(rb"fieldwise\.[a-z_.]+\x12").search
_LONGEST_TERM: Final = 256
_ERROR: Final = Status.STATUS_CODE_ERROR


def hold(
    request: ExportTraceServiceRequest, held: MutableMapping[bytes, Held], now: float, export: int
) -> tuple[int, int]:
    """Put every span of an export to its trace. A span that is held already is held once.

    Returns:
        Spans that were added, and spans without proper ids, which no reader could find and nobody holds.
    """
    added = refused = 0
    for resource in request.resource_spans:
        service = service_name(resource)
        of_service = term("service", service)
        framed = _framed(b"\x0a", resource.resource.SerializeToString())
        for scope in resource.scope_spans:
            head = (framed, _framed(b"\x0a", scope.scope.SerializeToString()))
            for span in scope.spans:
                trace_id, span_id = span.trace_id, span.span_id
                if len(trace_id) != 16 or len(span_id) != 8:
                    refused += 1
                    continue
                trace = held.get(trace_id)
                if trace is None:
                    trace = held[trace_id] = Held(now, export)
                added += _add(trace, head, span, span_id, service, of_service)
                trace.last_at = now
    return added, refused


def _add(
    trace: Held, head: tuple[bytes, bytes], span: OtlpSpan, span_id: bytes, service: str, of_service: bytes
) -> int:
    """How many spans were added: none when it is there."""
    bodies = trace.bodies.get(head)
    if bodies is None:
        bodies = trace.bodies[head] = {}
        trace.terms.add(of_service)
    elif span_id in bodies:
        return 0
    body = bodies[span_id] = span.SerializeToString()
    trace.spans += 1
    name = span.name
    trace.seen(
        service,
        name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        parent=bool(span.parent_span_id),
        error=span.status.code == _ERROR if span.HasField("status") else False,
    )
    trace.terms.add(term("span", name))
    # Most spans tell nothing: a look at the bytes is much cheaper than a walk over the attributes.
    if _tells_something(body):
        trace.told(told_by(span.attributes))
    return 1


def service_name(resource: ResourceSpans) -> str:
    """The resource's ``service.name``; `unknown` when it has none."""
    found = (item.value.string_value for item in resource.resource.attributes if item.key == "service.name")
    return next(found, "") or "unknown"


def told_by(attributes: Iterable[KeyValue]) -> Told:
    """What the attributes say that a trace is found or judged by: each name alone, several joined by commas, or an array."""
    names: list[str] = []
    terms: set[bytes] = set()
    degraded = False
    for item in attributes:
        key = item.key
        if not key.startswith("fieldwise."):
            continue
        texts = texts_of(item.value)
        terms.update(attribute_term(key, text) for text in texts)
        if key in NAMING or key == CUSTOMER:
            names += [name.strip() for text in texts for name in text.split(",") if name.strip()]
        elif key in _DEGRADED:
            degraded = degraded or any(text not in ("", "0") for text in texts)
    return Told(tuple(names), frozenset(terms), degraded)


def attribute_term(key: str, value: str) -> bytes:
    """What stands for an attribute with a value."""
    return term(f"attribute {key}", value[:_LONGEST_TERM])


def part_of(trace: Held) -> bytes:
    """The held spans as one `TracesData` message; such messages joined are one such message.

    Framed by hand from bytes that are there: building messages from messages took as long as all the rest.
    """
    parts = []
    for (resource, scope), bodies in trace.bodies.items():
        spans = b"".join(_framed(b"\x12", body) for body in bodies.values())
        parts.append(_framed(b"\x0a", resource + _framed(b"\x12", scope + spans)))
    return b"".join(parts)


def _framed(tag: bytes, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return tag + bytes((length,)) + content
    written = bytearray(tag)
    while length > 127:
        written.append(length & 127 | 128)
        length >>= 7
    written.append(length)
    return bytes(written) + content


def opened(body: bytes) -> list[Span]:
    """Every span of a `TracesData` message, each once, in the order in which it came."""
    found: dict[tuple[bytes, int], Span] = {}
    for resource in TracesData.FromString(body).resource_spans:
        service = service_name(resource)
        for scope in resource.scope_spans:
            for span in scope.spans:
                found.setdefault((span.span_id, span.kind), _read(service, span))
    return list(found.values())


def _read(service: str, span: OtlpSpan) -> Span:
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
    return {item.key: ", ".join(texts_of(item.value)) for item in span.attributes}


def texts_of(value: AnyValue) -> Sequence[str]:
    """A value as text; of an array each element."""
    kind = value.WhichOneof("value")
    if kind is None:
        return []
    if kind == "array_value":
        return [text for item in value.array_value.values for text in texts_of(item)]
    if kind == "bool_value":
        return [str(value.bool_value).lower()]
    return [str(getattr(value, kind))]


def written_values(key: str, text: str) -> Iterator[bytes]:
    """The bytes that an attribute with this text may have inside a stored span: as string, number or yes and no."""
    values = [AnyValue(string_value=text)]
    if text in ("true", "false"):
        values.append(AnyValue(bool_value=text == "true"))
    # What is no number was not written as one.
    with suppress(ValueError, OverflowError):
        values.append(AnyValue(int_value=int(text)))
    with suppress(ValueError):
        values.append(AnyValue(double_value=float(text)))
    for value in values:
        yield KeyValue(key=key, value=value).SerializeToString()
