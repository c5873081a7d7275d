"""TerritoryService on the wire: messages in, a worker's answer out; no rules and no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fieldwise.allocation.v1 import territory_service_pb2 as service_pb2
from fieldwise.allocation.v1 import territory_service_pb2_grpc as service_grpc
from fieldwise_allocation import explaining, store
from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database

# Beyond the explanation's own limits: start of the process and reading the question.
SPARE_SECONDS = 30.0


@dataclass(frozen=True)
class TerritoryServicer(service_grpc.TerritoryServiceServicer):
    """The calls of the contract; each says there what it does."""

    db: Database
    executor: Executor
    currency: str

    async def ExplainInfeasibility(
        self, request: service_pb2.ExplainInfeasibilityRequest, context: Any
    ) -> service_pb2.ExplainInfeasibilityResponse:
        stored = () if request.reps else await self.db.read(lambda connection: store.reps(connection))
        asked = explaining.Asked(request.SerializeToString(), stored, self.currency)
        told = await self.executor.run(
            explaining.answer, asked, timeout=explaining.WAYS_SECONDS + SPARE_SECONDS
        )
        return service_pb2.ExplainInfeasibilityResponse.FromString(told)
