"""OTLP over HTTP: `POST /v1/traces` as protobuf or JSON, plain or gzip, bounded; knows no store."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fieldwise_gateway.traces.exporting import from_json
from fieldwise_runtime import metrics
from fieldwise_runtime.errors import FieldwiseError, Unavailable
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

Take = Callable[[ExportTraceServiceRequest], Awaitable[ExportTraceServiceResponse]]

# As over gRPC, and the same for what comes out of a compressed body.
MOST_BYTES: Final = 64 << 20
# A body that does not come is not waited for.
_BODY_SECONDS: Final = 20.0
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_STOP_SECONDS: Final = 1


class _Refused(Exception):
    """The request is not taken: HTTP status, gRPC code, and why."""

    def __init__(self, status: int, code: int, why: str) -> None:
        super().__init__(why)
        self.status, self.code, self.why = status, code, why


def routes(take: Take) -> list[BaseRoute]:
    """Where OTLP is taken."""

    async def traces(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            export = _parsed(await _body(request), kind)
            answer = await take(export)
        except _Refused as refused:
            return _refusal(refused, kind)
        except FieldwiseError as error:
            # What a sender may send again: nothing else than a store that is away or full comes to here.
            return _refusal(_Refused(503, code_pb2.UNAVAILABLE, error.reason), kind)
        if kind == _JSON:
            return Response(MessageToJson(answer), media_type=_JSON)
        return Response(answer.SerializeToString(), media_type=_PROTOBUF)

    return [Route("/v1/traces", traces, methods=["POST"])]


async def _body(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise _Refused(415, code_pb2.INVALID_ARGUMENT, "content-encoding: send gzip or none")
    # Unpacked as it comes: a small body must not become a large one before anybody looks.
    unpacking = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                left = MOST_BYTES - len(body) + 1
                body += chunk if unpacking is None else unpacking.decompress(chunk, left)
                if len(body) > MOST_BYTES:
                    why = f"more than {MOST_BYTES} bytes; send fewer spans at once"
                    raise _Refused(413, code_pb2.INVALID_ARGUMENT, why)
    except zlib.error:
        raise _Refused(400, code_pb2.INVALID_ARGUMENT, "the body is no gzip") from None
    except TimeoutError:
        raise _Refused(408, code_pb2.DEADLINE_EXCEEDED, "the body did not come in time") from None
    except ClientDisconnect:
        raise _Refused(400, code_pb2.CANCELLED, "the body ended early") from None
    if unpacking is not None and not unpacking.eof:
        raise _Refused(400, code_pb2.INVALID_ARGUMENT, "the gzip body ends early")
    return bytes(body)


def _parsed(body: bytes, kind: str) -> ExportTraceServiceRequest:
    if kind == _PROTOBUF:
        try:
            return ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            why = "the body is no ExportTraceServiceRequest"
            raise _Refused(400, code_pb2.INVALID_ARGUMENT, why) from None
    if kind == _JSON:
        try:
            read: ExportTraceServiceRequest = from_json(body, ExportTraceServiceRequest())
        except ValueError as error:
            raise _Refused(400, code_pb2.INVALID_ARGUMENT, str(error)) from None
        return read
    raise _Refused(415, code_pb2.INVALID_ARGUMENT, f"content-type: send {_PROTOBUF} or {_JSON}")


def _refusal(refused: _Refused, kind: str) -> Response:
    status = status_pb2.Status(code=refused.code, message=refused.why)
    headers = {"retry-after": "1"} if refused.status == 503 else {}
    if kind == _PROTOBUF:
        return Response(status.SerializeToString(), refused.status, headers, _PROTOBUF)
    return Response(MessageToJson(status), refused.status, headers, _JSON)


@asynccontextmanager
async def face(take: Take, listen: str) -> AsyncIterator[None]:
    """Serve OTLP over HTTP and the process's metrics in this loop while entered.

    Raises:
        Unavailable: The address cannot be listened on.
    """
    listening = _bound(listen)
    config = uvicorn.Config(
        Starlette(routes=[*routes(take), Route("/metrics", metrics.route())]),
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        timeout_keep_alive=30,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        log.info("http face started", port=listening.getsockname()[1])
        yield
    finally:
        server.should_exit = True
        await serving


def _bound(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=512)
    except OSError:
        message = (
            f"fieldwise-traces cannot listen on {listen}; end what listens there or choose another address"
        )
        raise Unavailable("ADDRESS_IN_USE", message, metadata={"address": listen}) from None


class _Server(uvicorn.Server):
    """Without signal handlers of its own: the process has one end, and it is not here."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
