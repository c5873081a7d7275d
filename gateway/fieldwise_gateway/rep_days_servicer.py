"""Wire to a rep's day and back; no rules."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace

from fieldwise.gateway.v1 import rep_days_service_pb2 as days_pb
from fieldwise.gateway.v1 import rep_days_service_pb2_grpc as days_grpc
from fieldwise_gateway.rep_days import RepDays


class RepDaysServicer(days_grpc.RepDaysServiceServicer):
    """What reps do on a day."""

    def __init__(self, days: RepDays) -> None:
        self._days = days

    async def ListNextActions(
        self, request: days_pb.ListNextActionsRequest, context: Any
    ) -> days_pb.ListNextActionsResponse:
        answer = await self._days.page(request)
        span = trace.get_current_span()
        span.set_attribute("fieldwise.rep_day.customers", answer.rep_day.customers)
        span.set_attribute("fieldwise.rep_day.listed", answer.rep_day.listed)
        return answer
