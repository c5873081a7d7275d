"""Bodies of SDKs' requests: out of gzip, out of JSON, within their bounds; knows no message."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from fieldwise_gateway.core.capture import MOST_MESSAGES
from fieldwise_runtime.errors import InvalidRequest, Violation

MOST_BYTES: Final = 5 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
# zlib: a gzip stream with its header and checksum.
_WITH_HEADER: Final = 31


def unzipped(body: bytes) -> bytes:
    """A body without gzip, whatever its sender says of it.

    Raises:
        InvalidRequest: MALFORMED_REQUEST, or REQUEST_TOO_LARGE as soon as it is.
    """
    if not body.startswith(_GZIP):
        return body
    reader = zlib.decompressobj(_WITH_HEADER)
    try:
        found = reader.decompress(body, MOST_BYTES + 1)
        whole = reader.eof and not reader.unused_data
    except zlib.error:
        found, whole = b"", False
    if len(found) > MOST_BYTES:
        raise _too_large(f"more than {MOST_BYTES} bytes, unzipped")
    if not whole:
        fault = Violation(
            "body", "gzip that is broken or cut off", "send one whole gzip stream, or plain JSON"
        )
        raise InvalidRequest([fault], reason="MALFORMED_REQUEST")
    return found


def _too_large(found: str) -> InvalidRequest:
    fault = Violation("body", found, f"send at most {MOST_BYTES} bytes in one request")
    return InvalidRequest([fault], reason="REQUEST_TOO_LARGE")


def json_of(body: bytes) -> Any:
    """What stands in a body.

    Raises:
        InvalidRequest: MALFORMED_REQUEST or REQUEST_TOO_LARGE.
    """
    if len(body) > MOST_BYTES:
        raise _too_large(f"{len(body)} bytes")
    try:
        return json.loads(unzipped(body).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # Its message can quote what was sent; what and where is told without it.
        where = (
            f"at character {error.pos}" if isinstance(error, json.JSONDecodeError) else type(error).__name__
        )
        fault = Violation("body", f"{len(body)} bytes that are no JSON in UTF-8 ({where})", "send JSON")
        raise InvalidRequest([fault], reason="MALFORMED_REQUEST") from None


def messages_of(told: Any, call: str) -> tuple[list[Any], Any]:
    """The messages of a body in Segment's form, and when it says that it was sent."""
    if not isinstance(told, dict):
        raise InvalidRequest([Violation.of("body", told, "send an object")], reason="MALFORMED_REQUEST")
    batch = told.get("batch")
    if batch is None and (call or "type" in told):
        return [told], None
    if not isinstance(batch, list):
        fault = Violation.of("batch", batch, "send a list of messages")
        raise InvalidRequest([fault], reason="MALFORMED_REQUEST")
    check_count(len(batch))
    context = told.get("context")
    if isinstance(context, dict) and context:
        batch = [_within(context, message) for message in batch]
    return batch, told.get("sentAt")


def _within(context: Mapping[str, Any], message: Any) -> Any:
    """A message with what its batch says for all of them."""
    if not isinstance(message, dict):
        return message
    own = message.get("context")
    return {**message, "context": {**context, **own} if isinstance(own, dict) else context}


def check_count(count: int) -> None:
    """Refuses a request that holds too many messages.

    Raises:
        InvalidRequest: REQUEST_TOO_LARGE.
    """
    if count > MOST_MESSAGES:
        fault = Violation("batch", f"{count} messages", f"send at most {MOST_MESSAGES} in one request")
        raise InvalidRequest([fault], reason="REQUEST_TOO_LARGE")
