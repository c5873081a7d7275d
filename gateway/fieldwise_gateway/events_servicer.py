"""The wire of EventsService: who sends is the source of what he sends; knows no SDK's form."""

from __future__ import annotations

import re
from typing import Any, Final

from fieldwise.gateway.v1 import events_service_pb2 as events_pb
from fieldwise.gateway.v1.events_service_pb2_grpc import EventsServiceServicer
from fieldwise_gateway import principal
from fieldwise_gateway.capturing import Capturing
from fieldwise_gateway.core.access import ANYBODY
from fieldwise_runtime.errors import PermissionDenied

SCOPE: Final = "events.write"
_NOT_OF_SOURCES: Final = re.compile(r"[^a-z0-9._-]+", re.ASCII)


class Events(EventsServiceServicer):
    """fieldwise.gateway.v1.EventsService."""

    def __init__(self, capturing: Capturing) -> None:
        self._capturing = capturing

    async def CaptureEvents(
        self, request: events_pb.CaptureEventsRequest, context: Any
    ) -> events_pb.CaptureEventsResponse:
        caller = principal.current() or ANYBODY
        if caller.is_confined(SCOPE):
            raise PermissionDenied(
                "NOT_FOR_FIELD_ROLES",
                f"{caller.name} acts for certain reps only; send events with GatewayService.IngestEvents",
            )
        done = await self._capturing.capture(request, source_of(caller.name), caller.name[:64])
        return events_pb.CaptureEventsResponse(stored=done.stored, refused=done.refused)


def source_of(caller: str) -> str:
    """The source of what a caller sends; a key that was rotated stays the same, so that nothing sent twice counts twice."""
    return f"sdk.{_NOT_OF_SOURCES.sub('.', caller.lower()).strip('.')}"[:64]
