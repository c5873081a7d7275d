"""A real allocation server on a real SQLite file, and the messages that the tests send to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2, timestamp_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.__main__ import PACKAGE, wire_up
from fieldwise_allocation.settings import Settings
from fieldwise_runtime import migrations, server, settings

WEEK = 7 * 24 * 3600
NOW = 1_500_000_000


def moment(seconds: int = NOW) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=seconds)


@dataclass(frozen=True)
class Allocation:
    """Stubs of one running server."""

    calls: service_grpc.AllocationServiceAsyncStub
    operations: operations_pb2.OperationsStub

    async def hire(self, *names: str, hours: float = 40) -> None:
        for name in names:
            rep = rep_pb2.Rep(name=name, hours_per_week=hours)
            await self.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id=f"hire {name}"))

    async def plan(self, request: service_pb2.PlanTerritoriesRequest) -> operations_pb2.Operation:
        return await self.finished(await self.calls.PlanTerritories(request))

    async def finished(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        wait = operations_pb2.WaitOperationRequest(
            name=operation.name, timeout=duration_pb2.Duration(seconds=60)
        )
        ended: operations_pb2.Operation = await self.operations.WaitOperation(wait)
        return ended


@asynccontextmanager
async def allocation(folder: Path) -> AsyncIterator[Allocation]:
    """Migrated, served on a free port, stopped at the end; the same folder gives the same database."""
    environ = {"FIELDWISE_DATA": str(folder), "FIELDWISE_ALLOCATION_LISTEN": "127.0.0.1:0"}
    known = settings.load(Settings, environ)
    migrations.migrate(known.database_url, PACKAGE)
    running = await server.start(await wire_up(known))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            yield Allocation(
                service_grpc.AllocationServiceStub(channel), operations_pb2.OperationsStub(channel)
            )
    finally:
        await running.stop()


def dollars(micros: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="USD", micros=micros)


def plan_request(
    accounts: int = 12, *, request_id: str = "plan", reps: Sequence[rep_pb2.Rep] = ()
) -> service_pb2.PlanTerritoriesRequest:
    request = service_pb2.PlanTerritoriesRequest(request_id=request_id, decision_time=moment(), reps=reps)
    request.accounts.extend(
        plan_pb2.Account(
            name=f"customers/{j}",
            workload_hours=1 + j % 3,
            value=dollars(1_000_000 * (j + 1)),
        )
        for j in range(accounts)
    )
    return request


def plan_of(operation: operations_pb2.Operation) -> plan_pb2.TerritoryPlan:
    plan = plan_pb2.TerritoryPlan()
    assert operation.response.Unpack(plan), operation
    return plan


def week(request_id: str = "week", start: int = NOW) -> service_pb2.SolvePricesRequest:
    return service_pb2.SolvePricesRequest(
        period=service_pb2.PricePeriod(
            request_id=request_id, valid_from=moment(start), valid_until=moment(start + WEEK)
        )
    )


def candidate(
    customer: str, micros: int, resource: str = "email-slots", amount: float = 1.0
) -> price_pb2.Candidate:
    return price_pb2.Candidate(
        customer=customer,
        action="actions/write",
        value=dollars(micros),
        uses=[price_pb2.Use(resource=resource, amount=amount)],
    )


def stream(*messages: service_pb2.SolvePricesRequest) -> Iterator[service_pb2.SolvePricesRequest]:
    return iter(messages)


def workers() -> list[psutil.Process]:
    """Worker processes of this one."""
    children = psutil.Process().children()
    return [child for child in children if "fieldwise_runtime.worker_process" in child.cmdline()]
