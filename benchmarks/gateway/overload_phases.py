"""Phases of load: the process that offers calls, told what to offer and asked what became of it; knows no target."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.decide.company import Company
from benchmarks.gateway.offering import Order
from benchmarks.processes import cpu_seconds

DEADLINE: Final = 1.0


@dataclass(frozen=True)
class Phase:
    """What became of one phase; times in seconds, sorted."""

    sent: int
    answered: list[float]
    full: int
    refused: list[float]
    late: int
    cut: int
    echoes: list[float]
    seconds: float
    cpu: float
    gateway_cpu: float
    services_cpu: float

    @property
    def goodput(self) -> float:
        return self.full / self.seconds


class Generator:
    """The process that offers calls."""

    def __init__(self, company: Company, customers: Sequence[str], echo_port: int) -> None:
        self._company = company
        self._customers = customers
        self._echo_port = echo_port
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gateway.offering"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def offer(
        self, door: Door, seconds: float, *, rate: float = 0.0, callers: int = 0, seed: int = 1
    ) -> Phase:
        """Offer so many calls a second, or hold so many callers, for so long."""
        order = Order(
            address=door.address,
            seconds=seconds,
            deadline=DEADLINE,
            customers=self._customers,
            metadata=self._company.metadata(),
            echo_port=self._echo_port,
            rate=rate,
            callers=callers,
            seed=seed,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        services = [pid for name, pid in self._company.pids().items() if name != "gateway"]
        gateway_before, services_before = cpu_seconds([door.pid]), cpu_seconds(services)
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        for name in ("answered", "refused", "echoes"):
            found[name] = sorted(found[name])
        return Phase(
            **found,
            gateway_cpu=cpu_seconds([door.pid]) - gateway_before,
            services_cpu=cpu_seconds(services) - services_before,
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Door:
    """A gateway that is asked."""

    name: str
    address: str
    pid: int
