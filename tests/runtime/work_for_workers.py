"""Work that tests send to worker processes."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from fieldwise_runtime import tracing
from fieldwise_runtime.errors import NotFound
from fieldwise_runtime.worker_process import report


def add(left: int, right: int) -> int:
    return left + right


def print_and_add(left: int, right: int) -> int:
    print("a library talks")  # noqa: T201  # what this is about
    return left + right


def sleep_and_tell(pid_file: str) -> None:
    with open(pid_file, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(3)


def refuse() -> None:
    raise NotFound("reps/9", "create it", reason="REP_NOT_FOUND")


def blunder() -> None:
    raise ValueError("secret")


def return_the_unsendable() -> Any:
    return lambda: None


def count_to(last: int) -> int:
    for number in range(last):
        report(number)
    return last


def tell_trace() -> str:
    return tracing.current_trace_id()


def threads() -> str:
    return os.environ["OMP_NUM_THREADS"]


def large(size: int) -> bytes:
    return b"x" * size


def length(data: bytes) -> int:
    return len(data)
