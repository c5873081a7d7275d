"""The physical limit: a grpc.aio server that answers 303 bytes to 370, and a gateway that asks four of them at once.

Usage: ``python -m benchmarks.decide.echo_server PORT [BACKEND_PORT ...]``; with backends it is the bare fan-out.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import grpc
import grpc.aio

METHOD = "/benchmark.Echo/Call"
REQUEST = b"\x0a" + bytes(369)
ANSWER = b"\x0a" + bytes(302)


class Echo(grpc.GenericRpcHandler):
    """Answers every call of one method, after asking the backends if there are any."""

    def __init__(self, ports: list[int]) -> None:
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}") for port in ports]
        self._calls: list[Any] = [channel.unary_unary(METHOD) for channel in channels]
        self._handler: Any = grpc.unary_unary_rpc_method_handler(self._fan_out if ports else self._answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handler

    async def _answer(self, request: bytes, context: Any) -> bytes:
        return ANSWER

    async def _fan_out(self, request: bytes, context: Any) -> bytes:
        await asyncio.gather(*(call(request) for call in self._calls))
        return ANSWER


async def main(port: int, backends: list[int]) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(backends),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
