"""What profile keeps over a restart, a kill -9, and beside another process on the same PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise_profile.__main__ import PACKAGE, main
from fieldwise_profile.reading import Reader
from fieldwise_profile.states import CHECKPOINT_EVENTS, States
from fieldwise_profile.store import appending
from fieldwise_runtime import health, migrations
from fieldwise_runtime.database import Database
from tests.profile.builders import DAY, NOW, Client, batch, event, purchase, serving

NAMES = [f"customers/{n}" for n in range(6)]


def many(count: int, prefix: str = "e", seed: int = 1) -> list[event_pb2.Event]:
    chance = random.Random(seed)
    return [
        purchase(
            f"{prefix}{n}",
            str(chance.randrange(6)),
            NOW - chance.uniform(1, 300 * DAY),
            category=f"C{chance.randrange(9)}",
        )
        for n in range(count)
    ]


async def test_a_restart_changes_no_profile(database_url: str) -> None:
    events = many(4 * 6 * CHECKPOINT_EVENTS // 2)
    async with serving(database_url) as client:
        for start in range(0, len(events), 500):
            await client.ingest(batch(events[start : start + 500]))
        before = await client.profiles(NAMES)
    async with serving(database_url) as client:
        assert await client.profiles(NAMES) == before
        await client.ingest(batch(many(50, "late", 2)))
        after = await client.profiles(NAMES)
        assert sum(p.event_count for p in after) == len(events) + 50


async def test_checkpoints_are_written_and_one_of_another_version_is_not_used(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(many(9 * CHECKPOINT_EVENTS)))
        await client.ingest(batch(many(1, "more")))
        before = await client.profiles(NAMES)
    engine = sa.create_engine(sqlite_database_url)
    with engine.begin() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM profiles WHERE state IS NOT NULL").scalar()
        assert kept == 6
        foreign = zlib.compress(b"\xffanything")
        connection.exec_driver_sql("UPDATE profiles SET state = ?", (foreign,))
    engine.dispose()
    async with serving(sqlite_database_url) as client:
        assert await client.profiles(NAMES) == before


async def test_a_customer_read_while_his_events_arrive_loses_none(sqlite_database_url: str) -> None:
    """With room for two customers in memory, reading and forgetting go on beside the ingest."""
    async with serving(sqlite_database_url, cached_customers=2) as client:
        events = many(1200)
        done = asyncio.Event()

        async def read() -> None:
            while not done.is_set():
                await client.profiles(NAMES)

        reading = asyncio.create_task(read())
        for start in range(0, len(events), 60):
            await client.ingest(batch(events[start : start + 60]))
        done.set()
        await reading
        kept = await client.profiles(NAMES)
    async with serving(sqlite_database_url) as client:
        assert await client.profiles(NAMES) == kept
    assert sum(p.event_count for p in kept) == 1200


async def test_two_processes_on_one_postgresql_see_each_others_events(postgres_database_url: str) -> None:
    async with serving(postgres_database_url) as one, serving(postgres_database_url) as other:
        events = many(400)
        await asyncio.gather(
            *(one.ingest(batch(events[n : n + 40])) for n in range(0, 240, 40)),
            *(other.ingest(batch(events[n : n + 40])) for n in range(160, 400, 40)),
        )
        await asyncio.sleep(0.6)
        here, there = await one.profiles(NAMES), await other.profiles(NAMES)
        assert here == there
        assert sum(p.event_count for p in here) == 400


# ---- a real process ------------------------------------------------------------------------------------------------


class Process:
    """`python -m fieldwise_profile` on a port of its own choice."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            "FIELDWISE_DATA": str(folder),
            "FIELDWISE_PROFILE_LISTEN": self.address,
            "FIELDWISE_PROFILE_DATABASE_URL": "",
        }
        self._running: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "fieldwise_profile", "migrate"], env=self._environment, check=True
        )

    async def start(self) -> None:
        self._running = subprocess.Popen([sys.executable, "-m", "fieldwise_profile"], env=self._environment)
        for _ in range(200):
            if await asyncio.to_thread(health.probe, self.address) == "SERVING":
                return
            await asyncio.sleep(0.05)
        raise AssertionError("not SERVING within 10 s")

    def kill(self) -> None:
        assert self._running is not None
        self._running.send_signal(signal.SIGKILL)
        self._running.wait()

    def stop(self) -> int:
        assert self._running is not None
        self._running.terminate()
        return self._running.wait(10)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def acknowledged_until_killed(
    process: Process, batches: list[profile_service_pb2.IngestEventsRequest]
) -> int:
    """Sends the batches and kills the server in the midst of them; how many were acknowledged."""
    answered = 0

    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        for each in batches:
            yield each

    async with grpc.aio.insecure_channel(process.address) as channel:
        try:
            async for answer in ProfileServiceStub(channel).IngestEvents(requests()):
                assert answer.batch_number == answered
                answered += 1
                if answered == 5:
                    process.kill()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
    return answered


async def profiles_of(process: Process) -> list[profile_pb2.Profile]:
    async with grpc.aio.insecure_channel(process.address) as channel:
        return await Client(channel).profiles(NAMES)


async def test_a_killed_server_lost_nothing_acknowledged_and_counts_nothing_twice(
    tmp_path: Path, free_port: int
) -> None:
    events = many(6000)
    batches = [batch(events[n * 200 : (n + 1) * 200], n) for n in range(30)]
    word = event_pb2.Consent(purpose=consent_pb2.PURPOSE_DECISION, granted=True, proof="form")
    asked = batch([event(name, name.removeprefix("customers/"), NOW - 1, consent=word) for name in NAMES])
    process = Process(tmp_path, free_port)
    process.migrate()
    await process.start()
    async with grpc.aio.insecure_channel(process.address) as channel:
        await Client(channel).ingest(asked)
    acknowledged = await acknowledged_until_killed(process, batches)
    assert 5 <= acknowledged < 30
    await process.start()
    async with grpc.aio.insecure_channel(process.address) as channel:
        answers = await Client(channel).ingest(*batches)
    assert all(answer.duplicates == 200 for answer in answers[:acknowledged])
    assert all(answer.accepted + answer.duplicates == 200 for answer in answers)
    after = await profiles_of(process)
    assert process.stop() == 0
    assert sum(profile.event_count for profile in after) == 6000 + len(NAMES)
    async with serving(f"sqlite:///{tmp_path / 'untouched.sqlite'}") as untouched:
        await untouched.ingest(asked, *batches)
        assert await untouched.profiles(NAMES) == after


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """`main` sends all log lines to the stderr of its test, which is closed when the test ends."""
    before = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = before


def test_a_server_without_migrated_database_says_which_command_cures_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIELDWISE_DATA", str(tmp_path))
    monkeypatch.setenv("FIELDWISE_PROFILE_LISTEN", "127.0.0.1:0")
    assert main([]) == 1
    assert "python -m fieldwise_profile migrate" in capsys.readouterr().err


def test_wrong_settings_and_arguments_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIELDWISE_CURRENCY", "dollar")
    monkeypatch.setenv("FIELDWISE_PROFILE_CACHED_CUSTOMERS", "0")
    assert main([]) == 1
    told = capsys.readouterr().err
    assert "FIELDWISE_CURRENCY: got 'dollar'" in told
    assert "FIELDWISE_PROFILE_CACHED_CUSTOMERS: got '0'" in told
    assert main(["start"]) == 2


async def test_health_follows_the_database(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        for name in ("", "fieldwise.profile.v1.ProfileService"):
            assert await asyncio.to_thread(health.probe, client.address, name) == "SERVING"


async def test_memory_is_bounded_by_browsing_and_who_was_forgotten_is_read_again(
    sqlite_database_url: str,
) -> None:
    migrations.migrate(sqlite_database_url, PACKAGE)
    database = Database.open(sqlite_database_url)
    states = States(database, 0, 1_000, most_browsing=50)
    looked = event_pb2.View(product="p", category="CHEESE", dwell_ms=9_000)
    sent = [event(f"{c}.{n}", str(c), NOW - 90 * n, view=looked) for n in range(9) for c in range(20)]
    events = Reader("USD").read(batch(sent)).events
    for start in range(0, len(events), 30):
        some = events[start : start + 30]
        await states.committed(await database.write(lambda c, some=some: appending.append(c, some)))  # type: ignore[misc]  # mypy cannot infer a lambda's default
        assert states.browsing <= 50 + 30
    found = await states.of([f"customers/{c}" for c in range(20)])
    assert [live.state.count for live in found.values()] == [9] * 20
    await database.close()
