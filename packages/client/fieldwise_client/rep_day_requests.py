"""What is asked about a rep's day. Knows no channel."""

from __future__ import annotations

from datetime import date

from google.type.date_pb2 import Date

from fieldwise.gateway.v1 import rep_days_service_pb2 as rep_days
from fieldwise_client.names import resource
from fieldwise_client.talks import Method

LIST_NEXT_ACTIONS = Method(
    "gateway", "/fieldwise.gateway.v1.RepDaysService/ListNextActions", rep_days.ListNextActionsResponse
)
# Hundreds of customers may have to be decided for first.
DAY_SECONDS = 120.0
_PAGE = 500


def next_actions(rep: str, day: date | None, minutes: float | None) -> rep_days.ListNextActionsRequest:
    asked = None if day is None else Date(year=day.year, month=day.month, day=day.day)
    return rep_days.ListNextActionsRequest(
        parent=resource("reps", rep), day=asked, minutes=minutes, page_size=_PAGE
    )
