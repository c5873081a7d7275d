"""SQLite's log is written back beside the writer: it stays short, and neither loop nor reader waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from fieldwise_runtime import checkpoints
from fieldwise_runtime.database import Database, Durability

_MEGABYTE = 1 << 20
notes = sa.Table(
    "notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.LargeBinary)
)


async def fill(database: Database, first: int, count: int) -> None:
    for number in range(first, first + count):
        statement = sa.insert(notes).values(id=number, body=bytes(_MEGABYTE))
        await database.write(partial(sa.Connection.execute, statement=statement))


def kept(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(notes)).scalar_one()


@pytest.mark.parametrize("durability", list(Durability))
async def test_the_log_stays_short_while_commits_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability
) -> None:
    monkeypatch.setattr(checkpoints, "_LONG", 4_000)
    database = Database.open(f"sqlite:///{tmp_path / 'notes.sqlite'}", durability=durability)
    await database.write(lambda connection: notes.create(connection))
    for first in (0, 20, 40, 60):
        await fill(database, first, 20)
        # A moment's pause, as every service has: the thread catches up, and the log begins anew.
        await asyncio.sleep(0.25)
    assert (tmp_path / "notes.sqlite-wal").stat().st_size < 56 * _MEGABYTE
    assert await database.read(kept) == 80
    await database.close()
    assert not (tmp_path / "notes.sqlite-wal").exists()


async def test_neither_the_loop_nor_other_calls_wait_while_a_checkpoint_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    count = checkpoints._log

    def slow(cursor: object, mode: str) -> tuple[int, int]:
        if mode == "PASSIVE":
            held.append(mode)
            time.sleep(0.4)
        return count(cursor, mode)

    monkeypatch.setattr(checkpoints, "_log", slow)
    monkeypatch.setattr(checkpoints, "_LONG", 4_000)
    database = Database.open(f"sqlite:///{tmp_path / 'notes.sqlite'}", durability=Durability.PROCESS_CRASH)
    await database.write(lambda connection: notes.create(connection))
    latest, longest, ended = time.monotonic(), 0.0, False

    async def tick() -> None:
        nonlocal latest, longest
        while not ended:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            longest, latest = max(longest, now - latest), now

    ticking = asyncio.create_task(tick())
    number = 0
    while len(held) < 2:  # the second of a checkpoint holds commits up
        await fill(database, number, 1)
        number += 1
    ended = True
    await ticking
    assert longest < 0.35
    await database.close()


async def test_commits_go_on_while_a_reader_keeps_the_log_from_being_written_back(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'notes.sqlite'}", durability=Durability.PROCESS_CRASH)
    await database.write(lambda connection: notes.create(connection))
    begun, go_on = threading.Event(), threading.Event()

    def read_long(connection: sa.Connection) -> tuple[int, int]:
        before = kept(connection)
        begun.set()
        go_on.wait(30)
        return before, kept(connection)

    reading = asyncio.create_task(database.read(read_long))
    await asyncio.to_thread(begun.wait)
    started = time.monotonic()
    await fill(database, 0, 24)
    assert time.monotonic() - started < 5
    go_on.set()
    assert await reading == (0, 0)
    await database.close()


def test_a_database_may_close_while_its_first_commit_still_begins_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, start = threading.Event(), threading.Thread.start

    def slowly(thread: threading.Thread) -> None:
        if thread.name == "database-checkpoints":
            begun.set()
            time.sleep(0.2)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", slowly)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'notes.sqlite'}")
    found = checkpoints.Checkpoints(engine, threading.Lock(), lambda: None)
    committing = threading.Thread(target=found.committed)
    committing.start()
    assert begun.wait(5)
    found.close()
    committing.join()
    found.committed()  # late: begins nothing
    assert not any(each.name == "database-checkpoints" for each in threading.enumerate())
