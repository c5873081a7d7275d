"""A real allocation server on a real SQLite file, and the messages that the tests send to it."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc
import psutil
import pytest
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2, timestamp_pb2

from fieldwise.allocation.v1 import account_service_pb2_grpc as accounts_grpc
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.allocation.v1 import plan_service_pb2_grpc as plans_grpc
from fieldwise.allocation.v1 import price_service_pb2_grpc as prices_grpc
from fieldwise.allocation.v1 import resource_service_pb2_grpc as resources_grpc
from fieldwise.allocation.v1 import territory_service_pb2_grpc as territories_grpc
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.__main__ import PACKAGE, PREPARE, wire_up
from fieldwise_allocation.settings import Settings
from fieldwise_executor.local import LocalExecutor
from fieldwise_executor.standby import Readiness
from fieldwise_runtime import migrations, server, settings
from fieldwise_runtime.errors import RpcFault, from_rpc_error

WEEK = 7 * 24 * 3600
NOW = 1_500_000_000


def moment(seconds: int = NOW) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=seconds)


@cache
def solvers() -> LocalExecutor:
    """One process that has imported what solvers need, for all servers of the tests: it takes seconds to start."""
    executor = LocalExecutor(2, Readiness(PREPARE))
    atexit.register(executor.end_standby)
    return executor


@dataclass(frozen=True)
class Allocation:
    """Stubs of one running server."""

    calls: service_grpc.AllocationServiceAsyncStub
    operations: operations_pb2.OperationsStub
    accounts: accounts_grpc.AccountServiceAsyncStub
    plans: plans_grpc.PlanServiceAsyncStub
    resources: resources_grpc.ResourceServiceAsyncStub
    prices: prices_grpc.PriceServiceAsyncStub
    territories: territories_grpc.TerritoryServiceAsyncStub

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
async def serving(folder: Path, **more: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server: migrated, on a free port, stopped at the end; the same folder gives the same database.

    Args:
        more: Further settings, by variable.
    """
    environ = {
        "FIELDWISE_DATA": str(folder),
        "FIELDWISE_ALLOCATION_LISTEN": "127.0.0.1:0",
    } | more
    known = settings.load(Settings, environ)
    migrations.migrate(known.database_url, PACKAGE)
    running = await server.start(await wire_up(known, solvers()))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            yield channel
    finally:
        await running.stop()


@asynccontextmanager
async def allocation(folder: Path, **more: str) -> AsyncIterator[Allocation]:
    """The stubs of a server, as `serving` makes it."""
    async with serving(folder, **more) as channel:
        yield stubs(channel)


def stubs(channel: grpc.aio.Channel) -> Allocation:
    return Allocation(
        service_grpc.AllocationServiceStub(channel),
        operations_pb2.OperationsStub(channel),
        accounts_grpc.AccountServiceStub(channel),
        plans_grpc.PlanServiceStub(channel),
        resources_grpc.ResourceServiceStub(channel),
        prices_grpc.PriceServiceStub(channel),
        territories_grpc.TerritoryServiceStub(channel),
    )


async def fault_of(call: Awaitable[object]) -> RpcFault:
    """Why a call is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        await call
    return from_rpc_error(refused.value)


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
    """Processes that solve for this one: forked from what stands by."""
    alive = (child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE)
    standing_by = (child for child in alive if "fieldwise_runtime.nursery" in child.cmdline())
    return [worker for each in standing_by for worker in each.children()]


async def no_worker_is_left() -> bool:
    """Whether none solves any more in a moment: one that was given up before it had its job ends by itself."""
    end = time.perf_counter() + 5
    while (left := workers()) and time.perf_counter() < end:  # noqa: ASYNC110  # processes, which set no event
        await asyncio.sleep(0.02)
    return not left
