"""A decision beside an echo hop, a bare fan-out and a FastAPI twin: one by one, at 128 callers, in batches; CPU by process."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

import fieldwise_client as fw
from benchmarks.decide import world
from benchmarks.decide.agreement import agreement
from benchmarks.decide.company import Company
from benchmarks.decide.fresh_events import Freshness
from benchmarks.decide.measuring import (
    SETTLE_SECONDS,
    Batches,
    Measured,
    Turns,
    batched,
    concurrently,
    one_by_one,
    under_load,
)
from benchmarks.decide.speed import BATCH, CHANGED, STEADY, over
from benchmarks.decide.systems import DECIDE, ECHO, FAN_OUT, TWIN, Echoes, Gateway, System, TwinGateway, echo
from benchmarks.decide.twin.fleet import Twin, copied
from benchmarks.gateway.installation import running
from benchmarks.gateway.light_http import LightTwin
from benchmarks.processes import cpu_seconds, stop
from benchmarks.report import Row
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1.contact_pb2 import ContactPolicy
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_runtime.errors import from_rpc_error

CALLERS = 128


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, and per round requests one by one, seconds at 128 callers and batches of 64."""

    rounds: int
    requests: int
    loaded_seconds: float
    batches: int


QUICK = Plan(rounds=3, requests=120, loaded_seconds=2.0, batches=10)
FULL = Plan(rounds=7, requests=500, loaded_seconds=5.0, batches=30)


def rows(*, quick: bool) -> Iterator[Row]:
    """All rounds on one installation. Nothing else may be asked of it meanwhile."""
    with running(quick=quick) as company, peers(company) as (twin, echoes):
        yield from asyncio.run(_measured(company, twin, echoes, QUICK if quick else FULL))


@contextmanager
def peers(company: Company) -> Iterator[tuple[Twin, Echoes]]:
    """The twin on a copy of the company's data, and the echoes."""
    with fw.Client(company.gateway, api_key=company.api_key) as client:
        # Everybody is decided for again and again: at a cap fewer actions would be valued, and the twin knows no caps.
        client.update_contact_policy(ContactPolicy(), actor="benchmark", note="no caps")
    with tempfile.TemporaryDirectory(prefix="fieldwise-twin-") as folder:
        copied(company.data, Path(folder) / "data")
        twin, echoes = Twin.start(Path(folder) / "data", company.now()), Echoes.start()
        try:
            yield twin, echoes
        finally:
            twin.stop()
            stop(echoes.processes)


@dataclass
class Answers:
    """What our gateway answered, for counting what was missing from it."""

    total: int = 0
    degraded: int = 0
    refused: int = 0

    def counting(self, gateway: Gateway) -> Callable[[str], Awaitable[object]]:
        """`gateway.decide`, counted; one that is refused is asked for again when it was told to, as our clients do."""

        async def decide(customer: str) -> object:
            while True:
                try:
                    decision = await gateway.decide(customer)
                except grpc.aio.AioRpcError as error:
                    fault = from_rpc_error(error)
                    if fault.code is not grpc.StatusCode.RESOURCE_EXHAUSTED or not fault.retry_after_seconds:
                        raise
                    self.refused += 1
                    await asyncio.sleep(fault.retry_after_seconds)
                else:
                    self._count([decision])
                    return None

        return decide

    def counting_batches(self, gateway: Gateway) -> Callable[[Sequence[str]], Awaitable[object]]:
        """`gateway.batch`, counted."""

        async def batch(customers: Sequence[str]) -> object:
            self._count(await gateway.batch(customers))
            return None

        return batch

    def _count(self, decisions: Sequence[decision_pb2.Decision]) -> None:
        self.total += len(decisions)
        self.degraded += sum(
            any(part.state != provenance.PART_STATE_FRESH for part in decision.parts)
            for decision in decisions
        )


@dataclass
class Shares:
    """CPU seconds of each process of ours per decision, a number per round."""

    pids: Mapping[str, int]
    spent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _before: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        self._before = {name: cpu_seconds([pid]) for name, pid in self.pids.items()}

    def end(self, decisions: float) -> None:
        for name, pid in self.pids.items():
            self.spent[name].append((cpu_seconds([pid]) - self._before[name]) / decisions)


@dataclass
class Found:
    """Everything that the rounds gave."""

    measured: dict[str, Measured]
    batches: Batches
    answers: Answers
    by_process: dict[str, Shares]
    callers_cpu: dict[str, list[float]]


async def _measured(company: Company, twin: Twin, echoes: Echoes, plan: Plan) -> list[Row]:
    customers = await asyncio.to_thread(world.customers, company)
    ours, theirs, answers = Gateway(company), TwinGateway(twin), Answers()
    light = LightTwin(twin.ports["gateway"])
    systems = [
        echo(ECHO, echoes.echo_port, echoes.echo_pids),
        echo(FAN_OUT, echoes.fan_out_port, echoes.fan_out_pids),
        System(DECIDE, answers.counting(ours), list(company.pids().values())),
        System(TWIN, light.decide, twin.pids),
    ]
    told = [await agreement(ours, theirs, customers)]
    for system in systems:
        # Everybody has a last decision by each, and connections are open.
        await concurrently(system.ask, customers, 8)
    freshness = Freshness(company, theirs, company.now())
    found = await _rounds(company, systems, ours, answers, Turns(customers), freshness, plan)
    await light.close()
    return [*told, *_told(found)]


async def _rounds(
    company: Company,
    systems: list[System],
    gateway: Gateway,
    answers: Answers,
    turns: Turns,
    freshness: Freshness,
    plan: Plan,
) -> Found:
    pids = company.pids()
    found = Found(
        measured={system.name: Measured() for system in systems},
        batches=Batches(),
        answers=answers,
        by_process={name: Shares(pids) for name in ("c=1", f"c={CALLERS}", f"BatchDecide({BATCH})")},
        callers_cpu=defaultdict(list),
    )
    one, many, in_batches = found.by_process.values()
    for number in range(plan.rounds):
        asked = turns.take(plan.requests)
        await freshness.change(asked, CHANGED)
        # Another order each round, so that nobody always follows the same neighbour.
        order = systems[number % 4 :] + systems[: number % 4]
        for system in order:
            one.begin()
            await one_by_one(system, asked, found.measured[system.name])
            if system.name == DECIDE:
                one.end(plan.requests)
        in_batches.begin()
        asked_batches = [turns.take(BATCH) for _ in range(plan.batches)]
        await batched(answers.counting_batches(gateway), systems[2].pids, asked_batches, found.batches)
        in_batches.end(plan.batches * BATCH)
        for system in order:
            await _at_most_callers(system, turns, plan, found, many)
    return found


async def _at_most_callers(system: System, turns: Turns, plan: Plan, found: Found, shares: Shares) -> None:
    figures = found.measured[system.name]
    shares.begin()
    before, begun = cpu_seconds([os.getpid()]), time.monotonic()
    answered = await under_load(system, turns, plan.loaded_seconds, figures, CALLERS)
    took = time.monotonic() - begun - SETTLE_SECONDS
    found.callers_cpu[system.name].append((cpu_seconds([os.getpid()]) - before) / took)
    if system.name == DECIDE:
        shares.end(answered)


def _told(found: Found) -> Iterator[Row]:
    measured = found.measured
    hop, bare, ours, twin = (measured[name] for name in (ECHO, FAN_OUT, DECIDE, TWIN))
    spread = max(hop.p50) / min(hop.p50)
    yield Row("echo p50, slowest round over fastest", spread, "x")
    latency = over(ours.p50, hop.p50)
    label = "Decide p50 over one echo hop, c=1"
    if spread <= STEADY:
        yield Row(label, latency, "x", "must", "<= 8", "twin", over(twin.p50, hop.p50))
        yield Row(label, latency, "x", "stretch", "<= 4", "bare fan-out", over(bare.p50, hop.p50))
    else:
        # The physical limit itself moved: latencies say more of the neighbours than of us.
        yield Row(f"NO VERDICT, the hop varied by more than {STEADY:g}x: {label}", latency, "x")
    throughput = f"throughput at {CALLERS} callers"
    yield Row(
        f"Decide {throughput} over the twin's", over(ours.loaded_rps, twin.loaded_rps), "x", "must", ">= 5"
    )
    fan_out = over(ours.loaded_rps, bare.loaded_rps)
    yield Row(f"Decide {throughput} over the bare fan-out's", fan_out, "x", "must", ">= 1")
    yield Row(f"Decide {throughput} over the bare fan-out's", fan_out, "x", "stretch", ">= 2")
    # Neighbours take cores from whoever waits for them; what a decision costs they change much less.
    spared = over(bare.loaded_cpu, ours.loaded_cpu)
    yield Row(f"CPU of a bare fan-out over that of a Decide at {CALLERS} callers", spared, "x")
    batch = over(found.batches.cpu, hop.cpu)
    yield Row(f"BatchDecide({BATCH}) CPU per decision over one echo hop", batch, "x", "must", "<= 1.5")
    yield Row(f"BatchDecide({BATCH}) CPU per decision over one echo hop", batch, "x", "stretch", "<= 0.8")
    share = f"degraded answers of {found.answers.total:,} decisions in all of it"
    yield Row(share, found.answers.degraded, "decisions", "must", "<= 0")
    yield Row("refused and asked again when they were told to", found.answers.refused, "calls")
    for name, figures in measured.items():
        yield from _told_of(name, figures, found.callers_cpu[name])
    rate = statistics.median(found.batches.per_second)
    yield Row(f"BatchDecide({BATCH}), c=1", rate, "decisions/s")
    for way, shares in found.by_process.items():
        for process, spent in shares.spent.items():
            yield Row(f"{DECIDE} {way}: CPU in {process}", statistics.median(spent) * 1e6, "us")


def _told_of(name: str, figures: Measured, callers: Sequence[float]) -> Iterator[Row]:
    p50, p99 = statistics.median(figures.p50) * 1e3, statistics.median(figures.p99) * 1e3
    yield Row(f"{name}: p50 (c=1)", p50, "ms", peer="p99", peer_value=p99)
    cpu, loaded = statistics.median(figures.cpu) * 1e6, statistics.median(figures.loaded_cpu) * 1e6
    yield Row(
        f"{name}: CPU per request, all its processes (c=1)", cpu, "us", peer=f"c={CALLERS}", peer_value=loaded
    )
    rate = statistics.median(figures.loaded_rps)
    # The callers share the two cores with what they call; a figure near 1 would mean that they, and not it, are the limit.
    yield Row(
        f"{name}: throughput at {CALLERS} callers",
        rate,
        "requests/s",
        peer="cores that the callers took",
        peer_value=statistics.median(callers),
    )
