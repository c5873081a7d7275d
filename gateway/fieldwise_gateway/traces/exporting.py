"""A stored trace for other tools: OTLP as JSON and as bytes; knows no wire."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

# OTLP writes these in hex, where JSON of protobuf has base64.
_IDS: Final = ("traceId", "spanId", "parentSpanId")


def as_json(body: bytes) -> bytes:
    """A `TracesData` message as OTLP JSON: ids in hex, numbers for enums."""
    written: dict[str, Any] = MessageToDict(TracesData.FromString(body), use_integers_for_enums=True)
    for each in _with_ids(written):
        for key in _IDS:
            if each.get(key):
                each[key] = base64.b64decode(each[key]).hex()
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(content: bytes, message: Any) -> Any:
    """OTLP JSON, read into ``message`` (`TracesData` or an export). Unknown fields are passed over, as the standard asks.

    Raises:
        ValueError: It is no OTLP JSON.
    """
    try:
        read = json.loads(content)
        if not isinstance(read, dict):
            raise ValueError("not an object")
        for each in _with_ids(read):
            for key in _IDS:
                if each.get(key):
                    each[key] = base64.b64encode(bytes.fromhex(each[key])).decode()
        return ParseDict(read, message, ignore_unknown_fields=True)
    except (ValueError, ParseError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no OTLP JSON: {type(error).__name__}") from None


def _with_ids(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Spans and their links."""
    found = []
    for resource in data.get("resourceSpans") or []:
        for scope in resource.get("scopeSpans") or []:
            for span in scope.get("spans") or []:
                found.append(span)
                found += span.get("links") or []
    return found
