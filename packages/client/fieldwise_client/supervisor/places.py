"""Where a running installation is reached: from the environment, else from what its supervisor wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fieldwise_client.credentials import Trust, trust
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.layout import processes


@dataclass(frozen=True)
class Places:
    """Where a person or a command enters, and whose word is believed there. The gateway is the only door."""

    gateway: str
    trust: Trust | None = None
    data: Path | None = None


def find(data: Path, environ: Mapping[str, str]) -> Places:
    """The addresses of the installation on ``data``; those of a default one when nothing else is known."""
    known = {process.name: process.address for process in processes(environ)}
    written = record.read(data)
    known |= {process.name: process.address for process in written.processes} if written else {}
    told = {name: environ.get(f"FIELDWISE_{name.upper()}_ADDRESS", "").strip() for name in known}
    known |= {name: address for name, address in told.items() if address}
    trusted = trust(None, environ, written.tls if written else "")
    return Places(gateway=known["gateway"], trust=trusted, data=data)


def shown_command(python: Path, working_folder: Path) -> str:
    """`fieldwise` as the person can type it: the script beside ``python``, relative to where he stands."""
    script = python.parent / "fieldwise"
    return str(script.relative_to(working_folder)) if script.is_relative_to(working_folder) else "fieldwise"
