"""Events per CPU-second through the real service, with deduplication, fold, noise and sealing on; beside bare stores.

What is counted: user and system time of the server process, and of PostgreSQL's processes on PostgreSQL. The sender is not.
The peers do in one process what is left of the work without a contract: deduplicate by id, fold a count, a sum and a last time
per customer, upsert, commit every 1,000 events.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect

from benchmarks.processes import cpu_seconds
from benchmarks.profile.server import Server, postgres, postgres_pids, serving
from benchmarks.profile.stream import Stream
from benchmarks.report import Row
from fieldwise.profile.v1 import profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub

_MUST: Final = {"SQLite": 25_000, "PostgreSQL": 15_000}
_STRETCH: Final = {"SQLite": 40_000, "PostgreSQL": 25_000}
_WARM_UP: Final = 20_000

Batches = Sequence[profile_service_pb2.IngestEventsRequest]


def rows(*, quick: bool) -> Iterator[Row]:
    rounds, events = (2, 40_000) if quick else (5, 100_000)
    ours: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    core: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    raw: list[float] = []
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        servers = {"SQLite": stack.enter_context(serving()), "PostgreSQL": stack.enter_context(serving(url))}
        for server in servers.values():
            asyncio.run(_sent(server, Stream(seed=99).batches(_WARM_UP)))
        for number in range(rounds):
            batches = Stream(seed=number).batches(events)
            for engine, server in servers.items():
                ours[engine].append(events / _cost(engine, server, batches))
            values = [_plain(batch) for batch in batches]
            raw.append(events / _timed(partial(_raw_sqlite, values)))
            core["SQLite"].append(events / _core(values, ""))
            core["PostgreSQL"].append(events / _core(values, url))
    for engine, rates in ours.items():
        value, peer = statistics.median(rates), statistics.median(core[engine])
        for level, target in (("must", _MUST[engine]), ("stretch", _STRETCH[engine])):
            name = f"ingest + fold through the service, {engine}"
            yield Row(name, value, "events/CPU-s", level, f">= {target}", "SQLAlchemy Core alone", peer)
    yield Row(
        "ingest + fold through the service, SQLite, beside raw sqlite3",
        statistics.median(ours["SQLite"]),
        "events/CPU-s",
        peer="raw sqlite3",
        peer_value=statistics.median(raw),
    )


def _cost(engine: str, server: Server, batches: Batches) -> float:
    """CPU seconds of server and database for the batches."""

    def pids() -> list[int]:
        return [server.pid, *(postgres_pids() if engine == "PostgreSQL" else [])]

    before = {pid: cpu_seconds([pid]) for pid in pids()}
    asyncio.run(_sent(server, batches))
    # A backend that was started meanwhile counts from its start.
    return sum(cpu_seconds([pid]) - before.get(pid, 0.0) for pid in pids())


async def _sent(server: Server, batches: Batches) -> None:
    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        for each in batches:
            yield each

    async with server.channel() as channel:
        async for answer in ProfileServiceStub(channel).IngestEvents(requests()):
            assert not answer.rejected, answer.rejected[0]


Plain = list[tuple[str, str, int, int, bytes]]


def _plain(batch: profile_service_pb2.IngestEventsRequest) -> Plain:
    """What the peers get: no parsing, no checks."""
    return [
        (e.event_id, e.customer, e.event_time.seconds, e.purchase.amount.micros, e.SerializeToString())
        for e in batch.events
    ]


def _timed(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


_TABLES: Final = (
    "CREATE TABLE event (id TEXT PRIMARY KEY, customer TEXT, at BIGINT, amount BIGINT, body {blob})",
    "CREATE TABLE profile (customer TEXT PRIMARY KEY, n BIGINT, amount BIGINT, last BIGINT)",
)


def _folded(values: Plain, new: set[str]) -> list[tuple[str, int, int, int]]:
    found: dict[str, list[int]] = {}
    for event_id, customer, seconds, amount, _ in values:
        if event_id in new:
            new.discard(event_id)
            state = found.setdefault(customer, [0, 0, 0])
            state[0] += 1
            state[1] += amount
            state[2] = max(state[2], seconds)
    return [(customer, n, amount, last) for customer, (n, amount, last) in sorted(found.items())]


def _raw_sqlite(batches: Sequence[Plain]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        for statement in _TABLES:
            connection.execute(statement.format(blob="BLOB"))
        for values in batches:
            connection.execute("BEGIN IMMEDIATE")
            marks = ",".join("?" * len(values))
            known = {
                row[0]
                for row in connection.execute(
                    f"SELECT id FROM event WHERE id IN ({marks})", [value[0] for value in values]
                )
            }
            connection.executemany("INSERT OR IGNORE INTO event VALUES (?,?,?,?,?)", values)
            connection.executemany(
                "INSERT INTO profile VALUES (?,?,?,?) ON CONFLICT (customer) DO UPDATE SET n = n + excluded.n, "
                "amount = amount + excluded.amount, last = max(last, excluded.last)",
                _folded(values, {value[0] for value in values} - known),
            )
            connection.execute("COMMIT")
        connection.close()


def _core(batches: Sequence[Plain], url: str) -> float:
    """CPU seconds of SQLAlchemy Core (and of PostgreSQL) for the batches."""
    metadata = sa.MetaData(schema=None)
    event = sa.Table(
        "peer_event",
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer", sa.Text),
        sa.Column("at", sa.BigInteger),
        sa.Column("amount", sa.BigInteger),
        sa.Column("body", sa.LargeBinary),
    )
    profile = sa.Table(
        "peer_profile",
        metadata,
        sa.Column("customer", sa.Text, primary_key=True),
        sa.Column("n", sa.BigInteger),
        sa.Column("amount", sa.BigInteger),
        sa.Column("last", sa.BigInteger),
    )
    with tempfile.TemporaryDirectory() as folder:
        address = url.replace("postgresql://", "postgresql+psycopg://") or f"sqlite:///{folder}/core.sqlite"
        engine = sa.create_engine(address)
        if not url:
            sa.event.listen(engine, "connect", _quick_journal)
        metadata.drop_all(engine)
        metadata.create_all(engine)
        before = {pid: cpu_seconds([pid]) for pid in (postgres_pids() if url else [])}
        took = _timed(lambda: _through_core(engine, event, profile, batches))
        if url:
            took += sum(cpu_seconds([pid]) - before.get(pid, 0.0) for pid in postgres_pids())
        metadata.drop_all(engine)
        engine.dispose()
    return took


def _quick_journal(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _through_core(engine: sa.Engine, event: sa.Table, profile: sa.Table, batches: Sequence[Plain]) -> None:
    dialect: Any = pg_dialect if engine.dialect.name == "postgresql" else sqlite_dialect
    largest: Any = sa.func.greatest if engine.dialect.name == "postgresql" else sa.func.max
    names = ("id", "customer", "at", "amount", "body")
    add = dialect.insert(event).on_conflict_do_nothing().returning(event.c.id)
    state = dialect.insert(profile)
    merge = state.on_conflict_do_update(
        index_elements=["customer"],
        set_={
            "n": profile.c.n + state.excluded.n,
            "amount": profile.c.amount + state.excluded.amount,
            "last": largest(profile.c.last, state.excluded.last),
        },
    )
    for values in batches:
        unique = {value[0]: dict(zip(names, value, strict=True)) for value in values}
        with engine.begin() as connection:
            new = set(connection.execute(add, list(unique.values())).scalars())
            folded = [
                dict(zip(("customer", "n", "amount", "last"), row, strict=True))
                for row in _folded(values, new)
            ]
            if folded:
                connection.execute(merge, folded)
