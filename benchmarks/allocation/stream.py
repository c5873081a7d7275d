"""The stream of plans at 10,000 accounts: the first plan, the answer to a cancel, the limit kept.

Seconds are CPU seconds of the server and its solver, which a busy machine leaves as they are; wall seconds stand beside them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from google.longrunning import operations_pb2

from benchmarks.allocation.accounts_world import REPORTING_SEEDS, world
from benchmarks.allocation.served import Served, request_of, serving
from benchmarks.report import Row
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2

ACCOUNTS, REPS, BAND = 10_000, 100, 0.05
LIMIT = 10.0
# A cancel comes this many seconds after the first plan.
CANCELS = (0.1, 1.0, 3.0)


@dataclass(frozen=True)
class Took:
    """CPU seconds of this process and those below it, and wall seconds; as a moment, or between two."""

    cpu: float
    wall: float

    @classmethod
    def now(cls) -> Took:
        me = psutil.Process()
        used = [each.cpu_times() for each in (me, *me.children(recursive=True))]
        return cls(sum(each.user + each.system for each in used), time.perf_counter())

    def since(self, began: Took) -> Took:
        return Took(self.cpu - began.cpu, self.wall - began.wall)


def rows(*, quick: bool) -> Iterator[Row]:
    """Wall times over a socket, of a server whose solvers stand by already."""
    yield from asyncio.run(_measured(REPORTING_SEEDS[:1] if quick else REPORTING_SEEDS))


async def _measured(seeds: tuple[int, ...]) -> list[Row]:
    first: list[Took] = []
    cancels: list[Took] = []
    overruns: list[float] = []
    news: list[int] = []
    async with serving() as served:
        await served.plan(request_of(world(400, 10, band=0.2, seed=1), request_id="warm", seconds=2))
        for seed in seeds:
            made = world(ACCOUNTS, REPS, band=BAND, seed=seed)
            for pause in CANCELS:
                request = request_of(made, request_id=f"cancel {seed} {pause}", seconds=60)
                began = Took.now()
                name = (await served.calls.PlanTerritories(request)).name
                first.append((await _first_plan(served, name)).since(began))
                await asyncio.sleep(pause)
                cancels.append(await _cancelled(served, name))
            request = request_of(made, request_id=f"limit {seed}", seconds=LIMIT)
            took, told = await _to_its_end(served, request)
            overruns.append(100 * (took / LIMIT - 1))
            news.append(told)
    return [
        Row("first plan, 10,000 x 100, from the call", _median(first).cpu, "CPU-s", "must", "<= 2"),
        Row("the same, wall", _median(first).wall, "s"),
        Row("cancel answered with the best plan", 1000 * _median(cancels).cpu, "CPU-ms", "must", "<= 200"),
        Row("the same, wall", 1000 * _median(cancels).wall, "ms"),
        Row("limit of 10 s overrun by, whole request, the worst", max(overruns), "%", "must", "<= 5"),
        Row("plans told in 10 s, the fewest", min(news), "", "info"),
    ]


def _median(took: list[Took]) -> Took:
    return Took(statistics.median(each.cpu for each in took), statistics.median(each.wall for each in took))


async def _first_plan(served: Served, name: str) -> Took:
    async for news in served.calls.WatchPlan(service_pb2.WatchPlanRequest(name=name)):
        if news.progress.HasField("objective"):
            return Took.now()
    raise AssertionError("it ended without a plan")


async def _cancelled(served: Served, name: str) -> Took:
    cpu, began = time.process_time(), time.perf_counter()
    await served.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
    ended = await served.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))
    took = Took(time.process_time() - cpu, time.perf_counter() - began)
    plan = plan_pb2.TerritoryPlan()
    assert ended.response.Unpack(plan)
    assert plan.stopped == plan_pb2.PLAN_STOPPED_CANCELLED
    return took


async def _to_its_end(served: Served, request: service_pb2.PlanTerritoriesRequest) -> tuple[float, int]:
    """Seconds from the call to its end, and how often the plan got better."""
    began = time.perf_counter()
    name = (await served.calls.PlanTerritories(request)).name
    costs = set()
    async for news in served.calls.WatchPlan(service_pb2.WatchPlanRequest(name=name)):
        if news.progress.HasField("objective"):
            costs.add(news.progress.objective)
    return time.perf_counter() - began, len(costs)
