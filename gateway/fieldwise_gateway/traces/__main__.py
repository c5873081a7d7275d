"""Entry point of the trace receiver: `python -m fieldwise_gateway.traces` serves, `... migrate` makes its tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server

from fieldwise.gateway.v1.traces_service_pb2_grpc import add_TracesServiceServicer_to_server
from fieldwise_gateway.traces import measures
from fieldwise_gateway.traces.core.sampling import Policy
from fieldwise_gateway.traces.http import face
from fieldwise_gateway.traces.keeping import Keeper
from fieldwise_gateway.traces.relay import Relay
from fieldwise_gateway.traces.servicer import Receiver, Traces
from fieldwise_gateway.traces.settings import Settings
from fieldwise_gateway.traces.store import TraceStore
from fieldwise_runtime import logs, loops, migrations, server, tls
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.peers import Callers
from fieldwise_runtime.server import Service
from fieldwise_runtime.settings import SettingsError, load

PACKAGE = "fieldwise_gateway.traces"
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SERVICE_NAME = "fieldwise-traces"


async def receiver(settings: Settings) -> Service:
    """The trace receiver, wired; its database must be at the newest revision.

    Raises:
        FailedPrecondition: The database is at another revision.
    """
    migrations.verify(settings.database_url, PACKAGE)
    # A span that a power cut takes is no loss to anybody; one that a crash of this process takes would be.
    database = Database.open(settings.database_url, durability=Durability.PROCESS_CRASH)
    store = TraceStore(database, settings.capacity)
    policy = Policy(settings.share, settings.slow_quantile, settings.slow_milliseconds / 1000)
    keeper = Keeper(store, policy)
    await keeper.open()
    relay = Relay(settings.relay) if settings.relay else None
    taking = Receiver(keeper, relay)

    def register(grpc_server: grpc.aio.Server) -> None:
        add_TraceServiceServicer_to_server(taking, grpc_server)
        add_TracesServiceServicer_to_server(Traces(keeper, store, database, policy, relay), grpc_server)

    async def ready() -> Mapping[str, bool]:
        return {"": await database.reachable(PACKAGE)}

    async def measure() -> None:
        measures.stored(keeper.spans, settings.capacity)

    async def on_stop() -> None:
        if relay is not None:
            await relay.close()
        await keeper.close()
        await database.close()

    return Service(
        name=SERVICE_NAME,
        listen=settings.listen,
        register=register,
        service_names=[
            "opentelemetry.proto.collector.trace.v1.TraceService",
            "fieldwise.gateway.v1.TracesService",
        ],
        ready=ready,
        measure=measure,
        on_stop=on_stop,
        beside=(lambda _: face(taking.take, settings.http_listen)) if settings.http_listen else None,
        # Every process records; what was recorded is for the gateway and for whoever operates it all.
        callers=Callers(frozenset({"gateway", tls.OPERATOR}), of_everybody=frozenset({_EXPORT})),
        # Senders of OTLP obey its rules, not ours: a long attribute must not cost the whole export.
        checked_by_handler=frozenset(
            {"opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest.resource_spans"}
        ),
    )


async def _serve(settings: Settings) -> None:
    await server.serve(await receiver(settings))


def main(arguments: list[str]) -> int:
    """Serve, or with `migrate` bring the database to the newest revision; 1 when that cannot be."""
    try:
        settings = load(Settings, os.environ)
        logs.configure(SERVICE_NAME, settings.log_level)
        if arguments == ["migrate"]:
            migrations.migrate(settings.database_url, PACKAGE)
        else:
            tls.configure("traces", settings.tls)
            loops.run(_serve(settings))
    except (SettingsError, FieldwiseError) as error:
        print(error, file=sys.stderr)  # a person starts this; there is no caller to tell
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
