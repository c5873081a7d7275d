"""VisitService over a socket, on a database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2
from google.type import date_pb2, latlng_pb2

from fieldwise.allocation.v1 import visit_pb2
from fieldwise.allocation.v1 import visit_service_pb2 as service_pb2
from fieldwise.allocation.v1 import visit_service_pb2_grpc as service_grpc
from fieldwise_allocation import store_visits
from fieldwise_allocation.settings import Settings
from fieldwise_runtime import settings
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import from_rpc_error
from tests.allocation.allocation_servers import dollars, fault_of, moment, serving, workers


@dataclass(frozen=True)
class Visits:
    """Stubs of one running server."""

    calls: service_grpc.VisitServiceAsyncStub
    operations: operations_pb2.OperationsStub

    async def ended(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        wait = operations_pb2.WaitOperationRequest(
            name=operation.name, timeout=duration_pb2.Duration(seconds=120)
        )
        done: operations_pb2.Operation = await self.operations.WaitOperation(wait)
        return done

    async def days(self, plan: str, page_size: int = 0) -> list[visit_pb2.DayVisits]:
        found: list[visit_pb2.DayVisits] = []
        token = ""
        while True:
            page = await self.calls.ListDayVisits(
                service_pb2.ListDayVisitsRequest(parent=plan, page_size=page_size, page_token=token)
            )
            found += page.days
            token = page.next_page_token
            if not token:
                return found


@asynccontextmanager
async def visits(folder: Path) -> AsyncIterator[Visits]:
    async with serving(folder) as channel:
        yield Visits(service_grpc.VisitServiceStub(channel), operations_pb2.OperationsStub(channel))


def monday(later: int = 0) -> date_pb2.Date:
    return date_pb2.Date(year=2026, month=11, day=23 + later)


def week(stops: int = 8, *, request_id: str = "week", effort: float = 0.05) -> service_pb2.PlanVisitsRequest:
    """Two reps, two days, customers along a road."""
    request = service_pb2.PlanVisitsRequest(request_id=request_id, decision_time=moment())
    for j in range(stops):
        stop = request.stops.add(name=f"customers/{j}", service_minutes=30, prize=dollars(40_000_000))
        stop.place.CopyFrom(latlng_pb2.LatLng(latitude=47 + 0.02 * j, longitude=8))
    for i in range(2):
        rep = request.reps.add(name=f"reps/{i}", start=latlng_pb2.LatLng(latitude=47 + 0.1 * i, longitude=8))
        for day in range(2):
            shift = rep.shifts.add(date=monday(day), starts_minute=480, ends_minute=1020)
            getattr(shift, "break").CopyFrom(
                visit_pb2.VisitBreak(earliest_minute=690, latest_minute=780, minutes=45)
            )
    request.rules.kilometre_cost.CopyFrom(dollars(300_000))
    request.rules.hour_cost.CopyFrom(dollars(20_000_000))
    request.rules.effort = effort
    return request


def plan_of(operation: operations_pb2.Operation) -> visit_pb2.VisitPlan:
    plan = visit_pb2.VisitPlan()
    assert operation.response.Unpack(plan), operation
    return plan


async def test_a_plan_is_made_kept_and_listed_by_rep_and_day(tmp_path: Path) -> None:
    async with visits(tmp_path) as allocation:
        started = await allocation.calls.PlanVisits(week())
        again = await allocation.calls.PlanVisits(week())
        plan = plan_of(await allocation.ended(started))
        days = await allocation.days(plan.name, page_size=1)
        assert again.name == started.name
        assert await allocation.calls.GetVisitPlan(service_pb2.GetVisitPlanRequest(name=plan.name)) == plan
    assert [(day.rep, day.date.day) for day in days] == sorted((day.rep, day.date.day) for day in days)
    assert sum(len(day.visits) for day in days) == plan.visits == 8
    assert plan.profit.micros <= plan.profit_bound.micros
    assert plan.prize.micros - plan.cost.micros == pytest.approx(plan.profit.micros, abs=2)
    assert sum(day.travel_km for day in days) == pytest.approx(plan.travel_km)
    assert plan.stopped == ""


async def test_a_plan_that_is_removed_is_gone_with_its_days(tmp_path: Path) -> None:
    async with visits(tmp_path) as allocation:
        plan = plan_of(await allocation.ended(await allocation.calls.PlanVisits(week())))
        gone = service_pb2.DeleteVisitPlanRequest(name=plan.name)
        await allocation.calls.DeleteVisitPlan(gone)
        for call in (allocation.days(plan.name), allocation.calls.DeleteVisitPlan(gone)):
            assert (await fault_of(call)).reason == "VISIT_PLAN_NOT_FOUND"
    database = Database.open(settings.load(Settings, {"FIELDWISE_DATA": str(tmp_path)}).database_url)
    assert await database.read(lambda connection: store_visits.bodies(connection, plan.name)) == ()
    await database.close()


async def improving(allocation: Visits, name: str) -> None:
    """Returns once there are tours and better ones are searched for."""
    metadata = visit_pb2.PlanVisitsMetadata()
    async with asyncio.timeout(100):
        while metadata.step != "improving":
            await asyncio.sleep(0.05)
            now = await allocation.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))
            now.metadata.Unpack(metadata)


def endless() -> service_pb2.PlanVisitsRequest:
    request = week(40, effort=100)
    request.rules.time_limit_seconds = 300
    return request


async def test_a_cancelled_plan_ends_with_the_best_so_far(tmp_path: Path) -> None:
    async with visits(tmp_path) as allocation:
        started = await allocation.calls.PlanVisits(endless())
        await improving(allocation, started.name)
        await allocation.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=started.name))
        plan = plan_of(await allocation.ended(started))
    assert plan.stopped == "CANCELLED"
    assert plan.visits + len(plan.left_out) == 40


async def test_a_plan_whose_process_is_killed_is_the_best_so_far(tmp_path: Path) -> None:
    async with visits(tmp_path) as allocation:
        started = await allocation.calls.PlanVisits(endless())
        await improving(allocation, started.name)
        for worker in workers():
            worker.kill()
        plan = plan_of(await allocation.ended(started))
    assert plan.stopped == "WORKER_DIED"
    assert plan.visits + len(plan.left_out) == 40


async def test_every_fault_of_a_request_is_told_at_once(tmp_path: Path) -> None:
    request = week()
    request.stops[0].name = request.stops[1].name
    request.stops[2].ClearField("place")
    request.stops[3].windows.add(date=monday(), opens_minute=600, closes_minute=540)
    request.stops[4].needs_skills.append("welding")
    request.stops[5].rep = "reps/nobody"
    request.stops[6].place.latitude = 95
    request.reps[0].shifts[0].ends_minute = 480
    getattr(request.reps[1].shifts[0], "break").minutes = 900
    async with visits(tmp_path) as allocation:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await allocation.calls.PlanVisits(request)
    assert {violation.field for violation in from_rpc_error(refused.value).violations} == {
        "stops[1].name",
        "stops[2].place",
        "stops[3].windows[0].closes_minute",
        "stops[4].needs_skills",
        "stops[5].rep",
        "stops[6].place.latitude",
        "reps[0].shifts[0].ends_minute",
        "reps[1].shifts[0].break.minutes",
    }


async def test_what_is_not_there_and_what_is_no_date_is_said(tmp_path: Path) -> None:
    async with visits(tmp_path) as allocation:
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await allocation.calls.GetVisitPlan(
                service_pb2.GetVisitPlanRequest(name="visitPlans/00000000-0000-0000-0000-000000000000")
            )
        request = week()
        request.reps[0].shifts[0].date.day = 0
        with pytest.raises(grpc.aio.AioRpcError) as no_date:
            await allocation.calls.PlanVisits(request)
    assert from_rpc_error(missing.value).reason == "VISIT_PLAN_NOT_FOUND"
    assert [v.field for v in from_rpc_error(no_date.value).violations] == ["reps[0].shifts[0].date"]


async def test_outreach_is_ranked_within_the_minutes_of_each_rep(tmp_path: Path) -> None:
    request = service_pb2.RankOutreachRequest(decision_time=moment())
    for j in range(12):
        request.candidates.add(
            customer=f"customers/{j:02}", value=dollars((j + 1) * 1_000_000), minutes=20, rep=f"reps/{j % 2}"
        )
    for day in range(2):
        request.capacities.add(rep="reps/0", date=monday(day), minutes=45)
        request.capacities.add(rep="reps/1", date=monday(day), minutes=100)
    async with visits(tmp_path) as allocation:
        answer = await allocation.calls.RankOutreach(request)
        request.candidates[1].customer = "customers/00"
        request.candidates[2].rep = "reps/7"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await allocation.calls.RankOutreach(request)
    listed = {(day.rep, day.date.day): [e.customer for e in day.entries] for day in answer.days}
    assert listed["reps/0", 23] == ["customers/10", "customers/08"]
    assert listed["reps/0", 24] == ["customers/06", "customers/04"]
    assert sum(len(entries) for entries in listed.values()) == 4 + 6
    assert answer.value.micros <= answer.value_bound.micros
    prices = {day.rep: day.minute_price.micros for day in answer.days}
    assert prices["reps/0"] > 0
    assert prices["reps/1"] == 0
    fields = [v.field for v in from_rpc_error(refused.value).violations]
    assert sorted(fields) == ["candidates[1].customer", "candidates[2].rep"]
