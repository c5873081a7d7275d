"""Work for processes that are forked from one that stands by, and how that one prepares."""

from __future__ import annotations

import os
import time
from pathlib import Path

from opentelemetry import trace

from fieldwise_runtime import tracing
from fieldwise_runtime.worker_process import report

_prepared: list[float] = []


def prepare() -> None:
    _prepared.append(time.monotonic())


def prepared_at() -> list[float]:
    """When this process, or the one it was forked from, prepared."""
    return _prepared


def pid() -> int:
    return os.getpid()


def hoard(size: int) -> int:
    return len(bytearray(size))


def large(size: int) -> bytes:
    return b"x" * size


def count_to(last: int) -> int:
    for number in range(last):
        report(number)
    return last


def sleep() -> None:
    time.sleep(60)


def leave() -> None:
    os._exit(3)


def blunder() -> None:
    raise ValueError("secret")


def write(file: str) -> None:
    Path(file).write_text("done")


def write_and_sleep(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(60)


def tell_span() -> tuple[str, str]:
    span = trace.get_current_span().get_span_context()
    return tracing.current_trace_id(), f"{span.span_id:016x}"
