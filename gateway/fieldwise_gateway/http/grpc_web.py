"""gRPC-Web, binary and as text; knows no method.

Source: github.com/grpc/grpc, doc/PROTOCOL-WEB.md and doc/PROTOCOL-HTTP2.md (timeout, percent-encoded message).
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from fieldwise_gateway.http import bodies
from fieldwise_gateway.http.bounds import BINARY_BYTES, JSON_BYTES
from fieldwise_gateway.http.codes import Status
from fieldwise_gateway.http.context import HttpContext
from fieldwise_gateway.http.wires import Headers, Send, grpc_timeout, headers_of, message_frame
from fieldwise_runtime.errors import STATUS_KEY

_TRAILERS: Final = 0x80
# Printable ASCII but the percent sign: what a trailer's line may hold as it is.
_AS_IT_IS: Final = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"


class GrpcWeb:
    """Frames each way; the last one of an answer holds the trailers. As text each piece is in base64."""

    def __init__(self, headers: Headers, send: Send, kind: bytes, *, is_json: bool, is_text: bool) -> None:
        self._headers = headers
        self._send = send
        self._kind = kind
        self._is_text = is_text
        self.is_json = is_json
        self._most = JSON_BYTES if is_json else BINARY_BYTES
        self._began = False

    def seconds(self) -> float | None:
        return grpc_timeout(self._headers.get(b"grpc-timeout", b""))

    async def payloads(self, coming: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        encoding = self._headers.get(b"grpc-encoding", b"").decode("latin-1").strip().lower()
        clear = bodies.decoded_text(coming) if self._is_text else coming
        async for flags, payload in bodies.frames(clear, self._most, bodies.COMPRESSED):
            yield bodies.decompressed(payload, encoding, self._most) if flags else payload

    async def write(self, payload: bytes, context: HttpContext) -> None:
        await self._begin(context)
        await self._piece(message_frame(0, payload), more=True)

    async def finish(self, context: HttpContext) -> None:
        await self._end([(b"grpc-status", b"0")], context)

    async def refuse(self, status: Status, context: HttpContext) -> None:
        told = [(b"grpc-status", str(status.code).encode())]
        if status.message:
            told.append((b"grpc-message", quote(status.message, safe=_AS_IT_IS).encode()))
        if status.details:
            details = base64.b64encode(status.SerializeToString()).rstrip(b"=")
            told.append((STATUS_KEY.encode(), details))
        await self._end(told, context)

    async def _end(self, told: list[tuple[bytes, bytes]], context: HttpContext) -> None:
        await self._begin(context)
        lines = [*told, *headers_of(context.trailing_metadata())]
        trailers = b"".join(key + b": " + value + b"\r\n" for key, value in lines)
        await self._piece(message_frame(_TRAILERS, trailers), more=False)

    async def _piece(self, frame: bytes, *, more: bool) -> None:
        body = base64.b64encode(frame) if self._is_text else frame
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _begin(self, context: HttpContext) -> None:
        if self._began:
            return
        self._began = True
        headers = [(b"content-type", self._kind), *headers_of(context.leading_metadata())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
