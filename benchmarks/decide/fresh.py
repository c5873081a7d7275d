"""Seconds from a fresh clone to the first printed decision: what a new user waits for. Knows no service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.decide.company import free_ports
from benchmarks.report import Report, Row
from fieldwise_client.supervisor.layout import processes

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 600.0
# What a person's shell has: where programs are, where caches are, and how this machine reaches its package index.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", "http_proxy", "https_proxy", "no_proxy")
KEPT_PREFIXES = ("PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_")
KEPT_UPPER = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def measure(report: Report) -> None:
    """Clone this repository's HEAD and `make run` in it, with a package cache as warm as it is."""
    with tempfile.TemporaryDirectory(prefix="fieldwise-clone-") as folder:
        clone = Path(folder) / "fieldwise"
        begun = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, env=environment())
        serving, decided = _run(clone, begun)
    report.add(Row("fresh clone to all SERVING", serving, "s"))
    report.add(Row("fresh clone to the first printed decision", decided, "s", "must", "<= 120"))


def environment() -> dict[str, str]:
    """A minimal environment; our servers on free ports, so that an installation may run beside it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in (*KEPT, *KEPT_UPPER) or name.startswith(KEPT_PREFIXES)
    }
    places = {
        f"FIELDWISE_{process.name.upper()}_LISTEN": process.listen for process in processes({}, free_ports())
    }
    # The interpreter that runs this may come from a virtual environment: make must find a plain one.
    return {**kept, **places, "PYTHON": f"{sys.base_prefix}/bin/python3"}


def _run(clone: Path, begun: float) -> tuple[float, float]:
    """Seconds until all serve and until the decision is on the screen.

    Raises:
        RuntimeError: `make run` ended, or took too long; holds what it printed.
    """
    making = subprocess.Popen(
        ["make", "run", f"PYTHON={sys.base_prefix}/bin/python3"],
        cwd=clone,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    # Silence would otherwise be waited for without an end.
    watchdog = threading.Timer(MOST_SECONDS, os.killpg, (making.pid, signal.SIGKILL))
    watchdog.start()
    try:
        return _read(making, begun)
    finally:
        watchdog.cancel()
        with suppress(ProcessLookupError):
            os.killpg(making.pid, signal.SIGINT)
        making.communicate(timeout=60)


def _read(making: subprocess.Popen[str], begun: float) -> tuple[float, float]:
    """What `make run` prints, until the last block of the demo's screen, which stands below the decision."""
    assert making.stdout is not None
    told: list[str] = []
    serving = 0.0
    for line in making.stdout:
        told.append(line)
        if "all SERVING" in line:
            serving = time.monotonic() - begun
        if line.startswith("Next"):
            return serving, time.monotonic() - begun
        if "ended with exit code" in line:
            break
    raise RuntimeError("no decision was printed:\n" + "".join(told[-40:]))
