"""The progress of plans told to those who watch; knows nothing of how plans are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_runtime.errors import from_status
from fieldwise_runtime.operations import Operations

# An operation ends a moment after its last news, and may have ended just before somebody came to watch.
_LOOK_SECONDS = 0.2

_News = asyncio.Queue[plan_pb2.PlanTerritoriesMetadata | None]


@dataclass
class Watchers:
    """Who watches which operation; each gets every piece of news in its order."""

    _queues: dict[str, list[_News]] = field(default_factory=dict)

    def tell(self, operation: str, news: plan_pb2.PlanTerritoriesMetadata) -> None:
        """Gives a piece of news to all who watch; call it in the event loop."""
        for queue in self._queues.get(operation, ()):
            queue.put_nowait(news)

    def end(self, operation: str) -> None:
        """Says that no more news will come."""
        for queue in self._queues.get(operation, ()):
            queue.put_nowait(None)

    @contextmanager
    def watching(self, operation: str) -> Iterator[_News]:
        """News from now on."""
        queue: _News = asyncio.Queue()
        self._queues.setdefault(operation, []).append(queue)
        try:
            yield queue
        finally:
            self._queues[operation].remove(queue)
            if not self._queues[operation]:
                del self._queues[operation]


async def watch(
    operations: Operations, watchers: Watchers, name: str
) -> AsyncIterator[service_pb2.WatchPlanResponse]:
    """What is known of a plan, all news of it, and at its end its name.

    Raises:
        NotFound: Reason OPERATION_NOT_FOUND.
        FieldwiseError: What the operation ended with.
    """
    with watchers.watching(name) as news:
        known = await operations.get(name)
        yield service_pb2.WatchPlanResponse(progress=_progress(known))
        while not known.done:
            told = await _told(news)
            if told is not None:
                yield service_pb2.WatchPlanResponse(progress=told)
            else:
                known = await operations.wait(name, _LOOK_SECONDS)
    yield _last(known)


async def _told(news: _News) -> plan_pb2.PlanTerritoriesMetadata | None:
    """The next piece of news; None when there will be none, or none has come for a while."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return await news.get()
    except TimeoutError:
        return None


def _last(known: operations_pb2.Operation) -> service_pb2.WatchPlanResponse:
    if known.HasField("error"):
        raise from_status(known.error).as_error()
    plan = plan_pb2.TerritoryPlan()
    known.response.Unpack(plan)
    return service_pb2.WatchPlanResponse(progress=_progress(known), plan=plan.name, stopped=plan.stopped)


def _progress(known: operations_pb2.Operation) -> plan_pb2.PlanTerritoriesMetadata:
    progress = plan_pb2.PlanTerritoriesMetadata()
    known.metadata.Unpack(progress)
    return progress
