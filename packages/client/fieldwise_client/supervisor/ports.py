"""Whether the ports an installation wants are free; knows no process."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from fieldwise_client.supervisor.layout import Process


def busy(processes: Sequence[Process]) -> list[str]:
    """One sentence per address that cannot be listened on: what it is wanted for, why not, and the remedy."""
    found = [(process, _fault(process.listen)) for process in processes]
    return [
        f"{process.name} cannot listen on {process.listen} ({fault}): end the program that listens there, "
        f"or choose other ports with --port-base"
        for process, fault in found
        if fault
    ]


def _fault(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        return "not host:port"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        # Connections of the last run that are fading away do not make a port busy; a listener does.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return ""
