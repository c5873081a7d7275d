"""kill -9 of each process in turn while decisions are asked for: every one answered, and soon in full again."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc.aio

from benchmarks.decide.company import Company, Metadata
from benchmarks.report import Report, Row
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance

VICTIMS = ("profile", "forecast", "allocation", "recommend", "gateway", "traces", "jobs")
STANDS_IN = {
    "profile": {provenance.PART_STATE_SNAPSHOT, provenance.PART_STATE_COLD_START},
    "forecast": {provenance.PART_STATE_PRIOR},
    "allocation": {provenance.PART_STATE_LAST_VALID},
    "recommend": {provenance.PART_STATE_MISSING},
}
ASKERS = 4
DEADLINE = 2.0
# Long enough that the victim is back and that nothing of its return goes unseen.
_LEAST_SECONDS, _MOST_SECONDS = 2.5, 12.0
_FULL_IN_A_ROW = 20


@dataclass
class Watched:
    """What became of the decisions asked for around one kill; times on the monotonic clock."""

    victim: str
    answered: int = 0
    faults: list[str] = field(default_factory=list)
    degraded: int = 0
    last_degraded: float = 0.0
    full_in_a_row: int = 0

    def take(self, decision: decision_pb2.Decision, ended: float) -> None:
        gaps: dict[str, int] = {
            p.name: p.state for p in decision.parts if p.state != provenance.PART_STATE_FRESH
        }
        if not gaps:
            self.answered += 1
            self.full_in_a_row += 1
            return
        self.full_in_a_row = 0
        self.last_degraded = ended
        self.degraded += 1
        fault = _fault(self.victim, gaps, decision)
        if fault:
            self.faults.append(fault)
        else:
            self.answered += 1


def _fault(victim: str, gaps: dict[str, int], decision: decision_pb2.Decision) -> str:
    """What the contracts do not allow; empty when all is as they say."""
    # Nothing can be forecast of a customer of whom nothing is known.
    cold = gaps.get("profile") == provenance.PART_STATE_COLD_START
    unexpected = set(gaps) - {victim} - ({"forecast"} if cold else set())
    if unexpected:
        return f"{sorted(unexpected)} missing though {victim} was killed"
    if victim in gaps and gaps[victim] not in STANDS_IN[victim]:
        return f"{victim} stood in by {gaps[victim]}"
    undecided = decision.verdict == decision_pb2.VERDICT_NO_DECISION
    return f"no decision though only {victim} was away" if undecided and victim != "recommend" else ""


async def measure(company: Company, customers: Sequence[str], report: Report) -> None:
    """Kill everybody in turn and report who was answered, and how soon in full."""
    answered = asked = 0
    slowest = 0.0
    for victim in VICTIMS:
        watched, seconds = await _kill(company, customers, victim)
        answered, asked = answered + watched.answered, asked + watched.answered + len(watched.faults)
        slowest = max(slowest, seconds)
        peer = "degraded answers"
        report.add(
            Row(
                f"kill -9 of {victim}: full answers again",
                seconds,
                "s",
                peer=peer,
                peer_value=watched.degraded,
            )
        )
        for fault in sorted(set(watched.faults))[:3]:
            print(f"  fault: {fault}", flush=True)
    share = answered / asked
    report.add(Row(f"Decides answered as the contracts say, of {asked:,}", share, "share", "must", ">= 1"))
    report.add(Row("kill -9: full answers again, slowest", slowest, "s", "must", "<= 5"))


async def _kill(company: Company, customers: Sequence[str], victim: str) -> tuple[Watched, float]:
    watched, names, over = Watched(victim), itertools.cycle(customers), asyncio.Event()
    async with grpc.aio.insecure_channel(
        company.gateway, options=[("grpc.max_reconnect_backoff_ms", 300)]
    ) as channel:
        stub = gateway_grpc.GatewayServiceStub(channel)

        async def asker() -> None:
            while not over.is_set():
                await _ask(stub, next(names), watched, company.metadata())

        asking = [asyncio.create_task(asker()) for _ in range(ASKERS)]
        await asyncio.sleep(0.3)
        old = company.pids()[victim]
        killed = time.monotonic()
        company.kill(victim)
        await _until_whole(company, watched, old, killed)
        over.set()
        await asyncio.gather(*asking)
    return watched, max(0.0, watched.last_degraded - killed)


async def _ask(
    stub: gateway_grpc.GatewayServiceAsyncStub, customer: str, watched: Watched, metadata: Metadata
) -> None:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
    begun, refused = time.monotonic(), False
    while True:
        try:
            answer = await stub.Decide(
                request,
                timeout=DEADLINE,
                wait_for_ready=watched.victim == "gateway",
                metadata=metadata,
            )
        except grpc.aio.AioRpcError as error:
            # With its gateway gone nobody can answer an app; it asks again with the same request_id, as our client does.
            if watched.victim == "gateway" and time.monotonic() - begun < _MOST_SECONDS:
                refused = True
                await asyncio.sleep(0.02)
                continue
            watched.faults.append(f"{error.code().name}: {error.details()}")
            return
        ended = time.monotonic()
        if refused:
            watched.last_degraded = ended
        watched.take(answer.decision, ended)
        return


async def _until_whole(company: Company, watched: Watched, old: int, killed: float) -> None:
    """Until the victim has a new process and answers have been full for a while."""
    while time.monotonic() - killed < _MOST_SECONDS:
        await asyncio.sleep(0.1)
        is_new = company.pids()[watched.victim] not in (0, old)
        rested = time.monotonic() - killed > _LEAST_SECONDS
        if is_new and rested and watched.full_in_a_row >= _FULL_IN_A_ROW:
            return
