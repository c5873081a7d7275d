"""Everything that the HTTP face answers: calls, pages about them, and the routes of others; knows no listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fieldwise_gateway.http import events, traces
from fieldwise_gateway.http.bodies import Receive
from fieldwise_gateway.http.bounds import Patience
from fieldwise_gateway.http.codes import plain_error
from fieldwise_gateway.http.methods import methods_of, services_named
from fieldwise_gateway.http.pages import Pages, Ready
from fieldwise_gateway.http.resources import Resources
from fieldwise_gateway.http.rpc import Calls
from fieldwise_gateway.http.wires import Send
from fieldwise_runtime.calls import GuardedServer
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# What a page of another origin may send, and read of an answer: headers of Connect, gRPC-Web, tracing and keys.
_SENT: Final = (
    *("authorization", "content-type", "connect-protocol-version", "connect-timeout-ms", "grpc-timeout"),
    *("x-grpc-web", "x-user-agent", "traceparent", "tracestate"),
)
_READ: Final = ("grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after")
_REMEMBERED_SECONDS: Final = 7200

Application = Callable[[Any, Receive, Send], Any]


def application(
    service_names: Sequence[str],
    ready: Ready,
    patience: Patience,
    *,
    origins: Sequence[str] = (),
    routes: Sequence[BaseRoute] = (),
) -> Callable[[GuardedServer], Application]:
    """Makes the ASGI application of a server when its handlers are known.

    Args:
        service_names: Full names of the services whose methods are called over HTTP.
        ready: The dependencies and whether each is there; the one named "" decides.
        patience: With bodies that come slowly.
        origins: Web pages of which other origins may call, such as https://app.example.com; none by default.
        routes: Of others: metrics, traces.
    """

    def made(guarded: GuardedServer) -> Application:
        methods = methods_of(guarded, services_named(service_names))
        resources = Resources(methods.values())
        pages = Pages(methods, ready, resources.all)
        told = {HTTPException: _told, Exception: _broken}
        own = [*pages.routes(), *events.routes(guarded, patience), *traces.routes(guarded)]
        rest = Starlette(routes=[*own, *routes], exception_handlers=told)
        return _shared(_Paths(Calls(methods, patience), resources, rest), origins)

    return made


class _Paths:
    """Calls by a look into a table, their short paths after it, everything else by Starlette's routes."""

    def __init__(self, calls: Calls, resources: Resources, rest: Application) -> None:
        self._calls = calls
        self._resources = resources
        self._rest = rest

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._calls.serves(scope["path"]):
            await self._calls(scope, receive, send)
            return
        rewritten = self._resources.rewritten(scope, receive) if scope["type"] == "http" else None
        if rewritten is None:
            await self._rest(scope, receive, send)
        else:
            await self._calls(*rewritten, send)


def _shared(app: Application, origins: Sequence[str]) -> Application:
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=list(_SENT),
        expose_headers=list(_READ),
        max_age=_REMEMBERED_SECONDS,
    )


async def _told(_request: Request, error: Any) -> Response:
    code, message = "unknown", str(error.detail)
    if error.status_code == 404:
        code = "unimplemented"
        message = (
            "nothing is served at this path; calls are POST /{package.Service}/{Method}, listed at /docs"
        )
    return Response(
        plain_error(code, message), error.status_code, error.headers, media_type="application/json"
    )


async def _broken(request: Request, error: Exception) -> Response:
    log.error("http route failed", path=request.scope.get("path", ""), error=type(error).__name__)
    return Response(plain_error("internal", "a fault of ours"), 500, media_type="application/json")
