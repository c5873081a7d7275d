"""Heavy work in a process of its own that can be killed, in the same trace; knows no work.

A fresh interpreter per job: a solver or a training that grows, hangs or crashes takes nobody with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from fieldwise_runtime import deadlines, tracing
from fieldwise_runtime.errors import DeadlineExceeded, InternalFault
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.worker_process import LENGTH, Job, Outcome

log = get_logger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

_LEAVING_SECONDS: Final = 1.5
_POLL_SECONDS: Final = 0.01
_THREADS: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


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
) -> T:
    """Runs ``work(*arguments)`` in a new process and returns its result.

    Cancelling the caller, the timeout and the end of this process each kill the worker.

    Args:
        work: A module-level function of an installed package; arguments and result must pickle.
        timeout: Seconds, further limited by the deadline of the call being served.
        on_message: Gets, in the event loop, what the work passes to `worker_process.report`, in order.
    Raises:
        WorkerDied: The process ended without a result.
        WorkerFailed: The work raised; a FieldwiseError is raised here as it is instead.
        DeadlineExceeded: Reason WORKER_TIMEOUT.
    """
    name = f"{work.__module__}.{work.__qualname__}"
    job = _job(work, arguments, name)
    seconds = deadlines.budget(timeout)
    receive, send = os.pipe()
    try:
        process = _started(send)
    except BaseException:
        os.close(receive)
        raise
    finally:
        os.close(send)
    patience = 0.0
    try:
        async with asyncio.timeout(seconds):
            outcome = await _outcome(process, receive, job, name, on_message)
        patience = _LEAVING_SECONDS
    except TimeoutError:
        message = f"{name} did not finish within {seconds:g} s; give it more time or less to do"
        raise DeadlineExceeded("WORKER_TIMEOUT", message) from None
    finally:
        try:
            await _ended(process, patience)
        finally:
            _closed(process)
    result: T = _result(outcome, name)
    return result


def _job(work: Callable[..., object], arguments: tuple[object, ...], name: str) -> bytes:
    service, receivers = tracing.configuration()
    job = Job(work, arguments, name, service, receivers, tracing.carry())
    try:
        return pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{name} cannot be sent to a worker ({error}); give a module-level function and plain values"
        ) from error


def _started(send: int) -> subprocess.Popen[bytes]:
    # Not asyncio's subprocesses: uvloop's fork the whole process, with gRPC's threads and their locks in it.
    return subprocess.Popen(
        [sys.executable, "-m", "fieldwise_runtime.worker_process", str(send), str(os.getpid())],
        stdin=subprocess.PIPE,
        pass_fds=(send,),
        # The parent's path, so that what it can import can be imported there too.
        env={**os.environ, **_THREADS, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        # Ctrl-C goes to the whole foreground group; only the parent decides what it means for the work.
        start_new_session=True,
    )


async def _outcome(
    process: subprocess.Popen[bytes],
    receive: int,
    job: bytes,
    name: str,
    on_message: Callable[[Any], None] | None,
) -> Outcome:
    reader, transport = await _reader(receive)
    try:
        await _give(process, job)
        while True:
            message = await _next(reader)
            if isinstance(message, Outcome):
                return message
            if message is None:
                raise WorkerDied(name, await _status(process))
            if on_message is not None:
                on_message(message[0])
    finally:
        transport.close()


async def _reader(receive: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(receive, "rb")
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport


async def _give(process: subprocess.Popen[bytes], job: bytes) -> None:
    # In a thread: a job may be larger than the pipe, and is read when the worker has started.
    await asyncio.to_thread(_feed, process, job)


def _feed(process: subprocess.Popen[bytes], job: bytes) -> None:
    assert process.stdin is not None
    # A worker that died at once shows itself when its outcome is read.
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(job)


async def _status(process: subprocess.Popen[bytes]) -> int:
    """The exit status, once there is one."""
    # A child of Popen reports to no event loop, and a worker ends seldom.
    while (status := process.poll()) is None:  # noqa: ASYNC110  # see above
        await asyncio.sleep(_POLL_SECONDS)
    return status


async def _next(reader: asyncio.StreamReader) -> Any:
    """The next message: an Outcome, a 1-tuple around a reported value, or None at the end of the pipe."""
    try:
        (length,) = struct.unpack(LENGTH, await reader.readexactly(struct.calcsize(LENGTH)))
        # Unpickling is safe here: the other end of the pipe is a process that we started.
        return pickle.loads(await reader.readexactly(length))  # noqa: S301  # see above
    except asyncio.IncompleteReadError:
        return None


async def _ended(process: subprocess.Popen[bytes], patience: float) -> None:
    """Leaves no process behind; one that has sent its outcome gets ``patience`` seconds to send its spans."""
    if process.poll() is not None:
        return
    try:
        async with asyncio.timeout(patience):
            await _status(process)
    except TimeoutError:
        process.kill()
        await _status(process)
    except asyncio.CancelledError:
        # Given up while the worker was leaving: nobody waits for it any more, so it is ended here and now.
        process.kill()
        process.wait()
        raise


def _closed(process: subprocess.Popen[bytes]) -> None:
    """Closes the pipe to an ended process: a call that was cancelled early never got to feeding it."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def _result(outcome: Outcome, name: str) -> Any:
    if outcome.error is not None:
        raise outcome.error
    if outcome.failure:
        log.error("worker failed", work=name, error=outcome.failure, traceback=outcome.traceback)
        raise WorkerFailed(name, outcome.failure, tracing.current_trace_id())
    return outcome.value
