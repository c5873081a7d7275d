"""A gRPC server from start to drained end: health, reflection, signals; knows no contract."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Final, cast

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from fieldwise_runtime import tls
from fieldwise_runtime.calls import Door, Gatekeeper, GuardedServer
from fieldwise_runtime.channels import MAX_MESSAGE_BYTES
from fieldwise_runtime.errors import Unavailable, reason_of
from fieldwise_runtime.handing_over import HandingOver
from fieldwise_runtime.health_states import HealthStates
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.measuring import measured
from fieldwise_runtime.metrics import Few, gauge
from fieldwise_runtime.peers import Callers, PeerKeeper
from fieldwise_runtime.rpc_metrics import KEEPER, UnknownMethods
from fieldwise_runtime.single import Single

log = get_logger(__name__)

_READY_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 1.0
# How long peers may take to hear that this server goes.
_SEEN_SECONDS: Final = 0.05
# How long calls wait for another process to take over, and then for their channels to find it: they were connected to
# the one that held its place, and come back at once.
_SUCCESSION_SECONDS: Final = 5.0
_FOUND_SECONDS: Final = 0.12
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
        gatekeepers: Stand before every call of what `register` added, in this order.
        door: Stands before them, where refusing costs least; calls of another face do not come by it.
        metrics: host:port of a listener that answers GET /metrics; empty: none.
        measure: Sets the gauges that need a query; called every quarter of a minute while the server runs.
        single: The claim to be the only process on its database. One that stands by takes over while calls wait; `on_stop`
            closes it.
        callers: Processes that may call when this one speaks TLS; None: anybody, without a certificate, as apps do.
        beside: Another face of the same servicers in the same loop, entered when the server runs and left, before the server
            stops, when it ends; it is given the server as its servicers were registered to it.
    """

    name: str
    listen: str
    register: Callable[[grpc.aio.Server], None]
    service_names: Sequence[str]
    ready: Callable[[], Awaitable[Mapping[str, bool]]] | None = None
    on_stop: Callable[[], Awaitable[None]] | None = None
    checked_by_handler: frozenset[str] = frozenset()
    drain_seconds: float = 1.0
    gatekeepers: Sequence[Gatekeeper] = ()
    door: Door | None = None
    callers: Callers | None = None
    single: Single | None = None
    metrics: str = ""
    measure: Callable[[], Awaitable[None]] | None = None
    beside: Callable[[GuardedServer], AbstractAsyncContextManager[None]] | None = None


class RunningServer:
    """A server that answers on ``port`` until `stop`."""

    def __init__(
        self,
        service: Service,
        server: grpc.aio.Server,
        health_of: HealthStates,
        port: int,
        handing_over: HandingOver | None = None,
    ) -> None:
        self.port = port
        self._service = service
        self._server = server
        self._health = health_of
        self._known: dict[str, bool] = {}
        self._watching: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._beside = AsyncExitStack()
        self._closed = False
        self._handing_over = handing_over

    async def open_beside(self, guarded: GuardedServer) -> None:
        """Begins to measure, and enters the service's other face, if it has one."""
        await self._beside.enter_async_context(measured(self._service.metrics, self._service.measure))
        if self._service.beside is not None:
            await self._beside.enter_async_context(self._service.beside(guarded))

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
        single = self._service.single
        if single is not None and self._handing_over is not None and await single.has_standby():
            await self._hand_over(single, self._handing_over)
        self._health.leave()
        if self._health.is_watched:
            # What was sent before peers heard of it is still answered; what comes later would have to be sent again.
            await asyncio.sleep(_SEEN_SECONDS)
        await self._beside.aclose()
        stopping = asyncio.ensure_future(self._server.stop(self._service.drain_seconds))
        # Peers have been told to go (GOAWAY) when the loop comes round; they do not ask again then.
        await asyncio.sleep(0)
        self._health.end()
        await stopping
        await self._close()
        log.info("server stopped", name=self._service.name)

    async def _hand_over(self, single: Single, calls: HandingOver) -> None:
        """Calls wait here from the last one that is answered until another process answers."""
        calls.shut()
        await calls.idle(self._service.drain_seconds)
        await self._close()
        found = await single.succeeded(_SUCCESSION_SECONDS)
        log.info("handed over", name=self._service.name, succeeded=found)
        if found:
            # Peers come to it by their next attempt to connect.
            await asyncio.sleep(_FOUND_SECONDS)
        self._health.leave()
        await asyncio.sleep(_SEEN_SECONDS)
        calls.send_on()

    async def _close(self) -> None:
        on_stop = self._service.on_stop
        if on_stop is None or self._closed:
            return
        self._closed = True
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
            if name not in self._service.service_names:
                _SERVES.labels(_names.of(name or "server")).set(serving)
            log.info("health changed", name=name or self._service.name, serving=serving)
            self._health.set(name, serving)

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


_SERVES: Final = gauge(
    "fieldwise_serving", "Whether the server as a whole, or a part that health names, serves.", "name"
)
_names: Final = Few()


async def start(service: Service) -> RunningServer:
    """Starts the server in this event loop: what `serve` does, and the seam for tests.

    Raises:
        Unavailable: The address cannot be listened on.
    """
    server = grpc.aio.server(options=_OPTIONS)
    # GuardedServer is all that generated `add_..._to_server` functions use of a server.
    handing_over = HandingOver() if service.single is not None else None
    guarded = GuardedServer(server, service.checked_by_handler, _keepers(service, handing_over), service.door)
    service.register(cast("grpc.aio.Server", guarded))
    health_of = HealthStates()
    health_pb2_grpc.add_HealthServicer_to_server(health_of, server)
    names = [*service.service_names, health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    server.add_generic_rpc_handlers([UnknownMethods()])
    if service.single is not None:
        await service.single.leave_place()
    running = RunningServer(service, server, health_of, _bound(server, service), handing_over)
    await running.announce()
    await server.start()
    await running.open_beside(guarded)
    if service.single is not None:
        await service.single.serves()
    return running


def _keepers(service: Service, handing_over: HandingOver | None) -> Sequence[Gatekeeper]:
    first: list[Gatekeeper] = [KEEPER]
    if handing_over is not None:
        first.append(handing_over)
    if service.callers is not None and tls.current() is not None:
        first.append(PeerKeeper(service.name, service.callers))
    return (*first, *service.gatekeepers)


def _bound(server: grpc.aio.Server, service: Service) -> int:
    try:
        identity = tls.current()
        if identity is None:
            return server.add_insecure_port(service.listen)
        credentials = identity.server_credentials(of_apps=service.callers is None)
        return server.add_secure_port(service.listen, credentials)
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
