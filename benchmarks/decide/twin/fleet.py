"""The twin's five processes on a copy of an installation's data; knows nothing of what they decide."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import Popen

from benchmarks.processes import free_port, start_module, stop, wait_for_port

SERVICES = ("profile", "forecast", "allocation", "recommend", "gateway")


def copied(source: Path, target: Path) -> None:
    """Copy databases (through SQLite's backup, so that a running process is no harm) and model files."""
    target.mkdir(parents=True)
    for name in SERVICES:
        with (
            closing(sqlite3.connect(source / f"{name}.sqlite")) as theirs,
            closing(sqlite3.connect(target / f"{name}.sqlite")) as ours,
        ):
            theirs.backup(ours)
    shutil.copytree(source / "models", target / "models")
    shutil.copy(source / "profile.keys", target / "profile.keys")


@dataclass(frozen=True)
class Twin:
    """The running twin."""

    processes: dict[str, Popen[bytes]]
    ports: dict[str, int]

    @classmethod
    def start(cls, data: Path, now: datetime) -> Twin:
        """All five, serving, with the business clock standing at ``now``."""
        ports = {name: free_port() for name in SERVICES}
        addresses = {f"FIELDWISE_{name.upper()}_ADDRESS": f"127.0.0.1:{ports[name]}" for name in SERVICES}
        environ = {**addresses, "FIELDWISE_DATA": str(data), "FIELDWISE_CLOCK": f"recorded:{now.isoformat()}"}
        processes = {
            name: start_module(f"benchmarks.decide.twin.{name}", str(ports[name]), environ=environ)
            for name in SERVICES
        }
        twin = cls(processes, ports)
        try:
            for port in ports.values():
                wait_for_port(port)
        except TimeoutError:
            twin.stop()
            raise
        return twin

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes.values()]

    def url(self, service: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}/{path}"

    def stop(self) -> None:
        stop(list(self.processes.values()))
