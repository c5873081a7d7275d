"""Long-running operations over a real database and a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import pytest_asyncio
import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from fieldwise.profile.v1 import profile_service_pb2 as pb
from fieldwise_runtime import operations, tracing
from fieldwise_runtime.channels import connect
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    Unavailable,
    from_rpc_error,
    from_status,
)
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.operations import SERVICE_NAME, Operations, Progress
from fieldwise_runtime.server import Service, start


def number(value: int) -> pb.ListCustomersResponse:
    return pb.ListCustomersResponse(total_size=value)


def number_in(packed: Any) -> int:
    message = number(0)
    assert packed.Unpack(message)
    return message.total_size


async def at_once(_progress: Progress) -> Any:
    return number(7)


async def for_ever(progress: Progress) -> Any:
    progress.update(number(42))
    await asyncio.sleep(60)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url)
    table = operations.operations_table(sa.MetaData())
    await opened.write(lambda connection: table.create(connection))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def running(db: Database) -> AsyncIterator[Operations]:
    made = Operations(db)
    yield made
    await made.close()


async def begin(
    running: Operations, work: Any, request_id: str = "", asked: str = "f"
) -> operations_pb2.Operation:
    return await running.start("allocation", request_id, asked, work, number(0))


async def test_work_that_is_done_gives_its_response(running: Operations) -> None:
    begun = await begin(running, at_once)
    assert not begun.done
    assert begun.name.startswith("operations/allocation/")
    done = await running.wait(begun.name, 5)
    assert done.done
    assert number_in(done.response) == 7


async def test_progress_is_seen_while_the_work_runs(running: Operations) -> None:
    begun = await begin(running, for_ever)
    assert number_in(begun.metadata) == 0
    await asyncio.sleep(0)
    seen = await running.get(begun.name)
    assert not seen.done
    assert number_in(seen.metadata) == 42


async def test_waiting_ends_with_its_timeout_and_the_work_goes_on(running: Operations) -> None:
    begun = await begin(running, for_ever)
    assert not (await running.wait(begun.name, 0.05)).done


async def test_cancelling_stops_the_work_and_keeps_its_progress(running: Operations) -> None:
    stopped = asyncio.Event()

    async def work(progress: Progress) -> Any:
        try:
            return await for_ever(progress)
        finally:
            stopped.set()

    begun = await begin(running, work)
    await asyncio.sleep(0)
    await running.cancel(begun.name)
    assert stopped.is_set()
    done = await running.get(begun.name)
    assert from_status(done.error).code is grpc.StatusCode.CANCELLED
    assert number_in(done.metadata) == 42


async def test_a_fault_is_told_by_reason_and_leaks_nothing(running: Operations) -> None:
    async def refuse(_progress: Progress) -> Any:
        raise NotFound("reps/9", "create it", reason="REP_NOT_FOUND")

    async def blunder(_progress: Progress) -> Any:
        raise ValueError("secret")

    refused = await running.wait((await begin(running, refuse)).name, 5)
    assert from_status(refused.error).reason == "REP_NOT_FOUND"
    blundered = await running.wait((await begin(running, blunder)).name, 5)
    assert from_status(blundered.error).reason == "INTERNAL"
    assert "secret" not in blundered.error.message


async def test_the_same_request_starts_its_work_once(running: Operations) -> None:
    started: list[int] = []

    async def work(_progress: Progress) -> Any:
        started.append(1)
        return number(1)

    names = {each.name for each in await asyncio.gather(*(begin(running, work, "r1") for _ in range(10)))}
    assert len(names) == 1
    assert (await running.wait(names.pop(), 5)).done
    assert (await begin(running, work, "r1")).done
    assert len(started) == 1


async def test_a_request_id_with_another_body_is_refused(running: Operations) -> None:
    await begin(running, at_once, "r1", asked="one")
    with pytest.raises(AlreadyExists, match="new request_id") as caught:
        await begin(running, at_once, "r1", asked="two")
    assert caught.value.reason == "REQUEST_ID_REUSED"


async def test_requests_without_an_id_are_all_new(running: Operations) -> None:
    assert (await begin(running, at_once)).name != (await begin(running, at_once)).name


async def test_what_a_crash_left_running_is_aborted_with_a_remedy(db: Database, running: Operations) -> None:
    begun = await begin(running, for_ever)
    after_the_crash = Operations(db)
    assert await after_the_crash.recover() == 1
    fault = from_status((await after_the_crash.get(begun.name)).error)
    assert fault.reason == "OPERATION_INTERRUPTED"
    assert "start it again" in fault.message
    assert await after_the_crash.recover() == 0


async def test_a_server_that_stops_records_what_it_stopped(db: Database) -> None:
    stopping = Operations(db)
    begun = await begin(stopping, for_ever)
    await asyncio.sleep(0)
    await stopping.close()
    done = await Operations(db).get(begun.name)
    assert from_status(done.error).reason == "OPERATION_INTERRUPTED"


async def test_operations_are_listed_in_pages_in_the_order_of_starting(running: Operations) -> None:
    names = [(await begin(running, at_once)).name for _ in range(5)]
    first, token = await running.page("allocation", 3, "")
    rest, end = await running.page("allocation", 3, token)
    assert [each.name for each in first + rest] == names
    assert end == ""
    assert await running.page("forecast", 3, "") == ([], "")
    with pytest.raises(InvalidRequest):
        await running.page("forecast", 3, token)


async def test_the_work_is_in_the_trace_of_its_request(running: Operations, recorded: Any) -> None:
    with tracing.tracer().start_as_current_span("request") as above:
        begun = await begin(running, at_once)
    await running.wait(begun.name, 5)
    spans = {span.name: span for span in recorded.get_finished_spans()}
    assert spans["operation allocation"].context.trace_id == above.get_span_context().trace_id


async def test_a_fingerprint_knows_the_question_and_not_when_it_was_asked() -> None:
    asked = pb.IngestEventsRequest(batch_number=1)
    later = pb.IngestEventsRequest(batch_number=1)
    later.decision_time.seconds = 5
    assert fingerprint(asked) == fingerprint(later) != fingerprint(pb.IngestEventsRequest(batch_number=2))


class Slow:
    """A database that says only later that it has committed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.read = db.read
        self.committed = asyncio.Event()

    async def write(self, work: Any) -> Any:
        value = await self._db.write(work)
        self.committed.set()
        await asyncio.sleep(0.05)
        return value


async def test_a_caller_that_leaves_after_the_commit_leaves_no_work_undone(db: Database) -> None:
    slow: Any = Slow(db)
    running = Operations(slow)
    starting = asyncio.create_task(begin(running, at_once, "r1"))
    await slow.committed.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.sleep(0.1)
    again = await begin(running, at_once, "r1")
    assert (await running.wait(again.name, 5)).done
    await running.close()


class Away:
    """A database that refuses writes while ``away`` holds an error."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.read = db.read
        self.away: Exception | None = None
        self.written = asyncio.Event()

    async def write(self, work: Any) -> Any:
        if self.away is not None:
            raise self.away
        value = await self._db.write(work)
        self.written.set()
        return value


@pytest.mark.parametrize("error", [Unavailable("DATABASE_UNREACHABLE", "away"), ValueError("broken")])
async def test_a_result_that_cannot_be_stored_is_answered_from_memory_and_stored_later(
    db: Database, error: Exception
) -> None:
    away: Any = Away(db)
    operations_of = Operations(away)
    go = asyncio.Event()

    async def work(_progress: Progress) -> Any:
        await go.wait()
        return number(7)

    begun = await begin(operations_of, work, "r1")
    away.away = error
    go.set()
    done = await operations_of.wait(begun.name, 5)
    assert done.done
    assert number_in(done.response) == 7
    assert (await begin(Operations(db), work, "r1")).done is False  # not in the database yet
    away.written.clear()
    away.away = None
    async with asyncio.timeout(5):
        await away.written.wait()
    assert (await Operations(db).get(begun.name)).done
    assert (await operations_of.get(begun.name)).done
    await operations_of.close()


async def test_a_server_that_stops_tries_once_more_to_store_a_result(db: Database) -> None:
    away: Any = Away(db)
    stopping = Operations(away)
    begun = await begin(stopping, for_ever)
    away.away = Unavailable("DATABASE_UNREACHABLE", "away")
    await stopping.cancel(begun.name)
    assert (await stopping.get(begun.name)).done
    away.away = None
    await stopping.close()
    assert (await Operations(db).get(begun.name)).done


async def test_spans_of_failed_work_tell_its_reason_and_no_text(running: Operations, recorded: Any) -> None:
    async def refuse(_progress: Progress) -> Any:
        raise NotFound("customers/secret", "create it", reason="CUSTOMER_NOT_FOUND")

    await running.wait((await begin(running, refuse)).name, 5)
    with pytest.raises(ValueError, match="secret"), tracing.continued({}, "later work"):
        raise ValueError("secret")
    spans = {span.name: span for span in recorded.get_finished_spans()}
    assert spans["operation allocation"].status.description == "CUSTOMER_NOT_FOUND"
    assert spans["later work"].status.description == "ValueError"
    assert "secret" not in "".join(span.to_json() for span in spans.values())


@asynccontextmanager
async def served(running: Operations) -> AsyncIterator[operations_pb2.OperationsStub]:
    service = Service("fieldwise-test", "127.0.0.1:0", running.register, (SERVICE_NAME,), drain_seconds=0.1)
    server = await start(service)
    async with connect(f"127.0.0.1:{server.port}", "test") as channel:
        yield operations_pb2.OperationsStub(channel)
    await server.stop()


async def test_operations_are_served_on_the_wire(running: Operations) -> None:
    done = (await begin(running, at_once)).name
    endless = (await begin(running, for_ever)).name
    async with served(running) as stub:
        waited = await stub.WaitOperation(operations_pb2.WaitOperationRequest(name=done))
        assert number_in(waited.response) == 7
        short = operations_pb2.WaitOperationRequest(name=endless, timeout=Duration(nanos=10_000_000))
        assert not (await stub.WaitOperation(short)).done
        assert not (
            await stub.WaitOperation(operations_pb2.WaitOperationRequest(name=endless), timeout=0.3)
        ).done
        await stub.CancelOperation(operations_pb2.CancelOperationRequest(name=endless))
        assert (await stub.GetOperation(operations_pb2.GetOperationRequest(name=endless))).error.code == 1
        listed = await stub.ListOperations(operations_pb2.ListOperationsRequest(name="operations/allocation"))
        assert [each.name for each in listed.operations] == [done, endless]
        await stub.DeleteOperation(operations_pb2.DeleteOperationRequest(name=done))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetOperation(operations_pb2.GetOperationRequest(name=done))
    assert from_rpc_error(caught.value).reason == "OPERATION_NOT_FOUND"
