"""The schedule over fakes: what is due, what fails, and that nothing keeps it from looking again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from fieldwise.allocation.v1 import price_pb2
from fieldwise.gateway.v1.jobs_service_pb2 import JobRun
from fieldwise.profile.v1.privacy_service_pb2 import ErasureReceipt
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.jobs import __main__ as jobs_main
from fieldwise_gateway.jobs import schedule as schedules
from fieldwise_gateway.jobs.running import Jobs
from fieldwise_gateway.jobs.schedule import Schedule
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_gateway.settings import Addresses, JobsSettings
from fieldwise_gateway.store import ClockStore
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database
from fieldwise_runtime.settings import load
from tests.gateway import backend_fakes
from tests.gateway.backend_fakes import Fakes

CHRISTMAS = datetime(2017, 12, 25, tzinfo=UTC)
NEW_YEAR = datetime(2018, 1, 1, tzinfo=UTC)


@dataclass
class Due:
    """A schedule, the fakes it works on, and what it left behind."""

    fakes: Fakes
    schedule: Schedule
    store: JobStore
    settings: JobsSettings
    addresses: Addresses
    clocks: ClockStore

    async def runs(self) -> list[tuple[str, bool]]:
        """Jobs that ran, oldest first, and whether each failed; not what is done every day whatever else is due."""
        runs = [(run.job, bool(run.fault)) for run in reversed(await self.store.newest(100))]
        return [run for run in runs if run not in {("apply-retention", False), ("measure-results", False)}]

    async def until(self, job: str, *, failed: bool) -> None:
        """Wait for such a run, at most 10 s."""
        for _ in range(200):
            if (job, failed) in await self.runs():
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"{job} did not run within 10 s with failed={failed}: {await self.runs()}")


@pytest_asyncio.fixture
async def due(tmp_path: Path) -> AsyncIterator[Due]:
    fakes = await backend_fakes.started()
    addresses = {f"FIELDWISE_{name.upper()}_ADDRESS": fakes.address(name) for name in fakes.servers}
    environ = {
        "FIELDWISE_DATA": str(tmp_path),
        "FIELDWISE_JOBS_LISTEN": "127.0.0.1:0",
        "FIELDWISE_CLOCK": f"recorded:{CHRISTMAS.isoformat()}",
    } | addresses
    settings, peers = load(JobsSettings, environ), load(Addresses, environ)
    migrations.migrate(settings.database_url, jobs_main.PACKAGE)
    migrations.migrate(settings.clock_database_url, gateway_main.PACKAGE)
    database, clock_database = (
        Database.open(settings.database_url),
        Database.open(settings.clock_database_url),
    )
    backends = Backends.connect(peers.profile, peers.forecast, peers.allocation, peers.recommend)
    store, clocks = JobStore(database), ClockStore(clock_database)
    clock = await BusinessClock.follow(settings.clock.start, clocks)
    schedule = Schedule(Jobs(backends, store, clock), backends, store, clock)
    yield Due(fakes, schedule, store, settings, peers, clocks)
    await backends.close()
    await database.close()
    await clock_database.close()
    for each in fakes.servers.values():
        await each.stop()


async def test_a_period_is_priced_once(due: Due) -> None:
    await due.schedule.look()
    await due.schedule.look()
    assert await due.runs() == [("solve-prices", False)]
    (period,) = due.fakes.allocation.periods
    assert period.valid_until.ToDatetime(tzinfo=UTC) == NEW_YEAR


async def test_a_changed_budget_or_plan_prices_the_period_again(due: Due) -> None:
    await due.schedule.look()
    due.fakes.allocation.budgets["email-slots"] = 5.0
    await due.schedule.look()
    del due.fakes.allocation.budgets["email-slots"]
    await due.schedule.look()
    due.fakes.allocation.plan = "plans/2"
    await due.schedule.look()
    await due.schedule.look()
    await due.schedule._jobs.run("solve-prices", "by hand")
    assert [period.reason for period in due.fakes.allocation.periods] == [
        price_pb2.PRICE_REASON_NEW_PERIOD,
        price_pb2.PRICE_REASON_BUDGETS_CHANGED,
        price_pb2.PRICE_REASON_BUDGETS_CHANGED,
        price_pb2.PRICE_REASON_PLAN_CHANGED,
        price_pb2.PRICE_REASON_ASKED,
    ]


async def test_a_training_that_failed_is_tried_again_and_keeps_no_prices_from_being_solved(due: Due) -> None:
    await due.clocks.start_at(NEW_YEAR)
    due.fakes.forecast.training_fails = True
    await due.schedule.look()
    await due.schedule.look()
    assert await due.runs() == [("train-models", True), ("solve-prices", False), ("train-models", True)]
    first, second = (each.request_id for each in due.fakes.forecast.trainings)
    assert first != second, "the id of a failed try would be answered with its failure"
    due.fakes.forecast.training_fails = False
    await due.schedule.look()
    await due.schedule.look()
    assert (await due.runs())[3:] == [("train-models", False), ("solve-prices", False)]


async def test_a_service_that_fails_while_prices_stream_ends_the_run_and_not_the_schedule(due: Due) -> None:
    due.fakes.mood("recommend").code = grpc.StatusCode.UNAVAILABLE
    looking = asyncio.create_task(due.schedule.every(0.02))
    await due.until("solve-prices", failed=True)
    due.fakes.mood("recommend").code = None
    await due.until("solve-prices", failed=False)
    assert not looking.done()
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking


async def test_a_cancellation_from_below_is_a_failed_run_and_one_of_the_schedule_ends_it(
    due: Due, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = asyncio.Semaphore(0)

    async def carry(*_: object) -> int:
        rounds.release()
        raise asyncio.CancelledError

    monkeypatch.setattr(schedules, "carry_outcomes", carry)
    carrying = asyncio.create_task(due.schedule.carry_every(0.01))
    async with asyncio.timeout(5.0):
        for _ in range(3):
            await rounds.acquire()
        assert not carrying.done()
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying


async def test_a_run_that_is_cancelled_is_kept_with_its_fault(
    due: Due, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldwise_gateway.jobs import running

    async def solve(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(running, "solve_prices", solve)
    await due.schedule.look()
    assert await due.runs() == [("solve-prices", True)]


async def test_an_outage_is_told_once_and_its_end_too(due: Due, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fails = True

    async def carry(*_: object) -> int:
        if fails:
            raise ConnectionError
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedules, "carry_outcomes", carry)
        carrying = asyncio.create_task(due.schedule.carry_every(0.005))
        await asyncio.sleep(0.2)
        fails = False
        await asyncio.sleep(0.2)
        carrying.cancel()
    told = [record.getMessage() for record in caplog.records if record.name == schedules.__name__]
    assert told == ["job failed", "job works again"]


async def test_jobs_without_their_schedule_are_not_serving_and_never_set_the_clock(due: Due) -> None:
    peers = due.addresses
    process = jobs_main.Process(
        due.settings,
        Database.open(due.settings.database_url),
        Database.open(due.settings.clock_database_url),
        Backends.connect(peers.profile, peers.forecast, peers.allocation, peers.recommend),
    )
    service = await process.service()
    assert service.ready is not None
    assert service.on_stop is not None
    assert (await service.ready())[""]
    assert await due.clocks.read() is None, "the clock is the gateway's to set"
    await service.on_stop()
    assert not (await service.ready())[""]


async def test_old_things_are_deleted_every_day_without_being_asked(due: Due) -> None:
    await due.schedule.look()
    await due.schedule.look()
    assert due.fakes.profile.privacy.retentions == 1
    await due.clocks.start_at(CHRISTMAS + timedelta(days=1))
    await due.schedule.look()
    assert due.fakes.profile.privacy.retentions == 2


async def test_an_erasure_that_was_cut_off_is_finished(due: Due) -> None:
    privacy = due.fakes.profile.privacy
    privacy.receipts["letter-3"] = ErasureReceipt(request_id="letter-3", customers=["customers/known-1"])
    privacy.receipts["letter-3"].parts.add(place="profile")
    await due.schedule.look()
    assert due.fakes.recommend.erased == ["customers/known-1"]
    assert len(privacy.receipts["letter-3"].parts) == 6


async def test_what_somebody_asked_for_once_comes_again_in_its_time(due: Due) -> None:
    await due.schedule.look()
    assert "fit-segments" not in {job for job, _ in await due.runs()}
    asked = JobRun(job="fit-segments")
    asked.decision_time.FromDatetime(CHRISTMAS)
    await due.store.add(asked)
    await due.schedule.look()
    assert [job for job, _ in await due.runs()].count("fit-segments") == 1
    await due.clocks.start_at(NEW_YEAR)
    await due.schedule.look()
    await due.schedule.look()
    # The fake fits nothing: a run that failed is not tried again with every look, but in its time.
    assert (await due.runs()).count(("fit-segments", True)) == 1


async def test_jobs_follow_the_clock(due: Due) -> None:
    await due.schedule.look()
    await due.clocks.start_at(NEW_YEAR)
    await due.schedule.look()
    ends = [each.valid_until.ToDatetime(tzinfo=UTC) for each in due.fakes.allocation.periods]
    assert ends[0] == NEW_YEAR < ends[-1]
