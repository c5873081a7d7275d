"""IngestEvents: batches pass through to profile with the business time filled in; answers come back in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends


async def relay(
    backends: Backends,
    batches: AsyncIterator[gateway_pb.IngestEventsRequest],
    now: Callable[[], datetime],
) -> AsyncIterator[profile_pb.IngestEventsResponse]:
    """Answers of profile, one per batch, each after its events are durable.

    Raises:
        RpcError: Profile ended the call; batches without an answer have to be sent again.
    """
    call = backends.profile.IngestEvents(_timed(batches, now))
    async for answer in call:
        yield answer


async def _timed(
    batches: AsyncIterator[gateway_pb.IngestEventsRequest], now: Callable[[], datetime]
) -> AsyncIterator[profile_pb.IngestEventsRequest]:
    async for batch in batches:
        passed = profile_pb.IngestEventsRequest(events=batch.events, batch_number=batch.batch_number)
        passed.decision_time.FromDatetime(now())
        if batch.HasField("sent_at"):
            passed.sent_at.CopyFrom(batch.sent_at)
        yield passed
