"""The database under real files and a real PostgreSQL: isolation, grouped commits, failures, closing."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
import sqlalchemy as sa

from fieldwise_runtime import database, engines, migrations
from fieldwise_runtime.database import Database, Durability, upsert
from fieldwise_runtime.errors import ResourceExhausted, Unavailable, from_rpc_error
from tests.runtime.echo import echoing, request

accounts = sa.Table(
    "accounts",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(20)),
)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url)
    await opened.write(lambda connection: accounts.create(connection))
    yield opened
    await opened.close()


def insert(number: int, owner: str = "wang") -> Any:
    return lambda connection: connection.execute(sa.insert(accounts).values(id=number, owner=owner))


def count(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(accounts)).scalar_one()


async def test_what_is_written_can_be_read(db: Database) -> None:
    await db.write(insert(1))
    assert await db.read(count) == 1


async def test_a_write_that_raises_undoes_itself_and_nothing_else(db: Database) -> None:
    def insert_then_fail(connection: sa.Connection) -> None:
        connection.execute(sa.insert(accounts).values(id=100))
        raise ValueError("changed my mind")

    works = [db.write(insert_then_fail if number == 5 else insert(number)) for number in range(20)]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [5]
    assert await db.read(count) == 19


async def test_a_broken_constraint_fails_its_own_write_only(db: Database) -> None:
    works = [db.write(insert(number)) for number in (1, 2, 2, 3)]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert [isinstance(outcome, sa.exc.IntegrityError) for outcome in outcomes] == [False, False, True, False]
    assert await db.read(count) == 3


async def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"(?i)read-?only"):
        await db.read(insert(1))
    assert await db.read(count) == 0


async def test_a_read_sees_one_snapshot_while_others_write(db: Database) -> None:
    counted, written = threading.Event(), threading.Event()

    def count_twice(connection: sa.Connection) -> tuple[int, int]:
        before = count(connection)
        counted.set()
        assert written.wait(5)
        return before, count(connection)

    reading = asyncio.create_task(db.read(count_twice))
    await asyncio.to_thread(counted.wait, 5)
    await db.write(insert(1))
    written.set()
    assert await reading == (0, 0)
    assert await db.read(count) == 1


async def test_writes_that_wait_together_share_a_commit(db: Database) -> None:
    commits: list[int] = []
    sa.event.listen(db._writing, "commit", lambda _connection: commits.append(1))
    await asyncio.gather(*(db.write(insert(number)) for number in range(200)))
    assert await db.read(count) == 200
    assert len(commits) < 20


async def test_results_come_back_to_those_who_asked(db: Database) -> None:
    def give(number: int) -> Any:
        return lambda _connection: number

    numbers = range(300)
    assert await asyncio.gather(*(db.write(give(number)) for number in numbers)) == list(numbers)


async def test_a_failed_commit_fails_every_write_of_its_group(db: Database) -> None:
    def fail(_connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("disk full"))

    sa.event.listen(db._writing, "commit", fail, once=True)
    outcomes = await asyncio.gather(*(db.write(insert(n)) for n in range(3)), return_exceptions=True)
    failed = [isinstance(outcome, Unavailable) for outcome in outcomes]
    assert any(failed)
    assert await db.read(count) == failed.count(False)


async def test_a_write_cancelled_while_it_waits_is_not_run(db: Database) -> None:
    blocked, go = threading.Event(), threading.Event()

    def block(_connection: sa.Connection) -> None:
        blocked.set()
        go.wait(5)

    first = asyncio.create_task(db.write(block))
    await asyncio.to_thread(blocked.wait, 5)
    second = asyncio.create_task(db.write(insert(1)))
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.sleep(0)
    go.set()
    await first
    await db.write(insert(2))
    assert await db.read(count) == 1


async def test_a_full_queue_is_refused_with_a_remedy(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked, go = threading.Event(), threading.Event()

    def block(_connection: sa.Connection) -> None:
        blocked.set()
        go.wait(5)

    first = asyncio.create_task(db.write(block))
    await asyncio.to_thread(blocked.wait, 5)
    waiting = [asyncio.create_task(db.write(lambda _connection: None)) for _ in range(database._MAX_QUEUED)]
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted, match="later"):
        await db.write(insert(1))
    go.set()
    await asyncio.gather(first, *waiting)


async def test_closing_finishes_what_is_queued_and_refuses_more(db: Database) -> None:
    works = [asyncio.create_task(db.write(insert(number))) for number in range(50)]
    await asyncio.sleep(0)
    await db.close()
    await asyncio.gather(*works)
    with pytest.raises(Unavailable):
        await db.write(insert(51))


async def test_an_upsert_inserts_and_then_updates(db: Database) -> None:
    def put(owner: str) -> Any:
        statement = upsert(accounts, db.dialect).values(id=1, owner=owner)
        changed = statement.on_conflict_do_update(index_elements=["id"], set_={"owner": owner})
        return lambda connection: connection.execute(changed)

    await db.write(put("wang"))
    await db.write(put("li"))
    assert await db.read(lambda c: c.execute(sa.select(accounts.c.owner)).scalars().all()) == ["li"]


async def test_a_database_that_answers_is_reachable(db: Database) -> None:
    assert await db.reachable()


async def test_a_database_that_does_not_answer_is_not_reachable() -> None:
    away = Database.open("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    assert not await away.reachable()
    await away.close()


async def test_a_database_at_another_revision_is_not_ready(database_url: str) -> None:
    db = Database.open(database_url)
    assert not await db.reachable("fieldwise_allocation")
    migrations.migrate(database_url, "fieldwise_allocation")
    assert await db.reachable("fieldwise_allocation")
    await db.write(
        lambda c: c.exec_driver_sql("UPDATE fieldwise_allocation_revision SET version_num = 'older'")
    )
    assert not await db.reachable("fieldwise_allocation")
    await db.close()


async def test_a_database_that_hangs_is_not_reachable_within_three_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        hung = Database.open(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none")
        began = time.monotonic()
        assert not await hung.reachable()
        assert time.monotonic() - began < 3
        await hung.close()


async def test_long_reads_do_not_look_like_a_database_that_hangs(db: Database) -> None:
    go = threading.Event()
    reading = [asyncio.create_task(db.read(lambda _connection: go.wait(5))) for _ in range(8)]
    await asyncio.sleep(0.05)
    assert await db.reachable()
    go.set()
    await asyncio.gather(*reading)


async def test_a_database_that_is_away_is_answered_as_unavailable_and_logged_without_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Database.open("postgresql://nobody@127.0.0.1:1/none")

    async def read(_asked: Any, _context: Any) -> Any:
        return await away.read(count)

    async def write(_asked: Any, _context: Any) -> Any:
        return await away.write(insert(1, "secret"))

    caplog.set_level(logging.INFO)
    async with echoing(Unary=read) as reading, echoing(Unary=write) as writing:
        for echo in (reading, writing):
            caplog.clear()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await echo.unary(request())
            fault = from_rpc_error(caught.value)
            assert (fault.code, fault.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNREACHABLE")
            # gRPC tries a call that is UNAVAILABLE a second time.
            told = [record for record in caplog.records if record.levelno >= logging.WARNING]
            assert {record.getMessage() for record in told} == {"database unreachable"}
            assert len(told) <= 2
            assert "secret" not in caplog.text
    await away.close()


async def test_a_wrong_statement_is_no_outage(db: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        await db.read(lambda connection: connection.exec_driver_sql("SELECT * FROM nothing"))


async def test_errors_of_the_database_do_not_tell_what_was_written(db: Database) -> None:
    await db.write(insert(1))
    with pytest.raises(sa.exc.IntegrityError) as caught:
        await db.write(insert(1, "secret"))
    assert "secret" not in str(caught.value)


async def test_a_reader_in_postgresql_is_stopped_after_half_a_minute(postgres_database_url: str) -> None:
    db = Database.open(postgres_database_url)
    assert await db.read(lambda c: c.exec_driver_sql("SHOW statement_timeout").scalar()) == "30s"
    assert await db.write(lambda c: c.exec_driver_sql("SHOW statement_timeout").scalar()) == "0"
    await db.close()


@pytest.mark.parametrize(("durability", "level"), [(Durability.POWER_LOSS, 2), (Durability.PROCESS_CRASH, 1)])
async def test_sqlite_syncs_as_durability_says(
    sqlite_database_url: str, durability: Durability, level: int
) -> None:
    db = Database.open(sqlite_database_url, durability=durability)
    assert await db.write(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == level
    assert await db.write(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
    await db.close()


async def test_postgresql_waits_for_the_disk_as_durability_says(postgres_database_url: str) -> None:
    db = Database.open(postgres_database_url, durability=Durability.PROCESS_CRASH)
    assert await db.write(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar()) == "off"
    await db.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_a_database_that_is_not_supported_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(ValueError, match="give sqlite:///"):
        engines.parsed(url)
