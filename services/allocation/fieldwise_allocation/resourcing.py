"""Scarce means shared out in worker processes; knows nothing of how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise_allocation import resourcing_worker as worker
from fieldwise_allocation.wire import money
from fieldwise_executor.executor import Executor
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Beyond the solver's own limit: start of the process, fits, frontier, explanation of a conflict, check.
SPARE_SECONDS = 180.0
DEFAULT_SECONDS = 20.0


class _Asked(Protocol):
    @property
    def question(self) -> service_pb2.EffortQuestion: ...

    def SerializeToString(self) -> bytes: ...


@dataclass(frozen=True)
class Resourcing:
    """What the verbs of scarce means work with. Giving a call up ends its process."""

    executor: Executor
    currency: str

    async def fit(self, request: service_pb2.FitCurvesRequest) -> service_pb2.FitCurvesResponse:
        body = await self.executor.run(worker.fit_curves, request.SerializeToString(), timeout=SPARE_SECONDS)
        return service_pb2.FitCurvesResponse.FromString(body)

    async def allocate(
        self, request: service_pb2.AllocateBudgetRequest, tell: Callable[[worker.Step], None] | None = None
    ) -> service_pb2.BudgetPlan:
        plan = service_pb2.BudgetPlan.FromString(await self._solved(worker.allocate_budget, request, tell))
        log.info("budget shared out", cells=len(plan.lines), rules=len(plan.rules), gap=plan.gap)
        return plan

    async def watch(
        self, request: service_pb2.AllocateBudgetRequest
    ) -> AsyncGenerator[service_pb2.WatchBudgetResponse, None]:
        """Each step of a budget, and at last its plan."""
        began = time.perf_counter()
        steps: asyncio.Queue[worker.Step | None] = asyncio.Queue()
        solving = asyncio.create_task(self.allocate(request, steps.put_nowait))
        solving.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while step := await steps.get():
                yield self._news(step, time.perf_counter() - began)
            yield service_pb2.WatchBudgetResponse(
                plan=await solving, elapsed_seconds=time.perf_counter() - began
            )
        finally:
            solving.cancel()
            await asyncio.gather(solving, return_exceptions=True)

    def _news(self, step: worker.Step, seconds: float) -> service_pb2.WatchBudgetResponse:
        worth, bound = (
            None if amount is None else money(amount, self.currency) for amount in (step.worth, step.bound)
        )
        return service_pb2.WatchBudgetResponse(
            step=step.name, worth=worth, bound=bound, elapsed_seconds=seconds
        )

    async def size(self, request: service_pb2.SizeForceRequest) -> service_pb2.SizeForceResponse:
        sized = service_pb2.SizeForceResponse.FromString(await self._solved(worker.size_force, request))
        log.info("force sized", cells=len(sized.plan.lines), reps=sized.reps)
        return sized

    async def reach(self, request: service_pb2.ReachTargetRequest) -> service_pb2.ReachTargetResponse:
        plans = service_pb2.ReachTargetResponse.FromString(await self._solved(worker.reach_target, request))
        log.info("target planned", cells=len(plans.plan.lines), gap=plans.plan.gap)
        return plans

    async def _solved(
        self,
        work: Callable[[bytes, str], bytes],
        request: _Asked,
        tell: Callable[[worker.Step], None] | None = None,
    ) -> bytes:
        seconds = request.question.time_limit_seconds or DEFAULT_SECONDS
        return await self.executor.run(
            work,
            request.SerializeToString(),
            self.currency,
            timeout=seconds + SPARE_SECONDS,
            on_message=tell,
        )
