"""Two processes of a service that keeps things in memory: one answers, one waits, and no call is lost between them."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from fieldwise_runtime import health
from fieldwise_runtime.channels import connect
from fieldwise_runtime.server import RunningServer, start
from fieldwise_runtime.single import Single
from tests.runtime.echo import RESPONSE, Echo, echo_service, request


async def process(url: str, name: str, number: int, listen: str = "127.0.0.1:0") -> RunningServer:
    """What a service's main does: claim, open, serve; its answers are its number."""
    single = await Single.claim(url, name, standby_at=listen)

    async def answer(_asked: Any, _context: Any) -> Any:
        assert await single.held(), "two answer at once"
        await asyncio.sleep(0.01)
        return RESPONSE(total_size=number)

    return await start(
        echo_service(listen, Unary=answer, single=single, on_stop=single.close, drain_seconds=1.0)
    )


async def test_calls_wait_while_one_hands_over_and_none_fails(postgres_url: str) -> None:
    name = f"echo-{uuid.uuid4().hex}"
    first = await process(postgres_url, name, 1)
    # Where the second will be.
    spare = await start(echo_service())
    await spare.stop()
    waiting = asyncio.create_task(process(postgres_url, name, 2, f"127.0.0.1:{spare.port}"))
    channel = connect(f"127.0.0.1:{first.port},127.0.0.1:{spare.port}", "echo")
    echo, over, answers = Echo(channel, first), asyncio.Event(), list[int]()

    async def asking() -> None:
        while not over.is_set():
            answers.append((await echo.unary(request(1), timeout=5)).total_size)

    callers = [asyncio.create_task(asking()) for _ in range(8)]
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert await asyncio.to_thread(health.probe, f"127.0.0.1:{spare.port}") == "NOT_SERVING"
    await first.stop()
    second = await asyncio.wait_for(waiting, 5)
    await asyncio.sleep(0.3)
    over.set()
    await asyncio.gather(*callers)
    # All of one, then all of the other.
    assert answers == sorted(answers)
    assert set(answers) == {1, 2}
    await channel.close()
    await second.stop()


async def test_a_standby_takes_over_from_one_that_is_gone_without_a_word(postgres_url: str) -> None:
    name = f"echo-{uuid.uuid4().hex}"
    first = await Single.claim(postgres_url, name)
    assert not await first.has_standby()
    waiting = asyncio.create_task(Single.claim(postgres_url, name, standby_at="127.0.0.1:0"))
    async with asyncio.timeout(5):
        while not await first.has_standby():  # noqa: ASYNC110  # another connection's lock
            await asyncio.sleep(0.02)
    # As when its connection breaks with it.
    await first.close()
    second = await asyncio.wait_for(waiting, 5)
    assert await second.held()
    assert not await first.succeeded(0.05)
    await second.serves()
    assert await first.succeeded(1.0)
    await second.leave_place()
    await second.close()
