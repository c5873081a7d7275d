"""Events of SDKs over HTTP: Segment's paths and those of its browser SDK, and CloudEvents in all three modes; knows no event.

Content decides, not headers: some SDKs send gzip as a form. Answers are what SDKs need: exactly 200 when everything is durable,
401 and 403 for a key, 400 for a body that can never be read, and 429 or 503 with a whole number of seconds for everything that
may go through later.
"""

from __future__ import annotations

import asyncio
import json
import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import grpc
import grpc.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fieldwise.gateway.v1 import events_service_pb2 as events_pb
from fieldwise_gateway.http import bodies, codes
from fieldwise_gateway.http.bodies import Gone
from fieldwise_gateway.http.bounds import Patience
from fieldwise_gateway.http.context import HttpContext
from fieldwise_gateway.http.wires import metadata_of
from fieldwise_gateway.sdk_bodies import MOST_BYTES, unzipped
from fieldwise_runtime.calls import GuardedServer
from fieldwise_runtime.errors import FieldwiseError, from_status, to_status

METHOD: Final = "/fieldwise.gateway.v1.EventsService/CaptureEvents"
CALLS: Final = {
    "track": "track",
    "identify": "identify",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
    # As Segment's SDK for browsers calls them.
    "t": "track",
    "i": "identify",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
    "batch": "",
    "b": "",
}
# SDKs give up after 15 s and send again: they are told before.
SECONDS: Final = 12.0
_SUCCESS: Final = b'{"success":true}'
_AUTHORIZATION: Final = "authorization"
# Any page may send events; no cookie or certificate of its reader goes along.
_ORIGIN: Final = {"access-control-allow-origin": "*"}
_PREFLIGHT: Final = {
    **_ORIGIN,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization, content-type, content-encoding, x-retry-count",
    "access-control-max-age": "86400",
}
# What never goes through, however often it is sent.
_LASTING: Final = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
}
_TOO_LARGE: Final = "REQUEST_TOO_LARGE"


def routes(guarded: GuardedServer, patience: Patience) -> list[BaseRoute]:
    """The routes, for the HTTP face of a server that answers CaptureEvents; none for another.

    Args:
        patience: For bodies that come slowly.
    """
    handler = guarded.handler(METHOD)
    if handler is None:
        return []
    door = _Door(handler, patience)
    paths: list[BaseRoute] = [
        Route(f"/v1/{path}", door.segment(call), methods=["POST", "OPTIONS"]) for path, call in CALLS.items()
    ]
    return [*paths, Route("/v1/events", door.cloud_events, methods=["POST", "OPTIONS"])]


class _Door:
    def __init__(self, handler: Any, patience: Patience) -> None:
        self._handler = handler
        self._patience = patience

    def segment(self, call: str) -> Any:
        async def endpoint(request: Request) -> Response:
            return await self._answered(request, events_pb.CAPTURE_FORM_SEGMENT, call)

        return endpoint

    async def cloud_events(self, request: Request) -> Response:
        return await self._answered(request, events_pb.CAPTURE_FORM_CLOUD_EVENTS, "")

    async def _answered(self, request: Request, form: events_pb.CaptureForm.ValueType, call: str) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        try:
            body = await bodies.whole(bodies.pieces(request.receive, self._patience), MOST_BYTES)
            metadata = metadata_of(request.scope["headers"])
            if not request.headers.get(_AUTHORIZATION):
                metadata += _key_in(body)
            if form == events_pb.CAPTURE_FORM_CLOUD_EVENTS and "ce-specversion" in request.headers:
                body = _structured(request.headers, body)
            asked = events_pb.CaptureEventsRequest(form=form, body=body, call=call)
            return await self._captured(request, asked.SerializeToString(), metadata)
        except Gone:
            # Nobody reads it.
            return Response(status_code=400)
        except FieldwiseError as error:
            return _refusal(to_status(error))

    async def _captured(self, request: Request, asked: bytes, metadata: list[tuple[str, Any]]) -> Response:
        host, port = request.scope.get("client") or ("", 0)
        context = HttpContext(metadata, SECONDS, f"{host}:{port}")
        try:
            # A caller who goes away changes nothing: what he sent may be in a batch already, and he will send it again.
            async with asyncio.timeout(SECONDS):
                raw = await self._handler.unary_unary(asked, context)
        except TimeoutError:
            return _refusal(codes.Status(code=grpc.StatusCode.DEADLINE_EXCEEDED.value[0], message="too slow"))
        except grpc.aio.AbortError:
            code = context.code() or grpc.StatusCode.UNKNOWN
            return _refusal(codes.status_of(code, context.details(), context.trailing_metadata()))
        done = events_pb.CaptureEventsResponse.FromString(raw)
        told = {**_ORIGIN, "fieldwise-refused": str(done.refused)} if done.refused else _ORIGIN
        return Response(_SUCCESS, headers=told, media_type="application/json")


def _refusal(status: codes.Status) -> Response:
    fault = from_status(status)
    number = 400 if fault.reason == _TOO_LARGE else _LASTING.get(fault.code, 0)
    told = dict(_ORIGIN)
    if not number:
        number = 429 if fault.code is grpc.StatusCode.RESOURCE_EXHAUSTED else 503
        # Whole seconds: some SDKs read nothing else.
        told["retry-after"] = str(max(1, math.ceil(fault.retry_after_seconds or 1.0)))
    return Response(codes.error_body(status), number, told, "application/json")


def _key_in(body: bytes) -> list[tuple[str, str]]:
    """The write key that SDKs for browsers put into the body, as the header that others send."""
    try:
        told = json.loads(unzipped(body))
    except (ValueError, RecursionError):
        return []
    key = told.get("writeKey") if isinstance(told, dict) else None
    if not isinstance(key, str) or not key:
        return []
    encoded = b64encode(f"{key}:".encode("utf-8", "replace")).decode()
    return [(_AUTHORIZATION, f"Basic {encoded}")]


def _structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """A CloudEvent whose attributes came as headers, with its attributes beside its data."""
    event: dict[str, Any] = {
        name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")
    }
    body = unzipped(body)
    try:
        event["data"] = json.loads(body) if body else None
    except (ValueError, RecursionError):
        # Refused with the event, where its sender finds it.
        event["data"] = body.decode("utf-8", "replace")
    return json.dumps(event).encode()
