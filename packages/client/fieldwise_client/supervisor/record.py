"""What runs on a data folder, written down for `fieldwise status`, and the lock that lets one supervisor run on it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class RunningProcess:
    """One process as its supervisor knows it; ``pid`` is 0 between a death and the next start."""

    name: str
    pid: int
    address: str
    restarts: int


@dataclass(frozen=True)
class Record:
    """What a supervisor wrote down: its own pid, its processes, the folder of their certificates, empty without TLS, and whether what dies is forked."""

    supervisor: int
    processes: tuple[RunningProcess, ...]
    tls: str = ""
    forks: bool = False

    def address_of(self, name: str) -> str:
        """Where a process is reached; raises KeyError for a name that is none of ours."""
        return {process.name: process.address for process in self.processes}[name]


class AlreadyRunning(Exception):
    """Another supervisor runs on this data folder; the message says so with the remedy."""


class Lock:
    """Held by the one supervisor of a data folder; the kernel lets go of it when that process dies, however it dies."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = (data / "up.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise AlreadyRunning(
                f"Fieldwise runs on {data} already (pid {pid}). See it with `fieldwise status --data {data}`, stop it "
                f"with Ctrl-C or `kill {pid}`, or run a second one with another --data and --port-base."
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Lets the next supervisor run on the folder."""
        self._file.close()


def write(data: Path, record: Record) -> None:
    """Replaces the record in one step: a reader sees the old one or the new one."""
    scratch = data / "processes.json.new"
    scratch.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    scratch.replace(data / "processes.json")


def read(data: Path) -> Record | None:
    """The record of the folder; None when nothing was ever started on it or it cannot be read."""
    try:
        found = json.loads((data / "processes.json").read_text(encoding="utf-8"))
        lines = tuple(RunningProcess(**line) for line in found["processes"])
        return Record(found["supervisor"], lines, found.get("tls", ""), found.get("forks", False))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def erase(data: Path) -> None:
    """Nothing runs on the folder any more."""
    (data / "processes.json").unlink(missing_ok=True)


def record_of(processes: Sequence[RunningProcess], tls: str = "", *, forks: bool = False) -> Record:
    """The record that this process, as the supervisor, writes."""
    return Record(os.getpid(), tuple(processes), tls, forks)
