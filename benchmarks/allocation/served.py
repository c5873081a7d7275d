"""A real allocation server on a socket, and made territories as requests to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2, timestamp_pb2

from benchmarks.allocation.accounts_world import World
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.__main__ import PACKAGE, wire_up
from fieldwise_allocation.settings import Settings
from fieldwise_runtime import migrations, server, settings

LARGEST = 64 * 1024 * 1024
NOW = timestamp_pb2.Timestamp(seconds=1_500_000_000)


@dataclass(frozen=True)
class Served:
    """Stubs of one running server."""

    calls: service_grpc.AllocationServiceAsyncStub
    operations: operations_pb2.OperationsStub

    async def plan(self, request: service_pb2.PlanTerritoriesRequest) -> plan_pb2.TerritoryPlan:
        operation = await self.calls.PlanTerritories(request)
        wait = operations_pb2.WaitOperationRequest(
            name=operation.name, timeout=duration_pb2.Duration(seconds=600)
        )
        ended = await self.operations.WaitOperation(wait)
        plan = plan_pb2.TerritoryPlan()
        assert ended.response.Unpack(plan), ended.error
        return plan


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    """A server with a database of its own, and solvers standing by after its first plan."""
    with TemporaryDirectory() as folder:
        async with channel_to(migrated(Path(folder))) as channel:
            yield Served(service_grpc.AllocationServiceStub(channel), operations_pb2.OperationsStub(channel))


def migrated(folder: Path) -> Settings:
    """The settings of a server with its files in a folder, its database ready."""
    environ = {"FIELDWISE_DATA": str(folder), "FIELDWISE_ALLOCATION_LISTEN": "127.0.0.1:0"}
    known = settings.load(Settings, environ)
    migrations.migrate(known.database_url, PACKAGE)
    return known


@asynccontextmanager
async def channel_to(known: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """A server on a free port, and a channel to it."""
    running = await server.start(await wire_up(known))
    options = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}", options=options) as channel:
            yield channel
    finally:
        await running.stop()


def request_of(made: World, *, request_id: str, seconds: float) -> service_pb2.PlanTerritoriesRequest:
    """The world as a planner would send it: plan units as in `accounts_world.problem`."""
    request = service_pb2.PlanTerritoriesRequest(request_id=request_id, decision_time=NOW)
    request.rules.workload_band = made.band
    request.rules.kilometre_cost = 0.1
    request.rules.move_cost = 0.001
    request.rules.time_limit_seconds = seconds
    for i, (latitude, longitude) in enumerate(made.home_degrees.tolist()):
        skills = ["special"] if made.skilled[i] else []
        rep = rep_pb2.Rep(name=f"reps/{i:05}", hours_per_week=40, skills=skills)
        rep.home.latitude, rep.home.longitude = latitude, longitude
        request.reps.append(rep)
    rows = zip(
        made.account_degrees.tolist(),
        made.hours.tolist(),
        made.value.tolist(),
        made.needs.tolist(),
        made.incumbent.tolist(),
        made.locked.tolist(),
        strict=True,
    )
    for j, ((latitude, longitude), hours, value, needs, incumbent, locked) in enumerate(rows):
        account = plan_pb2.Account(
            name=f"customers/{j:07}",
            workload_hours=hours,
            value=money_pb2.Money(currency_code="USD", micros=round(value * 1e6)),
            needs_skills=["special"] if needs else [],
            incumbent=f"reps/{incumbent:05}",
            locked=locked,
        )
        account.place.latitude, account.place.longitude = latitude, longitude
        request.accounts.append(account)
    return request
