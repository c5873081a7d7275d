"""NextPurchaseService on the wire; knows no statistics and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.recommend.v1 import next_purchase_service_pb2 as wire
from fieldwise.recommend.v1.next_purchase_service_pb2_grpc import NextPurchaseServiceServicer
from fieldwise_recommend.next_purchasing import NextPurchasing

# grpc.aio and grpc have contexts of different types; no method here uses its own.
Context = Any


class NextPurchaseWire(NextPurchaseServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, purchasing: NextPurchasing) -> None:
        self._purchasing = purchasing

    async def LearnNextPurchases(
        self, request: wire.LearnNextPurchasesRequest, context: Context
    ) -> wire.LearnNextPurchasesResponse:
        return await self._purchasing.learn(request)

    async def GetNextPurchaseTables(
        self, request: wire.GetNextPurchaseTablesRequest, context: Context
    ) -> wire.NextPurchaseTables:
        return self._purchasing.tables()
