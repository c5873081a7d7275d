"""Work that executors are tried with; a module of its own, so that workers can import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from fieldwise_runtime import tracing
from fieldwise_runtime.errors import NotFound
from fieldwise_runtime.worker_process import report


def squared(number: int) -> int:
    return number * number


def told(steps: int) -> str:
    for step in range(steps):
        report(step)
    return "done"


def refuse() -> None:
    raise NotFound("reps/9", "create it", reason="REP_NOT_FOUND")


def blunder() -> None:
    raise ValueError("secret")


def trace_id() -> str:
    return tracing.current_trace_id()


def dies_once(place: str) -> str:
    """Dies when no file says that it died before."""
    mark = Path(place)
    if mark.suffix == ".dies" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark.name


def dies(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def noted(place_and_number: tuple[str, int]) -> int:
    """Leaves a line for every time it was done."""
    place, number = place_and_number
    with Path(place).open("a") as file:
        file.write(f"{number}\n")
    return number


def pid_and_sleep(place: str, seconds: float) -> None:
    Path(place).write_text(str(os.getpid()))
    time.sleep(seconds)
