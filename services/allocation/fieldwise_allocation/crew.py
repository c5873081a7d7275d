"""Worker processes for the regions of one large plan, here or on the cluster, two or more at a time; knows no region."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from fieldwise_allocation.core.territory import regions
from fieldwise_allocation.core.territory.crew import Alone, Crew
from fieldwise_allocation.core.territory.found import Watch
from fieldwise_allocation.plan_task import Hands
from fieldwise_executor.executor import LOCAL, Executor, opened
from fieldwise_executor.standby import Readiness

A = TypeVar("A")
T = TypeVar("T")

# Past the end of the time: a region that was begun ends its plan.
GRACE = 120.0


class Workers:
    """A crew over an executor that this process has for itself: a solve has a process, and no event loop runs in it."""

    def __init__(self, executor: Executor, loop: asyncio.AbstractEventLoop) -> None:
        self._executor = executor
        self._loop = loop

    def each(
        self, work: Callable[[A, Watch], T], items: Iterable[A], watch: Watch
    ) -> Iterator[tuple[int, T]]:
        timed = ((item, watch.seconds_left()) for item in items)
        timeout = max(watch.seconds_left(), 0.0) + GRACE
        found = self._executor.each(partial(_timed, work), timed, timeout=timeout, at_a_time=1)
        try:
            while (one := self._loop.run_until_complete(_next(found))) is not None:
                yield one
        finally:
            self._loop.run_until_complete(found.aclose())


async def _next(found: AsyncGenerator[tuple[int, T], None]) -> tuple[int, T] | None:
    return await anext(found, None)


def _timed(work: Callable[[A, Watch], T], item: tuple[A, float]) -> T:
    ends = time.perf_counter() + item[1]
    return work(item[0], Watch(lambda: ends - time.perf_counter()))


@contextmanager
def hired(hands: Hands, accounts: int) -> Iterator[Crew]:
    """Those who do the regions of one plan of so many accounts; ended with it."""
    if hands.processes < 2 or accounts < regions.LARGE:
        yield Alone()
        return
    loop = asyncio.new_event_loop()
    try:
        executor = loop.run_until_complete(_opened(hands))
        try:
            yield Workers(executor, loop)
        finally:
            loop.run_until_complete(executor.close())
    finally:
        loop.close()


async def _opened(hands: Hands) -> Executor:
    if hands.where != LOCAL:
        from distributed import secede

        # Its own place on the cluster is free for a region while it waits: one worker alone would wait for itself.
        secede()
    return await opened(hands.where, hands.processes, Readiness(hands.prepare, hands.memory))
