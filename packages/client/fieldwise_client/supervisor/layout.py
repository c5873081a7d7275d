"""Which processes an installation has, where each listens and what each needs first; starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_PORT_BASE: Final = 50050
DEFAULT_DATA: Final = ".fieldwise"


@dataclass(frozen=True)
class Process:
    """One process: what is run, where it listens and which processes must serve before it starts."""

    name: str
    module: str
    listen: str
    after: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Where it is reached from this machine."""
        host, _, port = self.listen.rpartition(":")
        everywhere = host in ("0.0.0.0", "[::]", "")  # noqa: S104  # read here, never bound
        return f"{'127.0.0.1' if everywhere else host}:{port}"


@dataclass(frozen=True)
class _Kind:
    name: str
    module: str
    port_offset: int
    after: tuple[str, ...]


_SERVICES: Final = ("profile", "forecast", "allocation", "recommend")
# What needs no other starts at once, on every core there is; the gateway and its jobs when there is something to compose.
_KINDS: Final = (
    _Kind("traces", "fieldwise_gateway.traces", 5, ()),
    *(_Kind(name, f"fieldwise_{name}", offset, ()) for offset, name in enumerate(_SERVICES, start=1)),
    _Kind("gateway", "fieldwise_gateway", 0, ("traces", *_SERVICES)),
    _Kind("jobs", "fieldwise_gateway.jobs", 6, ("traces", *_SERVICES)),
)
# Only where it is asked for; whoever has heavy work starts when it serves.
_CLUSTER: Final = _Kind("cluster", "fieldwise_executor", 7, ())
_SCHEDULER_OFFSET: Final = 8
# Further doors: faces over HTTP, each with /metrics, and /metrics alone where there is no such face.
HTTP_OFFSET: Final = 9
_BESIDE: Final = {
    "FIELDWISE_GATEWAY_HTTP_LISTEN": HTTP_OFFSET,
    "FIELDWISE_JOBS_METRICS_LISTEN": 10,
    "FIELDWISE_PROFILE_METRICS_LISTEN": 11,
    "FIELDWISE_FORECAST_METRICS_LISTEN": 12,
    "FIELDWISE_ALLOCATION_METRICS_LISTEN": 13,
    "FIELDWISE_RECOMMEND_METRICS_LISTEN": 14,
    "FIELDWISE_TRACES_HTTP_LISTEN": 15,
}
_HEAVY: Final = ("profile", "forecast", "allocation")
# Packages whose databases are migrated before anything starts: each process keeps one of its own.
MIGRATED: Final = tuple(kind.module for kind in _KINDS)


def processes(
    environ: Mapping[str, str], port_base: int | None = None, *, cluster: bool = False
) -> tuple[Process, ...]:
    """Every process, in an order in which each stands behind what it needs.

    Args:
        environ: FIELDWISE_<NAME>_LISTEN places a single process elsewhere.
        port_base: Port of the gateway, the others follow it; None leaves the choice to ``environ``, else 50050.
        cluster: With a Dask cluster on this machine, on which the services do their heavy work.
    """
    kinds = (_CLUSTER, *_KINDS) if cluster else _KINDS
    return tuple(
        Process(kind.name, kind.module, _listen(kind, environ, port_base), _after(kind, cluster))
        for kind in kinds
    )


def cluster_environment(port_base: int | None, workers: int) -> dict[str, str]:
    """What the cluster and those who use it find in their environment besides."""
    scheduler = f"127.0.0.1:{(port_base or DEFAULT_PORT_BASE) + _SCHEDULER_OFFSET}"
    return {
        "FIELDWISE_CLUSTER_SCHEDULER": scheduler,
        "FIELDWISE_CLUSTER_WORKERS": str(workers),
        "FIELDWISE_EXECUTOR": f"tcp://{scheduler}",
    }


def _after(kind: _Kind, cluster: bool) -> tuple[str, ...]:
    return (*kind.after, _CLUSTER.name) if cluster and kind.name in _HEAVY else kind.after


def _listen(kind: _Kind, environ: Mapping[str, str], port_base: int | None) -> str:
    told = environ.get(f"FIELDWISE_{kind.name.upper()}_LISTEN", "").strip()
    if told and port_base is None:
        return told
    return f"127.0.0.1:{(port_base or DEFAULT_PORT_BASE) + kind.port_offset}"


def _beside(environ: Mapping[str, str], chosen: Sequence[Process]) -> dict[str, str]:
    """Further doors at their offsets from the gateway's port, but for those that the environment places itself."""
    ports = [int(each.listen.rpartition(":")[2]) for each in chosen if each.name == "gateway"]
    base = ports[0] if ports else DEFAULT_PORT_BASE
    # Set and empty means nowhere.
    return {name: f"127.0.0.1:{base + offset}" for name, offset in _BESIDE.items() if name not in environ}


def environment(
    environ: Mapping[str, str], chosen: Sequence[Process], data: Path, clock: str | None
) -> dict[str, str]:
    """What every process of the installation finds in its environment.

    Args:
        clock: FIELDWISE_CLOCK for an installation that does not name one itself; None leaves the wall clock.
    """
    places: dict[str, str] = {}
    for process in chosen:
        places[f"FIELDWISE_{process.name.upper()}_LISTEN"] = process.listen
        places[f"FIELDWISE_{process.name.upper()}_ADDRESS"] = process.address
    places |= _beside(environ, chosen)
    clocks = {"FIELDWISE_CLOCK": clock} if clock and not environ.get("FIELDWISE_CLOCK", "").strip() else {}
    return {
        **environ,
        **places,
        **clocks,
        "FIELDWISE_DATA": str(data.resolve()),
        # A second thread of OpenMP spins for work on a busy machine and makes a prediction seven times slower.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
