"""Events into profile, many requests to a commit: what comes in while batches are under way goes with the next; knows no SDK."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

from fieldwise.profile.v1 import event_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import (
    FieldwiseError,
    InternalFault,
    ResourceExhausted,
    Unavailable,
    from_rpc_error,
    reason_of,
)
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# One batch is read by profile while another waits for its commit.
LANES: Final = 2
# Events of one batch, unless a single request brings more; profile takes 10,000.
AT_ONCE: Final = 2_000
MOST_AT_ONCE: Final = 10_000
# Events that wait; above it whoever comes is asked to come again: a queue that is longer is answered after its callers gave up.
MOST_WAITING: Final = 100_000
# SDKs give up a request after 15 s and send it again.
SECONDS: Final = 10.0


class _Waiting(NamedTuple):
    events: Sequence[event_pb2.Event]
    refused: asyncio.Future[int]


class Intake:
    """Sends events to profile and says when they are durable.

    Args:
        now: The business clock.
        changed: Is told the customers of a batch before anybody is answered.
    """

    def __init__(
        self,
        backends: Backends,
        now: Callable[[], datetime],
        changed: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> None:
        self._profile = backends.profile
        self._now = now
        self._changed = changed
        self._waiting: deque[_Waiting] = deque()
        self._events = 0
        self._lanes: set[asyncio.Task[None]] = set()

    async def store(self, events: Sequence[event_pb2.Event]) -> int:
        """Stores events; returns how many of them profile refused, once the others and the refusals are durable.

        Raises:
            FieldwiseError: They may or may not be durable; storing them again is safe.
        """
        if self._events + len(events) > MOST_WAITING:
            message = f"{self._events} events wait to be stored; send them again in a few seconds"
            raise ResourceExhausted("EVENTS_WAIT", message, retry_after_seconds=5.0)
        refused = [self._queued(events[at : at + MOST_AT_ONCE]) for at in range(0, len(events), MOST_AT_ONCE)]
        return sum(await asyncio.gather(*refused))

    def _queued(self, events: Sequence[event_pb2.Event]) -> asyncio.Future[int]:
        refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(events, refused))
        self._events += len(events)
        if len(self._lanes) < LANES:
            lane = asyncio.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return refused

    async def _lane(self) -> None:
        """Sends batches until nothing waits."""
        while self._waiting:
            batch = self._next()
            # The caller's time is not the batch's: others wait for it too.
            deadlines.begin(SECONDS)
            try:
                refused = await self._sent([event for each in batch for event in each.events])
            except asyncio.CancelledError:
                for each in batch:
                    each.refused.cancel()
                raise
            except Exception as error:  # told to everybody who waits for it
                told = _told(error)
                log.warning("events not stored", reason=reason_of(error), requests=len(batch))
                for each in batch:
                    if not each.refused.done():
                        each.refused.set_exception(told)
                continue
            _tell(batch, refused)

    def _next(self) -> list[_Waiting]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].events)
        while self._waiting and size + len(self._waiting[0].events) <= AT_ONCE:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].events)
        self._events -= size
        return batch

    async def _sent(self, events: Sequence[event_pb2.Event]) -> list[int]:
        """Places of the events that profile refused."""
        request = profile_pb.IngestEventsRequest(events=events)
        request.decision_time.FromDatetime(self._now())
        call: Any = self._profile.IngestEvents(_alone(request), timeout=SECONDS)
        async for answer in call:
            self._changed(frozenset(event.customer for event in events))
            return [each.index for each in answer.rejected]
        raise Unavailable("STREAM_BROKE", "profile ended the stream without an answer; send the events again")


async def _alone(request: profile_pb.IngestEventsRequest) -> AsyncIterator[profile_pb.IngestEventsRequest]:
    yield request


def _tell(batch: Sequence[_Waiting], refused: Sequence[int]) -> None:
    """Tells each request how many of its own events were refused."""
    ends, places = 0, deque(sorted(refused))
    for each in batch:
        ends, own = ends + len(each.events), 0
        while places and places[0] < ends:
            places.popleft()
            own += 1
        # Whoever went away has cancelled it.
        if not each.refused.done():
            each.refused.set_result(own)


def _told(error: Exception) -> FieldwiseError:
    """The error as those who wait are told; never one that makes an SDK throw its events away."""
    found = from_rpc_error(error).as_error() if isinstance(error, grpc.RpcError) else error
    if not isinstance(found, FieldwiseError):
        return InternalFault("INTERNAL", "the events could not be stored by a fault of ours; send them again")
    if found.code in _LASTING:
        return InternalFault(found.reason, "the events could not be stored; send them again")
    return found


_LASTING: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.NOT_FOUND,
    }
)
