"""Three times more decisions asked for than can be made: how many are made, how fast, and how soon the others are told.

Open loop, from a process of its own (offering.py) whose CPU is in a row, since it shares the machine with what it measures. Goodput
is full decisions (no part stood in) within the caller's deadline. The peer is the same gateway on the same services with
FIELDWISE_GATEWAY_ADMISSION=false. An echo hop is asked meanwhile, by the same process, of a server that does nothing else.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fieldwise_client as fw
from benchmarks.decide import world
from benchmarks.decide.company import Company
from benchmarks.gateway.installation import running
from benchmarks.gateway.overload_phases import Door, Generator, Phase
from benchmarks.processes import free_port, start_module, stop, wait_for_port
from benchmarks.report import Row
from fieldwise.recommend.v1.contact_pb2 import ContactPolicy

CALLERS: Final = 128
TIMES: Final = 3.0
MODERATE: Final = 0.7
ON, OFF = "admission on", "off"


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, and seconds of each phase of one."""

    rounds: int
    seconds: float


QUICK = Plan(rounds=3, seconds=3.0)
FULL = Plan(rounds=5, seconds=12.0)


def rows(*, quick: bool) -> Iterator[Row]:
    """All phases on one installation."""
    plan = QUICK if quick else FULL
    with running(quick=quick) as company:
        with fw.Client(company.gateway, **_key(company)) as client:
            # Everybody is decided for again and again: at a cap fewer actions would be valued.
            client.update_contact_policy(ContactPolicy(), actor="benchmark", note="no caps")
        customers = world.customers(company)
        echo_port = free_port()
        echo = start_module("benchmarks.decide.echo_server", str(echo_port))
        wait_for_port(echo_port)
        generator = Generator(company, customers, echo_port)
        try:
            with without_admission(company) as off:
                on = Door(ON, company.gateway, company.pids()["gateway"])
                yield from measured(generator, on, off, plan)
        finally:
            generator.close()
            stop([echo])


def measured(generator: Generator, on: Door, off: Door, plan: Plan) -> Iterator[Row]:
    """Finds the peak, then offers 70 % and three times of it, round by round."""
    for door in (on, off):
        generator.offer(door, plan.seconds, callers=32)
    closed = [generator.offer(on, plan.seconds, callers=CALLERS, seed=n) for n in range(plan.rounds)]
    held = statistics.median(phase.goodput for phase in closed)
    yield Row(f"goodput, {CALLERS} callers in a closed loop", held, "decisions/s")
    share = [len(phase.refused) / phase.sent for phase in closed]
    yield Row(f"calls refused of {CALLERS} callers in a closed loop", statistics.median(share), "share")
    peak = held
    for times in (0.8, 1.0, 1.2):
        tried = generator.offer(on, plan.seconds, rate=times * held)
        yield Row(f"goodput, {times * held:,.0f} a second offered", tried.goodput, "decisions/s")
        peak = max(peak, tried.goodput)
    yield Row("peak goodput", peak, "decisions/s")
    moderate, over, without = [], [], []
    for number in range(plan.rounds):
        moderate.append(generator.offer(on, plan.seconds, rate=MODERATE * peak, seed=number))
        over.append(generator.offer(on, plan.seconds, rate=TIMES * peak, seed=number))
        without.append(generator.offer(off, plan.seconds, rate=TIMES * peak, seed=number))
        # What the collapsed one left undone is not the next round's to do.
        generator.offer(off, 1.0, callers=1)
    yield from told(peak, moderate, over, without)


def told(peak: float, moderate: list[Phase], over: list[Phase], without: list[Phase]) -> Iterator[Row]:
    """The rows of the rounds."""
    calm = statistics.median(quantile(phase.answered, 0.99) for phase in moderate)
    yield Row(
        "p99 at 70 % of the peak",
        calm * 1e3,
        "ms",
        peer="p50",
        peer_value=1e3 * _p(moderate, "answered", 0.5),
    )
    offered = statistics.median(phase.sent / phase.seconds for phase in over)
    yield Row("offered at three times the peak, open loop", offered, "calls/s", peer="peak", peer_value=peak)
    goodput = [statistics.median(phase.goodput for phase in phases) / peak for phases in (over, without)]
    yield Row(
        "goodput at 3x over the peak", goodput[0], "share", "must", ">= 0.9", "admission off", goodput[1]
    )
    p99 = [_p(phases, "answered", 0.99) for phases in (over, without)]
    yield Row(
        "p99 of the accepted at 3x over p99 at 70 %",
        p99[0] / calm,
        "x",
        "must",
        "<= 2",
        "admission off",
        p99[1] / calm,
    )
    yield Row("p99 of the accepted at 3x", p99[0] * 1e3, "ms", peer="admission off", peer_value=p99[1] * 1e3)
    for quant, name in ((0.5, "p50"), (0.99, "p99")):
        refused, echo = _p(over, "refused", quant), _p(over, "echoes", quant)
        yield Row(
            f"refusal {name} over the {name} of an echo hop meanwhile",
            refused / echo,
            "x",
            "must",
            "<= 1",
            "refusal ms",
            refused * 1e3,
        )
    hop = [_p(phases, "echoes", 0.5) * 1e3 for phases in (moderate, over)]
    yield Row("echo hop p50 at 3x", hop[1], "ms", peer="at 70 %", peer_value=hop[0])
    late = [statistics.median(phase.late / phase.sent for phase in phases) for phases in (over, without)]
    yield Row("calls late at 3x", late[0], "share", peer="admission off", peer_value=late[1])
    cut = [statistics.median(phase.cut / phase.sent for phase in phases) for phases in (over, without)]
    yield Row(
        "calls that grpc's own queue dropped at 3x", cut[0], "share", peer="admission off", peer_value=cut[1]
    )
    short = [
        statistics.median(1 - phase.full / max(1, len(phase.answered)) for phase in p)
        for p in (moderate, over)
    ]
    yield Row("degraded among the answered at 3x", short[1], "share", peer="at 70 %", peer_value=short[0])
    yield from _cpu(moderate, over)


def _cpu(moderate: list[Phase], over: list[Phase]) -> Iterator[Row]:
    for name, pick in (("gateway", "gateway_cpu"), ("services", "services_cpu"), ("load generator", "cpu")):
        used = [statistics.median(getattr(each, pick) / each.seconds for each in p) for p in (over, moderate)]
        yield Row(f"CPU of {name} at 3x", used[0], "cores", peer="at 70 %", peer_value=used[1])
    decision = statistics.median(each.gateway_cpu / len(each.answered) for each in moderate)
    # At most: a decision among many is cheaper than at 70 %, so that this is too little for refusals rather than too much.
    rest = [
        (each.gateway_cpu - decision * len(each.answered)) / max(1, len(each.refused)) * 1e6 for each in over
    ]
    yield Row("gateway CPU per refusal, with decisions as dear as at 70 %", statistics.median(rest), "us")


def _p(phases: list[Phase], which: str, quant: float) -> float:
    return statistics.median(quantile(getattr(phase, which), quant) for phase in phases)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share lies; infinite when there is none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


@contextmanager
def without_admission(company: Company) -> Iterator[Door]:
    """A second gateway on the same services, with the settings of the first but for admission."""
    gateway = company.pids()["gateway"]
    stated = Path(f"/proc/{gateway}/environ").read_bytes().decode().split("\0")
    environ = dict(each.split("=", 1) for each in stated if "=" in each)
    port = free_port()
    environ |= {
        "FIELDWISE_GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "FIELDWISE_GATEWAY_HTTP_LISTEN": f"127.0.0.1:{free_port()}",
        "FIELDWISE_GATEWAY_ADMISSION": "false",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "fieldwise_gateway"], env=environ, cwd=os.readlink(f"/proc/{gateway}/cwd")
    )
    try:
        wait_for_port(port)
        yield Door(OFF, f"127.0.0.1:{port}", process.pid)
    finally:
        stop([process])


def _key(company: Company) -> dict[str, Any]:
    metadata = dict(company.metadata())
    return {"api_key": metadata["authorization"].removeprefix("Bearer ")} if metadata else {}
