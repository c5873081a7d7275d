"""What a server measures of itself while it runs, and where it tells it; knows no figure of any service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from fieldwise_runtime import loop_lag
from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.metrics_door import MetricsDoor
from fieldwise_runtime.tracing import unrecorded

log = get_logger(__name__)

# As often as Prometheus looks (docker/prometheus.yml): what a query costs is paid per interval, not per scrape.
MEASURE_SECONDS: Final = 15.0
Measure = Callable[[], Awaitable[None]]


@asynccontextmanager
async def measured(listen: str, measure: Measure | None) -> AsyncIterator[None]:
    """Measures the event loop, and what ``measure`` sets, until it is left.

    Args:
        listen: host:port that answers GET /metrics; empty: none.
    Raises:
        Unavailable: Reason ADDRESS_IN_USE.
    """
    door = MetricsDoor(listen) if listen else None
    works = [loop_lag.measure(), *([] if measure is None else [_every(measure)])]
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if door is not None:
            await asyncio.to_thread(door.close)


async def _every(measure: Measure) -> None:
    known = ""
    while True:
        try:
            # Nobody looks for these questions in the traces, four a minute from every process.
            with unrecorded():
                await measure()
            known = ""
        except Exception as error:  # gauges that are late must not end anything; health says what is away
            if known != reason_of(error):
                known = reason_of(error)
                log.warning("measuring failed", reason=known)
        await asyncio.sleep(MEASURE_SECONDS)
