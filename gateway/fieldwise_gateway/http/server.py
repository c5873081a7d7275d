"""The HTTP listener in the gateway's own event loop: opened beside the gRPC server, closed before it; knows no path."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from uvicorn.config import Config

from fieldwise_gateway.http.bounds import HEADER_BYTES, Patience
from fieldwise_gateway.http.connections import Connection, Connections
from fieldwise_runtime import tls
from fieldwise_runtime.calls import GuardedServer
from fieldwise_runtime.errors import Unavailable
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_DRAIN_SECONDS: Final = 1.0

Application = Callable[[Any, Any, Any], Any]


class HttpFace:
    """The HTTP face of a server, as `Service.beside` takes it.

    Args:
        listen: host:port; port 0 lets the system choose.
        application: Makes the ASGI application from the server's guarded handlers.
        patience: For callers.
    """

    def __init__(
        self,
        listen: str,
        application: Callable[[GuardedServer], Application],
        patience: Patience,
    ) -> None:
        self.port = 0
        self._listen = listen
        self._application = application
        self._patience = patience

    def __call__(self, guarded: GuardedServer) -> AbstractAsyncContextManager[None]:
        return self._serving(guarded)

    @asynccontextmanager
    async def _serving(self, guarded: GuardedServer) -> AsyncIterator[None]:
        config = _config(self._application(guarded), self._patience)
        state = Connections(self._patience)
        listener = await self._listener(config, state)
        self.port = listener.sockets[0].getsockname()[1]
        log.info("http face started", port=self.port)
        try:
            yield
        finally:
            listener.close()
            await _drained(state)

    async def _listener(self, config: Config, state: Connections) -> asyncio.Server:
        host, _, port = self._listen.rpartition(":")
        loop, encryption = asyncio.get_running_loop(), _encryption()

        def connection() -> Connection:
            return Connection(config, state, {}, loop)

        try:
            return await loop.create_server(
                connection,
                host.strip("[]"),
                int(port),
                ssl=encryption,
                ssl_handshake_timeout=self._patience.stall_seconds if encryption else None,
                backlog=self._patience.connections,
            )
        except OSError:
            message = f"the gateway cannot listen for HTTP on {self._listen}; end what listens there or choose another address"
            raise Unavailable("ADDRESS_IN_USE", message, metadata={"address": self._listen}) from None


def _encryption() -> ssl.SSLContext | None:
    """What the listener shows, as this process's other servers: apps need no certificate. None without TLS."""
    identity = tls.current()
    return None if identity is None else identity.ssl_context(of_apps=True)


def _config(application: Application, patience: Patience) -> Config:
    # uvicorn tells at INFO and WARNING what its callers did wrong; they are told it themselves.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    config = Config(
        application,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(patience.idle_seconds),
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    config.load()
    return config


async def _drained(state: Connections) -> None:
    """Lets running calls finish for a second, then cuts what is left."""
    for connection in list(state.connections):
        connection.shutdown()
    ends = asyncio.get_running_loop().time() + _DRAIN_SECONDS
    while state.tasks and asyncio.get_running_loop().time() < ends:
        await asyncio.wait(tuple(state.tasks), timeout=ends - asyncio.get_running_loop().time())
    for task in tuple(state.tasks):
        task.cancel()
    if state.tasks:
        await asyncio.wait(tuple(state.tasks), timeout=0.1)
    for connection in list(state.connections):
        connection.transport.abort()
