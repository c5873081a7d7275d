"""Reading a hot profile inside the process, beside one hop of an echo and beside a row through SQLAlchemy."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
import sqlalchemy as sa
import uvloop

from benchmarks.consents import consents
from benchmarks.decide import echo_server
from benchmarks.processes import free_port, start_module, stop, wait_for_port
from benchmarks.profile.stream import DAY, NOW, Stream, batch
from benchmarks.report import Row
from fieldwise.profile.v1 import consent_pb2, profile_service_pb2
from fieldwise_profile.__main__ import PACKAGE, wired
from fieldwise_profile.settings import Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database

_READS = 300


def rows(*, quick: bool) -> Iterator[Row]:
    port = free_port()
    echo = start_module("benchmarks.decide.echo_server", str(port))
    try:
        wait_for_port(port)
        with (
            tempfile.TemporaryDirectory() as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            reads, hops, row_reads = runner.run(_measured(port, folder, 5 if quick else 15))
    finally:
        stop([echo])
    ratio = statistics.median(read / hop for read, hop in zip(reads, hops, strict=True))
    peer = statistics.median(read / hop for read, hop in zip(row_reads, hops, strict=True))
    yield Row("read of a hot profile in process over one echo hop", ratio, "x", "must", "<= 0.25",
              "one row through SQLAlchemy in a reader thread", peer)  # fmt: skip
    yield Row("read of a hot profile in process", statistics.median(reads) * 1e6, "us")


async def _measured(port: int, folder: str, rounds: int) -> tuple[list[float], list[float], list[float]]:
    servicer, database = await _filled(folder)
    request = profile_service_pb2.GetProfileRequest(
        name="customers/3", as_of=Stream(1).batches(1)[0].decision_time, purpose=consent_pb2.PURPOSE_DECISION
    )
    request.as_of.seconds = NOW + DAY
    reads: list[float] = []
    hops: list[float] = []
    row_reads: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary(echo_server.METHOD)
        statement = sa.text("SELECT * FROM profiles WHERE customer = 'customers/3'")

        async def hop() -> object:
            return await call(echo_server.REQUEST)

        async def read() -> object:
            return await servicer.GetProfile(request, None)

        async def row() -> object:
            return await database.read(lambda connection: connection.execute(statement).all())

        for _ in range(rounds):
            hops.append(await _median(hop))
            reads.append(await _median(read))
            row_reads.append(await _median(row))
    return reads, hops, row_reads


async def _median(call: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(_READS):
        begun = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


async def _filled(folder: str) -> tuple[Any, Database]:
    """The servicer as the server would call it, its customer with some hundred events and without a change since."""
    url = f"sqlite:///{Path(folder) / 'profile.sqlite'}"
    os.environ["FIELDWISE_PROFILE_KEYS"] = keys = str(Path(folder) / "profile.keys")
    migrations.migrate(url, PACKAGE)
    service = await wired(Settings(listen="127.0.0.1:0", database_url=url, keys=keys))
    server: Any = _Catching()
    service.register(server)

    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        asked = consents(["customers/3"], datetime.fromtimestamp(NOW - 40 * DAY, UTC))
        yield batch(list(asked), 1_000)
        for each in Stream(seed=1, customers=30).batches(6_000):
            yield each

    async for _ in server.servicer.IngestEvents(requests(), None):
        await asyncio.sleep(0)
    return server.servicer, Database.open(url)


class _Catching:
    """Stands where a server would, and keeps the servicer of profiles."""

    servicer: Any = None

    def add_generic_rpc_handlers(self, _: object) -> None:
        """Another way in which the same handlers are added."""

    def add_registered_method_handlers(self, name: str, handlers: dict[str, Any]) -> None:
        if name.endswith(".ProfileService"):
            self.servicer = handlers["GetProfile"].unary_unary.__self__
