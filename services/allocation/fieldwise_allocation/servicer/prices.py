"""PriceService on the wire: messages in, use cases, messages out; no rules and no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fieldwise.allocation.v1 import price_pb2
from fieldwise.allocation.v1 import price_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_service_pb2_grpc as service_grpc
from fieldwise_allocation import price_history
from fieldwise_allocation.price_history import Times
from fieldwise_runtime.database import Database


@dataclass(frozen=True)
class PriceServicer(service_grpc.PriceServiceServicer):
    """The calls of the contract; each says there what it does."""

    db: Database

    async def GetPriceSet(self, request: service_pb2.GetPriceSetRequest, context: Any) -> price_pb2.PriceSet:
        return price_pb2.PriceSet.FromString(await price_history.price_set(self.db, request.name))

    async def ListPriceSets(
        self, request: service_pb2.ListPriceSetsRequest, context: Any
    ) -> service_pb2.ListPriceSetsResponse:
        times = Times(
            request.since.ToNanoseconds() if request.HasField("since") else None,
            request.until.ToNanoseconds() if request.HasField("until") else None,
        )
        found, token = await price_history.page(self.db, times, request.page_size, request.page_token)
        return service_pb2.ListPriceSetsResponse(
            price_sets=map(price_pb2.PriceSet.FromString, found), next_page_token=token
        )
