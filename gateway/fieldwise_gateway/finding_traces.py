"""SearchTraces at the only door: a customer's name becomes his pseudonym, which is all that the trace store knows of him."""

from __future__ import annotations

from typing import Any, Final

import grpc.aio

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise.gateway.v1.traces_service_pb2_grpc import TracesServiceStub
from fieldwise_gateway.pseudonyms import PREFIX, Pseudonyms
from fieldwise_runtime import deadlines

SEARCH_TRACES: Final = "/fieldwise.gateway.v1.TracesService/SearchTraces"


class FindingTraces:
    """Passes searches on to the trace store."""

    def __init__(self, channel: grpc.aio.Channel, pseudonyms: Pseudonyms) -> None:
        self._traces: Any = TracesServiceStub(channel)
        self._pseudonyms = pseudonyms

    async def search(self, request: pb.SearchTracesRequest, _context: Any) -> pb.SearchTracesResponse:
        """Traces that match; none for a customer who was never decided about, or was erased."""
        if request.customer and not request.customer.startswith(PREFIX):
            pseudonym = await self._pseudonyms.find(request.customer)
            if not pseudonym:
                return pb.SearchTracesResponse()
            request.customer = pseudonym
        answer: pb.SearchTracesResponse = await self._traces.SearchTraces(
            request, timeout=deadlines.remaining()
        )
        return answer
