"""Processes of a benchmark: started, waited for, their CPU seconds and memory read, stopped."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence

import psutil


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_module(module: str, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """``python -m module arguments`` with one thread per library."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=os.environ | threads | (environ or {}))


def wait_for_port(port: int, seconds: float = 60.0) -> None:
    """Return when something listens on the port.

    Raises:
        TimeoutError: Nothing did in time.
    """
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on 127.0.0.1:{port} after {seconds} s")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of the processes, without their children."""
    total = 0.0
    for pid in pids:
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def memory_mib(pids: Iterable[int]) -> float:
    """Resident memory of the processes in MiB, summed; shared pages count for each."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 2**20


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all, SIGKILL to what stays."""
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
        process.kill()
        process.wait()
