"""The bare fan-out with spans: ours, or those of OpenTelemetry's own interceptors, each recorded and then dropped.

Usage: ``python -m benchmarks.gateway.traced_fan_out none|ours|contrib PORT [BACKEND_PORT ...]``
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import grpc
import grpc.aio
from opentelemetry.instrumentation.grpc import aio_client_interceptors, aio_server_interceptor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from benchmarks.decide.echo_server import METHOD, Echo
from fieldwise_runtime import tracing
from fieldwise_runtime.calls import GuardedHandlers
from fieldwise_runtime.traced_channel import TracedChannel

NONE, OURS, CONTRIB = "none", "ours", "contrib"
# Published without types.
_serving: Any = aio_server_interceptor
_calling: Any = aio_client_interceptors


class Dropping(SpanProcessor):
    """Takes spans and does nothing: both sides pay for making them only."""


class TracedEcho(Echo):
    """The echo over channels of either kind."""

    def __init__(self, kind: str, ports: list[int], provider: TracerProvider) -> None:
        super().__init__(ports)
        channels = [_channel(kind, f"127.0.0.1:{port}", provider) for port in ports]
        self._calls = [channel.unary_unary(METHOD) for channel in channels]


def _channel(kind: str, address: str, provider: TracerProvider) -> Any:
    if kind == CONTRIB:
        return grpc.aio.insecure_channel(address, interceptors=_calling(tracer_provider=provider))
    channel = grpc.aio.insecure_channel(address)
    return TracedChannel(channel, peer="echo") if kind == OURS else channel


async def main(kind: str, port: int, backends: list[int]) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Dropping())
    tracing.configure("fieldwise-echo", "", spans_to=Dropping())
    interceptors = [_serving(tracer_provider=provider)] if kind == CONTRIB else []
    server = grpc.aio.server(interceptors=interceptors)
    echo = TracedEcho(kind, backends, provider)
    server.add_generic_rpc_handlers((GuardedHandlers(echo) if kind == OURS else echo,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
