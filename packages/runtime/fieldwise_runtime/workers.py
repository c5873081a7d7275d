"""Heavy work in a process of its own that can be killed, in the same trace; knows no work.

A process per job: a solver or a training that grows, hangs or crashes takes nobody with it. It is a fresh interpreter, or
forked from a nursery, which has imported everything already.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import struct
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from fieldwise_runtime import deadlines, tls, tracing
from fieldwise_runtime.errors import DeadlineExceeded, InternalFault
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.metrics import gauge, histogram
from fieldwise_runtime.worker_handles import Spawned, Worker
from fieldwise_runtime.worker_process import LENGTH, Born, Job, Outcome

log = get_logger(__name__)

T = TypeVar("T")

_LEAVING_SECONDS: Final = 1.5
# Bytes of a message that is read beside the event loop.
_LARGE: Final = 200_000
_POLL_SECONDS: Final = 0.005
_BUSY: Final = gauge("fieldwise_workers_busy", "Worker processes that this process has at work now.")
_TOOK: Final = histogram(
    "fieldwise_worker_seconds",
    "Seconds of work in a process of its own, by what was done, whatever it came to.",
    "work",
    bounds=(0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
)


class WorkerDied(InternalFault):
    """The process ended without a result: killed by the system, out of memory, or crashed in native code."""

    def __init__(self, work: str, status: int) -> None:
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        message = (
            f"the worker process of {work} {how}; send the request again, with less in it if it was large"
        )
        super().__init__("WORKER_DIED", message, metadata={"status": str(status)})


class WorkerFailed(InternalFault):
    """The work raised something that is no answer to a caller; the traceback is in the log."""

    def __init__(self, work: str, kind: str, trace: str) -> None:
        super().__init__("WORKER_FAILED", f"{work} failed with {kind}; report trace {trace or '(none)'}")


async def run_in_process(
    work: Callable[..., T],
    *arguments: object,
    timeout: float,
    on_message: Callable[[Any], None] | None = None,
    start: Callable[[], Worker] = Spawned.started,
) -> T:
    """Runs ``work(*arguments)`` in a new process and returns its result.

    Cancelling the caller, the timeout and the end of this process each kill the worker.

    Args:
        work: A module-level function of an installed package; arguments and result must pickle.
        timeout: Seconds, further limited by the deadline of the call being served.
        on_message: Gets, in the event loop, what the work passes to `worker_process.report`, in order.
        start: Gives the process that does it.
    Raises:
        WorkerDied: The process ended without a result.
        WorkerFailed: The work raised; a FieldwiseError is raised here as it is instead.
        ResourceExhausted: Reason WORKER_OUT_OF_MEMORY.
        DeadlineExceeded: Reason WORKER_TIMEOUT.
    """
    name = f"{work.__module__}.{work.__qualname__}"
    # In a thread: a job of a million pairs takes a second to write, and other calls do not wait for it.
    job = await asyncio.to_thread(_job, work, arguments, name)
    seconds = deadlines.budget(timeout)
    worker = start()
    patience = 0.0
    begun = time.perf_counter()
    _BUSY.inc()
    try:
        async with asyncio.timeout(seconds):
            outcome = await _outcome(worker, job, name, on_message)
        patience = _LEAVING_SECONDS
    except TimeoutError:
        message = f"{name} did not finish within {seconds:g} s; give it more time or less to do"
        raise DeadlineExceeded("WORKER_TIMEOUT", message) from None
    finally:
        try:
            await _ended(worker, patience)
        finally:
            worker.close()
            _BUSY.dec()
            _TOOK.labels(name).observe(time.perf_counter() - begun)
    result: T = _result(outcome, name)
    return result


def _job(work: Callable[..., object], arguments: tuple[object, ...], name: str) -> bytes:
    service, receivers = tracing.configuration()
    job = Job(work, arguments, name, service, receivers, tracing.carry(), tls.current())
    try:
        return pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{name} cannot be sent to a worker ({error}); give a module-level function and plain values"
        ) from error


async def _outcome(
    worker: Worker, job: bytes, name: str, on_message: Callable[[Any], None] | None
) -> Outcome:
    reader, transport = await _reader(worker.receive)
    try:
        if worker.born:
            await _give(worker, job)
        while True:
            message = await _next(reader)
            if isinstance(message, Outcome):
                return message
            if message is None:
                # One that died before it said who it is can only have been killed.
                raise WorkerDied(name, await _status(worker) if worker.born else -signal.SIGKILL)
            if isinstance(message, Born):
                worker.meet(message.pid)
                await _give(worker, job)
            elif on_message is not None:
                on_message(message[0])
    finally:
        transport.close()


async def _reader(receive: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(receive, "rb")
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport


async def _give(worker: Worker, job: bytes) -> None:
    # In a thread: a job may be larger than the pipe, and is read when the worker has started.
    await asyncio.to_thread(worker.feed, job)


async def _status(worker: Worker) -> int:
    """The exit status, once there is one."""
    # A process reports to no event loop, and a worker ends seldom.
    while (status := worker.status()) is None:  # noqa: ASYNC110  # see above
        await asyncio.sleep(_POLL_SECONDS)
    return status


async def _next(reader: asyncio.StreamReader) -> Any:
    """The next message: an Outcome, a 1-tuple around a reported value, or None at the end of the pipe."""
    try:
        (length,) = struct.unpack(LENGTH, await reader.readexactly(struct.calcsize(LENGTH)))
        raw = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    # Unpickling is safe here: the other end of the pipe is a process that we started.
    return await asyncio.to_thread(pickle.loads, raw) if length > _LARGE else pickle.loads(raw)  # noqa: S301  # see above


async def _ended(worker: Worker, patience: float) -> None:
    """Leaves no process behind; one that has sent its outcome gets ``patience`` seconds to send its spans."""
    if worker.status() is not None:
        return
    try:
        async with asyncio.timeout(patience):
            await _status(worker)
    except TimeoutError:
        worker.kill()
        await _status(worker)
    except asyncio.CancelledError:
        # Given up while the worker was leaving: nobody waits for it any more, so it is ended here and now.
        worker.kill_now()
        raise


def _result(outcome: Outcome, name: str) -> Any:
    if outcome.error is not None:
        raise outcome.error
    if outcome.failure:
        log.error("worker failed", work=name, error=outcome.failure, traceback=outcome.traceback)
        raise WorkerFailed(name, outcome.failure, tracing.current_trace_id())
    return outcome.value
