"""The schedule: outcomes every second, prices when a period has none, models when a week of new events is behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.jobs.carrying import carry_outcomes
from fieldwise_gateway.jobs.running import Jobs
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import tracer

log = get_logger(__name__)

RETRAIN_AFTER = timedelta(weeks=1)


class Schedule:
    """Looks at the clock and runs what is due. A job that fails is logged and tried again the next time."""

    def __init__(self, jobs: Jobs, backends: Backends, store: JobStore, clock: BusinessClock) -> None:
        self._jobs = jobs
        self._backends = backends
        self._store = store
        self._clock = clock

    async def every(self, seconds: float) -> None:
        """Look for due jobs for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self._guarded("schedule", self._look())

    async def carry_every(self, seconds: float) -> None:
        """Carry outcomes for ever; quiet rounds leave no run and no span behind."""
        while True:
            await asyncio.sleep(seconds)
            await self._guarded("carry-outcomes", carry_outcomes(self._backends, self._store))

    async def _look(self) -> None:
        now = await self._clock.refresh()
        for job in await self._due(now):
            with tracer().start_as_current_span(f"job {job}", attributes={"fieldwise.job": job}):
                await self._jobs.run(job, f"schedule/{now:%Y-%m-%dT%H:%M:%S}")

    async def _due(self, now: datetime) -> list[str]:
        trained = await self._last_training()
        if trained is None:  # Nobody has trained yet: the first training is asked for, not scheduled.
            return []
        due = ["train-models"] if now - trained >= RETRAIN_AFTER else []
        return [*due, "solve-prices"] if due or not await self._has_prices(now) else due

    async def _last_training(self) -> datetime | None:
        listed = await self._backends.forecast.ListModelVersions(
            forecast_pb.ListModelVersionsRequest(page_size=1000)
        )
        times = [each.train_time.ToDatetime(tzinfo=UTC) for each in listed.versions]
        return max(times, default=None)

    async def _has_prices(self, now: datetime) -> bool:
        request = allocation_pb.GetPricesRequest()
        request.decision_time.FromDatetime(now)
        try:
            await self._backends.allocation.GetPrices(request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _guarded(self, what: str, work: Awaitable[object]) -> None:
        try:
            await work
        except grpc.aio.AioRpcError as error:
            log.warning("job failed", job=what, code=error.code().name, details=error.details())
        except FieldwiseError as error:
            log.warning("job failed", job=what, reason=error.reason, message=error.message)
        except Exception:  # The schedule must outlive any fault of the jobs it runs.
            log.exception("job failed", job=what)
