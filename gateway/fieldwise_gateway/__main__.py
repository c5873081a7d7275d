"""The gateway process: the only place that wires it. ``migrate`` as an argument brings its database up to date."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

import grpc.aio
from google.longrunning import operations_pb2_grpc
from starlette.routing import Route

import fieldwise.allocation.v1
import fieldwise.forecast.v1
import fieldwise.profile.v1
import fieldwise.recommend.v1
from fieldwise.gateway.v1 import access_service_pb2_grpc as access_grpc
from fieldwise.gateway.v1 import events_service_pb2_grpc as events_grpc
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.gateway.v1 import rep_days_service_pb2_grpc as days_grpc
from fieldwise_gateway.access_servicer import AccessServicer
from fieldwise_gateway.admission import Admission, limits
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.capturing import Capturing
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.decide import Decider
from fieldwise_gateway.deciding import SECONDS
from fieldwise_gateway.erasing import ERASE_CUSTOMER, Erasing
from fieldwise_gateway.events_servicer import Events
from fieldwise_gateway.following import SET_CONSENT, Follower
from fieldwise_gateway.gate import Gate, Rules, new_operator_key
from fieldwise_gateway.holding import Holding
from fieldwise_gateway.http.app import application
from fieldwise_gateway.http.bounds import Patience
from fieldwise_gateway.http.environment import origins
from fieldwise_gateway.http.pages import Ready
from fieldwise_gateway.http.server import HttpFace
from fieldwise_gateway.operations import OperationsServicer
from fieldwise_gateway.own_processes import OwnProcesses
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_gateway.relay import Relay, relayed_services
from fieldwise_gateway.rep_days import RepDays
from fieldwise_gateway.rep_days_servicer import RepDaysServicer
from fieldwise_gateway.servicer import GatewayServicer
from fieldwise_gateway.settings import Addresses, Settings, is_loopback
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_gateway.store import ClockStore, IdempotencyKeys
from fieldwise_gateway.territories import AskedAssignments, HeldAssignments
from fieldwise_gateway.watching import Watching
from fieldwise_runtime import logs, loops, metrics, migrations, tls, tracing
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.settings import SettingsError, load

PACKAGE = "fieldwise_gateway"
CLOCK_SECONDS = 1.0
# Whoever asks first after a restart gets a full answer, unless a service is away.
REACHED_SECONDS = 1.0


async def wired(settings: Settings, addresses: Addresses) -> Service:
    """The gateway as a service, with everything it needs opened."""
    database = Database.open(settings.database_url, durability=Durability.POWER_LOSS)
    clock = await BusinessClock.open(settings.clock.start, ClockStore(database))
    backends = await Backends.connected(
        REACHED_SECONDS, addresses.profile, addresses.forecast, addresses.allocation, addresses.recommend
    )
    holding = Holding(settings.staleness_seconds, settings.held_seconds)
    snapshots = Snapshots(holding=holding)
    # Of customers who changed: the one stream hears of them, the other reads what changed.
    news = asyncio.Event()
    decider = Decider(backends, snapshots, clock.now, settings.decide_seconds, holding)
    gate = Gate(
        rules_of(settings),
        database,
        HeldAssignments(holding, AskedAssignments(backends, clock.now)),
    )
    pseudonyms = Pseudonyms(database)
    await pseudonyms.load()
    servicer = GatewayServicer(
        backends,
        decider,
        clock,
        IdempotencyKeys(database),
        settings.currency,
        holding,
        gate.territories,
        pseudonyms,
    )
    of_days = Decider(backends, snapshots, clock.now, SECONDS, holding)
    days = RepDaysServicer(RepDays(backends, of_days, clock.now, settings.currency))

    follower = Follower(backends, snapshots, clock.now, news)
    own = OwnProcesses(addresses.jobs, settings.traces, clock.now, pseudonyms)
    profiles = Relay(
        backends.profile_channel,
        clock.now,
        instead={ERASE_CUSTOMER: Erasing(backends, clock.now, snapshots, pseudonyms).erase},
        after={SET_CONSENT: follower.look},
        written=holding.drop_all,
    )
    relayed = [
        (profiles, relayed_services(fieldwise.profile.v1)),
        (Relay(backends.forecast_channel, clock.now), relayed_services(fieldwise.forecast.v1)),
        (Relay(backends.allocation_channel, clock.now), relayed_services(fieldwise.allocation.v1)),
        (Relay(backends.recommend_channel, clock.now), relayed_services(fieldwise.recommend.v1)),
    ]

    def register(server: grpc.aio.Server) -> None:
        gateway_grpc.add_GatewayServiceServicer_to_server(servicer, server)
        days_grpc.add_RepDaysServiceServicer_to_server(days, server)
        access_grpc.add_AccessServiceServicer_to_server(AccessServicer(gate.keyring), server)
        events_grpc.add_EventsServiceServicer_to_server(
            Events(Capturing(backends, clock.now, settings.currency, holding.drop)), server
        )
        operations_pb2_grpc.add_OperationsServicer_to_server(
            OperationsServicer(backends, own.job_operations), server
        )
        own.register(server)
        for relay, services in relayed:
            relay.register(server, services)

    async def ready() -> Mapping[str, bool]:
        return {"": await database.reachable(PACKAGE)}

    async def ready_by_dependency() -> Mapping[str, bool]:
        told = await ready()
        return {**told, "database": told[""], **backends.reachable()}

    # First of all that stands before a call: nothing that is refused here may cost more.
    admission = Admission(limits(settings.patience_seconds) if settings.admission else {})

    following = [
        *await gate.open(),
        # A second gateway on the same database may move the clock.
        asyncio.create_task(clock.refresh_every(CLOCK_SECONDS)),
        asyncio.create_task(follower.follow()),
        asyncio.create_task(pseudonyms.write_always()),
        asyncio.create_task(Watching(backends, holding, decider.warm, news).follow()),
    ]

    async def on_stop() -> None:
        for each in following:
            each.cancel()
        await asyncio.wait(following)
        await backends.close()
        await own.close()
        await database.close()

    service_names = [
        "fieldwise.gateway.v1.GatewayService",
        "fieldwise.gateway.v1.RepDaysService",
        "fieldwise.gateway.v1.AccessService",
        "fieldwise.gateway.v1.EventsService",
        "google.longrunning.Operations",
        *own.service_names,
        *(service.full_name for _, services in relayed for service in services),
    ]
    return Service(
        name="fieldwise-gateway",
        listen=settings.listen,
        register=register,
        service_names=service_names,
        ready=ready,
        on_stop=on_stop,
        checked_by_handler=frozenset({"fieldwise.gateway.v1.IngestEventsRequest.events"}),
        gatekeepers=(admission, gate.keeper),
        door=admission.door,
        beside=_http_face(settings, service_names, ready_by_dependency),
    )


def rules_of(settings: Settings) -> Rules:
    """Who is let in.

    Raises:
        SettingsError: Settings that do not go together.
    """
    faults: list[str] = []
    is_open = settings.access == "open"
    abroad = [each for each in (settings.listen, settings.http) if each and not is_loopback(each)]
    if is_open and abroad:
        remedy = "listen on 127.0.0.1, or let callers show keys"
        faults.append(
            f"FIELDWISE_GATEWAY_ACCESS: got 'open' while listening on {', '.join(abroad)}; {remedy}"
        )
    if bool(settings.token_issuer) != bool(settings.token_keys):
        remedy = "set both, or neither"
        faults.append(f"FIELDWISE_GATEWAY_TOKEN_ISSUER, FIELDWISE_GATEWAY_TOKEN_KEYS: got one; {remedy}")
    if faults:
        raise SettingsError(faults)
    return Rules(
        open=is_open,
        data=settings.data,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        keys=settings.token_keys,
        leeway=settings.token_leeway_seconds,
        calls_per_second=settings.calls_per_second,
    )


async def make_operator_key(settings: Settings) -> str:
    """Make another operator key; gives the file it is in."""
    database = Database.open(settings.database_url, durability=Durability.POWER_LOSS)
    try:
        return str(await new_operator_key(database, settings.data))
    finally:
        await database.close()


def _http_face(settings: Settings, service_names: Sequence[str], ready: Ready) -> HttpFace | None:
    if not settings.http:
        return None
    patience = Patience(settings.http_stall_seconds, settings.http_connections)
    page = Route("/metrics", metrics.route())
    answers = application(
        service_names, ready, patience, origins=origins(settings.http_origins), routes=[page]
    )
    return HttpFace(settings.http, answers, patience)


async def run(settings: Settings, addresses: Addresses) -> None:
    """Serve until told to stop."""
    tls.configure("gateway", settings.tls)
    recording = tracing.configure("fieldwise-gateway", settings.traces)
    migrations.verify(settings.database_url, PACKAGE)
    try:
        await serve(await wired(settings, addresses))
    finally:
        recording.shutdown()


def main(arguments: list[str]) -> int:
    """Serve, migrate or make a key; 1 for a fault that its message explains, 2 for wrong arguments."""
    if arguments not in ([], ["migrate"], ["operator-key"]):
        remedy = "give nothing to serve, `migrate`, or `operator-key` when all operator keys are lost"
        sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; {remedy}\n")
        return 2
    try:
        settings = load(Settings, os.environ)
        logs.configure("fieldwise-gateway", settings.log_level)
        if arguments == ["migrate"]:
            migrations.migrate(settings.database_url, PACKAGE)
        elif arguments:
            sys.stdout.write(f"{asyncio.run(make_operator_key(settings))}\n")
        else:
            loops.run(run(settings, load(Addresses, os.environ)))
    except (SettingsError, FieldwiseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
