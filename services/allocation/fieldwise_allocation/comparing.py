"""Two plans side by side: totals, reps, accounts that change hands; knows nothing of how plans are made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import measuring, plan_records, wire
from fieldwise_allocation.core.plans.comparing import Difference, Held, Moved, difference
from fieldwise_runtime.database import Database
from fieldwise_runtime.paging import clamp_page_size

MOVES, MOST_MOVES = 1_000, 50_000


@dataclass(frozen=True)
class _Side:
    """One plan with all its assignments, and its question where that was kept."""

    plan: plan_pb2.TerritoryPlan
    asked: service_pb2.PlanTerritoriesRequest

    @property
    def held(self) -> dict[str, Held]:
        return {each.account: Held(each.rep, each.travel_km) for each in self.plan.assignments}


async def compare(
    db: Database, request: plans_pb2.ComparePlansRequest, currency: str
) -> plans_pb2.PlanComparison:
    """A plan beside another one, or beside what the company has today.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION.
    """
    most = clamp_page_size(request.most_moves, MOVES, MOST_MOVES)
    plan = await db.read(lambda connection: _side(connection, request.plan))
    base = await db.read(lambda connection: _side(connection, request.base)) if request.base else None
    return await asyncio.to_thread(_compared, plan, base, most, currency)


def _side(connection: sa.Connection, name: str) -> _Side:
    asked = plan_records.question_with_accounts(connection, name)
    return _Side(plan_records.whole(connection, name, most=None), asked)


def _compared(plan: _Side, given: _Side | None, most: int, currency: str) -> plans_pb2.PlanComparison:
    base = given or _today(plan, currency)
    found = difference(plan.held, base.held)
    accounts = {account.name: account for account in plan.asked.accounts}
    moved = [accounts[move.account] for move in found.moved]
    return plans_pb2.PlanComparison(
        plan=plan.plan.name,
        base=base.plan.name,
        plan_totals=_totals(plan.plan),
        base_totals=_totals(base.plan),
        accounts_moved=len(found.moved),
        value_moved=wire.money(sum(each.value.micros for each in moved) / wire.MICROS, currency),
        hours_moved=sum(each.workload_hours + each.visits_per_week * each.visit_hours for each in moved),
        accounts_added=found.added,
        accounts_removed=found.removed,
        reps=_reps(plan.plan, base.plan, found),
        moves=_moves(found.moved, accounts, most),
    )


def _today(plan: _Side, currency: str) -> _Side:
    """What the company has now: the incumbents of the plan's own question, measured by its rules."""
    bench = measuring.Bench.of(plan.asked, currency, plan.plan)
    seats = bench.seats({account.name: account.incumbent for account in plan.asked.accounts})
    audit = bench.audit(seats)
    today = plan_pb2.TerritoryPlan(origin=plan_life_pb2.PLAN_ORIGIN_IMPORTED, accounts=len(seats))
    measuring.fill(today, bench, seats, audit)
    plan_records.append(today.assignments, measuring.assignments(bench, seats, audit, [""] * len(seats)))
    return _Side(today, plan.asked)


def _totals(plan: plan_pb2.TerritoryPlan) -> plans_pb2.PlanTotals:
    return plans_pb2.PlanTotals(
        objective=plan.objective,
        travel_km=plan.travel_km,
        worst_deviation=max(map(_deviation, plan.loads), default=0.0),
        outside_band=plan.outside_band,
        breach_count=plan.breach_count,
        accounts=len(plan.assignments),
        unassigned=plan.unassigned,
        # A bound holds for plans that keep every rule: beside one that does not it says nothing.
        gap=plan.gap if plan.bound > 0 and not plan.breach_count and not plan.unassigned else None,
    )


def _deviation(load: plan_pb2.RepLoad) -> float:
    return abs(load.workload_hours / load.target_hours - 1) if load.target_hours > 0 else load.workload_hours


def _reps(
    plan: plan_pb2.TerritoryPlan, base: plan_pb2.TerritoryPlan, found: Difference
) -> Iterable[plans_pb2.RepComparison]:
    now = {load.rep: load for load in plan.loads}
    before = {load.rep: load for load in base.loads}
    for rep in sorted(now.keys() | before.keys()):
        yield plans_pb2.RepComparison(
            rep=rep,
            plan_load=now.get(rep),
            base_load=before.get(rep),
            plan_km=found.km.get(rep, 0.0),
            base_km=found.base_km.get(rep, 0.0),
            gained=found.gained.get(rep, 0),
            lost=found.lost.get(rep, 0),
        )


def _moves(
    moved: Iterable[Moved], accounts: Mapping[str, plan_pb2.Account], most: int
) -> Iterable[plans_pb2.Move]:
    by_value = sorted(moved, key=lambda move: (-accounts[move.account].value.micros, move.account))
    for move in by_value[:most]:
        yield plans_pb2.Move(
            account=move.account,
            from_rep=move.before,
            to_rep=move.now,
            value=accounts[move.account].value,
            km_more=move.km_more,
        )
