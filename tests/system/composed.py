"""What docker-compose.yml would run, run here without an engine: same commands, same environment, same health checks.

Only places change: host names become 127.0.0.1, ports become free ones, PostgreSQL becomes the test's, /data a folder.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
OURS = "fieldwise-"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
_DATABASE = re.compile(r"postgresql://[^@]*@postgres:5432/(\w+)")
_ADDRESS = re.compile(r"\b(?:0\.0\.0\.0|127\.0\.0\.1|[a-z]+):(500[56]\d|4317)\b")


@dataclass(frozen=True)
class Places:
    """Where things are on this machine instead."""

    data: Path
    ports: Mapping[str, int]
    database_urls: Mapping[str, str]

    def of(self, text: str) -> str:
        """``text`` of the compose file, with the places of this machine."""
        text = _DATABASE.sub(lambda found: self.database_urls[found[1]], text)
        if text.startswith("postgresql"):
            return text
        return _ADDRESS.sub(
            lambda found: f"127.0.0.1:{self.ports[found[1]]}", text.replace("/data", str(self.data))
        )


def services(variables: Mapping[str, str]) -> dict[str, Any]:
    """The services that are built here, with ${VARIABLE:-default} filled in as compose does."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    filled = _VARIABLE.sub(lambda found: variables.get(found[1]) or found[2], text)
    loaded = yaml.safe_load(filled)["services"]
    return {name: service for name, service in loaded.items() if service["image"].startswith(OURS)}


@dataclass
class Composed:
    """The running processes; knows what compose would wait for."""

    services: Mapping[str, Any]
    places: Places
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def up(self) -> None:
        """Starts everything in the order of its conditions."""
        while left := [name for name in self.services if name not in self.running and name not in self.done]:
            ready = [name for name in left if self._may_start(name)]
            assert ready, f"nothing can start: {left}"
            for name in ready:
                self._start(name)
            self._settle(ready)

    def down(self) -> None:
        """SIGTERM to all, as `docker compose down` sends it."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def environment(self, name: str) -> dict[str, str]:
        """Exactly what the container would have, in the places of this machine; PATH finds the same `python`."""
        told = {key: self.places.of(str(value)) for key, value in self.services[name]["environment"].items()}
        return {**told, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(self.places.data)}

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        kind, *command = [self.places.of(word) for word in self.services[name]["healthcheck"]["test"]]
        assert kind == "CMD"
        return (
            subprocess.run(command, env=self.environment(name), check=False, capture_output=True).returncode
            == 0
        )

    def _may_start(self, name: str) -> bool:
        needed = [other for other in self.services[name]["depends_on"] if other in self.services]
        return all(other in self.running or other in self.done for other in needed)

    def _start(self, name: str) -> None:
        log = (self.places.data / f"{name}.log").open("wb")
        with log:
            self.running[name] = subprocess.Popen(
                self.services[name]["command"],
                env=self.environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _settle(self, names: list[str]) -> None:
        """One-shots end with 0; the others become healthy."""
        for name in names:
            if "healthcheck" in self.services[name]:
                self._wait_healthy(name)
            else:
                code = self.running.pop(name).wait(60)
                assert code == 0, self.log(name)
                self.done.add(name)

    def _wait_healthy(self, name: str) -> None:
        deadline = time.monotonic() + 60
        # Asked only once it listens: each question starts a Python.
        while not (self._listens(name) and self.is_healthy(name)):
            assert self.running[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.1)

    def _listens(self, name: str) -> bool:
        host, _, port = self.environment(name)[f"FIELDWISE_{name.upper()}_LISTEN"].rpartition(":")
        with socket.socket() as trial:
            return trial.connect_ex((host, int(port))) == 0

    def log(self, name: str) -> str:
        """What the process wrote."""
        return f"{name}:\n" + (self.places.data / f"{name}.log").read_text(encoding="utf-8")
