"""Long-running operations (google.longrunning) kept in the service's own database; knows no work.

One process runs the operations of a database: what a crash left running is marked as aborted when the next one starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2

from fieldwise_runtime import deadlines
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    FieldwiseError,
    InternalFault,
    InvalidRequest,
    NotFound,
    Violation,
    from_rpc_error,
    from_status,
    reason_of,
    to_status,
)
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token
from fieldwise_runtime.scrubbing import zeroing
from fieldwise_runtime.tracing import current_trace_id, mark_failed, step

log = get_logger(__name__)

SERVICE_NAME: Final = "google.longrunning.Operations"
_PAGE: Final = 100
_MOST: Final = 1000
_WAIT_SECONDS: Final = 30.0
_FIRST_RETRY_SECONDS: Final = 0.1
_LAST_RETRY_SECONDS: Final = 10.0


def operations_table(metadata: sa.MetaData) -> sa.Table:
    """The table of operations; a service's first migration creates it with `create_operations`."""
    return sa.Table("operations", metadata, *_columns())


def create_operations(op: Any) -> None:
    """Creates the table in a migration; ``op`` is alembic.op."""
    op.create_table("operations", *_columns())


def _columns() -> list[sa.schema.SchemaItem]:
    return [
        # Ascending in the order of starting, for lists.
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("prefix", sa.String(64), nullable=False),
        # NULL when the caller sent none: NULLs do not collide.
        sa.Column("request_id", sa.String(200), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        # google.longrunning.Operation, serialised.
        sa.Column("operation", sa.LargeBinary, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.UniqueConstraint("prefix", "request_id", name="operations_by_request"),
    ]


_table: Final = operations_table(sa.MetaData())


class Progress:
    """Given to the work, to say how far it is; shown as the operation's metadata."""

    def __init__(self, operation: operations_pb2.Operation) -> None:
        self._operation = operation

    @property
    def name(self) -> str:
        """The operation's name, operations/<service>/<uuid>."""
        return self._operation.name

    def update(self, metadata: Message) -> None:
        """Replaces the operation's metadata; call it in the event loop."""
        self._operation.metadata.Pack(metadata)


Work = Callable[[Progress], Awaitable[Message]]


@dataclass(frozen=True)
class _Running:
    operation: operations_pb2.Operation
    task: asyncio.Task[None]


class Operations:
    """Starts work that outlives its call, and answers for it afterwards."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._running: dict[str, _Running] = {}
        # Done, but not in the database yet.
        self._unstored: dict[str, operations_pb2.Operation] = {}
        # The loop keeps only weak references to tasks.
        self._starting: set[asyncio.Task[operations_pb2.Operation]] = set()
        self._storing: set[asyncio.Task[None]] = set()

    async def recover(self) -> int:
        """Marks what a crash left running as aborted; call it once before serving. Returns how many there were."""
        interrupted = Aborted(
            "OPERATION_INTERRUPTED", "the server stopped while this ran; start it again with a new request_id"
        )
        found = await self._db.write(lambda connection: _abort_running(connection, to_status(interrupted)))
        if found:
            log.warning("operations aborted", operations=found, reason=interrupted.reason)
        return found

    async def start(
        self, prefix: str, request_id: str, fingerprint: str, work: Work, metadata: Message
    ) -> operations_pb2.Operation:
        """Starts the work, unless ``request_id`` has done so before: then its operation is returned.

        Args:
            prefix: The service's short name; operations are named operations/<prefix>/<uuid>.
            request_id: The caller's; empty starts new work each time.
            fingerprint: What was asked (`fingerprints.fingerprint`).
            metadata: What Get shows until the work tells more.
        Raises:
            AlreadyExists: Reason REQUEST_ID_REUSED, the request_id came with another body before.
        """
        operation = operations_pb2.Operation(name=f"operations/{prefix}/{uuid.uuid4()}")
        operation.metadata.Pack(metadata)
        row = {
            "name": operation.name,
            "prefix": prefix,
            "request_id": request_id or None,
            "fingerprint": fingerprint,
            "operation": operation.SerializeToString(),
            "done": False,
        }
        # A caller that leaves after the commit must not leave a row that nobody works on.
        starting = asyncio.create_task(self._start(operation, row, work))
        self._starting.add(starting)
        starting.add_done_callback(self._started)
        return await asyncio.shield(starting)

    async def _start(
        self, operation: operations_pb2.Operation, row: dict[str, Any], work: Work
    ) -> operations_pb2.Operation:
        kept = await self._db.write(lambda connection: _kept(connection, row))
        if kept is not None:
            return self._current(kept)
        task = asyncio.create_task(self._run(operation, work), name=operation.name)
        self._running[operation.name] = _Running(operation, task)
        return _snapshot(operation)

    def _started(self, starting: asyncio.Task[operations_pb2.Operation]) -> None:
        self._starting.discard(starting)
        if not starting.cancelled():
            starting.exception()  # its caller may have left; asyncio would complain that nobody asked

    async def get(self, name: str) -> operations_pb2.Operation:
        """The operation as it is now, with its latest progress.

        Raises:
            NotFound: Reason OPERATION_NOT_FOUND.
        """
        known = self._in_memory(name)
        if known is not None:
            return known
        raw = await self._db.read(lambda connection: _raw(connection, name))
        if raw is None:
            raise NotFound(name, "list operations to see what there is", reason="OPERATION_NOT_FOUND")
        return operations_pb2.Operation.FromString(raw)

    async def wait(self, name: str, timeout: float) -> operations_pb2.Operation:
        """The operation once it is done, or as it is after ``timeout`` seconds or just before the call's deadline."""
        running = self._running.get(name)
        if running is not None:
            seconds = max(0.0, deadlines.budget(timeout))
            await asyncio.wait([running.task], timeout=seconds)
        return await self.get(name)

    async def cancel(self, name: str) -> None:
        """Cancels the work and waits until it has stopped; does nothing when it is done."""
        running = self._running.get(name)
        if running is None:
            await self.get(name)
            return
        running.task.cancel()
        await asyncio.wait([running.task])

    async def delete(self, name: str) -> None:
        """Forgets an operation that is done.

        Raises:
            FailedPrecondition: Reason OPERATION_RUNNING.
        """
        if name in self._running:
            raise FailedPrecondition("OPERATION_RUNNING", f"{name} is running; cancel it first")
        await self.get(name)
        await self._db.write(lambda connection: _forget(connection, name))
        self._unstored.pop(name, None)

    async def page(
        self, prefix: str, page_size: int, token: str
    ) -> tuple[list[operations_pb2.Operation], str]:
        """Operations of a prefix in the order of starting, and the token of the next page."""
        size = clamp_page_size(page_size, _PAGE, _MOST)
        after = int(cursor_of(token, prefix) or 0)
        rows = await self._db.read(lambda connection: _rows_after(connection, prefix, after, size + 1))
        listed = [self._current(operations_pb2.Operation.FromString(raw)) for _, raw in rows[:size]]
        return listed, page_token(str(rows[size - 1][0]), prefix) if len(rows) > size else ""

    async def close(self) -> None:
        """Cancels what runs; it is recorded as aborted by the stop of the server."""
        if self._starting:
            await asyncio.wait(self._starting)
        running = list(self._running.values())
        for each in running:
            each.task.cancel("server stops")
        if running:
            await asyncio.wait([each.task for each in running])
        for storing in self._storing:
            storing.cancel()
        # Those that fail once more are found running, and marked as aborted, by the next start.
        await asyncio.gather(*(self._stored(done) for done in list(self._unstored.values())))

    def servicer(self) -> OperationsServicer:
        """google.longrunning.Operations over these operations."""
        return OperationsServicer(self)

    def register(self, server: grpc.aio.Server) -> None:
        """Adds google.longrunning.Operations to the server."""
        operations_pb2.add_OperationsServicer_to_server(self.servicer(), server)

    def _current(self, stored: operations_pb2.Operation) -> operations_pb2.Operation:
        return self._in_memory(stored.name) or stored

    def _in_memory(self, name: str) -> operations_pb2.Operation | None:
        """The operation while memory knows more of it than the database."""
        running = self._running.get(name)
        known = self._unstored.get(name) if running is None else running.operation
        return None if known is None else _snapshot(known)

    async def _run(self, operation: operations_pb2.Operation, work: Work) -> None:
        # The call that started this has ended, and so has its deadline.
        deadlines.begin(None)
        kind = operation.name.split("/")[1]
        with step(f"operation {kind}", {"fieldwise.operation": operation.name}) as span:
            done = _snapshot(operation)
            try:
                done.response.Pack(await work(Progress(operation)))
            except asyncio.CancelledError as cancelled:
                done.error.CopyFrom(to_status(_stopped(operation.name, cancelled)))
            except Exception as error:  # it belongs into the operation: nobody else waits for it
                done.error.CopyFrom(to_status(_reported(operation.name, error)))
            if done.HasField("error"):
                mark_failed(span, from_status(done.error).reason)
            done.metadata.CopyFrom(operation.metadata)
            done.done = True
            await self._keep(done)

    async def _keep(self, done: operations_pb2.Operation) -> None:
        self._unstored[done.name] = done
        storing = asyncio.create_task(self._stored(done))
        # A second cancellation must not lose the result.
        while not storing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(storing)
        # Only now is it shown as done: what a caller was told must survive a crash, as far as there is a database.
        self._running.pop(done.name, None)
        if done.name in self._unstored and not storing.cancelled():
            later = asyncio.create_task(self._store_later(done))
            self._storing.add(later)
            later.add_done_callback(self._storing.discard)

    async def _store_later(self, done: operations_pb2.Operation) -> None:
        """Tries until the outcome is stored or deleted; until then memory answers for it."""
        pause = _FIRST_RETRY_SECONDS
        while done.name in self._unstored:
            await asyncio.sleep(pause)
            await self._stored(done)
            pause = min(2 * pause, _LAST_RETRY_SECONDS)

    async def _stored(self, done: operations_pb2.Operation) -> None:
        """Tries once to store the outcome."""
        values = {"operation": done.SerializeToString(), "done": True}
        statement = sa.update(_table).where(_table.c.name == done.name).values(values)
        try:
            await self._db.write(lambda connection: connection.execute(statement))
        except Exception as error:  # whatever it is, the outcome stays in memory and is tried again
            log.warning("operation result not stored yet", operation=done.name, reason=reason_of(error))
        else:
            self._unstored.pop(done.name, None)


def _snapshot(operation: operations_pb2.Operation) -> operations_pb2.Operation:
    copied = operations_pb2.Operation()
    copied.CopyFrom(operation)
    return copied


def _stopped(name: str, cancelled: asyncio.CancelledError) -> FieldwiseError:
    if cancelled.args:
        return Aborted(
            "OPERATION_INTERRUPTED", "the server stopped while this ran; start it again with a new request_id"
        )
    return FieldwiseError(
        "OPERATION_CANCELLED",
        f"{name} was cancelled; start it again with a new request_id if it is wanted",
        code=grpc.StatusCode.CANCELLED,
    )


def _reported(name: str, error: Exception) -> FieldwiseError:
    if isinstance(error, FieldwiseError):
        return error
    if isinstance(error, grpc.aio.AioRpcError):
        return from_rpc_error(error).as_error()
    log.exception("operation failed", operation=name, error=type(error).__name__)
    trace_id = current_trace_id()
    return InternalFault("INTERNAL", f"{name} failed by a fault of ours; report trace {trace_id or '(none)'}")


# ---- SQL ----------------------------------------------------------------------------------------------------------


def _kept(connection: sa.Connection, row: dict[str, Any]) -> operations_pb2.Operation | None:
    """The operation of an earlier request with the same id; None when there was none and ``row`` is stored now."""
    if row["request_id"] is not None:
        same = sa.and_(_table.c.prefix == row["prefix"], _table.c.request_id == row["request_id"])
        found = connection.execute(sa.select(_table.c.fingerprint, _table.c.operation).where(same)).first()
        if found is not None:
            if found.fingerprint != row["fingerprint"]:
                raise request_id_reused(row["request_id"])
            return operations_pb2.Operation.FromString(found.operation)
    connection.execute(sa.insert(_table).values(row))
    return None


def request_id_reused(request_id: str) -> AlreadyExists:
    """The answer to a request_id that came with another body before."""
    remedy = "send the same body with it, or a new request_id for a new request"
    return AlreadyExists(f"request_id {request_id!r}", remedy, reason="REQUEST_ID_REUSED")


def _raw(connection: sa.Connection, name: str) -> bytes | None:
    return connection.execute(sa.select(_table.c.operation).where(_table.c.name == name)).scalar()


def _rows_after(connection: sa.Connection, prefix: str, after: int, most: int) -> list[tuple[int, bytes]]:
    wanted = sa.and_(_table.c.number > after, _table.c.prefix == prefix)
    statement = (
        sa.select(_table.c.number, _table.c.operation).where(wanted).order_by(_table.c.number).limit(most)
    )
    return [(row.number, row.operation) for row in connection.execute(statement)]


def _abort_running(connection: sa.Connection, status: status_pb2.Status) -> int:
    rows = connection.execute(
        sa.select(_table.c.number, _table.c.operation).where(sa.not_(_table.c.done))
    ).all()
    for row in rows:
        operation = operations_pb2.Operation.FromString(row.operation)
        operation.done = True
        operation.error.CopyFrom(status)
        values = {"operation": operation.SerializeToString(), "done": True}
        connection.execute(sa.update(_table).where(_table.c.number == row.number).values(values))
    return len(rows)


# ---- wire ---------------------------------------------------------------------------------------------------------


class OperationsServicer(operations_pb2.OperationsServicer):
    """google.longrunning.Operations: wire to `Operations` and back."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def GetOperation(self, request: Any, context: Any) -> operations_pb2.Operation:
        return await self._operations.get(request.name)

    async def WaitOperation(self, request: Any, context: Any) -> operations_pb2.Operation:
        timeout = (
            request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else _WAIT_SECONDS
        )
        if timeout < 0:
            raise InvalidRequest([Violation.of("timeout", timeout, "give a duration of 0 or more")])
        return await self._operations.wait(request.name, timeout)

    async def CancelOperation(self, request: Any, context: Any) -> empty_pb2.Empty:
        await self._operations.cancel(request.name)
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: Any, context: Any) -> empty_pb2.Empty:
        await self._operations.delete(request.name)
        return empty_pb2.Empty()

    async def ListOperations(self, request: Any, context: Any) -> operations_pb2.ListOperationsResponse:
        if request.filter:
            raise InvalidRequest(
                [Violation.of("filter", request.filter, "leave it empty; filters are not supported")]
            )
        prefix = request.name.removeprefix("operations/").strip("/")
        listed, token = await self._operations.page(prefix, request.page_size, request.page_token)
        return operations_pb2.ListOperationsResponse(operations=listed, next_page_token=token)


def unpacked(packed: any_pb2.Any, into: Message) -> Message:
    """The message in an Any.

    Raises:
        ValueError: It holds a message of another type.
    """
    if not packed.Unpack(into):
        raise ValueError(f"got {packed.TypeName()!r}; expected {into.DESCRIPTOR.full_name}")
    return into


def _forget(connection: sa.Connection, name: str) -> None:
    # Zeroed: its answer may name customers who are being erased.
    with zeroing(connection):
        connection.execute(sa.delete(_table).where(_table.c.name == name))
