"""A service whose handlers behave as a test tells them to, with every kind of stream, on messages of real contracts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import profile_service_pb2 as pb
from fieldwise.profile.v1.consent_pb2 import PURPOSE_REPORTING
from fieldwise_runtime.channels import connect
from fieldwise_runtime.server import RunningServer, Service, start
from fieldwise_runtime.traced_channel import TracedChannel

SERVICE = "fieldwise.test.v1.EchoService"
REQUEST = pb.ListCustomersRequest
RESPONSE = pb.ListCustomersResponse


def request(page_size: int = 1, page_token: str = "") -> pb.ListCustomersRequest:
    return REQUEST(page_size=page_size, page_token=page_token, purpose=PURPOSE_REPORTING)


def moment(seconds: int = 1_700_000_000) -> Timestamp:
    return Timestamp(seconds=seconds)


KINDS: dict[str, Callable[..., Any]] = {
    "Unary": grpc.unary_unary_rpc_method_handler,
    "Down": grpc.unary_stream_rpc_method_handler,
    "Up": grpc.stream_unary_rpc_method_handler,
    "Both": grpc.stream_stream_rpc_method_handler,
}


async def echo(asked: Any, _context: Any) -> Any:
    return RESPONSE(total_size=asked.page_size)


async def count_down(asked: Any, _context: Any) -> AsyncIterator[Any]:
    for number in range(asked.page_size, 0, -1):
        yield RESPONSE(total_size=number)


async def add_up(requests: AsyncIterator[Any], _context: Any) -> Any:
    return RESPONSE(total_size=sum([asked.page_size async for asked in requests]))


async def echo_each(requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
    async for asked in requests:
        yield RESPONSE(total_size=asked.page_size)


async def sleep_long(_asked: Any, _context: Any) -> Any:
    await asyncio.sleep(60)


def echo_service(listen: str = "127.0.0.1:0", **behaviours: Any) -> Service:
    """Methods Unary, Down, Up and Both; each can be given another behaviour."""
    defaults: dict[str, Any] = {"Unary": echo, "Down": count_down, "Up": add_up, "Both": echo_each}
    chosen = {name: behaviours.pop(name, default) for name, default in defaults.items()}
    handlers = {
        name: KINDS[name](behaviour, REQUEST.FromString, RESPONSE.SerializeToString)
        for name, behaviour in chosen.items()
    }

    def register(server: grpc.aio.Server) -> None:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    options = {"drain_seconds": 0.1} | behaviours
    return Service(
        name="fieldwise-echo", listen=listen, register=register, service_names=(SERVICE,), **options
    )


class Echo:
    """Stubs of a running echo service over one channel."""

    def __init__(self, channel: Any, server: RunningServer) -> None:
        self.channel = channel
        self.server = server
        self.unary = self._of(channel.unary_unary, "Unary")
        self.down = self._of(channel.unary_stream, "Down")
        self.up = self._of(channel.stream_unary, "Up")
        self.both = self._of(channel.stream_stream, "Both")

    def _of(self, kind: Any, name: str) -> Any:
        return kind(f"/{SERVICE}/{name}", REQUEST.SerializeToString, RESPONSE.FromString)


@asynccontextmanager
async def echoing(*, traced: Any = True, **behaviours: Any) -> AsyncIterator[Echo]:
    """A running echo service and stubs for it, through our channel or through grpc's own."""
    server = await start(echo_service(**behaviours))
    address = f"127.0.0.1:{server.port}"
    channel: TracedChannel | grpc.aio.Channel = (
        connect(address, "echo") if traced else grpc.aio.insecure_channel(address)
    )
    try:
        yield Echo(channel, server)
    finally:
        await channel.close()
        await server.stop()
