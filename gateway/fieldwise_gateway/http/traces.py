"""Permanent links of traces: `/traces/{name}` as a page, as JSON when that is asked for, and as OTLP to download.

The name is that of a trace, decision, plan, price set or operation; a bare id is a trace's, a decision's or a plan's. A browser sends
no bearer: it may give the API key as the password of HTTP's basic authentication, which it asks its reader for.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64decode
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise_gateway.http import codes
from fieldwise_gateway.http.context import HttpContext
from fieldwise_gateway.http.trace_page import POLICY, page
from fieldwise_gateway.http.wires import metadata_of
from fieldwise_runtime.calls import GuardedServer

_SERVICE: Final = "/fieldwise.gateway.v1.TracesService"
_SECONDS: Final = 10.0
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_JSON: Final = "application/json"
_ASK_FOR_KEY: Final = {"www-authenticate": 'Basic realm="Fieldwise: any name, an API key as password"'}
_SAFE: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class _Refused(Exception):
    """The call was refused with this status."""

    def __init__(self, status: codes.Status) -> None:
        super().__init__(status.message)
        self.status = status


def routes(guarded: GuardedServer) -> list[BaseRoute]:
    """The routes, for the HTTP face of a server that serves traces; none for another."""
    get, export = (guarded.handler(f"{_SERVICE}/{method}") for method in ("GetTrace", "ExportTrace"))
    if get is None or export is None:
        return []

    async def shown(request: Request) -> Response:
        try:
            names = names_of(request.path_params["name"])
            if request.query_params.get("form") == "otlp":
                return _downloaded(await _first(export, pb.ExportTraceRequest, names, request))
            trace = pb.Trace.FromString(await _first(get, pb.GetTraceRequest, names, request))
        except _Refused as refused:
            return _refusal(refused.status)
        if _prefers_json(request):
            text = json_format.MessageToJson(trace, preserving_proto_field_name=True)
            return Response(text, headers=_SAFE, media_type=_JSON)
        # Thousands of spans take some hundred milliseconds, in which nobody else should wait.
        html = await asyncio.to_thread(page, trace)
        return Response(html, headers=_SAFE, media_type="text/html")

    return [Route("/traces/{name:path}", shown, methods=["GET"])]


def names_of(path: str) -> list[str]:
    """What a path may mean, likeliest first."""
    if "/" in path:
        return [path]
    return [f"decisions/{path}", f"plans/{path}"] if _UUID.fullmatch(path) else [f"traces/{path}"]


async def _first(handler: Any, kind: Any, names: list[str], request: Request) -> bytes:
    """The answer for the first name that is known.

    Raises:
        _Refused: None is, or the caller may not ask.
    """
    for name in names[:-1]:
        try:
            return await _asked(handler, kind(name=name), request)
        except _Refused as refused:
            if codes.code_of(refused.status) is not grpc.StatusCode.NOT_FOUND:
                raise
    return await _asked(handler, kind(name=names[-1]), request)


async def _asked(handler: Any, asked: Any, request: Request) -> bytes:
    host, port = request.scope.get("client") or ("", 0)
    context = HttpContext(_metadata(request), _SECONDS, f"{host}:{port}")
    # A task of its own: a call makes its span and its deadline current and leaves them so.
    running = asyncio.create_task(handler.unary_unary(asked.SerializeToString(), context))
    try:
        async with asyncio.timeout(_SECONDS):
            raw: bytes = await running
    except TimeoutError:
        late = codes.Status(code=grpc.StatusCode.DEADLINE_EXCEEDED.value[0], message="too slow; ask again")
        raise _Refused(late) from None
    except grpc.aio.AbortError:
        code = context.code() or grpc.StatusCode.UNKNOWN
        status = codes.status_of(code, context.details(), context.trailing_metadata())
        raise _Refused(status) from None
    return raw


def _metadata(request: Request) -> list[tuple[str, Any]]:
    """The request's headers, with a key that came as a password as the bearer that calls carry."""
    metadata = metadata_of(request.scope["headers"])
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return metadata
    try:
        _, _, key = b64decode(given, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        key = ""
    others = [(name, value) for name, value in metadata if name != "authorization"]
    return [*others, ("authorization", f"Bearer {key}")]


def _prefers_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return _JSON in accepted and "text/html" not in accepted


def _downloaded(raw: bytes) -> Response:
    exported = pb.ExportedTrace.FromString(raw)
    name = exported.name.replace("/", "-")
    headers = {**_SAFE, "content-disposition": f'attachment; filename="{name}.json"'}
    return Response(exported.content, headers=headers, media_type=exported.content_type)


def _refusal(status: codes.Status) -> Response:
    code = codes.code_of(status)
    asking = _ASK_FOR_KEY if code is grpc.StatusCode.UNAUTHENTICATED else {}
    body = codes.plain_error(codes.connect_name(code), status.message)
    return Response(body, codes.HTTP.get(code, 500), {**_SAFE, **asking}, media_type=_JSON)
