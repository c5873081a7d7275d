"""Entry point: `python -m fieldwise_recommend` serves, `... migrate` prepares the database. The only place that wires."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from fieldwise.recommend.v1.recommend_service_pb2 import DESCRIPTOR
from fieldwise.recommend.v1.recommend_service_pb2_grpc import add_RecommendServiceServicer_to_server
from fieldwise_recommend.core.catalogue_file import parse
from fieldwise_recommend.decide import Decider
from fieldwise_recommend.erasing import Eraser
from fieldwise_recommend.replay import Archive
from fieldwise_recommend.servicer.recommend import Recommend
from fieldwise_recommend.settings import Settings
from fieldwise_recommend.store import Store
from fieldwise_recommend.valuing import Valuer
from fieldwise_runtime import logs, loops, migrations, server, tracing
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.settings import SettingsError, load
from fieldwise_runtime.single import Single

PACKAGE = "fieldwise_recommend"
NAME = "fieldwise-recommend"
# Parts of the inputs that other services of ours made. Walking through all their fields would cost as much as the decision;
# what a decision computes with is checked by decide.check.
FROM_PEERS = ("profile", "scores", "parts")


def catalogue_file() -> bytes:
    """The catalogue that comes with the package."""
    return files(PACKAGE).joinpath("catalogue.toml").read_bytes()


async def wired(settings: Settings, body: bytes) -> server.Service:
    """The service on its database, with a catalogue.

    Raises:
        InvalidRequest: The catalogue has faults.
        FailedPrecondition: The database is not at the right revision, or another process serves on it.
    """
    catalogue = parse(body)
    migrations.verify(settings.database_url, PACKAGE)
    # Budgets are counted in memory: two processes would each spend them whole.
    single = await Single.claim(settings.database_url, NAME)
    # A grouped commit without waiting for the disk: a decision lost to a power cut is made again by its request_id.
    store = Store(Database.open(settings.database_url, durability=Durability.PROCESS_CRASH))
    await store.keep_catalogue(catalogue.version, body)
    policy = settings.policy
    decider = Decider(store, catalogue, policy, await store.erased())
    servicer = Recommend(
        decider,
        Valuer(catalogue, policy),
        Archive(store, catalogue, policy.currency),
        Eraser(store, decider, settings.database_url),
        catalogue,
        policy.currency,
    )

    async def ready() -> Mapping[str, bool]:
        return {"": await store.reachable(PACKAGE) and await single.held()}

    async def close() -> None:
        await store.close()
        await single.close()

    return server.Service(
        name=NAME,
        listen=settings.listen,
        register=lambda grpc_server: add_RecommendServiceServicer_to_server(servicer, grpc_server),
        service_names=[service.full_name for service in DESCRIPTOR.services_by_name.values()],
        ready=ready,
        on_stop=close,
        checked_by_handler=frozenset(
            f"fieldwise.recommend.v1.DecisionInputs.{field}" for field in FROM_PEERS
        ),
    )


async def serve(settings: Settings) -> None:
    await server.serve(await wired(settings, catalogue_file()))


def migrate(settings: Settings) -> None:
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    migrations.migrate(settings.database_url, PACKAGE)


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 for a fault that the message explains, 2 for wrong arguments."""
    try:
        settings = load(Settings, os.environ)
        logs.configure(NAME, settings.log_level)
        if arguments == ["migrate"]:
            migrate(settings)
            return 0
        if arguments:
            sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; give nothing to serve, or `migrate`\n")
            return 2
        traces = tracing.configure(NAME, settings.traces)
        try:
            loops.run(serve(settings))
        finally:
            traces.shutdown()
    except (SettingsError, FieldwiseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
