"""The state of a running installation: each process, and what the gateway says of models, prices, customers and clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fieldwise_client.credentials import trust
from fieldwise_client.supervisor.health import SERVING, probe
from fieldwise_client.supervisor.record import Record, RunningProcess


@dataclass(frozen=True)
class ProcessState:
    """One process now; ``memory_mb`` is its resident set, 0 when it does not run."""

    name: str
    health: str
    address: str
    pid: int
    restarts: int
    memory_mb: float


@dataclass(frozen=True)
class Contents:
    """What is in the installation, as sentences; a part that did not answer says so."""

    clock: str
    customers: str
    models: str
    prices: str
    traces: str


@dataclass(frozen=True)
class Overview:
    """Everything `fieldwise status` shows."""

    processes: tuple[ProcessState, ...]
    contents: Contents

    @property
    def degraded(self) -> bool:
        """A process does not serve."""
        return any(process.health != SERVING for process in self.processes)


def processes_now(record: Record) -> tuple[ProcessState, ...]:
    """Every process of the record, asked now, all at once."""
    healths = asyncio.run(_healths(record))
    return tuple(_state(each, health) for each, health in zip(record.processes, healths, strict=True))


def _state(process: RunningProcess, health: str) -> ProcessState:
    # A supervisor that was killed leaves the pids of processes that died with it.
    memory = _memory_mb(process)
    pid = process.pid if memory else 0
    return ProcessState(process.name, health, process.address, pid, process.restarts, memory)


async def _healths(record: Record) -> list[str]:
    trusted = trust(folder=record.tls)
    return await asyncio.gather(*(probe(each.address, trusted) for each in record.processes))


def _memory_mb(process: RunningProcess) -> float:
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmRSS:")), "0")
    return round(int(kilobytes) / 1024, 1)


def table(overview: Overview) -> str:
    """The overview for a terminal."""
    header = f"{'process':<11} {'health':<12} {'address':<21} {'pid':>7} {'restarts':>8} {'memory':>8}"
    lines = [_line(process) for process in overview.processes]
    total = sum(process.memory_mb for process in overview.processes)
    lines.append(f"{'':<11} {'':<12} {'':<21} {'':>7} {'':>8} {total:>5.0f} MB")
    contents = overview.contents
    facts = [
        ("clock", contents.clock),
        ("customers", contents.customers),
        ("models", contents.models),
        ("prices", contents.prices),
        ("traces", contents.traces),
    ]
    return "\n".join([header, *lines, "", *(f"{name:<11} {fact}" for name, fact in facts)])


def _line(process: ProcessState) -> str:
    return (
        f"{process.name:<11} {process.health:<12} {process.address:<21} {process.pid or '-':>7} "
        f"{process.restarts:>8} {process.memory_mb:>5.0f} MB"
    )


def said(ask: Callable[[], str], fault: type[Exception]) -> str:
    """What ``ask`` answers, or why it cannot, in a few words."""
    try:
        return ask()
    except fault as error:
        return f"not known: {str(error).splitlines()[0].partition(' (')[0]}"
