"""Questions and plans of territories as messages and back; knows no rule beyond the currency and the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import wire
from fieldwise_allocation.core.question import (
    WORKLOAD,
    Account,
    Band,
    Place,
    Question,
    Rep,
    Rules,
    Staffing,
)
from fieldwise_allocation.core.territory.audit import RuleCost
from fieldwise_allocation.core.territory.plan import REASONS, Measure, Plan
from fieldwise_runtime.errors import InvalidRequest, Violation

_NOBODY_NEEDS: Final[frozenset[str]] = frozenset()


# ---- questions ----------------------------------------------------------------------------------------------------


def question_from(
    request: service_pb2.PlanTerritoriesRequest, stored: Sequence[Rep], currency: str
) -> Question:
    """The question in a request; without reps of its own it is asked of all that are stored.

    Raises:
        InvalidRequest: An amount of another currency, a negative value, a time limit below a second.
    """
    _demand_amounts(request, currency)
    reps = tuple(map(wire.rep_from, request.reps)) or tuple(stored)
    return Question(tuple(map(_account, request.accounts)), reps, rules_from(request.rules))


def rules_from(message: plan_pb2.TerritoryRules) -> Rules:
    """The rules, each zero replaced by its default."""
    default = Rules()
    bands = tuple(_bands(message.bands))
    usual = message.workload_band or (0.0 if any(map(_covers_workload, bands)) else default.band)
    return Rules(
        band=usual,
        kilometre_cost=message.kilometre_cost or default.kilometre_cost,
        move_cost=message.move_cost or default.move_cost,
        seconds=message.time_limit_seconds or default.seconds,
        bands=bands,
        most_moves=message.most_moves if message.HasField("most_moves") else None,
        staffing=tuple(Staffing(each.area, each.least_reps) for each in message.staffing),
        speed=message.travel_speed or default.speed,
        balance_cost=message.balance_cost,
        contiguity_cost=message.contiguity_cost,
    )


def _demand_amounts(request: service_pb2.PlanTerritoriesRequest, currency: str) -> None:
    valued = [
        (f"accounts[{j}].value", a.value) for j, a in enumerate(request.accounts) if a.HasField("value")
    ]
    wire.demand_currency(valued, currency)
    wrong = [
        Violation.of(f"{path}.micros", amount.micros, "give 0 or more")
        for path, amount in valued
        if amount.micros < 0
    ]
    limit = request.rules.time_limit_seconds
    if 0 < limit < 1:
        wrong.append(Violation.of("rules.time_limit_seconds", limit, "give 1 to 3600, or 0 for 10"))
    if wrong:
        raise InvalidRequest(wrong)


def _account(message: plan_pb2.Account) -> Account:
    return Account(
        name=message.name,
        hours=message.workload_hours,
        value=message.value.micros / wire.MICROS,
        place=Place(message.place.latitude, message.place.longitude) if message.HasField("place") else None,
        needs=frozenset(message.needs_skills) or _NOBODY_NEEDS,
        incumbent=message.incumbent,
        locked=message.locked,
        visit_hours=message.visit_hours,
        visits_per_week=message.visits_per_week,
        measures=tuple(sorted(message.measures.items())),
        area=message.area,
    )


def _bands(messages: Iterable[plan_pb2.Band]) -> Iterator[Band]:
    for message in messages:
        yield Band(
            id=message.id or f"band:{message.measure}",
            measure=message.measure,
            width=message.width if message.HasField("width") else None,
            low=message.low,
            high=message.high if message.HasField("high") else float("inf"),
            reps=frozenset(message.reps),
            cost=message.cost,
        )


def _covers_workload(band: Band) -> bool:
    return band.measure == WORKLOAD and band.hard and not band.reps


# ---- plans --------------------------------------------------------------------------------------------------------


def plan_message(question: Question, plan: Plan, currency: str) -> plan_pb2.TerritoryPlan:
    """The plan without its name, its time and its seconds."""
    message = plan_pb2.TerritoryPlan(
        objective=plan.objective,
        bound=plan.bound,
        gap=plan.gap,
        travel_km=float(plan.km.sum()),
        moves=int(plan.moved.sum()),
        outside_band=plan.outside_band,
        worst_deviation=plan.worst_deviation,
        move_price=plan.move_price,
        warnings=plan.warnings,
        connected_share=plan.connected_share,
        rule_costs=map(rule_cost_message, plan.rule_costs),
        assignments=_assignments(question, plan),
        loads=_loads(question.reps, plan, currency),
    )
    moved = np.flatnonzero(plan.moved).tolist()
    message.value_moved.CopyFrom(wire.money(sum(question.accounts[j].value for j in moved), currency))
    _compare(message, plan)
    return message


def _compare(message: plan_pb2.TerritoryPlan, plan: Plan) -> None:
    beside = plan.compared
    for field, measure in (
        (message.incumbent, beside.incumbent),
        (message.nearest_rep, beside.nearest),
        (message.k_means, beside.k_means),
    ):
        if measure is not None:
            field.CopyFrom(measure_message(measure))
    if beside.k_means_rep is not None:
        message.k_means_rep.extend(beside.k_means_rep.tolist())


def measure_message(measure: Measure) -> plan_pb2.PlanMeasure:
    """A plan measured for comparison."""
    return plan_pb2.PlanMeasure(
        objective=measure.objective,
        travel_km=measure.travel_km,
        worst_deviation=measure.worst_deviation,
        skill_faults=measure.skill_faults,
        moves=measure.moves,
        broken=[plan_pb2.BrokenRules(kind=kind, count=count) for kind, count in measure.broken],
    )


def rule_cost_message(each: RuleCost) -> plan_pb2.RuleCost:
    """What a rule costs."""
    return plan_pb2.RuleCost(
        rule=each.rule, cost=each.cost, amount=each.amount, unit=each.unit, hard=each.hard
    )


def _assignments(question: Question, plan: Plan) -> list[plan_pb2.Assignment]:
    names = [rep.name for rep in question.reps]
    columns = (plan.rep_of.tolist(), plan.moved.tolist(), plan.reason.tolist(), plan.km.tolist())
    made = [
        plan_pb2.Assignment(
            account=account.name, rep=names[i], moved=moved, reason=REASONS[code], travel_km=km
        )
        for account, i, moved, code, km in zip(question.accounts, *columns, strict=True)
    ]
    stayed = plan.staying
    rows = zip(
        stayed.account.tolist(),
        stayed.travel.tolist(),
        stayed.move.tolist(),
        stayed.band.tolist(),
        stayed.worth.tolist(),
        stayed.breaks,
        strict=True,
    )
    for j, travel, move, band, worth, breaks in rows:
        made[j].staying.travel_cost = travel
        made[j].staying.move_cost = move
        made[j].staying.band_cost = band
        made[j].staying.hours_worth = worth
        made[j].staying.breaks.extend(breaks)
    return made


def _loads(reps: Sequence[Rep], plan: Plan, currency: str) -> Iterator[plan_pb2.RepLoad]:
    held = np.bincount(plan.rep_of, minlength=len(reps)).tolist()
    for i, rep in enumerate(reps):
        load = plan_pb2.RepLoad(
            rep=rep.name,
            accounts=held[i],
            workload_hours=plan.loads[i],
            target_hours=plan.targets[i],
            value=wire.money(float(plan.values[i]), currency),
            hour_price=plan.hour_prices[i],
            measures=_measures(plan, i),
        )
        if plan.connected is not None:
            load.connected_share = plan.connected[i]
        chosen = plan.chosen[i]
        if chosen is not None:
            load.chosen_home.latitude, load.chosen_home.longitude = chosen.latitude, chosen.longitude
        yield load


def _measures(plan: Plan, rep: int) -> Iterator[plan_pb2.MeasureLoad]:
    for band in plan.bands:
        if band.measure != WORKLOAD:
            high = float(band.high[rep])
            yield plan_pb2.MeasureLoad(
                rule=band.rule,
                amount=band.amount[rep],
                low=band.low[rep],
                high=high if np.isfinite(high) else None,
                price=band.price[rep],
            )
