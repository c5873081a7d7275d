"""The settings of heavy work, for the settings of every service that has some, and those of a cluster on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fieldwise_executor.executor import LOCAL
from fieldwise_runtime.settings import address, listen_address, log_level, setting, whole_number


def executor_place() -> Any:
    """Where heavy work is done."""
    return setting(
        "FIELDWISE_EXECUTOR",
        default=LOCAL,
        parse=place,
        doc="where heavy work is done: `local` processes, or a Dask scheduler such as tcp://10.0.0.7:8786",
    )


def executor_processes() -> Any:
    """How many local processes work at once."""
    return setting(
        "FIELDWISE_EXECUTOR_PROCESSES",
        default=2,
        parse=whole_number(at_least=1, at_most=256),
        doc="local processes that work at once on one long work",
    )


def place(text: str) -> str:
    """``local`` or the address of a scheduler."""
    if text != LOCAL and not text.startswith(("tcp://", "tls://")):
        raise ValueError("give `local`, or the address of a Dask scheduler such as tcp://10.0.0.7:8786")
    return text


@dataclass(frozen=True)
class ClusterSettings:
    """What a cluster on this machine is told when it starts."""

    listen: str = listen_address("cluster", 50057)
    scheduler: str = setting(
        "FIELDWISE_CLUSTER_SCHEDULER",
        default="127.0.0.1:50058",
        parse=address,
        doc="where the Dask scheduler listens; FIELDWISE_EXECUTOR names it with tcp:// before it",
    )
    workers: int = setting(
        "FIELDWISE_CLUSTER_WORKERS",
        default=2,
        parse=whole_number(at_least=1, at_most=256),
        doc="worker processes of the cluster, one thread each",
    )
    log_level: str = log_level()
