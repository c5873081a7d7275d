"""A whole installation as a person starts it (`fieldwise up`), for the benchmark; knows nothing of what it is asked."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fieldwise_client.demo.clock import RECORDED_CLOCK
from fieldwise_client.installation import Installation
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.places import Places

PORTS = 16
Metadata = tuple[tuple[str, str], ...]
# Made by `fieldwise up`, relative to the data folder.
OPERATOR_KEY = Path("access") / "operator.key"
_SERVED = re.compile(r"all SERVING")


@dataclass
class Company:
    """A running installation and how long it took to serve."""

    supervisor: subprocess.Popen[bytes]
    data: Path
    base: int
    seconds_to_serving: float

    @property
    def gateway(self) -> str:
        return f"127.0.0.1:{self.base}"

    def pids(self) -> dict[str, int]:
        """Process ids by name, as they are now; the supervisor is not among them."""
        written = record.read(self.data)
        assert written is not None, f"no record of processes in {self.data}"
        return {process.name: process.pid for process in written.processes}

    def doors(self) -> Installation:
        """The calls that a person's commands make; a context manager."""
        return Installation(Places(gateway=self.gateway, data=self.data))

    def metadata(self) -> Metadata:
        """What a call carries to be let in: the installation's own key, when it has one."""
        key = self.data / OPERATOR_KEY
        return (("authorization", f"Bearer {key.read_text().strip()}"),) if key.exists() else ()

    @property
    def api_key(self) -> str | None:
        """For clients that are given its address only."""
        key = self.data / OPERATOR_KEY
        return key.read_text().strip() if key.exists() else None

    def now(self) -> datetime:
        """The business time, which stands until it is moved."""
        with self.doors() as doors:
            return doors.clock().now.ToDatetime(tzinfo=UTC)

    def kill(self, name: str) -> None:
        """kill -9 of one process; its supervisor starts it again."""
        os.kill(self.pids()[name], signal.SIGKILL)

    def stop(self) -> float:
        """Ctrl-C; seconds until everything was gone."""
        begun = time.monotonic()
        self.supervisor.send_signal(signal.SIGINT)
        self.supervisor.wait(timeout=20)
        return time.monotonic() - begun


def free_ports() -> int:
    """The first of sixteen free ports in a row."""
    # In a row of each process's own: a port found free is not yet taken. Below those that the system hands out itself.
    for base in range(22000 + 16 * (os.getpid() % 500), 32000, 16):
        if all(_is_free(port) for port in range(base, base + PORTS)):
            return base
    raise RuntimeError("no sixteen free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def started(data: Path, environ: Mapping[str, str] | None = None) -> Company:
    """Start everything on a data folder, empty or not, with the demo's clock; returns when all serve.

    Args:
        environ: Settings of its processes besides.

    Raises:
        RuntimeError: It ended or did not serve within a minute; holds what the supervisor said.
    """
    data.mkdir(parents=True, exist_ok=True)
    base, told = free_ports(), data / "supervisor.log"
    command = [
        sys.executable,
        "-m",
        "fieldwise_client.cli",
        "up",
        "--data",
        str(data),
        "--port-base",
        str(base),
    ]
    with told.open("wb") as output:
        begun = time.monotonic()
        supervisor = subprocess.Popen(
            command,
            env=os.environ | {"FIELDWISE_CLOCK": RECORDED_CLOCK} | dict(environ or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    while not _SERVED.search(told.read_text()):
        if supervisor.poll() is not None or time.monotonic() - begun > 60:
            supervisor.kill()
            raise RuntimeError("the installation did not start:\n" + told.read_text())
        time.sleep(0.02)
    return Company(supervisor, data, base, time.monotonic() - begun)
