"""How a server goes while others serve: peers hear of it first, calls under way are finished, none is lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from fieldwise_runtime.channels import connect
from fieldwise_runtime.server import RunningServer, start
from tests.runtime.echo import REQUEST, RESPONSE, SERVICE, Echo, echo_service, request

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def slow(asked: Any, _context: Any) -> Any:
    await asyncio.sleep(0.02)
    return RESPONSE(total_size=asked.page_size)


async def test_every_watcher_hears_of_a_change_though_another_one_left() -> None:
    state = {"": True}

    async def ready() -> dict[str, bool]:
        return state

    server = await start(echo_service(ready=ready))
    channels = [connect(f"127.0.0.1:{server.port}", "echo") for _ in range(2)]
    stubs: list[Any] = [health_pb2_grpc.HealthStub(channel) for channel in channels]
    staying, leaving = (aiter(stub.Watch(health_pb2.HealthCheckRequest())) for stub in stubs)
    assert (await anext(staying)).status == (await anext(leaving)).status == SERVING
    await channels[1].close()
    await asyncio.sleep(0.05)
    state[""] = False
    assert (await asyncio.wait_for(anext(staying), 3)).status == NOT_SERVING
    await channels[0].close()
    await server.stop()


async def test_no_call_fails_while_one_of_two_servers_after_the_other_is_restarted() -> None:
    servers = [await start(echo_service(Unary=slow, drain_seconds=1.0)) for _ in range(2)]
    ports = [server.port for server in servers]
    channel = connect(",".join(f"127.0.0.1:{port}" for port in ports), "echo")
    echo = Echo(channel, servers[0])
    await echo.unary(request(1), timeout=5)
    over, answered = asyncio.Event(), 0

    async def asking() -> None:
        nonlocal answered
        while not over.is_set():
            answered += (await echo.unary(request(1), timeout=5)).total_size

    callers = [asyncio.create_task(asking()) for _ in range(8)]
    for number in range(2):
        await asyncio.sleep(0.1)
        servers[number] = await restarted(servers[number], ports[number])
        await asyncio.sleep(0.4)
    over.set()
    await asyncio.gather(*callers)
    assert answered >= len(callers)
    await channel.close()
    for server in servers:
        await server.stop()


async def restarted(server: RunningServer, port: int) -> RunningServer:
    await server.stop()
    return await start(echo_service(f"127.0.0.1:{port}", Unary=slow, drain_seconds=1.0))


async def test_a_server_that_only_is_watched_stops_without_waiting_for_the_watchers() -> None:
    server = await start(echo_service(drain_seconds=3.0))
    channel = connect(f"127.0.0.1:{server.port}", "echo")
    ask = channel.unary_unary(f"/{SERVICE}/Unary", REQUEST.SerializeToString, RESPONSE.FromString)
    await ask(request(1), timeout=5)
    begun = time.monotonic()
    await server.stop()
    assert time.monotonic() - begun < 1.0
    await channel.close()
