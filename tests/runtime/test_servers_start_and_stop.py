"""A server's life: health, readiness, reflection, draining, signals and ports."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fieldwise_runtime import health, server
from fieldwise_runtime.errors import Unavailable
from tests.runtime.echo import RESPONSE, SERVICE, echo_service, echoing, request


async def probe(port: int, name: str = "") -> str:
    return await asyncio.to_thread(health.probe, f"127.0.0.1:{port}", name)


async def test_a_server_says_that_it_serves() -> None:
    async with echoing() as echo:
        assert await probe(echo.server.port) == "SERVING"
        assert await probe(echo.server.port, SERVICE) == "SERVING"
        assert await probe(echo.server.port, "models/none") == "SERVICE_UNKNOWN"


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with echoing() as echo:
        port = echo.server.port
    assert await probe(port) == "UNAVAILABLE"


async def test_models_have_health_names_of_their_own_and_follow_their_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "_READY_SECONDS", 0.05)
    state: dict[str, bool] = {"models/buys": False}

    async def ready() -> Mapping[str, bool]:
        return state

    async with echoing(ready=ready) as echo:
        assert await probe(echo.server.port) == "SERVING"
        assert await probe(echo.server.port, "models/buys") == "NOT_SERVING"
        state["models/buys"] = True
        await asyncio.sleep(0.2)
        assert await probe(echo.server.port, "models/buys") == "SERVING"
        state[""] = False
        await asyncio.sleep(0.2)
        names = ["", SERVICE, "models/buys"]
        assert [await probe(echo.server.port, name) for name in names] == ["NOT_SERVING"] * 3


async def test_readiness_that_fails_counts_as_not_serving() -> None:
    async def ready() -> Mapping[str, bool]:
        raise OSError("database away")

    async with echoing(ready=ready) as echo:
        assert await probe(echo.server.port) == "NOT_SERVING"


async def test_health_calls_are_not_traced(recorded: Any) -> None:
    async with echoing() as echo:
        await probe(echo.server.port)
    assert recorded.get_finished_spans() == ()


async def test_reflection_names_the_services() -> None:
    async with echoing(traced=False) as echo:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(echo.channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = [answer async for answer in stub.ServerReflectionInfo(iter([asked]))]
    named = {service.name for service in answers[0].list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= named


async def test_a_stopping_server_finishes_what_runs_and_says_that_it_goes() -> None:
    closed: list[str] = []
    entered = asyncio.Event()

    async def slow(asked: Any, _context: Any) -> Any:
        entered.set()
        await asyncio.sleep(0.3)
        return RESPONSE(total_size=asked.page_size)

    async def close() -> None:
        closed.append("database")

    async with echoing(Unary=slow, on_stop=close, drain_seconds=2.0) as echo:
        stub: Any = health_pb2_grpc.HealthStub(echo.channel)  # its stub file declares no methods
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        running = asyncio.ensure_future(echo.unary(request(5)))
        await entered.wait()
        stopping = asyncio.create_task(echo.server.stop())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        assert (await running).total_size == 5
        await stopping
    assert closed == ["database"]


async def test_a_call_that_does_not_end_is_cut_off_after_the_drain() -> None:
    entered = asyncio.Event()

    async def endless(_asked: Any, _context: Any) -> Any:
        entered.set()
        await asyncio.sleep(60)

    async with echoing(Unary=endless, drain_seconds=0.2) as echo:
        running = asyncio.ensure_future(echo.unary(request()))
        await entered.wait()
        began = time.monotonic()
        await echo.server.stop()
        assert time.monotonic() - began < 1.0
        with pytest.raises(grpc.aio.AioRpcError):
            await running


async def test_a_port_in_use_is_refused_with_a_remedy() -> None:
    async with echoing() as echo:
        with pytest.raises(Unavailable, match=r"cannot listen on .* choose another"):
            await server.start(echo_service(listen=f"127.0.0.1:{echo.server.port}"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_serving(number: signal.Signals) -> None:
    serving = asyncio.create_task(server.serve(echo_service()))
    await asyncio.sleep(0.2)
    assert not serving.done()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(serving, 3)


def test_the_probe_command_exits_0_only_when_serving(capsys: pytest.CaptureFixture[str]) -> None:
    assert health.main(["127.0.0.1:1"]) == 1
    assert "UNAVAILABLE" in capsys.readouterr().out
    assert health.main([]) == 2


async def test_a_peer_that_comes_back_is_found_within_two_seconds() -> None:
    async with echoing() as echo:
        port = echo.server.port
        await echo.unary(request())
        await echo.server.stop()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await echo.unary(request())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        again = await server.start(echo_service(listen=f"127.0.0.1:{port}"))
        began = time.monotonic()
        assert (await echo.unary(request(2), wait_for_ready=True, timeout=5)).total_size == 2
        assert time.monotonic() - began < 2
        await again.stop()
