"""`python -m fieldwise_executor`: a Dask cluster on this machine, as one process of an installation; knows no work.

The scheduler and its workers end with this process. Health: SERVING while every worker is connected.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from fieldwise_executor.settings import ClusterSettings
from fieldwise_runtime import logs, loops
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.settings import SettingsError, load

if TYPE_CHECKING:
    import grpc.aio

NAME = "fieldwise-cluster"


async def started(settings: ClusterSettings) -> Service:
    """The cluster, with its workers starting."""
    import dask
    from distributed import Nanny, Scheduler

    # Every connection is news to Dask; here only faults are. The workers' processes are told the same.
    dask.config.set({"logging.distributed": "warning"})
    logging.getLogger("distributed").setLevel(logging.WARNING)
    host, _, port = settings.scheduler.rpartition(":")
    scheduler = Scheduler(host=host, port=int(port), dashboard=False)
    await scheduler
    # One thread each: XGBoost and numpy are told how many threads they may take, and two of them on one core are slower than one.
    nannies = [
        Nanny(
            scheduler.address,
            nthreads=1,
            memory_limit=0,
            silence_logs=logging.WARNING,
            host=host,
            dashboard=False,
        )
        for _ in range(settings.workers)
    ]
    for nanny in nannies:
        await nanny

    async def ready() -> dict[str, bool]:
        return {"": len(scheduler.workers) >= settings.workers}

    async def stop() -> None:
        for nanny in nannies:
            await nanny.close(timeout=2)
        await scheduler.close()

    def register(_server: grpc.aio.Server) -> None:
        """Health is all there is to ask."""

    return Service(NAME, settings.listen, register, (), ready, stop)


async def run(settings: ClusterSettings) -> None:
    await serve(await started(settings))


def main() -> int:
    try:
        settings = load(ClusterSettings, os.environ)
        logs.configure(NAME, settings.log_level)
        loops.run(run(settings))
    except (SettingsError, FieldwiseError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
