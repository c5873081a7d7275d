"""Two replicas of every service and two gateways on one PostgreSQL, each sent SIGTERM and started again while decisions are asked for.

Profile and the gateway answer from both; of forecast, allocation and recommend one answers and one stands by. An answer counts as
degraded when a part of it has another state, or other words about it, than before the first restart.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc.aio
import psycopg

from benchmarks.decide.company import free_ports
from benchmarks.gateway.wire import events
from benchmarks.profile.server import postgres
from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_client.supervisor.health import SERVING, probe
from fieldwise_client.supervisor.layout import MIGRATED
from fieldwise_client.supervisor.migrating import migrate
from fieldwise_runtime.channels import connect

_SERVICES: Final = ("profile", "forecast", "allocation", "recommend", "gateway")
_ONE_ANSWERS: Final = ("forecast", "allocation", "recommend")
_CUSTOMERS: Final = 40
_A_SECOND: Final = 20.0
_DEADLINE: Final = 5.0
_START_SECONDS: Final = 90.0
# What an active process and one in line hold: claim, serving, standby.
_LOCKS: Final = 3
_LOCKS_HELD: Final = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""


@dataclass
class Asked:
    """What became of the decisions; seconds."""

    errors: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    usual: set[tuple[str, int, str]] = field(default_factory=set)
    restarting: bool = False


def rows(*, quick: bool) -> Iterator[Row]:
    with postgres() as url, tempfile.TemporaryDirectory(prefix="fieldwise-rolling-") as folder:
        replicas = Replicas(url, Path(folder))
        try:
            asked = asyncio.run(_measured(replicas, rounds=1 if quick else 3))
        finally:
            replicas.stop()
    for fault in sorted({*asked.errors, *asked.degraded})[:5]:
        print(f"  fault: {fault}", flush=True)
    count, slowest = len(asked.took), max(asked.took)
    yield Row(
        f"rolling restart of two replicas: errors, of {count:,}", len(asked.errors), "decides", "must", "<= 0"
    )
    yield Row(
        "rolling restart of two replicas: degraded answers", len(asked.degraded), "decides", "must", "<= 0"
    )
    yield Row("rolling restart of two replicas: slowest answer", slowest, "s")


class Replicas:
    """Two processes of each service, in ports and databases of their own."""

    def __init__(self, url: str, folder: Path) -> None:
        self._base = free_ports()
        self._folder = folder
        self._run = uuid.uuid4().hex[:8]
        self._server = url
        self.running: dict[tuple[str, int], subprocess.Popen[bytes]] = {}

    @property
    def environ(self) -> dict[str, str]:
        """What all find in their environment."""
        own = {f"FIELDWISE_{name.upper()}_DATABASE_URL": self.database(name) for name in (*_SERVICES, "jobs")}
        places = {f"FIELDWISE_{name.upper()}_ADDRESS": self.addresses(name) for name in _SERVICES}
        others = {
            "FIELDWISE_DATA": str(self._folder),
            "FIELDWISE_GATEWAY_ACCESS": "open",
            "FIELDWISE_STANDBY": "true",
            "FIELDWISE_STANDBY_SOLVER": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        return os.environ | own | places | others

    def database(self, name: str) -> str:
        """The address of a service's own database."""
        head, _, tail = self._server.partition("?")
        other = f"{head.rpartition('/')[0]}/bench_{self._run}_{name}"
        return f"{other}?{tail}" if tail else other

    def address(self, name: str, number: int) -> str:
        """Where one of the two listens."""
        return f"127.0.0.1:{self._base + 2 * _SERVICES.index(name) + number}"

    def addresses(self, name: str) -> str:
        """Where both are."""
        return ",".join(self.address(name, number) for number in range(2))

    async def open(self) -> None:
        """Databases, and the first process of each before the second."""
        with psycopg.connect(self._server, autocommit=True) as connection:
            for name in (*_SERVICES, "jobs"):
                connection.execute(f"CREATE DATABASE bench_{self._run}_{name}".encode())
        await migrate(MIGRATED, self.environ)
        for number in range(2):
            for name in _SERVICES:
                self.start(name, number)
            for name in _SERVICES:
                await self.until_ready(name, number)

    def start(self, name: str, number: int) -> None:
        """Start one; it is not ready yet."""
        package = f"fieldwise_{name}"
        listen = {f"FIELDWISE_{name.upper()}_LISTEN": self.address(name, number)}
        log = (self._folder / f"{name}-{number}.log").open("ab")
        self.running[name, number] = subprocess.Popen(
            [sys.executable, "-m", package], env=self.environ | listen, stdout=log, stderr=log
        )
        log.close()

    async def until_ready(self, name: str, number: int) -> None:
        """It answers, or stands in line."""
        ends = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends:
            if await probe(self.address(name, number)) == SERVING:
                return
            if name in _ONE_ANSWERS and self._locks(name) >= _LOCKS:
                return
            if self.running[name, number].poll() is not None:
                break
            await asyncio.sleep(0.1)
        raise RuntimeError((self._folder / f"{name}-{number}.log").read_text()[-2000:])

    def _locks(self, name: str) -> int:
        with psycopg.connect(self.database(name)) as connection:
            row = connection.execute(_LOCKS_HELD).fetchone()
        return int(row[0]) if row else 0

    async def restart(self, name: str, number: int) -> None:
        """SIGTERM, its end, and a new one that is ready."""
        process = self.running[name, number]
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 20)
        self.start(name, number)
        await self.until_ready(name, number)

    def stop(self) -> None:
        """All of them, and their databases."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with psycopg.connect(self._server, autocommit=True) as connection:
            for name in (*_SERVICES, "jobs"):
                connection.execute(f"DROP DATABASE IF EXISTS bench_{self._run}_{name} WITH (FORCE)".encode())


async def _measured(replicas: Replicas, rounds: int) -> Asked:
    await replicas.open()
    channel = connect(replicas.addresses("gateway"), "gateway")
    stub: Any = gateway_grpc.GatewayServiceStub(channel)
    batch = pb.IngestEventsRequest(events=[e for number in range(_CUSTOMERS) for e in events(number)])
    async for answer in stub.IngestEvents(iter([batch])):
        if answer.accepted != len(batch.events):
            raise AssertionError(f"not taken in: {answer}")
    asked, over = Asked(), asyncio.Event()
    asking = asyncio.create_task(_ask_on(stub, asked, over))
    # Longer than the gateway's snapshots take to hold everybody.
    await asyncio.sleep(6.0)
    asked.restarting = True
    for _ in range(rounds):
        for name in _SERVICES:
            # The first answers and the second stands by; once the first is back, it stands by, and the second answers.
            for number in range(2):
                await replicas.restart(name, number)
                await asyncio.sleep(0.5)
    over.set()
    await asking
    await channel.close()
    return asked


async def _ask_on(stub: Any, asked: Asked, over: asyncio.Event) -> None:
    draw, due, running = random.Random(5), time.monotonic(), set[asyncio.Task[None]]()
    while not over.is_set():
        while due <= time.monotonic():
            running.add(asyncio.create_task(_ask(stub, f"customers/w{draw.randrange(_CUSTOMERS)}", asked)))
            due += draw.expovariate(_A_SECOND)
        running = {task for task in running if not task.done()}
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.gather(*running)


async def _ask(stub: Any, customer: str, asked: Asked) -> None:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
    begun, in_restart = time.monotonic(), asked.restarting
    try:
        answer = await stub.Decide(request, timeout=_DEADLINE)
    except grpc.aio.AioRpcError as error:
        if in_restart:
            asked.errors.append(f"{error.code().name}: {error.details()}")
        return
    states = {(part.name, part.state, part.detail) for part in answer.decision.parts}
    if not in_restart:
        asked.usual |= states
        return
    asked.took.append(time.monotonic() - begun)
    if states - asked.usual:
        asked.degraded.append(f"degraded: {sorted(states - asked.usual)}")
