"""Heavy work in processes of this machine; knows no cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import Any, TypeVar

from fieldwise_executor.kept import Kept
from fieldwise_executor.slices import Slice, done_one_by_one, slices, undone
from fieldwise_executor.standby import Readiness, Standby
from fieldwise_runtime.workers import WorkerDied, run_in_process

T = TypeVar("T")
A = TypeVar("A")

# A process that dies once may have been killed for another's memory; one that dies twice on an item dies of the item.
_TRIES = 2


class LocalExecutor:
    """A process for each run or slice: one that grows, hangs or crashes takes nobody with it.

    Args:
        processes: How many at once.
        readiness: How they are started; the usual way is as fresh interpreters.
    """

    def __init__(self, processes: int, readiness: Readiness | None = None) -> None:
        self._processes = processes
        self._standby = Standby(readiness or Readiness())
        self._free = asyncio.Semaphore(processes)

    @property
    def processes(self) -> int:
        return self._processes

    async def run(
        self,
        work: Callable[..., T],
        *arguments: object,
        timeout: float,
        on_message: Callable[[Any], None] | None = None,
    ) -> T:
        # Not limited by the number of processes: a request must not wait behind a long training.
        start = self._standby.worker
        return await run_in_process(work, *arguments, timeout=timeout, on_message=on_message, start=start)

    async def each(
        self,
        work: Callable[[A], T],
        items: Iterable[A],
        *,
        timeout: float,
        at_a_time: int = 8,
        kept: Kept | None = None,
    ) -> AsyncGenerator[tuple[int, T], None]:
        found: asyncio.Queue[tuple[int, T] | None] = asyncio.Queue()
        parts = slices(items, at_a_time)
        lanes = [
            asyncio.create_task(self._lane(work, parts, timeout, kept, found)) for _ in range(self._processes)
        ]
        ended = asyncio.create_task(_told_when_ended(lanes, found))
        try:
            while (one := await found.get()) is not None:
                yield one
                found.task_done()
            for lane in lanes:
                if lane.done():
                    lane.result()
        finally:
            for task in (ended, *lanes):
                task.cancel()
            await asyncio.gather(ended, *lanes, return_exceptions=True)

    async def close(self) -> None:
        """Ends the standby process; no other outlives its caller."""
        self.end_standby()

    def end_standby(self) -> None:
        """`close` where there is no event loop."""
        self._standby.close()

    async def _lane(
        self,
        work: Callable[[A], T],
        parts: Iterator[Slice[A]],
        timeout: float,
        kept: Kept | None,
        found: asyncio.Queue[tuple[int, T] | None],
    ) -> None:
        """Does slice after slice. All lanes draw from the same slices, so that none waits for the slowest."""
        for part in parts:
            missing, done = undone(part, kept)
            for one in done:
                found.put_nowait(one)
            if missing:
                await self._slice(work, missing, timeout, kept, found)
            # What was found is taken before more is made: that is what bounds the memory.
            await found.join()

    async def _slice(
        self,
        work: Callable[[A], T],
        part: Slice[A],
        timeout: float,
        kept: Kept | None,
        found: asyncio.Queue[tuple[int, T] | None],
    ) -> None:
        missing = dict(part)
        deaths: dict[int, int] = {}

        def finished(one: tuple[int, T]) -> None:
            del missing[one[0]]
            if kept is not None:
                kept.keep(*one)
            found.put_nowait(one)

        while missing:
            try:
                async with self._free:
                    await run_in_process(
                        done_one_by_one,
                        work,
                        list(missing.items()),
                        timeout=timeout,
                        on_message=finished,
                        start=self._standby.worker,
                    )
            except WorkerDied:
                if not missing:
                    return
                at_fault = next(iter(missing))
                deaths[at_fault] = deaths.get(at_fault, 0) + 1
                if deaths[at_fault] == _TRIES:
                    raise


async def _told_when_ended(
    lanes: list[asyncio.Task[None]], found: asyncio.Queue[tuple[int, T] | None]
) -> None:
    """Nothing more comes when all lanes are at their end, or one has failed."""
    await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
    found.put_nowait(None)
