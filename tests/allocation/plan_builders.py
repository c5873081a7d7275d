"""Kept plans for the tests of what becomes of plans: made by a rule of thumb instead of a solver."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping

import numpy as np
from google.type import latlng_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2, rep_pb2
from fieldwise_allocation import measuring, plan_records
from fieldwise_allocation.__main__ import PACKAGE
from fieldwise_allocation.measuring import Bench
from fieldwise_allocation.plan_records import Origin
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database
from tests.allocation.allocation_servers import dollars, moment

CURRENCY = "USD"


def asked(
    accounts: int = 24, reps: int = 4, *, seed: int = 0, band: float = 0.3
) -> service_pb2.PlanTerritoriesRequest:
    """Accounts around the homes of the reps, each with an incumbent; every sixth needs a skill that half of them have."""
    rng = np.random.default_rng(seed)
    request = service_pb2.PlanTerritoriesRequest(
        request_id="asked", decision_time=moment(), rules=plan_pb2.TerritoryRules(workload_band=band)
    )
    for i in range(reps):
        request.reps.append(
            rep_pb2.Rep(
                name=f"reps/{chr(97 + i)}",
                hours_per_week=40,
                home=_place(45 + 2.0 * (i % 2), 5 + 2.0 * (i // 2)),
                skills=["cold"] if i % 2 else [],
            )
        )
    for j in range(accounts):
        home = request.reps[j % reps].home
        request.accounts.append(
            plan_pb2.Account(
                name=f"customers/{j}",
                place=_place(home.latitude + rng.normal(0, 0.5), home.longitude + rng.normal(0, 0.5)),
                workload_hours=float(rng.uniform(0.5, 2)),
                value=dollars(int(rng.integers(1, 1000)) * 1_000_000),
                needs_skills=["cold"] if j % 6 == 1 and (j % reps) % 2 else [],
                incumbent=f"reps/{chr(97 + int(rng.integers(0, reps)))}",
            )
        )
    return request


def _place(latitude: float, longitude: float) -> latlng_pb2.LatLng:
    return latlng_pb2.LatLng(latitude=latitude, longitude=longitude)


def by_turns(request: service_pb2.PlanTerritoriesRequest) -> dict[str, str]:
    """The reps in turn: each account to the rep whose home it lies around."""
    reps = [rep.name for rep in request.reps]
    return {account.name: reps[j % len(reps)] for j, account in enumerate(request.accounts)}


def plan_message(
    request: service_pb2.PlanTerritoriesRequest, rep_of: Mapping[str, str]
) -> plan_pb2.TerritoryPlan:
    """An assignment as a plan; every hour of a rep is worth 2, and nothing is cheaper than half of it."""
    bench = Bench.of(request, CURRENCY)
    seats = bench.seats(rep_of)
    audit = bench.audit(seats)
    plan = plan_pb2.TerritoryPlan(
        name=f"plans/{uuid.uuid4()}", create_time=moment(), bound=audit.objective / 2
    )
    measuring.fill(plan, bench, seats, audit)
    for load in plan.loads:
        load.hour_price = 2.0
    plan.assignments.extend(measuring.assignments(bench, seats, audit, ["INCUMBENT"] * len(seats)))
    return plan


async def keep(url: str, *plans: tuple[service_pb2.PlanTerritoriesRequest, plan_pb2.TerritoryPlan]) -> None:
    """Store plans in a database that is made for them, as if they had been solved."""
    migrations.migrate(url, PACKAGE)
    database = Database.open(url)
    solved = Origin(kind=plan_life_pb2.PLAN_ORIGIN_SOLVED)
    for request, plan in plans:
        await database.write(lambda c, r=request, p=plan: plan_records.keep(c, p, r, solved))  # type: ignore[misc]
    await database.close()


# ---- a naive rival ------------------------------------------------------------------------------------------------


def road(one: latlng_pb2.LatLng, other: latlng_pb2.LatLng) -> float:
    """Great circle x 1.3 by the law of cosines."""
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    apart = math.radians(one.longitude - other.longitude)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(apart)
    return 1.3 * 6371.0088 * math.acos(max(-1.0, min(1.0, cosine)))


def naive_cost(request: service_pb2.PlanTerritoriesRequest, rep_of: Mapping[str, str]) -> float:
    """Travel and moves, account by account."""
    homes = {rep.name: rep.home for rep in request.reps}
    cost = 0.0
    for account in request.accounts:
        rep = rep_of[account.name]
        cost += account.workload_hours * road(homes[rep], account.place)
        if account.incumbent not in ("", rep):
            cost += 0.1 * account.value.micros / 1e6
    return cost


def naive_loads(request: service_pb2.PlanTerritoriesRequest, rep_of: Mapping[str, str]) -> dict[str, float]:
    """Hours of each rep."""
    hours = {account.name: account.workload_hours for account in request.accounts}
    return {
        rep.name: sum(hours[name] for name, holder in rep_of.items() if holder == rep.name)
        for rep in request.reps
    }


def keeps_rules(request: service_pb2.PlanTerritoriesRequest, rep_of: Mapping[str, str]) -> bool:
    """Bands, skills and locks, account by account."""
    loads = naive_loads(request, rep_of)
    share = sum(loads.values()) / len(loads)
    band = request.rules.workload_band
    skills = {rep.name: set(rep.skills) for rep in request.reps}
    return all(abs(load - share) <= band * share + 1e-9 for load in loads.values()) and all(
        set(account.needs_skills) <= skills[rep_of[account.name]]
        and not (account.locked and rep_of[account.name] != account.incumbent)
        for account in request.accounts
    )
