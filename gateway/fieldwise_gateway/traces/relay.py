"""The same spans for another OTLP/gRPC backend, in the background; knows nothing of what the store does with them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# About 256 x 512 spans of 400 bytes: 50 MB at the very most while the backend is down.
_MOST_WAITING = 256
_SECONDS_PER_EXPORT = 5.0


class Relay:
    """Passes exports on without ever making their sender wait. Spans that are not taken are counted."""

    def __init__(self, address: str) -> None:
        self._channel = _opened(address)
        self._stub = TraceServiceStub(self._channel)
        self._waiting: asyncio.Queue[ExportTraceServiceRequest] = asyncio.Queue(_MOST_WAITING)
        self._sending = asyncio.create_task(self._send_all())
        self._address = address
        self.relayed = 0
        self.failures = 0

    def offer(self, request: ExportTraceServiceRequest) -> None:
        """Queue an export; when the queue is full its spans are given up and counted."""
        try:
            self._waiting.put_nowait(request)
        except asyncio.QueueFull:
            self.failures += spans_in(request)

    async def close(self) -> None:
        """Stop; what still waits is given up."""
        self._sending.cancel()
        with suppress(asyncio.CancelledError):
            await self._sending
        await self._channel.close()

    async def _send_all(self) -> None:
        while True:
            request = await self._waiting.get()
            refused = await self._refused(request)
            self.relayed += spans_in(request) - refused
            self.failures += refused

    async def _refused(self, request: ExportTraceServiceRequest) -> int:
        """Send one export; gives the number of its spans that the backend did not take."""
        try:
            answer = await self._stub.Export(request, timeout=_SECONDS_PER_EXPORT)
        except grpc.RpcError as error:
            log.warning(
                "relay failed", address=self._address, spans=spans_in(request), fault=str(error.code())
            )
            return spans_in(request)
        return int(answer.partial_success.rejected_spans)


def _opened(address: str) -> grpc.aio.Channel:
    host = address.removeprefix("https://")
    if host == address:
        return grpc.aio.insecure_channel(address)
    # A backend of somebody else: believed where this machine believes its authority.
    return grpc.aio.secure_channel(host, grpc.ssl_channel_credentials())


def spans_in(request: ExportTraceServiceRequest) -> int:
    """Number of spans in an export."""
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
