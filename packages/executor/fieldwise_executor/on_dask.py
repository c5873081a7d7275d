"""Heavy work on a Dask cluster; needs the extra `dask`, and our packages installed where its workers run. Knows no work."""

from __future__ import annotations

import asyncio
import pickle
import traceback
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import cache
from typing import Any, TypeVar

from fieldwise_executor.kept import Kept
from fieldwise_executor.slices import Slice, slices, undone
from fieldwise_runtime import deadlines, tracing
from fieldwise_runtime.errors import DeadlineExceeded, FailedPrecondition, FieldwiseError, Unavailable
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.worker_process import Job, Outcome, reporting_to
from fieldwise_runtime.workers import WorkerDied, WorkerFailed

log = get_logger(__name__)

T = TypeVar("T")
A = TypeVar("A")

_CONNECT_SECONDS = 10.0
_CLOSING_SECONDS = 0.05
_USUAL_WORK = "1 GiB"
# Slices under way for each worker: one in work, one waiting beside it.
_AHEAD = 2


class DaskExecutor:
    """Runs on the workers of one scheduler. Work that was given up ends when its function does: Dask cannot kill it."""

    def __init__(self, client: Any, workers: int) -> None:
        self.client = client
        self._workers = workers

    @classmethod
    async def connected(cls, address: str) -> DaskExecutor:
        """An executor on the scheduler at ``address``.

        Raises:
            Unavailable: Reason CLUSTER_UNAVAILABLE.
            FailedPrecondition: Reason NO_DASK.
        """
        try:
            import dask
            from distributed import Client
        except ImportError as error:
            message = f"FIELDWISE_EXECUTOR is {address}, but Dask is not installed; install the extra `dask`"
            raise FailedPrecondition("NO_DASK", message) from error
        # A work brings its rows along, once: nothing to be warned of on the operator's screen.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": _USUAL_WORK})
        client = Client(address, asynchronous=True, timeout=_CONNECT_SECONDS, set_as_default=False)
        try:
            await client
        except (OSError, TimeoutError) as error:
            await client.close()
            message = f"no Dask scheduler answers at {address}; start one (fieldwise up --dask N), or set FIELDWISE_EXECUTOR=local"
            raise Unavailable("CLUSTER_UNAVAILABLE", message) from error
        return cls(client, len(await client.nthreads()))

    @property
    def processes(self) -> int:
        return max(1, self._workers)

    async def run(
        self,
        work: Callable[..., T],
        *arguments: object,
        timeout: float,
        on_message: Callable[[Any], None] | None = None,
    ) -> T:
        topic = f"fieldwise-{uuid.uuid4().hex}" if on_message is not None else ""
        if on_message is not None:
            tell = on_message
            self.client.subscribe_topic(topic, lambda event: tell(pickle.loads(event[1])))  # noqa: S301  # from our worker
        future = self.client.submit(_done, _job(work, arguments), topic, pure=False, retries=0)
        try:
            async with asyncio.timeout(deadlines.budget(timeout)):
                result: T = _result(await _gathered(future, work), work)
                return result
        except TimeoutError:
            message = f"{_name(work)} did not finish within {timeout:g} s; give it more time or less to do"
            raise DeadlineExceeded("WORKER_TIMEOUT", message) from None
        finally:
            await future.cancel()
            if topic:
                self.client.unsubscribe_topic(topic)

    async def each(
        self,
        work: Callable[[A], T],
        items: Iterable[A],
        *,
        timeout: float,
        at_a_time: int = 8,
        kept: Kept | None = None,
    ) -> AsyncGenerator[tuple[int, T], None]:
        # Workers come and go.
        self._workers = len(await self.client.nthreads())
        parts = slices(items, at_a_time)
        under_way: set[asyncio.Task[list[tuple[int, T]]]] = set()
        try:
            while True:
                while len(under_way) < _AHEAD * self.processes and (part := next(parts, None)):
                    missing, done = undone(part, kept)
                    for one in done:
                        yield one
                    if missing:
                        under_way.add(asyncio.create_task(self._slice(work, missing, timeout)))
                if not under_way:
                    return
                finished, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    for one in task.result():
                        if kept is not None:
                            kept.keep(*one)
                        yield one
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def close(self) -> None:
        await self.client.close()
        # Its connections are closed in the next turns of the loop, which a caller that ends now would not take.
        await asyncio.sleep(_CLOSING_SECONDS)

    async def _slice(self, work: Callable[[A], T], part: Slice[A], timeout: float) -> list[tuple[int, T]]:
        try:
            return await self.run(_each_of, work, part, timeout=timeout)
        except WorkerDied:  # as in the local pool: once more, on another worker
            return await self.run(_each_of, work, part, timeout=timeout)


def _each_of(work: Callable[[A], T], part: Slice[A]) -> list[tuple[int, T]]:
    return [(index, work(item)) for index, item in part]


def _name(work: Callable[..., object]) -> str:
    return f"{work.__module__}.{work.__qualname__}"


def _job(work: Callable[..., object], arguments: tuple[object, ...]) -> Job:
    service, receivers = tracing.configuration()
    return Job(work, arguments, _name(work), service, receivers, tracing.carry())


async def _gathered(future: Any, work: Callable[..., object]) -> Outcome:
    from distributed.scheduler import KilledWorker

    try:
        outcome: Outcome = await future
    except KilledWorker as error:
        raise WorkerDied(_name(work), 1) from error
    return outcome


def _result(outcome: Outcome, work: Callable[..., object]) -> Any:
    if outcome.error is not None:
        raise outcome.error
    if outcome.failure:
        log.error("worker failed", work=_name(work), error=outcome.failure, traceback=outcome.traceback)
        raise WorkerFailed(_name(work), outcome.failure, tracing.current_trace_id())
    return outcome.value


@cache
def _traced(service: str, receivers: tuple[str, ...]) -> None:
    """Spans of this worker go where the caller's go; once per process."""
    receiver, *also = receivers or ("",)
    tracing.configure(service, receiver, also=also)


def _done(job: Job, topic: str) -> Outcome:
    """On the worker: does the job in the caller's trace; what it reports goes to ``topic``."""
    from distributed import get_worker

    _traced(job.service, job.receivers)
    worker = get_worker()

    def tell(value: object) -> None:
        if topic:
            worker.log_event(topic, pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    try:
        with tracing.continued(job.carrier, f"worker {job.name}"), reporting_to(tell):
            return Outcome(value=job.work(*job.arguments))
    except FieldwiseError as error:
        return Outcome(error=error)
    except Exception as error:  # told as text: the caller may lack the class
        return Outcome(failure=type(error).__name__, traceback=traceback.format_exc())
