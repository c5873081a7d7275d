"""Callers over HTTP who are slow, silent, gone or too many: each is cut off in time, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from tests.gateway import http_gateway
from tests.gateway.http_gateway import DECIDE, WATCH, HttpWorld, frame

ASK = {"requestId": "ask-1", "customer": "customers/known-1"}
STALL = 0.3


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with http_gateway.running(
        tmp_path, HTTP_STALL_SECONDS=str(STALL), HTTP_CONNECTIONS="220"
    ) as running:
        yield running


def _head(length: int, path: str = DECIDE, kind: str = "application/json") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n".encode()


def _transport(writer: asyncio.StreamWriter) -> asyncio.Transport:
    return cast("asyncio.Transport", writer.transport)


async def _ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the gateway closed the connection."""
    got = b""
    try:
        while piece := await asyncio.wait_for(reader.read(65536), 5):
            got += piece
    except ConnectionError:
        pass
    return got


async def test_two_hundred_slow_callers_do_not_hold_up_a_decision(world: HttpWorld) -> None:
    starts = (b"", b"POST ", _head(100)[:-2], _head(100) + b"{")
    slow = [await world.raw() for _ in range(200)]
    for number, (_, writer) in enumerate(slow):
        writer.write(starts[number % len(starts)])
    began = time.perf_counter()
    answers = [await world.post(DECIDE, ASK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert time.perf_counter() - began < 2
    ends = await asyncio.gather(*(_ended(reader) for reader, _ in slow))
    # Those who began a call in time are told; the others never said what they wanted.
    told = [end for end in ends if end]
    assert 0 < len(told) <= 50
    assert all(b"REQUEST_TOO_SLOW" in end for end in told)
    for _, writer in slow:
        writer.close()


async def test_a_header_that_drips_does_not_get_more_time(world: HttpWorld) -> None:
    reader, writer = await world.raw()
    began = time.perf_counter()
    ended = asyncio.create_task(_ended(reader))
    for byte in _head(2):
        if ended.done():
            break
        writer.write(bytes((byte,)))
        await asyncio.sleep(0.02)
    await ended
    assert time.perf_counter() - began < STALL + 1
    writer.close()


async def test_a_body_that_drips_is_ended_by_its_average(world: HttpWorld) -> None:
    reader, writer = await world.raw()
    writer.write(_head(10_000))
    ended = asyncio.create_task(_ended(reader))
    sent = 0
    while not ended.done() and sent < 10_000:
        writer.write(b" " * 100)
        sent += 100
        await asyncio.sleep(0.05)
    assert b"REQUEST_TOO_SLOW" in await ended
    assert sent < 5_000
    writer.close()


async def test_a_reader_who_takes_nothing_is_cut_off(world: HttpWorld) -> None:
    names = [f"customers/{number}" for number in range(2000)]
    body = frame(json.dumps({"names": names, "purpose": "PURPOSE_REPORTING"}).encode())
    world.fakes.profile.mood.seconds = 30
    connections = [await world.raw() for _ in range(3)]
    for _, writer in connections:
        _transport(writer).pause_reading()
        for _ in range(400):
            writer.write(_head(2, "/openapi.json").replace(b"POST", b"GET", 1) + b"{}")
    _, writer = connections[0]
    writer.write(_head(len(body), WATCH, "application/connect+json") + body)
    assert (await world.post(DECIDE, ASK)).status_code == 200
    await asyncio.sleep(STALL * 2.5)
    for reader, writer in connections:
        _transport(writer).resume_reading()
        await _ended(reader)
        assert reader.at_eof() or reader.exception() is not None
        writer.close()


async def test_when_all_are_taken_the_longest_silent_one_gives_way(world: HttpWorld) -> None:
    silent = [await world.raw() for _ in range(230)]
    assert (await world.post(DECIDE, ASK)).status_code == 200
    first = await asyncio.wait_for(silent[0][0].read(1), 0.2)
    assert first == b""
    for _, writer in silent:
        writer.close()


async def test_when_all_are_being_answered_the_next_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with http_gateway.running(tmp_path, HTTP_CONNECTIONS="3") as world:
        mood = world.fakes.profile.mood
        mood.seconds = 30
        body = json.dumps({"name": "customers/known-1", "purpose": "PURPOSE_REPORTING"}).encode()
        busy = [await world.raw() for _ in range(3)]
        for _, writer in busy:
            writer.write(_head(len(body), "/fieldwise.profile.v1.ProfileService/GetProfile") + body)
        async with asyncio.timeout(5):
            while mood.calls < 3:  # noqa: ASYNC110  # the fake tells how many are in it, and when the first came
                await asyncio.sleep(0.01)
        reader, writer = await world.raw()
        told = await _ended(reader)
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in told
        for _, each in (*busy, (reader, writer)):
            each.close()


async def test_an_idle_connection_is_kept_for_the_next_call(world: HttpWorld) -> None:
    for number in range(3):
        assert (await world.post(DECIDE, ASK | {"requestId": f"r-{number}"})).status_code == 200
    pool = world.http._transport._pool  # type: ignore[attr-defined]  # httpx tells nowhere else how many it opened
    assert len(pool.connections) == 1


async def test_calls_under_way_are_answered_while_the_gateway_stops(tmp_path: Path) -> None:
    asking: asyncio.Task[object]
    async with http_gateway.running(tmp_path) as world:
        mood = world.fakes.profile.mood
        mood.seconds = 0.3
        path = "/fieldwise.profile.v1.ProfileService/GetProfile"
        body = json.dumps({"name": "customers/known-1", "purpose": "PURPOSE_REPORTING"}).encode()
        reader, writer = await world.raw()
        writer.write(_head(len(body), path) + body)
        await mood.begun.wait()
        asking = asyncio.create_task(_ended(reader))
    told = await asking
    assert isinstance(told, bytes)
    assert told.startswith(b"HTTP/1.1 200 ")
    with pytest.raises(OSError):  # refused or reset, as the system has it
        await asyncio.open_connection("127.0.0.1", world.port)
    writer.close()
