"""What tracing costs: CPU of a Decide with no spans, with spans made and dropped, and with all of them exported and stored."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from subprocess import Popen

import fieldwise_client as fw
from benchmarks.decide.company import Company
from benchmarks.decide.systems import Gateway, System, echo
from benchmarks.gateway.installation import running
from benchmarks.gateway.traced_fan_out import CONTRIB, NONE, OURS
from benchmarks.processes import cpu_seconds, free_port, start_module, stop, wait_for_port
from benchmarks.report import Row
from fieldwise.recommend.v1 import decision_pb2

OFF, DROP, STORE = "off", "drop", "store"
_CALLERS = 8
# The switch is looked at every 50 ms.
_SWITCH_SECONDS = 0.15
# Until what was recorded is exported, settled when its traces are quiet (2 s), and written.
_SETTLE_SECONDS = 3.2
_IDLE_SECONDS = 0.8


@dataclass(frozen=True)
class Plan:
    """Short rounds for what is paid at once, long ones for what is paid later, and requests in one of each."""

    short_rounds: int
    short: int
    long_rounds: int
    long: int


QUICK = Plan(short_rounds=24, short=60, long_rounds=3, long=400)
FULL = Plan(short_rounds=100, short=100, long_rounds=9, long=2_000)


def rows(*, quick: bool) -> Iterator[Row]:
    """All modes on the same processes, in an order drawn for each round."""
    plan = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="fieldwise-tracing-") as folder:
        switch = Path(folder) / "mode"
        switch.write_text(STORE)
        environ = {
            "FIELDWISE_BENCH_TRACING": str(switch),
            "PYTHONPATH": str(Path(__file__).parent / "switched"),
            "FIELDWISE_GATEWAY_ADMISSION": "false",
        }
        with running(quick=quick, environ=environ) as company:
            pids = list(company.pids().values())
            yield from asyncio.run(_decides(company, pids, switch, plan, _customers(company)))
    yield from asyncio.run(_fan_outs(plan))


def _customers(company: Company) -> list[str]:
    with fw.Client(company.gateway, api_key=company.api_key) as client:
        return list(islice(client.customers(), 200))


async def _decides(
    company: Company, pids: Sequence[int], switch: Path, plan: Plan, customers: Sequence[str]
) -> list[Row]:
    gateway, asked = Gateway(company), list[bool]()

    async def ask(number: int) -> object:
        decision = await gateway.decide(customers[number % len(customers)])
        asked.append(decision.verdict != decision_pb2.VERDICT_NO_DECISION)
        return decision

    async def cost(mode: str, count: int, *, settled: bool = False) -> float:
        await asyncio.to_thread(switch.write_text, mode)
        await asyncio.sleep(_SWITCH_SECONDS)
        return await _cpu_of(ask, pids, count, settled=settled)

    await _load(ask, plan.long)
    # What is paid at once needs no waiting: rounds are short, and a neighbour meets both alike.
    path = await _rounds(cost, (OFF, DROP), plan.short_rounds, plan.short)
    settled = partial(cost, settled=True)
    whole = await _rounds(settled, (OFF, STORE), plan.long_rounds, plan.long)
    return [
        Row("CPU of a Decide without a span, all processes", statistics.median(path[OFF]) * 1e6, "us"),
        Row("CPU of a Decide with spans made and dropped", statistics.median(path[DROP]) * 1e6, "us"),
        Row("CPU of a Decide with export and store", statistics.median(whole[STORE]) * 1e6, "us"),
        Row("tracing everything, in the request path", _more(path, DROP, OFF), "%", "must", "<= 10"),
        Row("tracing everything, with export and store", _more(whole, STORE, OFF), "%", "must", "<= 25"),
        # On a machine that is too busy recommend is late, and such a decision costs less: the figures then mean nothing.
        Row(
            "decisions that were made, of all asked for", sum(asked) / len(asked), "share", "must", ">= 0.99"
        ),
        Row("spread of the rounds without a span", max(path[OFF]) / min(path[OFF]), "x"),
    ]


async def _rounds(
    cost: Callable[[str, int], Awaitable[float]], modes: Sequence[str], rounds: int, count: int
) -> dict[str, list[float]]:
    """CPU seconds of one request in each mode and round, the order of each round drawn."""
    found: dict[str, list[float]] = {mode: [] for mode in modes}
    for _ in range(rounds):
        for mode in random.sample(modes, k=len(modes)):
            found[mode].append(await cost(mode, count))
    return found


def _more(found: Mapping[str, list[float]], mode: str, without: str) -> float:
    """Per cent over the same round without: what a neighbour takes, he takes from both."""
    ratios = [more / less for more, less in zip(found[mode], found[without], strict=True)]
    return (statistics.median(ratios) - 1) * 100


async def _cpu_of(
    ask: Callable[[int], Awaitable[object]], pids: Sequence[int], count: int, *, settled: bool
) -> float:
    """CPU seconds of one request; ``settled`` with all that it leaves to be done later, less what idle processes do."""
    before = cpu_seconds(pids)
    await _load(ask, count)
    if not settled:
        return (cpu_seconds(pids) - before) / count
    await asyncio.sleep(_SETTLE_SECONDS)
    spent, at, again = cpu_seconds(pids) - before, time.perf_counter(), cpu_seconds(pids)
    await asyncio.sleep(_IDLE_SECONDS)
    idle = (cpu_seconds(pids) - again) / (time.perf_counter() - at)
    return (spent - idle * _SETTLE_SECONDS) / count


async def _load(ask: Callable[[int], Awaitable[object]], count: int) -> None:
    async def caller(first: int) -> None:
        for number in range(first, count, _CALLERS):
            await ask(number)

    await asyncio.gather(*(caller(first) for first in range(_CALLERS)))


class FanOuts:
    """A bare fan-out of each kind, all running at once."""

    def __init__(self) -> None:
        self.processes: list[Popen[bytes]] = []
        self.ports = {kind: self._start(kind) for kind in (NONE, OURS, CONTRIB)}

    def _start(self, kind: str) -> int:
        ports = [free_port() for _ in range(5)]
        module = "benchmarks.gateway.traced_fan_out"
        started = [start_module(module, kind, str(port)) for port in ports[1:]]
        started.append(start_module(module, kind, str(ports[0]), *map(str, ports[1:])))
        for port in ports:
            wait_for_port(port)
        self.processes += started
        return ports[0]

    def systems(self) -> dict[str, System]:
        """Each kind with its five processes."""
        return {
            kind: echo(kind, port, [each.pid for each in self.processes[place * 5 : place * 5 + 5]])
            for place, (kind, port) in enumerate(self.ports.items())
        }


async def _fan_outs(plan: Plan) -> list[Row]:
    fan_outs = FanOuts()
    try:
        systems = fan_outs.systems()

        async def cost(kind: str, count: int) -> float:
            system = systems[kind]
            return await _cpu_of(lambda _: system.ask(""), system.pids, count, settled=False)

        for kind in systems:
            await cost(kind, plan.short)
        found = await _rounds(cost, sorted(systems), plan.short_rounds, plan.short)
    finally:
        stop(fan_outs.processes)
    ours, theirs = (_more(found, kind, NONE) for kind in (OURS, CONTRIB))
    bare = statistics.median(found[NONE]) * 1e6
    return [
        Row("CPU of the bare fan-out without a span", bare, "us"),
        Row(
            "spans of the bare fan-out, made and dropped",
            ours,
            "%",
            "info",
            "",
            "OpenTelemetry's own",
            theirs,
        ),
    ]
