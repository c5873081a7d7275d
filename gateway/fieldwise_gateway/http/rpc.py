"""Calls over HTTP: chooses the protocol by the content type, runs the handler, ends it when its caller leaves or is late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import grpc
import grpc.aio

from fieldwise_gateway.http import bodies, codes
from fieldwise_gateway.http.bodies import Gone, Held, Receive, Room
from fieldwise_gateway.http.bounds import HELD_BYTES, Patience
from fieldwise_gateway.http.codes import Status
from fieldwise_gateway.http.connect import ConnectStream, ConnectUnary
from fieldwise_gateway.http.context import HttpContext
from fieldwise_gateway.http.grpc_web import GrpcWeb
from fieldwise_gateway.http.methods import Method
from fieldwise_gateway.http.wires import Headers, Send, Wire, metadata_of
from fieldwise_runtime.errors import (
    DeadlineExceeded,
    FieldwiseError,
    InvalidRequest,
    Violation,
    reason_of,
    to_status,
)
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Longer answers become JSON beside the event loop.
_LARGE: Final = 200_000
_WEB: Final = b"application/grpc-web"
_UNARY: Final = {b"application/json": True, b"application/proto": False}
_STREAMS: Final = {b"application/connect+json": True, b"application/connect+proto": False}
_CODECS: Final = {b"": False, b"+proto": False, b"+json": True}


class Calls:
    """The ASGI application of all methods.

    Args:
        methods: By path.
        patience: How long a body may take to come.
    """

    def __init__(self, methods: Mapping[str, Method], patience: Patience) -> None:
        self._methods = methods
        self._patience = patience
        self._room = Room(HELD_BYTES)

    def serves(self, path: str) -> bool:
        """Whether the path is a method's."""
        return path in self._methods

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        method = self._methods[scope["path"]]
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            await _refused(send, 405, [(b"allow", b"POST")], "unimplemented", "send it as a POST")
            return
        wire = wire_of(headers, send, streams=method.streams)
        if wire is None:
            takes = _accepted(method)
            message = f"{method.path} takes one of these content types: {takes}"
            await _refused(send, 415, [(b"accept-post", takes.encode())], "unimplemented", message)
            return
        try:
            await self._answer(method, wire, scope, receive)
        except Gone:
            return

    async def _answer(self, method: Method, wire: Wire, scope: Any, receive: Receive) -> None:
        context, held = HttpContext((), None, ""), Held(self._room)
        try:
            context = _context(method, wire, scope)
            coming = wire.payloads(bodies.pieces(receive, self._patience, held))
            exchange = _Exchange(method, wire, context, receive)
            if method.client_streaming:
                await exchange.run(exchange.requests(coming, held), body_is_read=False)
                return
            request: Any = await _only(coming, context, method, is_json=wire.is_json)
            held.add(len(request))
            # What is refused without being read has a handler that takes anything.
            await exchange.run(_alone(request) if method.handler.request_streaming else request)
        except FieldwiseError as error:
            # Refused before any handler: what was sent is no call.
            await wire.refuse(to_status(error), context)
        except Gone:
            raise
        except Exception as error:
            # A fault of this face. Its text may hold what was sent; the listener would log it.
            log.error("call over http failed", method=method.path.strip("/"), error=type(error).__name__)
            await wire.refuse(_fault(), context)
        finally:
            held.release()


async def _alone(request: bytes) -> AsyncIterator[bytes]:
    yield request


def _context(method: Method, wire: Wire, scope: Any) -> HttpContext:
    host, port = scope.get("client") or ("", 0)
    metadata, seconds, peer = metadata_of(scope["headers"]), wire.seconds(), f"{host}:{port}"
    if not method.server_streaming:
        return HttpContext(metadata, seconds, peer)

    async def write(answer: Any) -> None:
        await wire.write(await _payload(method, answer, is_json=wire.is_json), context)

    context = HttpContext(metadata, seconds, peer, write)
    return context


async def _payload(method: Method, answer: Any, *, is_json: bool) -> bytes:
    if is_json and isinstance(answer, bytes) and len(answer) > _LARGE:
        return await asyncio.to_thread(method.payload, answer, is_json=True)
    return method.payload(answer, is_json=is_json)


async def _only(
    coming: AsyncIterator[bytes], context: HttpContext, method: Method, *, is_json: bool
) -> bytes:
    """The one message of the request.

    Raises:
        InvalidRequest: There is none, or another one follows.
        DeadlineExceeded: The caller's time passed before it was complete.
    """
    payloads: list[bytes] = []
    try:
        async with asyncio.timeout(context.time_remaining()):
            async for payload in coming:
                payloads.append(payload)
                if len(payloads) > 1:
                    break
    except TimeoutError:
        raise _late() from None
    if len(payloads) != 1:
        found = "no message" if not payloads else "more than one message"
        fault = Violation("(request)", found, f"send one {method.input.name}")
        raise InvalidRequest([fault], reason="MALFORMED_REQUEST")
    return method.request(payloads[0], is_json=is_json)


class _Exchange:
    """One call while its handler runs."""

    def __init__(self, method: Method, wire: Wire, context: HttpContext, receive: Receive) -> None:
        self._method = method
        self._wire = wire
        self._context = context
        self._receive = receive
        self._task: asyncio.Task[Status | None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def run(self, requests: Any, *, body_is_read: bool = True) -> None:
        """Lets the handler answer, within the caller's time and while he is there.

        Raises:
            Gone: He left; the handler was cancelled.
        """
        task = self._task = asyncio.create_task(self._handled(requests))
        if body_is_read:
            self._watch()
        try:
            await asyncio.wait((task,), timeout=self._context.time_remaining())
            late = not task.done()
            if late:
                task.cancel()
                # What is cancelled ends at once; a handler that holds on must not keep the caller waiting.
                await asyncio.wait((task,), timeout=0.1)
        finally:
            task.cancel()
            if self._watching is not None:
                self._watching.cancel()
        status = to_status(_late()) if late else _outcome(task)
        if status is None:
            await self._wire.finish(self._context)
        else:
            await self._wire.refuse(status, self._context)

    async def _handled(self, requests: Any) -> Status | None:
        """Runs the handler and sends its answers; the status when it refused."""
        handler, context, method = self._method.handler, self._context, self._method
        behaviour = (
            handler.unary_unary or handler.stream_unary or handler.unary_stream or handler.stream_stream
        )
        try:
            answer = await behaviour(requests, context)
        except grpc.aio.AbortError:
            code = context.code() or grpc.StatusCode.UNKNOWN
            return codes.status_of(code, context.details(), context.trailing_metadata())
        told = context.code()
        if told not in (None, grpc.StatusCode.OK):
            return codes.status_of(told, context.details(), context.trailing_metadata())
        if not handler.response_streaming:
            await self._wire.write(await _payload(method, answer, is_json=self._wire.is_json), context)
        return None

    async def requests(self, coming: AsyncIterator[bytes], held: Held) -> AsyncIterator[bytes]:
        """The messages of the request as the handler takes them."""
        try:
            async for payload in coming:
                yield self._method.request(payload, is_json=self._wire.is_json)
                # Whoever asks for the next message is done with this one.
                held.release()
        except Gone:
            # As when a gRPC caller cancels: the handler is told by its task, whoever of it was reading.
            if self._task is not None:
                self._task.cancel()
            await asyncio.Event().wait()
        if self._watching is None:
            self._watch()

    def _watch(self) -> None:
        self._watching = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None:
            self._task.cancel()


def _outcome(task: asyncio.Task[Status | None]) -> Status | None:
    if task.cancelled():
        raise Gone
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, Gone):
        raise error
    # Guarded handlers tell their own faults; this is one of this face.
    log.error("answer failed", reason=reason_of(error))
    return _fault()


def _fault() -> Status:
    return Status(code=grpc.StatusCode.INTERNAL.value[0], message="a fault of ours; send the request again")


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("DEADLINE_EXCEEDED", "the time you gave has passed; give more")


def wire_of(headers: Headers, send: Send, *, streams: bool) -> Wire | None:
    """The protocol that the content type names; None when it names none that carries such a call."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    unary, stream = _UNARY.get(kind), _STREAMS.get(kind)
    if unary is not None and not streams:
        return ConnectUnary(headers, send, is_json=unary)
    if stream is not None and streams:
        return ConnectStream(headers, send, is_json=stream)
    if kind.startswith(_WEB):
        suffix = kind.removeprefix(_WEB)
        is_text = suffix.startswith(b"-text")
        is_json = _CODECS.get(suffix.removeprefix(b"-text"))
        if is_json is not None:
            return GrpcWeb(headers, send, kind, is_json=is_json, is_text=is_text)
    return None


def _accepted(method: Method) -> str:
    own = _STREAMS if method.streams else _UNARY
    return ", ".join(kind.decode() for kind in (*own, _WEB + b"+proto", _WEB + b"-text+proto"))


async def _refused(
    send: Send, number: int, headers: list[tuple[bytes, bytes]], code: str, message: str
) -> None:
    body = codes.plain_error(code, message)
    length = (b"content-length", str(len(body)).encode())
    told = [(b"content-type", b"application/json"), length, *headers]
    await send({"type": "http.response.start", "status": number, "headers": told})
    await send({"type": "http.response.body", "body": body})
