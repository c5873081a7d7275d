"""Processes of a benchmark: started, waited for, their CPU seconds and memory read, stopped."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_module(
    module: str, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
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
    """User and system time of the processes, without their children, to the nanosecond.

    /proc counts in hundredths of a second, which is dozens of echoes; the clock of another process is exact.
    """
    # clock_getcpuclockid(3): the process's id, inverted, above three bits that ask for scheduler time.
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def peak_memory_mib(pids: Iterable[int]) -> float:
    """The largest resident memory that each process ever had, in MiB, summed; shared pages count for each."""
    return sum(_status_kib(pid, "VmHWM") for pid in pids) / 1024


def _status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0


class PeakOfTree:
    """Watches the resident memory of a process and all its descendants, twice a second; a context manager.

    Workers that come and go (training, solving) are counted while they live, which VmHWM of those that stay does not do.
    """

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._root = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakOfTree:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            total = 0
            for process in [self._root, *self._root.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
            self.mib = max(self.mib, total / 2**20)


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all, SIGKILL to what stays."""
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
        process.kill()
        process.wait()
