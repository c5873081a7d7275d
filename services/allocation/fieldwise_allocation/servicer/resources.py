"""ResourceService on the wire: use cases behind messages; no rules and no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise.allocation.v1 import resource_service_pb2_grpc as service_grpc
from fieldwise_allocation.resourcing import Resourcing


@dataclass(frozen=True)
class ResourceServicer(service_grpc.ResourceServiceServicer):
    """The calls of the contract; each says there what it does."""

    resourcing: Resourcing

    async def FitCurves(
        self, request: service_pb2.FitCurvesRequest, context: Any
    ) -> service_pb2.FitCurvesResponse:
        return await self.resourcing.fit(request)

    async def AllocateBudget(
        self, request: service_pb2.AllocateBudgetRequest, context: Any
    ) -> service_pb2.BudgetPlan:
        return await self.resourcing.allocate(request)

    async def WatchBudget(
        self, request: service_pb2.WatchBudgetRequest, context: Any
    ) -> AsyncIterator[service_pb2.WatchBudgetResponse]:
        asked = service_pb2.AllocateBudgetRequest(
            question=request.question, frontier_shares=request.frontier_shares
        )
        async with aclosing(self.resourcing.watch(asked)) as news:
            async for each in news:
                yield each

    async def SizeForce(
        self, request: service_pb2.SizeForceRequest, context: Any
    ) -> service_pb2.SizeForceResponse:
        return await self.resourcing.size(request)

    async def ReachTarget(
        self, request: service_pb2.ReachTargetRequest, context: Any
    ) -> service_pb2.ReachTargetResponse:
        return await self.resourcing.reach(request)
