"""The inside of a worker process: reads one job, does it in the parent's trace, sends the outcome; knows no work."""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, Final

from fieldwise_runtime import logs, tls, tracing
from fieldwise_runtime.errors import FieldwiseError, ResourceExhausted

LENGTH: Final = "!Q"
_PR_SET_PDEATHSIG: Final = 1
# Behind the servers: a training must not slow a decision down.
_NICENESS: Final = 5


@dataclass(frozen=True)
class Job:
    """What to do and in which trace."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    name: str
    service: str
    receivers: tuple[str, ...]
    carrier: dict[str, str]
    identity: tls.Identity | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it: a value, an error meant for the caller, or a failure."""

    value: Any = None
    error: FieldwiseError | None = None
    failure: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Born:
    """The first message of a worker whose process its caller did not start himself."""

    pid: int


_to_parent: BinaryIO | None = None
_listener: Final[ContextVar[Callable[[object], None] | None]] = ContextVar("listener", default=None)


def report(value: object) -> None:
    """Sends a value to the parent's ``on_message`` at once; outside a worker process it does nothing."""
    listener = _listener.get()
    if listener is not None:
        listener(value)
    elif _to_parent is not None:
        _send(_to_parent, (value,))


@contextmanager
def reporting_to(listener: Callable[[object], None]) -> Iterator[None]:
    """What is reported within goes to ``listener`` instead: how work is done in another kind of worker."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def _send(pipe: BinaryIO, message: object) -> None:
    raw = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(struct.pack(LENGTH, len(raw)))
    pipe.write(raw)
    pipe.flush()


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the line above.
    if os.getppid() != parent:
        os._exit(1)


def _done(job: Job) -> Outcome:
    try:
        with tracing.continued(job.carrier, f"worker {job.name}", attributes={"process.pid": os.getpid()}):
            return Outcome(value=job.work(*job.arguments))
    except FieldwiseError as error:
        return Outcome(error=error)
    except MemoryError:
        return Outcome(error=_out_of_memory(job.name))
    except Exception as error:  # told as text: the parent may lack the class
        return Outcome(failure=type(error).__name__, traceback=traceback.format_exc())


def _out_of_memory(name: str) -> ResourceExhausted:
    message = f"{name} needs more memory than a worker may take; ask for less at once, or give workers more"
    return ResourceExhausted("WORKER_OUT_OF_MEMORY", message)


def _unsendable(job: Job, error: Exception) -> Outcome:
    return Outcome(failure="a result that cannot be sent", traceback=f"{job.name}: {error}")


def _limit_memory(limit: int) -> None:
    """Allocations beyond ``limit`` bytes fail here, before the system ends a process of its own choice."""
    if limit:
        # Data, not address space: libraries map far more than they ever touch.
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def begin(parent: int) -> None:
    """Ends with its parent, stays behind the servers, and keeps what work prints away from its pipes."""
    _die_with_parent(parent)
    os.nice(_NICENESS)
    sys.stdout = sys.stderr


def prepare(name: str) -> None:
    """Calls ``module:function``, such as one that imports what the work will need."""
    module, _, function = name.partition(":")
    getattr(import_module(module), function)()


def main(pipe: int, parent: int, memory: int) -> None:
    """Does the job that comes on stdin; what the work prints goes to stderr."""
    begin(parent)
    _limit_memory(memory)
    with os.fdopen(pipe, "wb") as to_parent:
        _do(sys.stdin.buffer, to_parent)


def work(nursery: int, source: int, pipe: int, memory: int) -> None:
    """The same in a process forked from a nursery; a job that never comes is no job."""
    _die_with_parent(nursery)
    _limit_memory(memory)
    with os.fdopen(pipe, "wb") as to_parent, os.fdopen(source, "rb") as jobs:
        _send(to_parent, Born(os.getpid()))
        with suppress(EOFError):
            _do(jobs, to_parent)


def _do(jobs: BinaryIO, to_parent: BinaryIO) -> None:
    global _to_parent  # noqa: PLW0603  # one process, one job, one pipe
    _to_parent = to_parent
    job: Job = pickle.load(jobs)  # noqa: S301  # written by the parent that started this process
    logs.configure(job.service)
    tls.adopt(job.identity)
    receiver, *also = job.receivers or ("",)
    recording = tracing.configure(job.service, receiver, also=also)
    outcome = _done(job)
    try:
        _send(to_parent, outcome)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        _send(to_parent, _unsendable(job, error))
    recording.shutdown()


if __name__ == "__main__":
    # Imported under its own name as well, so that Job and report are the ones that others import.
    from fieldwise_runtime import worker_process  # noqa: PLW0406  # __main__ is another module

    worker_process.main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
