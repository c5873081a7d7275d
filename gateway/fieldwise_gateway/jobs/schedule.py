"""The schedule: outcomes every second, prices when a period has none or they rest on other budgets or another plan,
models when their schedule, the volume of new events or drift asks for it; erasures are finished at once, old things deleted
every day, results of decisions measured every day; what profile does over all customers comes again in its time once somebody asked for it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import grpc
import grpc.aio

from fieldwise.allocation.v1 import price_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.erasing import Erasing
from fieldwise_gateway.jobs.carrying import carry_outcomes
from fieldwise_gateway.jobs.due import due_trainings, refresh_is_due
from fieldwise_gateway.jobs.pricing import why_due
from fieldwise_gateway.jobs.running import Jobs
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_runtime.errors import FieldwiseError, reason_of
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import mark_failed, tracer, unrecorded

log = get_logger(__name__)

# The first run of these is asked for by a person; from then on they come again by themselves.
AGAIN_AFTER = {
    "resolve-identities": timedelta(days=1),
    "fit-segments": timedelta(weeks=1),
    "fit-lifecycle": timedelta(weeks=1),
    "measure-accuracy": timedelta(weeks=1),
    "report-tags": timedelta(weeks=4),
    "learn-pairs": timedelta(weeks=1),
    "learn-next": timedelta(weeks=1),
    "learn-answers": timedelta(weeks=1),
}
RETENTION_AFTER = timedelta(days=1)
RESULTS_AFTER = timedelta(days=1)


class Schedule:
    """Looks at the clock and runs what is due. A job that fails is logged and tried again the next time."""

    def __init__(
        self,
        jobs: Jobs,
        backends: Backends,
        store: JobStore,
        clock: BusinessClock,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._jobs = jobs
        self._backends = backends
        self._store = store
        self._clock = clock
        self._erasures = Erasing(backends, clock.now, pseudonyms=pseudonyms)
        self._faults: dict[str, str] = {}

    async def every(self, seconds: float) -> None:
        """Look for due jobs for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self._guarded("schedule", self.look())

    async def carry_every(self, seconds: float) -> None:
        """Carry outcomes for ever; quiet rounds leave no run and no span behind."""
        while True:
            await asyncio.sleep(seconds)
            await self._guarded("carry-outcomes", carry_outcomes(self._backends, self._store))

    async def look(self) -> None:
        """Run what is due now. A job that fails keeps no other from being run."""
        now = await self._clock.refresh()
        await self._keep_promises(now)
        await self._train_and_price(now)
        await self._measure(now)
        for job, again in AGAIN_AFTER.items():
            last = await self._store.last_time(job)
            if last is not None and now - last >= again:
                await self._guarded(job, self._run(job, now))

    async def _train_and_price(self, now: datetime) -> None:
        # Questions that are asked every time leave no spans; what they lead to does.
        with unrecorded():
            trained = await self._last_training()
            if trained is None:  # Nobody has trained yet: the first training is asked for, not scheduled.
                return
            refresh = await refresh_is_due(self._backends, self._store, now)
        if refresh:
            await self._guarded("refresh-models", self._run("refresh-models", now))
        with unrecorded():
            due = await due_trainings(self._backends, self._store, now)
        retrained = bool(due) and await self._guarded("train-models", self._run("train-models", now))
        with unrecorded():
            reason = await why_due(self._backends, now)
        if retrained and reason is None:
            reason = price_pb2.PRICE_REASON_MODELS_TRAINED
        if reason is not None:
            pricing = partial(self._jobs.price, reason=reason)
            await self._guarded("solve-prices", self._run("solve-prices", now, pricing))

    async def _keep_promises(self, now: datetime) -> None:
        """What customers were promised is done without being asked for: erasures are finished, old things deleted."""
        with unrecorded():
            await self._guarded("finish-erasures", self._erasures.finish_all())
        last = await self._store.last_time("apply-retention")
        if last is None or now - last >= RETENTION_AFTER:
            await self._guarded("apply-retention", self._run("apply-retention", now))

    async def _measure(self, now: datetime) -> None:
        last = await self._store.last_time("measure-results")
        if last is None or now - last >= RESULTS_AFTER:
            await self._guarded("measure-results", self._run("measure-results", now))

    async def _run(
        self, job: str, now: datetime, work: Callable[[str], Awaitable[object]] | None = None
    ) -> None:
        # Each try has an id of its own: with the id of a try that failed, the failure itself would be repeated.
        request_id = f"schedule/{now:%Y-%m-%dT%H:%M:%S}/{uuid.uuid4().hex}"
        with tracer().start_as_current_span(
            f"job {job}",
            attributes={"fieldwise.job": job},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await (work or partial(self._jobs.run, job))(request_id)
            except BaseException as error:
                mark_failed(span, reason_of(error))
                raise

    async def _last_training(self) -> datetime | None:
        listed = await self._backends.forecast.ListModelVersions(
            forecast_pb.ListModelVersionsRequest(page_size=1000)
        )
        times = [each.train_time.ToDatetime(tzinfo=UTC) for each in listed.versions]
        return max(times, default=None)

    async def _guarded(self, what: str, work: Awaitable[object]) -> bool:
        """Whether the work succeeded; its fault is logged when it is a new one, not again with each try."""
        try:
            await work
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this task: something below gave up, and the schedule outlives that.
            self._failed(what, error)
            return False
        except Exception as error:  # The schedule must outlive any fault of the jobs it runs.
            self._failed(what, error)
            return False
        if self._faults.pop(what, None) is not None:
            log.info("job works again", job=what)
        return True

    def _failed(self, what: str, error: BaseException) -> None:
        fault = reason_of(error)
        if self._faults.get(what) == fault:
            return
        self._faults[what] = fault
        if isinstance(error, (grpc.aio.AioRpcError, FieldwiseError)):
            log.warning("job failed", job=what, reason=fault)
        else:
            log.exception("job failed", job=what, reason=fault)
