"""A whole gateway in this process without a socket: every handler as the server would call it; knows no input."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

import grpc
import grpc.aio

from benchmarks.gateway.fuzzing.backends import Answering
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_runtime import migrations, tls
from fieldwise_runtime.calls import GuardedServer
from fieldwise_runtime.server import Service
from fieldwise_runtime.settings import load

# Whoever is refused so met a fault of ours.
FAULTS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
# Nothing waits here for a network: what takes longer waits for ever.
_SECONDS = 20.0


class Fault(Exception):
    """A call ended as only a fault of ours ends one."""


class Doors:
    """Every method of a gateway."""

    def __init__(self) -> None:
        logging.disable(logging.CRITICAL)
        self._folder = tempfile.TemporaryDirectory(prefix="fieldwise-fuzz-")
        self.loop = asyncio.new_event_loop()
        self._service = self.loop.run_until_complete(self._wired())
        server = _Registering()
        self._guarded = GuardedServer(
            cast("grpc.aio.Server", server), self._service.checked_by_handler, self._service.gatekeepers
        )
        self._service.register(cast("grpc.aio.Server", self._guarded))

    async def _wired(self) -> Service:
        environ = {
            "FIELDWISE_DATA": self._folder.name,
            "FIELDWISE_GATEWAY_LISTEN": "127.0.0.1:0",
            "FIELDWISE_GATEWAY_ACCESS": "open",
            "FIELDWISE_CLOCK": "recorded:2017-12-25T00:00:00Z",
        }
        settings = load(Settings, environ)
        migrations.migrate(settings.database_url, gateway_main.PACKAGE)
        connected = tls.aio_channel
        # The seam through which all channels of this process are made.
        tls.aio_channel = cast("Any", lambda *_, **__: Answering())
        try:
            return await gateway_main.wired(settings, load(Addresses, {}))
        finally:
            tls.aio_channel = connected

    def ask(self, path: str, bodies: Iterable[bytes], metadata: Iterable[tuple[str, str]] = ()) -> str:
        """Call a method with these bytes; the name of the code it ended with.

        Raises:
            Fault: It ended with a fault of ours, or did not end.
        """
        return self.loop.run_until_complete(self._asked(path, list(bodies), tuple(metadata)))

    async def _asked(self, path: str, bodies: list[bytes], metadata: tuple[tuple[str, str], ...]) -> str:
        handler = self._guarded.handler(path)
        if handler is None:
            return "UNIMPLEMENTED"
        context = _Context(metadata)
        raw: Any = _streamed(bodies) if handler.request_streaming else b"".join(bodies[:1])
        behaviour = (
            handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        )
        try:
            async with asyncio.timeout(_SECONDS):
                await behaviour(raw, context)
        except grpc.aio.AbortError:
            pass
        except TimeoutError:
            raise Fault(f"{path} did not end") from None
        if context.ended in FAULTS:
            raise Fault(f"{path} ended with {context.ended.name}: {context.details}")
        return context.ended.name

    def close(self) -> None:
        """Stop what runs beside."""
        if self._service.on_stop is not None:
            self.loop.run_until_complete(self._service.on_stop())
        self.loop.close()
        logging.disable(logging.NOTSET)
        self._folder.cleanup()


class _Registering:
    """As much of a server as registering takes."""

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """They are found through GuardedServer."""


class _Context:
    """What a handler knows of a call, without a connection."""

    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata
        self.ended = grpc.StatusCode.OK
        self.details = ""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    def time_remaining(self) -> float | None:
        return None

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def code(self) -> int:
        return 0

    def cancelled(self) -> bool:
        return False

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    async def write(self, _raw: bytes) -> None:
        """Nobody reads."""

    async def send_initial_metadata(self, _metadata: Any) -> None:
        """Nobody reads."""

    def set_trailing_metadata(self, _metadata: Any) -> None:
        """Nobody reads."""

    def trailing_metadata(self) -> tuple[()]:
        return ()

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> None:
        self.ended, self.details = code, details
        raise grpc.aio.AbortError


async def _streamed(bodies: list[bytes]) -> AsyncIterator[bytes]:
    for each in bodies:
        yield each
