"""Entry point: `python -m fieldwise_profile` serves, `... migrate` prepares the database. The only place that wires."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from fieldwise.profile.v1 import profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from fieldwise_profile.ingest import Ingest
from fieldwise_profile.picturing import Pictures
from fieldwise_profile.reading import Reader
from fieldwise_profile.servicer import Parts, Profiles
from fieldwise_profile.settings import Settings
from fieldwise_profile.states import States
from fieldwise_profile.store import appending
from fieldwise_profile.training import Training
from fieldwise_profile.viewing import Viewing
from fieldwise_runtime import logs, loops, migrations, server, tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.settings import SettingsError, load

PACKAGE: Final = "fieldwise_profile"
NAME: Final = "fieldwise-profile"
# How late this process may see what another process wrote to the same PostgreSQL.
_FOLLOW_SECONDS: Final = 0.25


async def wired(settings: Settings) -> server.Service:
    """The service on its database.

    Raises:
        FailedPrecondition: The database is not at the right revision.
    """
    migrations.verify(settings.database_url, PACKAGE)
    # Full durability: a device deletes its own copy of an event once the event is acknowledged.
    database = Database.open(settings.database_url)
    position = await database.read(appending.position)
    states = States(database, position, settings.cached_customers)
    following = asyncio.create_task(_follow(states)) if database.dialect == "postgresql" else None
    viewing = Viewing(database, states)
    profiles = Profiles(
        Parts(
            database=database,
            reader=Reader(settings.currency),
            ingest=Ingest(database, states),
            viewing=viewing,
            pictures=Pictures(settings.currency, settings.cached_customers),
            training=Training(database, settings.database_url),
            currency=settings.currency,
        )
    )

    async def ready() -> Mapping[str, bool]:
        return {"": await database.reachable(PACKAGE)}

    async def close() -> None:
        if following is not None:
            following.cancel()
        await viewing.close()
        await database.close()

    return server.Service(
        name=NAME,
        listen=settings.listen,
        register=partial(add_ProfileServiceServicer_to_server, profiles),
        service_names=[each.full_name for each in profile_service_pb2.DESCRIPTOR.services_by_name.values()],
        ready=ready,
        on_stop=close,
        # A fault in one event rejects that event, never its batch.
        checked_by_handler=frozenset({"fieldwise.profile.v1.IngestEventsRequest.events"}),
    )


async def _follow(states: States) -> None:
    """Keeps level with what other processes write. A database that is away is health's matter; here we try again."""
    while True:
        await asyncio.sleep(_FOLLOW_SECONDS)
        with suppress(Exception):
            await states.catch_up()


async def serve(settings: Settings) -> None:
    await server.serve(await wired(settings))


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 for a fault that the message explains, 2 for wrong arguments."""
    if arguments not in ([], ["migrate"]):
        sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; give nothing to serve, or `migrate`\n")
        return 2
    try:
        settings = load(Settings, os.environ)
        logs.configure(NAME, settings.log_level)
        if arguments:
            migrations.migrate(settings.database_url, PACKAGE)
        else:
            _serve(settings)
    except (SettingsError, FieldwiseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(settings: Settings) -> None:
    traces = tracing.configure(NAME, settings.traces_address)
    try:
        loops.run(serve(settings))
    finally:
        traces.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
