"""kill -9 of each process at half load: every Decide answered as the contracts say, how long they take, how soon in full.

Half load: half of what 32 callers get answered in a second, asked at Poisson times whatever comes back. With its gateway gone
nobody can answer an app; it asks again with the same request_id, as our client does, and is counted from its first try.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import grpc.aio

from benchmarks.decide import world
from benchmarks.decide.company import Company, Metadata
from benchmarks.decide.killing import DEADLINE, VICTIMS, Watched
from benchmarks.gateway import rolling
from benchmarks.gateway.installation import running
from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.health import SERVING, probe

_CALLERS = 32
_PEAK_SECONDS = 2.0
# Long enough that the victim is back and that nothing of its return goes unseen.
_LEAST_SECONDS, _MOST_SECONDS = 3.0, 15.0
_FULL_IN_A_ROW = 40
_STANDS_SECONDS = 60.0
_OPTIONS = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)]


@dataclass
class Outage:
    """One kill: what was answered around it; seconds."""

    watched: Watched
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    until_full: float = 0.0
    until_serving: float = 0.0
    asked_again: int = 0


def rows(*, quick: bool) -> Iterator[Row]:
    with running(quick=quick) as company:
        yield from asyncio.run(_measured(company, rounds=1 if quick else 3))
    yield from rolling.rows(quick=quick)


async def _measured(company: Company, rounds: int) -> list[Row]:
    customers = await asyncio.to_thread(world.customers, company)
    await _stands(company)
    asking = Asking(company, customers)
    try:
        peak = await asking.peak()
        outages = {
            victim: [await asking.through_a_kill(victim, peak / 2) for _ in range(rounds)]
            for victim in VICTIMS
        }
    finally:
        await asking.close()
    told = [Row("decisions a second asked for: half of the peak", peak / 2, "1/s")]
    for victim, seen in outages.items():
        told += _told(victim, seen)
    return [*told, *_of_all(outages)]


async def _stands(company: Company) -> None:
    """An installation that has stood for some seconds: what dies is forked from a process that has imported everything."""
    ends = time.monotonic() + _STANDS_SECONDS
    while time.monotonic() < ends:
        written = record.read(company.data)
        if written is not None and written.forks:
            return
        await asyncio.sleep(0.1)


def _told(victim: str, seen: Sequence[Outage]) -> Iterator[Row]:
    full = statistics.median(each.until_full for each in seen)
    serving = statistics.median(each.until_serving for each in seen)
    yield Row(f"kill -9 of {victim}: full answers again", full, "s", "must", "<= 2", "it serves", serving)
    degraded = sum(each.watched.degraded for each in seen) / len(seen)
    before, during = (_p99(which) for which in (_all(seen, "before"), _all(seen, "during")))
    label = f"kill -9 of {victim}: p99 in the outage over p99 before"
    if victim == "gateway":
        # Whoever asks meanwhile waits for it: there is nobody else.
        yield Row(label, during / before, "x", peer="ms before", peer_value=before * 1000)
    else:
        yield Row(label, during / before, "x", "must", "<= 3", "ms before", before * 1000)
    yield Row(f"kill -9 of {victim}: degraded answers", degraded, "answers")
    for fault in sorted({fault for each in seen for fault in each.watched.faults})[:3]:
        print(f"  fault: {fault}", flush=True)


def _of_all(outages: dict[str, list[Outage]]) -> Iterator[Row]:
    watched = [each.watched for seen in outages.values() for each in seen]
    faults = sum(len(each.faults) for each in watched)
    asked = sum(each.answered for each in watched) + faults
    again = sum(each.asked_again for seen in outages.values() for each in seen)
    yield Row("refused for now (RESOURCE_EXHAUSTED) and asked again with the same request_id", again, "calls")
    yield Row(f"Decides not answered as the contracts say, of {asked:,}", faults, "decides", "must", "<= 0")


def _all(seen: Sequence[Outage], which: str) -> list[float]:
    return [seconds for each in seen for seconds in getattr(each, which)]


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1] if len(seconds) > 1 else float("nan")


class Asking:
    """An app that asks a gateway, or several behind one target, for decisions."""

    def __init__(self, company: Company, customers: Sequence[str], target: str = "") -> None:
        self._company = company
        self._names = itertools.cycle(random.Random(3).sample(list(customers), len(customers)))
        self._channel = grpc.aio.insecure_channel(target or company.gateway, options=_OPTIONS)
        self._stub = gateway_grpc.GatewayServiceStub(self._channel)
        self._metadata: Metadata = company.metadata()
        self._draw = random.Random(11)

    async def close(self) -> None:
        await self._channel.close()

    async def peak(self) -> float:
        """Decisions a second that 32 callers get."""
        ends, answered = time.monotonic() + _PEAK_SECONDS, 0

        async def caller() -> int:
            count = 0
            while time.monotonic() < ends:
                await self._decide(self._request(), wait=False)
                count += 1
            return count

        await asyncio.gather(
            *(caller() for _ in range(_CALLERS // 4))
        )  # warm: every customer's caches differ
        ends = time.monotonic() + _PEAK_SECONDS
        answered = sum(await asyncio.gather(*(caller() for _ in range(_CALLERS))))
        return answered / _PEAK_SECONDS

    async def through_a_kill(self, victim: str, rate: float) -> Outage:
        """Ask for a while, kill, and ask until all is well."""
        outage = Outage(Watched(victim))
        killed = asyncio.Event()
        over = asyncio.Event()
        asking = asyncio.create_task(self._ask_on(outage, rate, killed, over))
        await asyncio.sleep(2.0)
        old, began = self._company.pids()[victim], time.monotonic()
        killed.set()
        self._company.kill(victim)
        await self._until_whole(outage, old, began)
        over.set()
        await asking
        outage.until_full = max(0.0, outage.watched.last_degraded - began)
        return outage

    async def _ask_on(self, outage: Outage, rate: float, killed: asyncio.Event, over: asyncio.Event) -> None:
        due, running = time.monotonic(), set[asyncio.Task[None]]()
        while not over.is_set():
            while due <= time.monotonic():
                running.add(asyncio.create_task(self._ask(outage, due, killed)))
                due += self._draw.expovariate(rate)
            running = {task for task in running if not task.done()}
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*running)

    async def _ask(self, outage: Outage, due: float, killed: asyncio.Event) -> None:
        watched, request, in_outage, refused = outage.watched, self._request(), killed.is_set(), False
        answer = None
        while answer is None:
            try:
                answer = await self._decide(request, wait=watched.victim == "gateway")
            except grpc.aio.AioRpcError as error:
                told_later = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                if (not told_later and watched.victim != "gateway") or time.monotonic() - due > _MOST_SECONDS:
                    watched.faults.append(f"{error.code().name}: {error.details()}")
                    return
                outage.asked_again += told_later
                refused = not told_later
                await asyncio.sleep(0.02)
        ended = time.monotonic()
        if refused:
            watched.last_degraded = max(watched.last_degraded, ended)
        watched.take(answer.decision, ended)
        if not in_outage:
            outage.before.append(ended - due)
        elif not outage.until_serving:
            outage.during.append(ended - due)

    async def _until_whole(self, outage: Outage, old: int, began: float) -> None:
        while time.monotonic() - began < _MOST_SECONDS:
            await asyncio.sleep(0.05)
            is_new = False
            with suppress(KeyError):
                is_new = self._company.pids()[outage.watched.victim] not in (0, old)
            if is_new and not outage.until_serving and await self._serves(outage.watched.victim):
                outage.until_serving = time.monotonic() - began
            rested = time.monotonic() - began > _LEAST_SECONDS
            if outage.until_serving and rested and outage.watched.full_in_a_row >= _FULL_IN_A_ROW:
                return

    async def _serves(self, victim: str) -> bool:
        written = record.read(self._company.data)
        return written is not None and await probe(written.address_of(victim), timeout=0.2) == SERVING

    def _request(self) -> pb.DecideRequest:
        return pb.DecideRequest(request_id=str(uuid.uuid4()), customer=next(self._names))

    async def _decide(self, request: pb.DecideRequest, *, wait: bool) -> pb.DecideResponse:
        answer: pb.DecideResponse = await self._stub.Decide(
            request, timeout=DEADLINE, wait_for_ready=wait, metadata=self._metadata
        )
        return answer
