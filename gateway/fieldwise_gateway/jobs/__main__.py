"""The jobs process: the only place that wires it. ``migrate`` as an argument brings its database up to date."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from functools import partial

import grpc.aio

from fieldwise.gateway.v1 import jobs_service_pb2_grpc as jobs_grpc
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.jobs import measures
from fieldwise_gateway.jobs.running import Jobs
from fieldwise_gateway.jobs.schedule import Schedule
from fieldwise_gateway.jobs.servicer import JobsServicer
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_gateway.settings import Addresses, JobsSettings
from fieldwise_gateway.store import ClockStore
from fieldwise_runtime import logs, loops, migrations, tls, tracing
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.operations import SERVICE_NAME, Operations
from fieldwise_runtime.peers import Callers
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.settings import SettingsError, load

NAME = "fieldwise-jobs"
PACKAGE = "fieldwise_gateway.jobs"


class Process:
    """Everything the jobs process opened."""

    def __init__(
        self, settings: JobsSettings, database: Database, clocks: Database, backends: Backends
    ) -> None:
        self._settings = settings
        self._databases = (database, clocks)
        self._backends = backends
        self._operations = Operations(database)
        self._tasks: list[asyncio.Task[None]] = []

    async def service(self) -> Service:
        """The process as a service, its schedule running."""
        database, clocks = self._databases
        store = JobStore(database)
        clock = await BusinessClock.follow(self._settings.clock.start, ClockStore(clocks))
        pseudonyms = Pseudonyms(clocks)
        jobs = Jobs(self._backends, store, clock, pseudonyms)
        schedule = Schedule(jobs, self._backends, store, clock, pseudonyms)
        await self._operations.recover()
        self._tasks = [
            asyncio.create_task(schedule.every(self._settings.every_seconds)),
            asyncio.create_task(schedule.carry_every(self._settings.outcomes_every_seconds)),
        ]

        def register(server: grpc.aio.Server) -> None:
            jobs_grpc.add_JobsServiceServicer_to_server(JobsServicer(jobs, self._operations), server)
            self._operations.register(server)

        return Service(
            name=NAME,
            listen=self._settings.listen,
            metrics=self._settings.metrics,
            measure=partial(_measure, clock),
            register=register,
            service_names=["fieldwise.gateway.v1.JobsService", SERVICE_NAME],
            ready=self._ready,
            on_stop=self._stop,
            callers=Callers(frozenset({"gateway", tls.OPERATOR})),
        )

    async def _ready(self) -> Mapping[str, bool]:
        # A schedule without its tasks looks well and does nothing.
        ended = any(task.done() for task in self._tasks)
        return {"": not ended and await self._databases[0].reachable(PACKAGE)}

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._operations.close()
        await self._backends.close()
        for database in self._databases:
            await database.close()


async def _measure(clock: BusinessClock) -> None:
    measures.business_time(await clock.refresh())


async def run(settings: JobsSettings, addresses: Addresses) -> None:
    """Serve until told to stop."""
    tls.configure("jobs", settings.tls)
    recording = tracing.configure(NAME, settings.traces)
    migrations.verify(settings.database_url, PACKAGE)
    migrations.verify(settings.clock_database_url, "fieldwise_gateway")
    database = Database.open(settings.database_url, durability=Durability.POWER_LOSS)
    clocks = Database.open(settings.clock_database_url, durability=Durability.POWER_LOSS)
    backends = Backends.connect(
        addresses.profile, addresses.forecast, addresses.allocation, addresses.recommend
    )
    process = Process(settings, database, clocks, backends)
    try:
        await serve(await process.service())
    finally:
        recording.shutdown()


def main(arguments: list[str]) -> int:
    """Serve, or migrate; 1 for a fault that its message explains, 2 for wrong arguments."""
    if arguments not in ([], ["migrate"]):
        sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; give nothing to serve, or `migrate`\n")
        return 2
    try:
        settings = load(JobsSettings, os.environ)
        logs.configure(NAME, settings.log_level)
        if arguments:
            migrations.migrate(settings.database_url, PACKAGE)
        else:
            loops.run(run(settings, load(Addresses, os.environ)))
    except (SettingsError, FieldwiseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
