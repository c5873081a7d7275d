"""Plans beside an earlier practice, and a manager's wish with its cost, through a real server; knows no solver.

The practice is `examples/now.csv`, brought in as a planner would (`fieldwise plan compare --practice`). The waits are of one caller, in
CPU seconds of server and caller together, on 10,000 accounts of the frozen world, with what the company has today as the plan.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2, timestamp_pb2
from google.type import latlng_pb2

from benchmarks.allocation.accounts_world import REPORTING_SEEDS, World, world
from benchmarks.allocation.served import channel_to, migrated
from benchmarks.report import Row
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2, rep_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise.allocation.v1 import plan_service_pb2_grpc as plans_grpc
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation import measuring, plan_records
from fieldwise_allocation.measuring import Bench
from fieldwise_allocation.plan_records import Origin
from fieldwise_client.plan.files import read_practice, read_question
from fieldwise_client.plan.outcome import account_messages, rep_ids, rep_messages
from fieldwise_runtime.database import Database

EXAMPLES = Path(__file__).parents[2] / "examples"
CURRENCY = "USD"
NOW = timestamp_pb2.Timestamp(seconds=1_500_000_000)
SOLVER_SECONDS = 10.0
ACCOUNTS, REPS = 10_000, 100
WISHES = 9


@dataclass(frozen=True)
class Served:
    """Stubs of one running server."""

    calls: service_grpc.AllocationServiceAsyncStub
    plans: plans_grpc.PlanServiceAsyncStub
    operations: operations_pb2.OperationsStub


def rows(*, quick: bool) -> Iterator[Row]:
    """The practice beside the plan, then the waits."""
    yield from asyncio.run(_beside())
    yield from asyncio.run(_waits(WISHES if quick else 4 * WISHES))


# ---- an earlier practice ------------------------------------------------------------------------------------------


async def _beside() -> list[Row]:
    question = read_question(EXAMPLES / "accounts.csv", EXAMPLES / "reps.csv", EXAMPLES / "now.csv")
    asked = service_pb2.PlanTerritoriesRequest(
        request_id="plan",
        decision_time=NOW,
        accounts=account_messages(question, CURRENCY),
        reps=rep_messages(question),
        rules=plan_pb2.TerritoryRules(time_limit_seconds=SOLVER_SECONDS),
    )
    ids = rep_ids(question.reps)
    practice = [
        plan_life_pb2.HandAssignment(account=account, rep=ids[rep])
        for account, rep in read_practice(EXAMPLES / "now.csv").items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as served:
            plan = await _planned(served, asked)
            brought = await served.plans.ImportPlan(
                plans_pb2.ImportPlanRequest(
                    parent=plan.name, request_id="practice", decision_time=NOW, assignments=practice
                )
            )
            found = await served.plans.ComparePlans(
                plans_pb2.ComparePlansRequest(plan=plan.name, base=brought.name)
            )
    return list(_side_by_side(found, plan))


async def _planned(served: Served, asked: service_pb2.PlanTerritoriesRequest) -> plan_pb2.TerritoryPlan:
    operation = await served.calls.PlanTerritories(asked)
    wait = operations_pb2.WaitOperationRequest(
        name=operation.name, timeout=duration_pb2.Duration(seconds=120)
    )
    ended = await served.operations.WaitOperation(wait)
    plan = plan_pb2.TerritoryPlan()
    if not ended.response.Unpack(plan):
        raise RuntimeError(f"no plan: {ended.error.message}")
    return plan


def _side_by_side(found: plans_pb2.PlanComparison, plan: plan_pb2.TerritoryPlan) -> Iterator[Row]:
    now, before = found.plan_totals, found.base_totals
    peer = "the practice"
    yield _row(
        "1,000 accounts: cost of the plan by that of the practice", now.objective / before.objective, "< 1"
    )
    yield _row(
        "1,000 accounts: kilometres of the plan by the practice's", now.travel_km / before.travel_km, "< 1"
    )
    yield Row(
        "1,000 accounts: worst deviation from a rep's share, plan",
        100 * now.worst_deviation,
        "%",
        "must",
        "<= 10.01",
        peer,
        100 * before.worst_deviation,
    )
    yield Row(
        "1,000 accounts: rules broken, plan",
        now.breach_count,
        "rules",
        "must",
        "<= 0",
        peer,
        before.breach_count,
    )
    yield Row("1,000 accounts: certified gap of the plan", 100 * plan.gap, "%", "must", "<= 1")
    yield Row("1,000 accounts: accounts that change hands", found.accounts_moved, "accounts")
    yield Row("1,000 accounts: value that changes hands", found.value_moved.micros / 1e6, CURRENCY)
    usual = plan.k_means
    broken = sum(each.count for each in usual.broken)
    yield _row("1,000 accounts: cost of the plan by that of K-means", now.objective / usual.objective, "< 1")
    worst = now.worst_deviation / usual.worst_deviation
    yield _row("1,000 accounts: worst deviation of the plan by that of K-means", worst, "< 1")
    yield Row("1,000 accounts: rules that K-means breaks", broken, "rules")


def _row(metric: str, value: float, target: str) -> Row:
    return Row(metric, value, "x", "must", target)


# ---- waits --------------------------------------------------------------------------------------------------------


async def _waits(wishes: int) -> list[Row]:
    made = world(ACCOUNTS, REPS, band=0.05, seed=REPORTING_SEEDS[0])
    asked = _question(made)
    with tempfile.TemporaryDirectory() as folder:
        plan = await _kept(Path(folder), asked)
        async with serving(Path(folder)) as served:
            wished = [await _wish(served, plan, made, number) for number in range(wishes)]
            compared = [await _compare(served, plan) for _ in range(5)]
    size = f"{ACCOUNTS:,} accounts, {REPS} reps"
    return [
        Row(
            f"{size}: cost of a wish and what would do instead, median",
            statistics.median(wished),
            "CPU s",
            "must",
            "<= 2",
        ),
        Row(f"{size}: the slowest of {wishes}", max(wished), "CPU s"),
        Row(f"{size}: comparison with today, median", statistics.median(compared), "CPU s", "must", "<= 2"),
    ]


async def _wish(served: Served, plan: plan_pb2.TerritoryPlan, made: World, number: int) -> float:
    rng = np.random.default_rng(number)
    account, rep = int(rng.integers(len(made.hours))), int(rng.integers(len(made.skilled)))
    request = plans_pb2.OverridePlanRequest(
        name=plan.name,
        request_id=f"wish {number}",
        decision_time=NOW,
        validate_only=True,
        assignments=[plan_life_pb2.HandAssignment(account=_account(account), rep=_rep(rep))],
    )
    start = time.process_time()
    await served.plans.OverridePlan(request)
    return time.process_time() - start


async def _compare(served: Served, plan: plan_pb2.TerritoryPlan) -> float:
    start = time.process_time()
    await served.plans.ComparePlans(plans_pb2.ComparePlansRequest(plan=plan.name))
    return time.process_time() - start


def _question(made: World) -> service_pb2.PlanTerritoriesRequest:
    request = service_pb2.PlanTerritoriesRequest(
        request_id="world", decision_time=NOW, rules=plan_pb2.TerritoryRules(workload_band=0.05)
    )
    for i, (home, able) in enumerate(zip(made.home_degrees.tolist(), made.skilled.tolist(), strict=True)):
        skills = ["s"] if able else []
        request.reps.append(rep_pb2.Rep(name=_rep(i), hours_per_week=40, home=_place(*home), skills=skills))
    for j, place in enumerate(made.account_degrees.tolist()):
        request.accounts.append(
            plan_pb2.Account(
                name=_account(j),
                place=_place(*place),
                workload_hours=float(made.hours[j]),
                value=money_pb2.Money(currency_code=CURRENCY, micros=round(float(made.value[j]) * 1e6)),
                needs_skills=["s"] if made.needs[j] else [],
                incumbent=_rep(int(made.incumbent[j])),
            )
        )
    return request


def _account(number: int) -> str:
    return f"customers/{number:05}"


def _rep(number: int) -> str:
    return f"reps/{number:03}"


def _place(latitude: float, longitude: float) -> latlng_pb2.LatLng:
    return latlng_pb2.LatLng(latitude=latitude, longitude=longitude)


# ---- the server ---------------------------------------------------------------------------------------------------


async def _kept(folder: Path, asked: service_pb2.PlanTerritoriesRequest) -> plan_pb2.TerritoryPlan:
    """What the company has today, kept as a plan."""
    known = migrated(folder)
    bench = Bench.of(asked, CURRENCY)
    seats = bench.seats({account.name: account.incumbent for account in asked.accounts})
    audit = bench.audit(seats)
    plan = plan_pb2.TerritoryPlan(name="plans/00000000-0000-0000-0000-000000000001", create_time=NOW)
    measuring.fill(plan, bench, seats, audit)
    plan.assignments.extend(measuring.assignments(bench, seats, audit, ["INCUMBENT"] * len(seats)))
    database = Database.open(known.database_url)
    await database.write(lambda connection: plan_records.keep(connection, plan, asked, Origin()))
    await database.close()
    return plan


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """The allocation service on a free port, with its files in a folder."""
    async with channel_to(migrated(folder)) as channel:
        yield Served(
            service_grpc.AllocationServiceStub(channel),
            plans_grpc.PlanServiceStub(channel),
            operations_pb2.OperationsStub(channel),
        )
