"""Entry point of the allocation service: `python -m fieldwise_allocation` serves, `... migrate` prepares its database."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import grpc

from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise_allocation.planning import Planning
from fieldwise_allocation.quoting import Quotes
from fieldwise_allocation.servicer.allocation import AllocationServicer
from fieldwise_allocation.settings import Settings
from fieldwise_executor.executor import opened
from fieldwise_runtime import logs, loops, migrations, operations, settings, tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.operations import Operations
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.single import Single

PACKAGE = "fieldwise_allocation"
NAME = "fieldwise-allocation"


async def wire_up(known: Settings) -> Service:
    """The service over an open database, ready to be served.

    Raises:
        FailedPrecondition: The database is not at the revision of this program, or another process serves on it.
    """
    migrations.verify(known.database_url, PACKAGE)
    # Plans under way are in memory: a second process would take them for interrupted ones and close them.
    single = await Single.claim(known.database_url, NAME)
    db = Database.open(known.database_url)
    running = Operations(db)
    await running.recover()
    quotes = Quotes(db)
    await quotes.open()
    executor = await opened(known.executor, known.executor_processes)
    planning = Planning.over(db, running, executor, known.currency)
    servicer = AllocationServicer(db, planning, executor, quotes, known.currency)

    def register(server: grpc.aio.Server) -> None:
        service_grpc.add_AllocationServiceServicer_to_server(servicer, server)
        running.register(server)

    async def ready() -> Mapping[str, bool]:
        return {"": await db.reachable(PACKAGE) and await single.held()}

    async def close() -> None:
        await running.close()
        await quotes.close()
        await executor.close()
        await db.close()
        await single.close()

    return Service(
        name=NAME,
        listen=known.listen,
        register=register,
        service_names=("fieldwise.allocation.v1.AllocationService", operations.SERVICE_NAME),
        ready=ready,
        on_stop=close,
    )


async def run(known: Settings) -> None:
    """Serve until told to stop."""
    recording = tracing.configure(NAME, known.traces_address)
    try:
        await serve(await wire_up(known))
    finally:
        recording.shutdown()


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Exit code 0 after a clean end, 1 after a fault that is told, 2 for bad arguments or settings."""
    if arguments not in ([], ["migrate"]):
        print(f"arguments: got {arguments}; give none to serve, or migrate", file=sys.stderr)
        return 2
    try:
        known = settings.load(Settings, environ)
        logs.configure(NAME, known.log_level)
        if arguments:
            migrations.migrate(known.database_url, PACKAGE)
        else:
            loops.run(run(known))
    except settings.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except FieldwiseError as error:
        print(f"{error.reason}: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
