"""The way of events to profile: batches pass through with the business time filled in; answers come back in order.

Who sent an event and asks right after must be decided for with it: before a batch is answered, its customers are dropped from
what is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.holding import Holding


class Ingestion:
    """Events on their way to profile."""

    def __init__(self, backends: Backends, now: Callable[[], datetime], holding: Holding) -> None:
        self._backends = backends
        self._now = now
        self._holding = holding

    async def relay(
        self, batches: AsyncIterator[gateway_pb.IngestEventsRequest]
    ) -> AsyncIterator[profile_pb.IngestEventsResponse]:
        """Answers of profile, one per batch, each after its events are durable.

        Raises:
            RpcError: Profile ended the call; batches without an answer have to be sent again.
        """
        changed: deque[frozenset[str]] = deque()
        call = self._backends.profile.IngestEvents(self._timed(batches, changed))
        async for answer in call:
            self._holding.drop(changed.popleft())
            yield answer

    async def _timed(
        self, batches: AsyncIterator[gateway_pb.IngestEventsRequest], changed: deque[frozenset[str]]
    ) -> AsyncIterator[profile_pb.IngestEventsRequest]:
        async for batch in batches:
            passed = profile_pb.IngestEventsRequest(events=batch.events, batch_number=batch.batch_number)
            passed.decision_time.FromDatetime(self._now())
            if batch.HasField("sent_at"):
                passed.sent_at.CopyFrom(batch.sent_at)
            changed.append(frozenset(event.customer for event in batch.events))
            yield passed
