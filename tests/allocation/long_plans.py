"""Plans that take a while: a question the solver can improve for long, and servers to ask it of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from tests.allocation.allocation_servers import Allocation, dollars, moment


def long_request(
    accounts: int = 2000, reps: int = 40, *, request_id: str = "long", seconds: float = 60, seed: int = 0
) -> service_pb2.PlanTerritoriesRequest:
    """Uneven accounts around a few towns with a tight band: first plans come at once, and the last improvements late."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform((40, 0), (50, 10), (9, 2))
    places = towns[rng.integers(0, 9, accounts)] + rng.normal(0, 0.3, (accounts, 2))
    hours = 0.2 + rng.gamma(2.0, 0.5, accounts)
    homes = places[rng.choice(accounts, reps, replace=False)]
    request = service_pb2.PlanTerritoriesRequest(request_id=request_id, decision_time=moment())
    request.rules.workload_band = 0.05
    request.rules.time_limit_seconds = seconds
    for i, (latitude, longitude) in enumerate(homes):
        rep = rep_pb2.Rep(name=f"reps/r{i}", hours_per_week=40)
        rep.home.latitude, rep.home.longitude = latitude, longitude
        request.reps.append(rep)
    for j, ((latitude, longitude), weekly) in enumerate(zip(places, hours, strict=True)):
        account = plan_pb2.Account(
            name=f"customers/{j}",
            workload_hours=weekly,
            incumbent=f"reps/r{j * 7 % reps}",
            value=dollars(10**8),
        )
        account.place.latitude, account.place.longitude = latitude, longitude
        request.accounts.append(account)
    return request


def progress_of(operation: operations_pb2.Operation) -> plan_pb2.PlanTerritoriesMetadata:
    told = plan_pb2.PlanTerritoriesMetadata()
    operation.metadata.Unpack(told)
    return told


async def once(
    served: Allocation, name: str, holds: Callable[[plan_pb2.PlanTerritoriesMetadata], bool]
) -> plan_pb2.PlanTerritoriesMetadata:
    """The progress of an operation as soon as something holds of it."""
    until = time.perf_counter() + 30
    while time.perf_counter() < until:
        known = await served.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))
        if holds(told := progress_of(known)):
            return told
        assert not known.done, known
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


async def with_a_plan(served: Allocation, name: str) -> plan_pb2.PlanTerritoriesMetadata:
    """The progress of an operation as soon as there is a plan."""
    return await once(served, name, lambda told: told.HasField("objective"))


async def cancelled(served: Allocation, name: str) -> operations_pb2.Operation:
    """The operation after it was cancelled."""
    await served.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
    known: operations_pb2.Operation = await served.operations.GetOperation(
        operations_pb2.GetOperationRequest(name=name)
    )
    return known
