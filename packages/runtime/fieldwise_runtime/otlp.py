"""Spans as OTLP messages, at a fraction of the cost of the general encoder; knows no span's meaning.

A span is written down by hand: its fields are few and of fixed form, and building a message for each, only to serialise it, took
most of the time. Names, statuses and attributes come again and again; their bytes are remembered.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

_SHORT: Final = 100
# Tags of opentelemetry.proto.trace.v1.Span and of the messages around it: field number and wire type.
_RESOURCE_SPANS = _RESOURCE = _SCOPE = b"\x0a"
_SCOPE_SPANS = _SPANS = b"\x12"
_NAME, _ATTRIBUTES, _EVENTS, _LINKS, _STATUS = b"\x2a", b"\x4a", b"\x5a", b"\x6a", b"\x7a"
_TRACE_ID, _SPAN_ID, _PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_KIND: Final = b"\x30"
_TIMES: Final = struct.Struct("<BQBQ")
_START, _END = 0x39, 0x41
_FLAGS: Final = b"\x85\x01"
_LOCAL: Final = trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_PARENT_IS_LOCAL: Final = _FLAGS + struct.pack("<I", _LOCAL)
_PARENT_IS_REMOTE: Final = _FLAGS + struct.pack("<I", _LOCAL | trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
_SCOPE_OF_ALL: Final = InstrumentationScope(name="fieldwise").SerializeToString()
_FIELDS: Final[dict[type, Any]] = {
    str: "string_value",
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    bytes: "bytes_value",
}


def encoded(spans: Sequence[ReadableSpan]) -> bytes:
    """A serialised ExportTraceServiceRequest of spans that share their resource."""
    if not spans:
        return b""
    resource = Resource(attributes=_key_values(spans[0].resource.attributes)).SerializeToString()
    scope_spans = _framed(_SCOPE, _SCOPE_OF_ALL) + b"".join([_span(span) for span in spans])
    return _framed(_RESOURCE_SPANS, _framed(_RESOURCE, resource) + _framed(_SCOPE_SPANS, scope_spans))


def _span(span: ReadableSpan) -> bytes:
    context, parent, status = span.context, span.parent, span.status
    parts = [_TRACE_ID, context.trace_id.to_bytes(16), _SPAN_ID, context.span_id.to_bytes(8)]
    parts.append(_named(span.name, span.kind))
    parts.append(_TIMES.pack(_START, span.start_time or 0, _END, span.end_time or 0))
    for key, value in (span.attributes or {}).items():
        short = len(value) < _SHORT if isinstance(value, str) else type(value) is int
        parts.append(_remembered(key, value) if short else _attribute(key, value))
    if span.events or span.links:
        parts.append(_joined_to(span))
    if status.status_code is not StatusCode.UNSET:
        parts.append(_ended(status.status_code, status.description or ""))
    if parent is not None:
        parts += (_PARENT_ID, parent.span_id.to_bytes(8))
        parts.append(_PARENT_IS_REMOTE if parent.is_remote else _PARENT_IS_LOCAL)
    return _framed(_SPANS, b"".join(parts))


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


@lru_cache(maxsize=2048)
def _named(name: str, kind: SpanKind) -> bytes:
    # OTLP counts from UNSPECIFIED, the API from INTERNAL.
    return _framed(_NAME, name.encode(errors="replace")) + _KIND + bytes((kind.value + 1,))


@lru_cache(maxsize=2048)
def _ended(code: StatusCode, description: str) -> bytes:
    # The same numbers in both.
    status = trace_pb2.Status(code=code.value, message=description)  # type: ignore[arg-type]
    return _framed(_STATUS, status.SerializeToString())


def _joined_to(span: ReadableSpan) -> bytes:
    parts = []
    for event in span.events:
        attributes = _key_values(event.attributes)
        made = trace_pb2.Span.Event(name=event.name, time_unix_nano=event.timestamp, attributes=attributes)
        parts.append(_framed(_EVENTS, made.SerializeToString()))
    for link in span.links:
        trace_id, span_id = link.context.trace_id.to_bytes(16), link.context.span_id.to_bytes(8)
        attributes = _key_values(link.attributes)
        linked = trace_pb2.Span.Link(trace_id=trace_id, span_id=span_id, attributes=attributes)
        parts.append(_framed(_LINKS, linked.SerializeToString()))
    return b"".join(parts)


def _key_values(attributes: Mapping[str, Any] | None) -> list[KeyValue]:
    return [_key_value(key, value) for key, value in (attributes or {}).items()]


# Names of services, methods and reasons, and codes; long texts are seldom seen twice. Typed: 1 is not True.
@lru_cache(maxsize=4096, typed=True)
def _remembered(key: str, value: str | int) -> bytes:
    return _attribute(key, value)


def _attribute(key: str, value: Any) -> bytes:
    return _framed(_ATTRIBUTES, _key_value(key, value).SerializeToString())


def _key_value(key: str, value: Any) -> KeyValue:
    return KeyValue(key=key, value=_any_value(value))


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, (list, tuple)):
        return AnyValue(array_value=ArrayValue(values=[_any_value(each) for each in value]))
    field = _FIELDS.get(type(value))
    return AnyValue(**{field: value}) if field is not None else AnyValue(string_value=str(value))
