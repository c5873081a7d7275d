"""The database of one service: many readers, one writer that groups commits; knows no table."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fieldwise_runtime import database_metrics, engines, migrations
from fieldwise_runtime.checkpoints import Checkpoints
from fieldwise_runtime.errors import ResourceExhausted, Unavailable
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_MAX_QUEUED: Final = 4096
_MAX_GROUP: Final = 256
_READERS: Final = 4
# Asked every second, so that a database that hangs shows in health within three.
_PROBE_SECONDS: Final = 2.0
# SQLITE_ERROR and SQLITE_READONLY: a wrong statement and a write by a reader, which SQLite calls operational too.
_WRONG: Final = (1, 8)


class Durability(enum.Enum):
    """What a commit survives."""

    POWER_LOSS = "power loss"
    PROCESS_CRASH = "crash of the process"


@dataclass(frozen=True)
class _Job:
    """One queued write and who waits for it."""

    work: Callable[[sa.Connection], Any]
    context: Context
    waiting: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        if self.job.waiting.done():  # its caller was cancelled meanwhile
            return
        if self.error is None:
            self.job.waiting.set_result(self.value)
        else:
            self.job.waiting.set_exception(self.error)


class Database:
    """Sync SQLAlchemy Core under threads. Work functions get a connection inside a transaction and never commit."""

    def __init__(
        self,
        reading: sa.Engine,
        writing: sa.Engine,
        *,
        in_loop: bool = False,
        checkpointing: sa.Engine | None = None,
    ) -> None:
        self.dialect: str = writing.dialect.name
        self._reading = reading
        self._writing = writing
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database-reader")
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_MAX_QUEUED)
        self._writer = threading.Thread(target=self._write_groups, name="database-writer", daemon=True)
        # A thread and a connection of its own: long reads must not look like a database that hangs.
        self._prober = ThreadPoolExecutor(1, thread_name_prefix="database-probe")
        self._probing: asyncio.Future[bool] | None = None
        self._needed: dict[str, str] = {}
        self._in_loop = in_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        # Held by whoever commits, and by the short end of a checkpoint.
        self._turn = threading.Lock()
        self._checkpoints: Checkpoints | None = None
        if checkpointing is not None:
            self._checkpoints = Checkpoints(checkpointing, self._turn, self._resume)
        self._waiting: list[_Job] = []
        self._kept: sa.Connection | None = None
        self._started = False
        self._closed = False
        database_metrics.OPEN.add(self)

    @property
    def queued(self) -> int:
        """Writes that wait for their commit."""
        return self._jobs.qsize() + len(self._waiting)

    @classmethod
    def open(cls, url: str, *, durability: Durability = Durability.POWER_LOSS) -> Database:
        """Opens ``sqlite:///file`` or ``postgresql://...``; connects when first used."""
        survives_power_loss = durability is Durability.POWER_LOSS
        is_sqlite = url.startswith("sqlite")
        writing = partial(engines.writing, url, survives_power_loss=survives_power_loss)
        return cls(
            engines.reading(url, connections=_READERS + 1),
            writing(checkpoints=not is_sqlite),
            # Without a wait for the disk a commit takes less than handing it to a thread and back.
            in_loop=not survives_power_loss and is_sqlite,
            checkpointing=writing(checkpoints=False) if is_sqlite else None,
        )

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs ``work`` in a reader thread, on a snapshot that cannot be written to.

        Raises:
            Unavailable: Reason DATABASE_UNREACHABLE, as from `write`.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, copy_context().run, self._read, work)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs ``work`` and returns its result once it is committed.

        One thread writes, or the event loop itself where a commit waits for nothing (SQLite, PROCESS_CRASH). Writes that
        wait together share a transaction; each has a savepoint, so one that raises undoes only itself.
        A write whose caller is cancelled while it waits in the queue is not run; later it is run to its end.

        Raises:
            ResourceExhausted: 4,096 writes wait already.
            Unavailable: Reason DATABASE_UNREACHABLE; whether a write was committed is then unknown.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, copy_context(), loop.create_future(), loop)
        if self._in_loop:
            self._put_in_loop(job)
        else:
            self._put(job)
        result: T = await job.waiting
        return result

    async def reachable(self, package: str = "") -> bool:
        """Whether the database answers within two seconds, at the revision ``package`` needs: what health reports."""
        if self._probing is None or self._probing.done():
            loop = asyncio.get_running_loop()
            self._probing = loop.run_in_executor(self._prober, self._probe, package)
        # A probe that hangs goes on, and the next call waits for the same one: they must not pile up.
        await asyncio.wait([self._probing], timeout=_PROBE_SECONDS)
        return self._probing.done() and self._probing.result()

    async def close(self) -> None:
        """Finishes what is queued, then closes all connections."""
        if self._closed:
            return
        self._closed = True
        if self._checkpoints is not None:
            await asyncio.to_thread(self._checkpoints.close)
        self._write_waiting()
        if self._probing is not None:
            # What is still with a probe when all connections are closed stays open; one that hangs is not waited for.
            await asyncio.wait([self._probing], timeout=_PROBE_SECONDS)
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        if self._started:
            self._jobs.put(None)
            self._writer.join()
        self._readers.shutdown(wait=True)
        self._prober.shutdown(wait=False)
        if self._kept is not None:
            self._kept.close()
        self._reading.dispose()
        self._writing.dispose()

    def _check_open(self) -> None:
        if self._closed:
            message = "the database of this process is closed; send the request again"
            raise Unavailable("DATABASE_CLOSED", message)

    def _put(self, job: _Job) -> None:
        self._check_open()
        if not self._started:
            self._started = True
            self._writer.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            message = f"{_MAX_QUEUED} writes wait for the database already; send the request again later"
            raise ResourceExhausted("WRITE_QUEUE_FULL", message) from None

    def _probe(self, package: str) -> bool:
        try:
            with self._reading.begin() as connection:
                if not package:
                    return connection.execute(sa.select(1)).first() is not None
                needed = self._newest(package)
                return migrations.recorded(connection, package) == needed
        except sa.exc.SQLAlchemyError:
            return False

    def _newest(self, package: str) -> str:
        # Read once: what a running program needs does not change.
        if package not in self._needed:
            self._needed[package] = migrations.newest(package)
        return self._needed[package]

    def _put_in_loop(self, job: _Job) -> None:
        """Writes asked for in one round of the loop share a transaction at the end of it."""
        self._check_open()
        self._loop = job.loop
        self._waiting.append(job)
        if len(self._waiting) == 1:
            job.loop.call_soon(self._write_waiting)

    def _write_waiting(self) -> None:
        # The loop does not wait for the end of a checkpoint: `_resume` comes after it.
        if not self._turn.acquire(blocking=False):
            return
        try:
            group, self._waiting = self._waiting, []
            outcomes = self._written([job for job in group if not job.waiting.cancelled()])
        finally:
            self._turn.release()
        _tell_all(outcomes)

    def _resume(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # a loop that is closed has nobody left who waits
                loop.call_soon_threadsafe(self._write_waiting)

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            with self._reading.begin() as connection:
                return work(connection)
        except sa.exc.SQLAlchemyError as error:
            raise _told(error) from error

    def _write_groups(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                return
            with self._turn:
                outcomes = self._written([job for job in group if not job.waiting.cancelled()])
            _tell(outcomes)

    def _next_group(self) -> list[_Job]:
        """Waits for a job and takes all that wait with it; empty when the database closes."""
        first = self._jobs.get()
        group: list[_Job] = []
        while first is not None:
            group.append(first)
            if len(group) == _MAX_GROUP:
                return group
            try:
                first = self._jobs.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._jobs.put(None)  # finish this group, then meet the end again
        return group

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        if not self._in_loop:
            with self._writing.begin() as connection:
                yield connection
            return
        # Taking the connection from the pool and giving it back costs as much as the commit; a file does not go away.
        if self._kept is None:
            self._kept = self._writing.connect()
        with self._kept.begin():
            yield self._kept

    def _written(self, group: list[_Job]) -> list[_Outcome]:
        if not group:
            return []
        outcomes = self._transacted(group)
        if self._checkpoints is not None:
            self._checkpoints.committed()
        return outcomes

    def _transacted(self, group: list[_Job]) -> list[_Outcome]:
        begun = time.perf_counter()
        try:
            return self._run(group)
        finally:
            database_metrics.COMMIT.observe(time.perf_counter() - begun)

    def _run(self, group: list[_Job]) -> list[_Outcome]:
        try:
            with self._transaction() as connection:
                if len(group) == 1:
                    return [_Outcome(group[0], value=group[0].context.run(group[0].work, connection))]
                return [_in_savepoint(job, connection) for job in group]
        except sa.exc.SQLAlchemyError as error:
            told = _told(error)
            told.__cause__ = None if told is error else error
            return [_Outcome(job, error=told) for job in group]
        except BaseException as error:  # the writer must outlive any fault of the work it is given
            return [_Outcome(job, error=error) for job in group]


def _in_savepoint(job: _Job, connection: sa.Connection) -> _Outcome:
    try:
        with connection.begin_nested():
            return _Outcome(job, value=job.context.run(job.work, connection))
    except Exception as error:
        if connection.invalidated:  # The connection is gone, and all that the group has done with it.
            raise
        return _Outcome(job, error=_told(error) if isinstance(error, sa.exc.SQLAlchemyError) else error)


def _told(error: sa.exc.SQLAlchemyError) -> Exception:
    """The error as callers may see it: an outage is answered as one and logged without statement and values."""
    if not _is_outage(error):
        return error
    log.error("database unreachable", error=type(getattr(error, "orig", None) or error).__name__)
    return Unavailable("DATABASE_UNREACHABLE", "the database does not answer; send the request again later")


def _is_outage(error: sa.exc.SQLAlchemyError) -> bool:
    if isinstance(error, (sa.exc.TimeoutError, sa.exc.DisconnectionError)):
        return True
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return True
    wrong = getattr(getattr(error, "orig", None), "sqlite_errorcode", None) in _WRONG
    return isinstance(error, sa.exc.OperationalError) and not wrong


def _tell(outcomes: list[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.job.loop, []).append(outcome)
    for loop, told in by_loop.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell_all, told)


def _tell_all(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()


def upsert(table: sa.Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with on_conflict_do_update and on_conflict_do_nothing, of the dialect (`Database.dialect`)."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
