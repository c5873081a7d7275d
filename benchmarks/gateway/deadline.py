"""After a caller's deadline nobody works for him: how soon every service behind has given up, and what CPU is used after it.

Two measurements. A gateway of its own before services that never answer: from the caller's deadline until the last question asked
for him was given up, alone and among others in one batch (which is given up at the latest deadline of those in it). And a whole
installation that is asked for much with little time: the CPU of all its processes in two seconds that begin 50 ms after the deadline,
without what two seconds cost when nobody asks; telling and storing the spans of the cancelled calls is in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import grpc
import grpc.aio

from benchmarks.decide import world
from benchmarks.decide.company import Company
from benchmarks.gateway.hanging_services import Hanging, serving
from benchmarks.gateway.installation import running
from benchmarks.processes import cpu_seconds, free_port, stop, wait_for_port
from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc

SHORTEST, LONGEST = 0.05, 0.3
TOGETHER: Final = 16
# What is given up is given up within this, or never.
SETTLE_SECONDS: Final = 0.5
WATCHED_SECONDS: Final = 2.0
# By then all work has to be cancelled; what is used later is what the row is about.
CANCELLED_SECONDS: Final = 0.05


def rows(*, quick: bool) -> Iterator[Row]:
    """Both measurements."""
    yield from asyncio.run(_hanging(48 if quick else 480))
    with running(quick=quick) as company:
        yield from _cpu_after(company, rounds=3 if quick else 8)


async def _hanging(calls: int) -> list[Row]:
    hanging = Hanging()
    server, addresses = await serving(hanging)
    try:
        with _gateway(addresses) as address:
            alone = await _asked(address, hanging, calls, together=1)
            among = await _asked(address, hanging, calls, together=TOGETHER)
    finally:
        await server.stop(0)
    found = []
    for name, late in (("one at a time", alone), (f"{TOGETHER} at a time", among)):
        found.append(
            Row(
                f"deadline until the last service gave up, {len(late):,} questions {name}, slowest",
                max(late) * 1e3,
                "ms",
                "must",
                "<= 50",
                "p50",
                statistics.median(late) * 1e3,
            )
        )
    return found


async def _asked(address: str, hanging: Hanging, calls: int, together: int) -> list[float]:
    """Seconds after its latest deadline that each question was given up; before it counts as 0."""
    draw = random.Random(together)
    hanging.questions.clear()
    deadlines: dict[str, float] = {}
    async with grpc.aio.insecure_channel(address) as channel:
        # A stub of async calls, which it is on such a channel.
        stub: Any = gateway_grpc.GatewayServiceStub(channel)

        async def ask(number: int) -> None:
            customer = f"customers/{together}-{number}"
            seconds = draw.uniform(SHORTEST, LONGEST)
            deadlines[customer] = time.monotonic() + seconds
            request = gateway_pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
            await asyncio.gather(stub.Decide(request, timeout=seconds), return_exceptions=True)

        for start in range(0, calls, together):
            await asyncio.gather(*(ask(start + place) for place in range(together)))
        await asyncio.sleep(SETTLE_SECONDS)
    never = time.monotonic() + 3600.0
    return [
        max(0.0, (question.given_up or never) - max(deadlines[name] for name in question.customers))
        for question in hanging.questions
    ]


@contextmanager
def _gateway(addresses: dict[str, str]) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fieldwise-deadline-") as folder:
        environ = (
            dict(os.environ)
            | addresses
            | {
                "FIELDWISE_DATA": folder,
                "FIELDWISE_GATEWAY_LISTEN": f"127.0.0.1:{port}",
                "FIELDWISE_GATEWAY_HTTP_LISTEN": f"127.0.0.1:{free_port()}",
                "FIELDWISE_GATEWAY_ACCESS": "open",
                "FIELDWISE_GATEWAY_DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite",
                "FIELDWISE_TRACES_ADDRESS": "",
            }
        )
        command = [sys.executable, "-m", "fieldwise_gateway"]
        subprocess.run([*command, "migrate"], env=environ, check=True)
        process = subprocess.Popen(command, env=environ)
        try:
            wait_for_port(port)
            yield f"127.0.0.1:{port}"
        finally:
            stop([process])


def _cpu_after(company: Company, rounds: int) -> Iterator[Row]:
    customers = world.customers(company)
    with grpc.insecure_channel(company.gateway) as channel:
        metadata = company.metadata()
        gateway = gateway_grpc.GatewayServiceStub(channel)
        profile = profile_grpc.ProfileServiceStub(channel)

        def decide_many() -> None:
            request = gateway_pb.BatchDecideRequest(
                request_id=str(uuid.uuid4()), customers=random.sample(customers, min(2000, len(customers)))
            )
            gateway.BatchDecide(request, timeout=0.2, metadata=metadata)

        def decide() -> None:
            requests = [
                gateway_pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
                for customer in random.sample(customers, 100)
            ]
            calls = [gateway.Decide.future(request, timeout=0.05, metadata=metadata) for request in requests]
            for call in calls:
                call.exception()

        def rebuild() -> None:
            for _ in profile.RebuildProfiles(
                profile_pb.RebuildProfilesRequest(), timeout=0.2, metadata=metadata
            ):
                pass

        pids = company.pids()
        # What cannot be stopped is short: a commit of decisions that was begun goes to its end, because only the end says what the
        # ledger may release; fifty histories are folded in one go.
        for name, level, ask in (
            ("100 Decides in 50 ms", "must", decide),
            ("BatchDecide of 2,000 in 200 ms", "stretch", decide_many),
            ("RebuildProfiles in 200 ms", "stretch", rebuild),
        ):
            yield _after(name, level, ask, pids, rounds)


def _after(name: str, level: str, ask: Any, pids: dict[str, int], rounds: int) -> Row:
    extra, idle = [], []
    for _ in range(rounds):
        before = _seconds(pids)
        time.sleep(WATCHED_SECONDS)
        idle.append(sum(_since(pids, before).values()))
        # It is the deadline that ends it; an answer in time is measured alike, and leaves nothing to be done.
        with suppress(grpc.RpcError):
            ask()
        time.sleep(CANCELLED_SECONDS)
        begun = _seconds(pids)
        time.sleep(WATCHED_SECONDS)
        used = _since(pids, begun)
        extra.append(sum(used.values()) - idle[-1])
    share = 100 * max(0.0, statistics.median(extra)) / WATCHED_SECONDS
    at_rest = 100 * statistics.median(idle) / WATCHED_SECONDS
    return Row(
        f"CPU of all processes in the {WATCHED_SECONDS:g} s after the deadline: {name}",
        share,
        "% of a core",
        level,
        "<= 1",
        "at rest",
        at_rest,
    )


def _seconds(pids: dict[str, int]) -> dict[str, float]:
    return {name: cpu_seconds([pid]) for name, pid in pids.items()}


def _since(pids: dict[str, int], before: dict[str, float]) -> dict[str, float]:
    return {name: cpu_seconds([pid]) - before[name] for name, pid in pids.items()}
