"""What a protocol on the wire does for a call: reads its requests, writes its answers; and what all of them share."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from fieldwise_gateway.http.codes import Status
from fieldwise_gateway.http.context import HttpContext
from fieldwise_runtime.errors import STATUS_KEY, InvalidRequest, Violation

Send = Callable[[Any], Awaitable[None]]
Headers = Mapping[bytes, bytes]

_LONGEST_SECONDS: Final = 10.0**8


class Wire(Protocol):
    """One call as one protocol carries it."""

    @property
    def is_json(self) -> bool:
        """Whether messages are in JSON, not in their binary form."""

    def seconds(self) -> float | None:
        """Time the caller gave; None for no limit.

        Raises:
            InvalidRequest: A header that is no time.
        """

    def payloads(self, coming: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The messages in the request's body, decompressed, within their bounds."""

    async def write(self, payload: bytes, context: HttpContext) -> None:
        """Sends one message of the answer."""

    async def finish(self, context: HttpContext) -> None:
        """Ends an answer that was given in full."""

    async def refuse(self, status: Status, context: HttpContext) -> None:
        """Ends the call with an error, whatever was sent before."""


def metadata_of(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, Any]]:
    """Headers as gRPC shows them: what ends in ``-bin`` as bytes."""
    found: list[tuple[str, Any]] = []
    for key, value in headers:
        if not key.endswith(b"-bin"):
            found.append((key.decode("latin-1"), value.decode("latin-1")))
            continue
        try:
            found.append(
                (key.decode("latin-1"), base64.b64decode(value + b"=" * (-len(value) % 4), validate=True))
            )
        except (binascii.Error, ValueError):  # as gRPC: metadata that cannot be read was not sent
            continue
    return found


def headers_of(metadata: Iterable[tuple[str, Any]], prefix: str = "") -> list[tuple[bytes, bytes]]:
    """Metadata as headers; the error's details are left out, for which each protocol has a place."""
    return [
        (f"{prefix}{key}".encode("latin-1"), _header_value(value))
        for key, value in metadata
        if key != STATUS_KEY
    ]


def _header_value(value: Any) -> bytes:
    if isinstance(value, bytes):
        return base64.b64encode(value).rstrip(b"=")
    # A line break would begin a header of the value's own.
    return str(value).replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")


def milliseconds(text: bytes) -> float | None:
    """``connect-timeout-ms`` in seconds: at most ten digits."""
    if not text:
        return None
    if len(text) > 10 or not text.isdigit():
        raise _no_time("connect-timeout-ms", text, "give whole milliseconds, at most ten digits")
    return int(text) / 1000


_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def grpc_timeout(text: bytes) -> float | None:
    """``grpc-timeout`` in seconds: at most eight digits and a unit."""
    if not text:
        return None
    digits, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or len(digits) > 8 or not digits.isdigit():
        raise _no_time("grpc-timeout", text, "give at most eight digits and one of H, M, S, m, u, n")
    return min(int(digits) * unit, _LONGEST_SECONDS)


def _no_time(header: str, text: bytes, remedy: str) -> InvalidRequest:
    return InvalidRequest([Violation.of(header, text.decode("latin-1"), remedy)])


def message_frame(flags: int, payload: bytes) -> bytes:
    """A frame of Connect's streams and of gRPC-Web."""
    return bytes((flags,)) + len(payload).to_bytes(4, "big") + payload
