"""Events on their way: cut into batches, remembered until acknowledged, sent again after a break. Knows no channel."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import islice

from fieldwise.gateway.v1.gateway_service_pb2 import IngestEventsRequest
from fieldwise.profile.v1.event_pb2 import Event

CHUNK = 2_000


class Batches:
    """The batches of one ingestion. Safe to read from the thread that grpc reads requests in.

    Sending a batch again is safe (events are deduplicated by source and id), so after a break every batch without an
    answer goes out anew.
    """

    def __init__(self, events: Iterable[Event], chunk: int = CHUNK) -> None:
        self._events = iter(events)
        self._chunk = chunk
        self._lock = threading.Lock()
        self._unanswered: dict[int, IngestEventsRequest] = {}
        self._made = 0

    def outgoing(self) -> Iterator[IngestEventsRequest]:
        """What one stream should send: batches without an answer first, then new ones until the events end."""
        last = 0
        while (batch := self._after(last)) is not None:
            last = batch.batch_number
            yield batch

    def acknowledge(self, batch_number: int) -> None:
        """Forget a batch: its events are durable."""
        with self._lock:
            self._unanswered.pop(batch_number, None)

    @property
    def unanswered(self) -> int:
        """Batches that were made and not acknowledged."""
        return len(self._unanswered)

    def _after(self, number: int) -> IngestEventsRequest | None:
        with self._lock:
            waiting = next((batch for made, batch in self._unanswered.items() if made > number), None)
            return waiting or self._next()

    def _next(self) -> IngestEventsRequest | None:
        events = list(islice(self._events, self._chunk))
        if not events:
            return None
        self._made += 1
        batch = IngestEventsRequest(events=events, batch_number=self._made)
        self._unanswered[self._made] = batch
        return batch
