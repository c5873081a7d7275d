"""Recommend alone behind its socket: 50 actions with rules, scores, prices and reasons for the top three; decisions a second.

Protocol, fixed beforehand. One process of the service on SQLite (every decision durable before it is answered), a catalogue of 50 actions
with rules, a released policy (effects of 25 actions in four segments) and 1,188 rules of what is bought together in force, customers of every kind, each decided for once, one price set. Callers are a process of their own: single decisions by 16 callers
at a time; then 300 a second, come what may, for the
latency; then batches of 64 by two. The machine's two cores are shared by service and callers. A second is a second of wall time for
the single calls, as the target is for two cores; for batches a second of the service's CPU, as the target is for a core. Median of rounds.
An echo of the same requests through an empty handler, in the same rounds, says what the wire alone takes on this machine at this moment.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import grpc
import grpc.aio

from benchmarks.decide.echo_server import METHOD
from benchmarks.processes import cpu_seconds, free_port, start_module, stop, wait_for_port
from benchmarks.recommend import shop
from benchmarks.report import Row
from fieldwise.recommend.v1 import recommend_service_pb2 as wire
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub

SEED: Final = 20_261_161
CALLERS: Final = 16
BATCH: Final = 64
STEADY: Final = 300  # single decisions that arrive in a second

Ask = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True)
class Round:
    """Requests in a row by some callers: wall seconds, the server's CPU seconds, and each call's milliseconds."""

    wall: float
    cpu: float
    milliseconds: Sequence[float]


def rows(*, quick: bool = False) -> Iterator[Row]:
    yield from asyncio.run(_measured(quick=quick))


async def _measured(*, quick: bool) -> list[Row]:
    rounds, singles, batches = (3, 600, 12) if quick else (7, 2_000, 60)
    chance = random.Random(SEED)
    price_set = shop.prices(chance)

    def request(count: int) -> wire.BatchRecommendActionsRequest:
        inputs = [shop.inputs_of(chance) for _ in range(count)]
        return wire.BatchRecommendActionsRequest(inputs=inputs, price_set=price_set)

    one: list[Round] = []
    steady: list[Round] = []
    many: list[Round] = []
    echoed: list[Round] = []
    echo_port = free_port()
    echo_process = start_module("benchmarks.decide.echo_server", str(echo_port))
    try:
        wait_for_port(echo_port)
        with shop.serving(shop.catalogue(SEED), learned=True) as service:
            async with (
                grpc.aio.insecure_channel(service.address, options=shop.OPTIONS) as channel,
                grpc.aio.insecure_channel(f"127.0.0.1:{echo_port}") as echo_channel,
            ):
                ask = RecommendServiceStub(channel).BatchRecommendActions
                echo: Any = echo_channel.unary_unary(METHOD)
                pid = service.process.pid
                await _round(ask, [request(1) for _ in range(100)], CALLERS, pid)
                for _ in range(rounds):
                    asked = [request(1) for _ in range(singles)]
                    steady.append(await _arriving(ask, [request(1) for _ in range(singles)], pid))
                    one.append(await _round(ask, asked, CALLERS, pid))
                    body = asked[0].SerializeToString()
                    echoed.append(await _round(echo, [body] * singles, CALLERS, echo_process.pid))
                    many.append(await _round(ask, [request(BATCH) for _ in range(batches)], 2, pid))
    finally:
        stop([echo_process])
    return [*_of_singles(one, echoed, steady, singles), *_of_batches(many, batches)]


async def _round(ask: Ask, asked: Sequence[Any], callers: int, pid: int) -> Round:
    waiting = iter(asked)
    milliseconds: list[float] = []

    async def call() -> None:
        for each in waiting:
            begun = time.perf_counter()
            await ask(each)
            milliseconds.append(1000 * (time.perf_counter() - begun))

    used, begun = cpu_seconds([pid]), time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return Round(time.perf_counter() - begun, cpu_seconds([pid]) - used, milliseconds)


async def _arriving(ask: Ask, asked: Sequence[Any], pid: int) -> Round:
    """Requests that arrive by the clock; a call's milliseconds count from when it should have begun."""
    begun, used = time.perf_counter(), cpu_seconds([pid])

    async def call(each: Any, due: float) -> float:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await ask(each)
        return 1000 * (time.perf_counter() - due)

    calls = [call(each, begun + number / STEADY) for number, each in enumerate(asked)]
    milliseconds = await asyncio.gather(*calls)
    return Round(time.perf_counter() - begun, cpu_seconds([pid]) - used, milliseconds)


def _of_singles(
    one: Sequence[Round], echoed: Sequence[Round], steady: Sequence[Round], count: int
) -> Iterator[Row]:
    what = f"single decisions by {CALLERS} callers, 50 actions"
    a_second = median(count / each.wall for each in one)
    echoes = median(count / each.wall for each in echoed)
    yield Row(what, a_second, "1/s", "must", ">= 300", "echo of the same requests", echoes)
    yield Row(what, a_second, "1/s", "stretch", ">= 500", "Adobe's published limit", 500)
    come = f"single decisions, {STEADY} arriving a second, 50 actions"
    yield Row(
        f"{come}, p99",
        median(_percentile(each.milliseconds, 0.99) for each in steady),
        "ms",
        "stretch",
        "<= 25",
    )
    yield Row(f"{come}, p50", median(median(each.milliseconds) for each in steady), "ms")
    bare = median(_percentile(each.milliseconds, 0.99) for each in echoed)
    slow = median(_percentile(each.milliseconds, 0.99) for each in one)
    yield Row(f"{what}, p99", slow, "ms", "info", "", "echo of the same requests", bare)
    yield Row(f"{what}, CPU of the service each", median(1e6 * each.cpu / count for each in one), "CPU-us")


def _of_batches(many: Sequence[Round], batches: int) -> Iterator[Row]:
    count = batches * BATCH
    a_core = median(count / each.cpu for each in many)
    what = f"decisions in batches of {BATCH}, 50 actions"
    yield Row(f"{what}, per CPU second of the service", a_core, "1/s", "must", ">= 1000")
    yield Row(f"{what}, per second", median(count / each.wall for each in many), "1/s")
    yield Row(f"{what}, p99 of a batch", median(_percentile(each.milliseconds, 0.99) for each in many), "ms")


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
