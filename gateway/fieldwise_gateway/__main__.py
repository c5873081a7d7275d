"""The gateway process: the only place that wires it. ``migrate`` as an argument brings its database up to date."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

import grpc.aio
from google.longrunning import operations_pb2_grpc

import fieldwise.allocation.v1
import fieldwise.forecast.v1
import fieldwise.profile.v1
import fieldwise.recommend.v1
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.gateway.v1 import rep_days_service_pb2_grpc as days_grpc
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.decide import Decider
from fieldwise_gateway.deciding import SECONDS
from fieldwise_gateway.erasing import ERASE_CUSTOMER, Erasing
from fieldwise_gateway.following import SET_CONSENT, Follower
from fieldwise_gateway.operations import OperationsServicer
from fieldwise_gateway.relay import Relay, relayed_services
from fieldwise_gateway.rep_days import RepDays
from fieldwise_gateway.rep_days_servicer import RepDaysServicer
from fieldwise_gateway.servicer import GatewayServicer
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_gateway.store import ClockStore, IdempotencyKeys
from fieldwise_runtime import logs, loops, migrations, tracing
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.settings import SettingsError, load

PACKAGE = "fieldwise_gateway"
CLOCK_SECONDS = 1.0


async def wired(settings: Settings, addresses: Addresses) -> Service:
    """The gateway as a service, with everything it needs opened."""
    database = Database.open(settings.database_url, durability=Durability.POWER_LOSS)
    clock = await BusinessClock.open(settings.clock.start, ClockStore(database))
    backends = Backends.connect(
        addresses.profile, addresses.forecast, addresses.allocation, addresses.recommend
    )
    snapshots = Snapshots()
    decider = Decider(backends, snapshots, clock.now, settings.decide_seconds)
    servicer = GatewayServicer(backends, decider, clock, IdempotencyKeys(database), settings.currency)
    of_days = Decider(backends, snapshots, clock.now, SECONDS)
    days = RepDaysServicer(RepDays(backends, of_days, clock.now, settings.currency))

    erasing = Erasing(backends, clock.now, snapshots)
    follower = Follower(backends, snapshots, clock.now)
    relay = Relay(
        backends.profile_channel,
        clock.now,
        instead={ERASE_CUSTOMER: erasing.erase},
        after={SET_CONSENT: follower.look},
    )
    forecasts = Relay(backends.forecast_channel, clock.now)
    plans = Relay(backends.allocation_channel, clock.now)
    actions = Relay(backends.recommend_channel, clock.now)
    of_profile, of_forecast = relayed_services(fieldwise.profile.v1), relayed_services(fieldwise.forecast.v1)
    of_allocation, of_recommend = (
        relayed_services(fieldwise.allocation.v1),
        relayed_services(fieldwise.recommend.v1),
    )

    def register(server: grpc.aio.Server) -> None:
        gateway_grpc.add_GatewayServiceServicer_to_server(servicer, server)
        days_grpc.add_RepDaysServiceServicer_to_server(days, server)
        operations_pb2_grpc.add_OperationsServicer_to_server(OperationsServicer(backends), server)
        relay.register(server, of_profile)
        forecasts.register(server, of_forecast)
        plans.register(server, of_allocation)
        actions.register(server, of_recommend)

    async def ready() -> Mapping[str, bool]:
        return {"": await database.reachable(PACKAGE)}

    following = [
        # A second gateway on the same database may move the clock.
        asyncio.create_task(clock.refresh_every(CLOCK_SECONDS)),
        asyncio.create_task(follower.follow()),
    ]

    async def on_stop() -> None:
        for each in following:
            each.cancel()
        await asyncio.wait(following)
        await backends.close()
        await database.close()

    return Service(
        name="fieldwise-gateway",
        listen=settings.listen,
        register=register,
        service_names=[
            "fieldwise.gateway.v1.GatewayService",
            "fieldwise.gateway.v1.RepDaysService",
            "google.longrunning.Operations",
            *(service.full_name for service in (*of_profile, *of_forecast, *of_allocation, *of_recommend)),
        ],
        ready=ready,
        on_stop=on_stop,
        checked_by_handler=frozenset({"fieldwise.gateway.v1.IngestEventsRequest.events"}),
    )


async def run(settings: Settings, addresses: Addresses) -> None:
    """Serve until told to stop."""
    recording = tracing.configure("fieldwise-gateway", settings.traces)
    migrations.verify(settings.database_url, PACKAGE)
    try:
        await serve(await wired(settings, addresses))
    finally:
        recording.shutdown()


def main(arguments: list[str]) -> int:
    """Serve, or migrate; 1 for a fault that its message explains, 2 for wrong arguments."""
    if arguments not in ([], ["migrate"]):
        sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; give nothing to serve, or `migrate`\n")
        return 2
    try:
        settings = load(Settings, os.environ)
        logs.configure("fieldwise-gateway", settings.log_level)
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
