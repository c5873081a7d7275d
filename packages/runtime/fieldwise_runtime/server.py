"""A gRPC server from start to drained end: health, reflection, signals; knows no contract."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from fieldwise_runtime.calls import GuardedServer
from fieldwise_runtime.channels import MAX_MESSAGE_BYTES
from fieldwise_runtime.errors import Unavailable, reason_of
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_READY_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 1.0
_COLLECT_AFTER: Final = (50_000, 200, 100)

_OPTIONS: Final = (
    # Two processes on one port would share its calls in silence; the second must fail instead.
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Peers ask every 20 s whether we are there; without leave a quiet stream would be cut off as too many pings.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


@dataclass(frozen=True)
class Service:
    """What a server serves.

    Args:
        name: As in logs, such as ``fieldwise-profile``.
        listen: host:port; port 0 lets the system choose.
        register: Adds the servicers to the server it is given.
        service_names: Full names of the proto services, for health and reflection.
        ready: Further health names and whether each serves, asked every second; the name "" stands for the server as a
            whole (database reachable). Raising counts as "" not serving.
        on_stop: Closes what the service opened, after the last call is answered.
        checked_by_handler: Full names of fields whose contents the handler checks itself (see rules.violations).
        drain_seconds: Time that running calls get to finish when the server stops.
    """

    name: str
    listen: str
    register: Callable[[grpc.aio.Server], None]
    service_names: Sequence[str]
    ready: Callable[[], Awaitable[Mapping[str, bool]]] | None = None
    on_stop: Callable[[], Awaitable[None]] | None = None
    checked_by_handler: frozenset[str] = frozenset()
    drain_seconds: float = 1.0


class RunningServer:
    """A server that answers on ``port`` until `stop`."""

    def __init__(self, service: Service, server: grpc.aio.Server, health_of: Any, port: int) -> None:
        self.port = port
        self._service = service
        self._server = server
        self._health = health_of
        self._known: dict[str, bool] = {}
        self._watching: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def announce(self) -> None:
        """Takes the service's state as it is now, and follows it from now on."""
        await self._refresh()
        if self._service.ready is not None:
            self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Refuses new calls, lets running ones finish, closes what the service opened. May be called again."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self._service.drain_seconds)
        if self._service.on_stop is not None:
            await self._close(self._service.on_stop)
        log.info("server stopped", name=self._service.name)

    async def _close(self, on_stop: Callable[[], Awaitable[None]]) -> None:
        try:
            await asyncio.wait_for(on_stop(), _STOP_SECONDS)
        except TimeoutError:
            log.error(
                "server stopped without closing all it opened", name=self._service.name, seconds=_STOP_SECONDS
            )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_READY_SECONDS)
            await self._refresh()

    async def _refresh(self) -> None:
        states = await self._states()
        for name, serving in states.items():
            if self._known.get(name) is serving:
                continue
            self._known[name] = serving
            log.info("health changed", name=name or self._service.name, serving=serving)
            await self._health.set(name, _SERVING if serving else _NOT_SERVING)

    async def _states(self) -> dict[str, bool]:
        told = await self._told()
        whole = told.pop("", True)
        # What the service names itself (a model) is as it says, but nothing serves while the whole does not.
        own = dict.fromkeys(["", *self._service.service_names], whole)
        return own | {name: serving and whole for name, serving in told.items()}

    async def _told(self) -> dict[str, bool]:
        if self._service.ready is None:
            return {}
        try:
            return dict(await self._service.ready())
        except Exception as error:  # whatever it is, the answer to "is it ready" is no
            log.warning("readiness unknown", name=self._service.name, reason=reason_of(error))
            return dict.fromkeys(self._known, False) | {"": False}


_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


async def start(service: Service) -> RunningServer:
    """Starts the server in this event loop: what `serve` does, and the seam for tests.

    Raises:
        Unavailable: The address cannot be listened on.
    """
    server = grpc.aio.server(options=_OPTIONS)
    # GuardedServer is all that generated `add_..._to_server` functions use of a server.
    service.register(cast("grpc.aio.Server", GuardedServer(server, service.checked_by_handler)))
    health_of: Any = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_of, server)
    names = [*service.service_names, health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    running = RunningServer(service, server, health_of, _bound(server, service))
    await running.announce()
    await server.start()
    return running


def _bound(server: grpc.aio.Server, service: Service) -> int:
    try:
        return server.add_insecure_port(service.listen)
    except RuntimeError:
        message = f"{service.name} cannot listen on {service.listen}; end what listens there or choose another address"
        raise Unavailable("ADDRESS_IN_USE", message, metadata={"address": service.listen}) from None


async def serve(service: Service, *, stop: asyncio.Event | None = None) -> None:
    """Serves until SIGTERM, SIGINT or ``stop``, then drains."""
    end = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    running = await start(service)
    # What lives now lives until the end: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    # Measured on a load of profile: with the usual thresholds over half of the fold's time went into looking through states
    # that stay. Cycles are few here (a failed call's traceback), and wait a little longer.
    gc.set_threshold(*_COLLECT_AFTER)
    log.info("server started", name=service.name, port=running.port)
    await end.wait()
    await running.stop()
