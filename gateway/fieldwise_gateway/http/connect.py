"""The Connect protocol, unary and streaming; a plain POST of JSON is its unary form. Knows no method.

Source: connectrpc.com/docs/protocol, "Unary request" to "Streaming error".
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fieldwise_gateway.http import bodies, codes
from fieldwise_gateway.http.bounds import BINARY_BYTES, COMPRESSED_FROM_BYTES, JSON_BYTES
from fieldwise_gateway.http.codes import Status
from fieldwise_gateway.http.context import HttpContext
from fieldwise_gateway.http.wires import Headers, Send, headers_of, message_frame, milliseconds
from fieldwise_runtime.errors import InvalidRequest, Violation

_END: Final = 0x02
# Longer ones are worked on beside the event loop.
_LARGE: Final = 200_000


def _takes_gzip(headers: Headers) -> bool:
    accepted = (each.partition(b";") for each in headers.get(b"accept-encoding", b"").split(b","))
    return any(name.strip() == b"gzip" and more.replace(b" ", b"") != b"q=0" for name, _, more in accepted)


class _Connect:
    def __init__(self, headers: Headers, send: Send, *, is_json: bool) -> None:
        self._headers = headers
        self._send = send
        self.is_json = is_json
        self._most = JSON_BYTES if is_json else BINARY_BYTES

    def seconds(self) -> float | None:
        version = self._headers.get(b"connect-protocol-version", b"1")
        if version != b"1":
            told = version.decode("latin-1")
            raise InvalidRequest([Violation.of("connect-protocol-version", told, "give 1, or leave it out")])
        return milliseconds(self._headers.get(b"connect-timeout-ms", b""))


class ConnectUnary(_Connect):
    """One message each way, as the whole body."""

    _began = False

    async def payloads(self, coming: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        body = await bodies.whole(coming, self._most)
        encoding = self._headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if encoding and len(body) > _LARGE:
            yield await asyncio.to_thread(bodies.decompressed, body, encoding, self._most)
        else:
            yield bodies.decompressed(body, encoding, self._most)

    async def write(self, payload: bytes, context: HttpContext) -> None:
        kind = b"application/json" if self.is_json else b"application/proto"
        headers = [(b"content-type", kind)]
        if len(payload) >= COMPRESSED_FROM_BYTES and _takes_gzip(self._headers):
            payload = await asyncio.to_thread(gzip.compress, payload, 1)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        await self._whole(200, headers, payload, context)

    async def finish(self, context: HttpContext) -> None:
        """Nothing is left to say: the answer was the body."""

    async def refuse(self, status: Status, context: HttpContext) -> None:
        if self._began:
            return
        headers = [(b"content-type", b"application/json")]
        wait = codes.retry_after(status)
        if wait:
            headers.append((b"retry-after", wait.encode()))
        await self._whole(codes.HTTP[codes.code_of(status)], headers, codes.error_body(status), context)

    async def _whole(
        self, number: int, headers: list[tuple[bytes, bytes]], body: bytes, context: HttpContext
    ) -> None:
        self._began = True
        headers.append((b"content-length", str(len(body)).encode()))
        headers += headers_of(context.leading_metadata())
        headers += headers_of(context.trailing_metadata(), "trailer-")
        await self._send({"type": "http.response.start", "status": number, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


class ConnectStream(_Connect):
    """Frames each way; the last one of an answer is JSON with the error and the trailing metadata."""

    _began = False

    async def payloads(self, coming: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        encoding = self._headers.get(b"connect-content-encoding", b"").decode("latin-1").strip().lower()
        async for flags, payload in bodies.frames(coming, self._most, bodies.COMPRESSED):
            yield bodies.decompressed(payload, encoding, self._most) if flags else payload

    async def write(self, payload: bytes, context: HttpContext) -> None:
        await self._begin(context)
        await self._send({"type": "http.response.body", "body": message_frame(0, payload), "more_body": True})

    async def finish(self, context: HttpContext) -> None:
        await self._end({}, context)

    async def refuse(self, status: Status, context: HttpContext) -> None:
        await self._end({"error": codes.as_connect(status)}, context)

    async def _end(self, told: dict[str, Any], context: HttpContext) -> None:
        await self._begin(context)
        trailing: dict[str, list[str]] = {}
        for key, value in headers_of(context.trailing_metadata()):
            trailing.setdefault(key.decode("latin-1"), []).append(value.decode("latin-1"))
        if trailing:
            told["metadata"] = trailing
        body = message_frame(_END, json.dumps(told, ensure_ascii=False).encode())
        await self._send({"type": "http.response.body", "body": body})

    async def _begin(self, context: HttpContext) -> None:
        if self._began:
            return
        self._began = True
        kind = b"application/connect+json" if self.is_json else b"application/connect+proto"
        headers = [(b"content-type", kind), *headers_of(context.leading_metadata())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
