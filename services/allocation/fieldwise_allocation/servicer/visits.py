"""VisitService on the wire: messages in, use cases, messages out; no rules and no SQL."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from fieldwise.allocation.v1 import visit_pb2
from fieldwise.allocation.v1 import visit_service_pb2 as service_pb2
from fieldwise.allocation.v1 import visit_service_pb2_grpc as service_grpc
from fieldwise_allocation import ranking
from fieldwise_allocation.visiting import Visiting


@dataclass(frozen=True)
class VisitServicer(service_grpc.VisitServiceServicer):
    """The calls of the contract; each says there what it does."""

    visiting: Visiting

    async def PlanVisits(
        self, request: service_pb2.PlanVisitsRequest, context: Any
    ) -> operations_pb2.Operation:
        return await self.visiting.start(request)

    async def GetVisitPlan(
        self, request: service_pb2.GetVisitPlanRequest, context: Any
    ) -> visit_pb2.VisitPlan:
        return await self.visiting.get(request.name)

    async def ListDayVisits(
        self, request: service_pb2.ListDayVisitsRequest, context: Any
    ) -> service_pb2.ListDayVisitsResponse:
        days, token = await self.visiting.page(request.parent, request.page_size, request.page_token)
        return service_pb2.ListDayVisitsResponse(days=days, next_page_token=token)

    async def DeleteVisitPlan(
        self, request: service_pb2.DeleteVisitPlanRequest, context: Any
    ) -> empty_pb2.Empty:
        await self.visiting.delete(request.name)
        return empty_pb2.Empty()

    async def RankOutreach(
        self, request: service_pb2.RankOutreachRequest, context: Any
    ) -> service_pb2.RankOutreachResponse:
        return await asyncio.to_thread(ranking.rank, request, self.visiting.currency)
