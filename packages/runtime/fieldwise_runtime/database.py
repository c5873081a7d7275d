"""The database of one service: many readers, one writer that groups commits; knows no table."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fieldwise_runtime import engines
from fieldwise_runtime.errors import ResourceExhausted, Unavailable

T = TypeVar("T")

_MAX_QUEUED: Final = 4096
_MAX_GROUP: Final = 256
_READERS: Final = 4


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

    def __init__(self, reading: sa.Engine, writing: sa.Engine) -> None:
        self.dialect: str = writing.dialect.name
        self._reading = reading
        self._writing = writing
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database-reader")
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_MAX_QUEUED)
        self._writer = threading.Thread(target=self._write_groups, name="database-writer", daemon=True)
        self._started = False
        self._closed = False

    @classmethod
    def open(cls, url: str, *, durability: Durability = Durability.POWER_LOSS) -> Database:
        """Opens ``sqlite:///file`` or ``postgresql://...``; connects when first used."""
        survives_power_loss = durability is Durability.POWER_LOSS
        return cls(
            engines.reading(url, connections=_READERS),
            engines.writing(url, survives_power_loss=survives_power_loss),
        )

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs ``work`` in a reader thread, on a snapshot that cannot be written to."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, copy_context().run, self._read, work)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs ``work`` in the writer thread and returns its result once it is committed.

        Writes that wait together share a transaction; each has a savepoint, so one that raises undoes only itself.
        A write whose caller is cancelled while it waits in the queue is not run; later it is run to its end.

        Raises:
            ResourceExhausted: 4,096 writes wait already.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, copy_context(), loop.create_future(), loop)
        self._put(job)
        result: T = await job.waiting
        return result

    async def reachable(self) -> bool:
        """Whether the database answers: what health reports."""
        try:
            await self.read(lambda connection: connection.execute(sa.select(1)).scalar_one())
        except sa.exc.SQLAlchemyError:
            return False
        return True

    async def close(self) -> None:
        """Finishes what is queued, then closes all connections."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        if self._started:
            self._jobs.put(None)
            self._writer.join()
        self._readers.shutdown(wait=True)
        self._reading.dispose()
        self._writing.dispose()

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise Unavailable(
                "DATABASE_CLOSED", "the database of this process is closed; send the request again"
            )
        if not self._started:
            self._started = True
            self._writer.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            message = f"{_MAX_QUEUED} writes wait for the database already; send the request again later"
            raise ResourceExhausted("WRITE_QUEUE_FULL", message) from None

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        with self._reading.begin() as connection:
            return work(connection)

    def _write_groups(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                return
            wanted = [job for job in group if not job.waiting.cancelled()]
            if wanted:
                _tell(self._written(wanted))

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

    def _written(self, group: list[_Job]) -> list[_Outcome]:
        try:
            with self._writing.begin() as connection:
                if len(group) == 1:
                    return [_Outcome(group[0], value=group[0].context.run(group[0].work, connection))]
                return [_in_savepoint(job, connection) for job in group]
        except BaseException as error:  # the writer must outlive any fault of the work it is given
            return [_Outcome(job, error=error) for job in group]


def _in_savepoint(job: _Job, connection: sa.Connection) -> _Outcome:
    try:
        with connection.begin_nested():
            return _Outcome(job, value=job.context.run(job.work, connection))
    except Exception as error:
        if connection.invalidated:  # The connection is gone, and all that the group has done with it.
            raise
        return _Outcome(job, error=error)


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
