"""Requests about the history of prices. Knows no channel."""

from __future__ import annotations

from datetime import datetime

from fieldwise.allocation.v1 import price_pb2
from fieldwise.allocation.v1 import price_service_pb2 as prices_pb
from fieldwise_client.allocation_requests import of_allocation
from fieldwise_client.names import resource
from fieldwise_client.requests import timestamp

GET_PRICE_SET = of_allocation("PriceService", "GetPriceSet", price_pb2.PriceSet)
LIST_PRICE_SETS = of_allocation("PriceService", "ListPriceSets", prices_pb.ListPriceSetsResponse)


def price_set(version: int | str) -> prices_pb.GetPriceSetRequest:
    return prices_pb.GetPriceSetRequest(name=resource("priceSets", str(version)))


def price_sets(since: datetime | None, until: datetime | None) -> prices_pb.ListPriceSetsRequest:
    request = prices_pb.ListPriceSetsRequest()
    if since is not None:
        request.since.CopyFrom(timestamp("since", since))
    if until is not None:
        request.until.CopyFrom(timestamp("until", until))
    return request
