"""CustomerService on the wire: translates, calls, translates back; no rules, no SQL."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import Any

from fieldwise.forecast.v1 import customer_service_pb2 as pb
from fieldwise.forecast.v1 import customer_service_pb2_grpc
from fieldwise_forecast.core.interest.dwell import Threshold
from fieldwise_forecast.outlooks import Outlook, Outlooks
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE, MOST = 100, 1000
THRESHOLDS = "dwell thresholds"


class CustomerServicer(customer_service_pb2_grpc.CustomerServiceServicer):
    """Outlooks of customers, and thresholds of dwell."""

    def __init__(self, outlooks: Outlooks) -> None:
        self._outlooks = outlooks

    async def GetOutlook(self, request: pb.GetOutlookRequest, context: Any) -> pb.Outlook:
        found = await self._outlooks.of(request.name, request.decision_time.ToDatetime(UTC), request.most)
        return outlook_message(request.name, found)

    async def ListDwellThresholds(
        self, request: pb.ListDwellThresholdsRequest, context: Any
    ) -> pb.ListDwellThresholdsResponse:
        size = clamp_page_size(request.page_size, PAGE, MOST)
        found, version = self._outlooks.thresholds(cursor_of(request.page_token, THRESHOLDS), size + 1)
        more = page_token(found[size - 1].category, THRESHOLDS) if len(found) > size else ""
        return pb.ListDwellThresholdsResponse(
            thresholds=[threshold_message(each) for each in found[:size]],
            next_page_token=more,
            model_version=version,
        )


def outlook_message(name: str, found: Outlook) -> pb.Outlook:
    return pb.Outlook(
        name=name,
        status=found.standing.status,
        waiting_probability=found.standing.waiting,
        lost_probability=found.standing.lost,
        next_categories=[
            pb.CategoryChance(category=category, probability=chance) for category, chance in found.categories
        ],
        products=[pb.ProductInterest(**asdict(each)) for each in found.products],
        contact_time=pb.ContactTime(**asdict(found.contact)),
        model_versions=found.versions,
    )


def threshold_message(threshold: Threshold) -> pb.DwellThreshold:
    return pb.DwellThreshold(**asdict(threshold))
