"""A gateway and a profile for benchmarks of events, each in a process of its own, with keys as users have them; knows no event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from benchmarks import processes


@dataclass(frozen=True)
class World:
    """A gateway and a profile, each in a process of its own."""

    data: Path
    profile: Popen[bytes]
    gateway: Popen[bytes]
    profile_port: int
    gateway_port: int
    http_port: int

    @property
    def key(self) -> str:
        return (self.data / "access" / "operator.key").read_text().strip()

    def cpu_seconds(self) -> dict[str, float]:
        """Of each process."""
        servers = {"profile": self.profile.pid, "gateway": self.gateway.pid}
        return {name: processes.cpu_seconds([pid]) for name, pid in servers.items()}


@contextmanager
def running(data: Path) -> Iterator[World]:
    """Both, empty, their files in a folder; stopped at the end."""
    ports = [processes.free_port() for _ in range(3)]
    environ = {
        "FIELDWISE_DATA": str(data),
        "FIELDWISE_PROFILE_LISTEN": f"127.0.0.1:{ports[0]}",
        "FIELDWISE_PROFILE_ADDRESS": f"127.0.0.1:{ports[0]}",
        "FIELDWISE_PROFILE_METRICS_LISTEN": "",
        "FIELDWISE_GATEWAY_LISTEN": f"127.0.0.1:{ports[1]}",
        "FIELDWISE_GATEWAY_HTTP_LISTEN": f"127.0.0.1:{ports[2]}",
        "FIELDWISE_LOG_LEVEL": "ERROR",
    }
    for module in ("fieldwise_profile", "fieldwise_gateway"):
        if processes.start_module(module, "migrate", environ=environ).wait() != 0:
            raise RuntimeError(f"{module} migrate failed; what it wrote says why")
    profile = processes.start_module("fieldwise_profile", environ=environ)
    gateway = processes.start_module("fieldwise_gateway", environ=environ)
    try:
        for port in ports:
            processes.wait_for_port(port)
        yield World(data, profile, gateway, *ports)
    finally:
        processes.stop([gateway, profile])
