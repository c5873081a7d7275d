"""A decision beside an echo hop, a bare fan-out and the twin, interleaved round by round: latency, CPU, throughput."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fieldwise_client as fw
from benchmarks.decide.agreement import agreement
from benchmarks.decide.company import Company
from benchmarks.decide.fresh_events import Freshness
from benchmarks.decide.measuring import (
    CONCURRENT,
    Batches,
    Measured,
    Turns,
    batched,
    concurrently,
    one_by_one,
    under_load,
)
from benchmarks.decide.systems import DECIDE, ECHO, FAN_OUT, TWIN, Echoes, Gateway, System, TwinGateway, echo
from benchmarks.decide.twin.fleet import Twin, copied
from benchmarks.processes import stop
from benchmarks.report import Report, Row
from fieldwise.recommend.v1.contact_pb2 import ContactPolicy

BATCH = 64
CHANGED = 0.1
# Beyond this spread of the physical limit itself, latencies say more of the neighbours than of us.
STEADY = 2.0


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, and per round requests one by one, seconds at c=32 and batches of 64."""

    rounds: int
    requests: int
    loaded_seconds: float
    batches: int


QUICK = Plan(rounds=3, requests=150, loaded_seconds=1.0, batches=12)
FULL = Plan(rounds=5, requests=600, loaded_seconds=3.0, batches=30)


async def measure(company: Company, customers: Sequence[str], report: Report, plan: Plan) -> None:
    """Run all rounds and report them. Nothing else may be asked of the installation meanwhile."""
    with fw.Client(company.gateway, api_key=company.api_key) as client:
        # Everybody is decided for again and again: at a cap fewer actions would be valued, and the twin knows no caps.
        client.update_contact_policy(ContactPolicy(), actor="benchmark", note="no caps")
    with tempfile.TemporaryDirectory(prefix="fieldwise-twin-") as folder:
        copied(company.data, Path(folder) / "data")
        twin, echoes = Twin.start(Path(folder) / "data", company.now()), Echoes.start()
        try:
            await _rounds(company, twin, echoes, customers, report, plan)
        finally:
            twin.stop()
            stop(echoes.processes)


async def _rounds(
    company: Company, twin: Twin, echoes: Echoes, customers: Sequence[str], report: Report, plan: Plan
) -> None:
    ours, theirs = Gateway(company), TwinGateway(twin)
    systems = [
        echo(ECHO, echoes.echo_port, echoes.echo_pids),
        echo(FAN_OUT, echoes.fan_out_port, echoes.fan_out_pids),
        System(DECIDE, ours.decide, list(company.pids().values())),
        System(TWIN, theirs.decide, twin.pids),
    ]
    report.add(await agreement(ours, theirs, customers))
    for system in systems:
        # Everybody has a last decision by each, and connections are open.
        await concurrently(system.ask, customers, 8)
    turns, freshness = Turns(customers), Freshness(company, theirs, company.now())
    measured, batches = {system.name: Measured() for system in systems}, Batches()
    for number in range(plan.rounds):
        asked = turns.take(plan.requests)
        await freshness.change(asked, CHANGED)
        # Another order each round, so that nobody always follows the same neighbour.
        for system in systems[number % 4 :] + systems[: number % 4]:
            await one_by_one(system, asked, measured[system.name])
        await batched(ours.batch, systems[2].pids, [turns.take(BATCH) for _ in range(plan.batches)], batches)
        for system in systems:
            await under_load(system, turns, plan.loaded_seconds, measured[system.name])
    report.add(Row("different customers decided for in the rounds", len(turns.taken), "customers"))
    report.add(
        Row("customers changed by a fresh event since their last decision", freshness.changed, "customers")
    )
    _tell(report, measured, batches)


def _tell(report: Report, measured: dict[str, Measured], batches: Batches) -> None:
    ours, rival, hop = measured[DECIDE], measured[TWIN], measured[ECHO]
    for name, figures in measured.items():
        _tell_system(report, name, figures)
    spread = max(hop.p50) / min(hop.p50)
    report.add(Row("echo p50, slowest round over fastest", spread, "x"))
    if spread > STEADY:
        report.add(Row("NO VERDICT on latency: the echo hop itself varied by more than 2x", spread, "x"))
    _tell_latency(report, measured, has_verdict=spread <= STEADY)
    ratio = over(batches.cpu, hop.cpu)
    report.add(Row(f"BatchDecide({BATCH}) CPU per decision over echo CPU", ratio, "x", "must", "<= 2"))
    loaded = over(batches.cpu, hop.loaded_cpu)
    report.add(Row(f"BatchDecide({BATCH}) CPU per decision over echo CPU at c={CONCURRENT}", loaded, "x"))
    rate, one = statistics.median(batches.per_second), statistics.median(ours.loaded_rps)
    report.add(
        Row(f"BatchDecide({BATCH}), c=1", rate, "decisions/s", peer=f"Decide c={CONCURRENT}", peer_value=one)
    )
    twin = over(rival.cpu, hop.cpu)
    report.add(
        Row("CPU per Decide over echo CPU", over(ours.cpu, hop.cpu), "x", peer="twin", peer_value=twin)
    )


def _tell_latency(report: Report, measured: dict[str, Measured], *, has_verdict: bool) -> None:
    ours, rival, hop, bare = (measured[name].p50 for name in (DECIDE, TWIN, ECHO, FAN_OUT))
    level, echoes, twins = ("must", "<= 12", ">= 2") if has_verdict else ("info", "", "")
    report.add(Row("Decide p50 over echo p50", over(ours, hop), "x", level, echoes, "twin", over(rival, hop)))
    report.add(Row("twin p50 over Decide p50", over(rival, ours), "x", level, twins))
    fan_out = over(bare, hop)
    report.add(
        Row(
            "Decide p50 over bare fan-out p50", over(ours, bare), "x", peer="fan-out/echo", peer_value=fan_out
        )
    )


def _tell_system(report: Report, name: str, figures: Measured) -> None:
    p50, p99 = statistics.median(figures.p50) * 1e3, statistics.median(figures.p99) * 1e3
    report.add(Row(f"{name}: p50 (c=1)", p50, "ms", peer="p99", peer_value=p99))
    cpu, loaded = statistics.median(figures.cpu) * 1e6, statistics.median(figures.loaded_cpu) * 1e6
    peer = f"c={CONCURRENT}"
    report.add(
        Row(f"{name}: CPU per request, all its processes (c=1)", cpu, "us", peer=peer, peer_value=loaded)
    )
    report.add(
        Row(f"{name}: throughput at c={CONCURRENT}", statistics.median(figures.loaded_rps), "requests/s")
    )


def over(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over the rounds of the ratio within each round: what is slow for both in a round cancels out."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
