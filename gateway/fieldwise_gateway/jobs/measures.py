"""What jobs counts for operators: runs, outcomes carried, the business clock; knows no job."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from fieldwise_runtime.metrics import counter, gauge

BUSINESS_TIME: Final = gauge(
    "fieldwise_business_time_seconds", "Now on the business clock, in seconds since 1970."
)
JOB_RUNS: Final = counter("fieldwise_job_runs", "Runs of jobs that ended.", "name", "result")
JOB_SUCCESS: Final = gauge(
    "fieldwise_job_success_time_seconds",
    "When a job last ended well, by the wall clock, since this process began.",
    "name",
)
CARRIED: Final = counter(
    "fieldwise_outcomes_carried", "Outcomes joined to their decisions for the first time."
)
CARRIED_TIME: Final = gauge(
    "fieldwise_outcomes_carried_time_seconds",
    "When all outcomes that there were had been carried, by the wall clock.",
)


def job_ended(job: str, fault: bool) -> None:
    """Counts a run of a job."""
    JOB_RUNS.labels(job, "failed" if fault else "done").inc()
    if not fault:
        JOB_SUCCESS.labels(job).set(time.time())


def carried(outcomes: int) -> None:
    """Counts a round of carrying that came to its end."""
    CARRIED.inc(outcomes)
    CARRIED_TIME.set(time.time())


def business_time(now: datetime) -> None:
    """Says what the business clock shows."""
    BUSINESS_TIME.set(now.timestamp())
