"""Messages of the allocation contract to core values and back; knows no rule beyond the currency and the defaults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from google.type import latlng_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.core import budgets
from fieldwise_allocation.core.market import Candidate, Clearing, Market
from fieldwise_allocation.core.plan import Measure, Plan
from fieldwise_allocation.core.question import Account, Place, Question, Rep, Rules
from fieldwise_runtime.errors import InvalidRequest, Violation

MICROS = 1_000_000


def money(amount: float, currency: str) -> money_pb2.Money:
    """Whole currency units as micros, to the nearest."""
    return money_pb2.Money(currency_code=currency, micros=round(amount * MICROS))


def demand_currency(stated: Iterable[tuple[str, money_pb2.Money]], currency: str) -> None:
    """Refuse amounts of another currency.

    Raises:
        InvalidRequest: Reason FOREIGN_CURRENCY, every such field named.
    """
    remedy = f"state every amount in {currency}, the currency of this installation"
    foreign = [
        Violation.of(f"{path}.currency_code", amount.currency_code, remedy)
        for path, amount in stated
        if amount.currency_code != currency
    ]
    if foreign:
        raise InvalidRequest(foreign, reason="FOREIGN_CURRENCY")


# ---- reps and budgets ---------------------------------------------------------------------------------------------


def rep_from(message: rep_pb2.Rep) -> Rep:
    home = _place(message.home) if message.HasField("home") else None
    return Rep(message.name, message.hours_per_week, home, frozenset(message.skills), message.display_name)


def rep_message(rep: Rep) -> rep_pb2.Rep:
    """Skills come back sorted."""
    message = rep_pb2.Rep(
        name=rep.name, display_name=rep.display_name, hours_per_week=rep.hours, skills=sorted(rep.skills)
    )
    if rep.home is not None:
        message.home.latitude, message.home.longitude = rep.home.latitude, rep.home.longitude
    return message


def budget_from(message: price_pb2.Budget) -> budgets.Budget:
    return budgets.Budget(message.resource, message.unit, message.capacity)


def budget_message(budget: budgets.Budget) -> price_pb2.Budget:
    return price_pb2.Budget(resource=budget.resource, unit=budget.unit, capacity=budget.capacity)


def _place(message: latlng_pb2.LatLng) -> Place:
    return Place(message.latitude, message.longitude)


# ---- territories --------------------------------------------------------------------------------------------------


def question_from(
    request: service_pb2.PlanTerritoriesRequest, stored: Sequence[Rep], currency: str
) -> Question:
    """The question in a request; without reps of its own it is asked of all that are stored.

    Raises:
        InvalidRequest: An amount of another currency, a negative value, a time limit below a second.
    """
    valued = [
        (f"accounts[{j}].value", a.value) for j, a in enumerate(request.accounts) if a.HasField("value")
    ]
    demand_currency(valued, currency)
    wrong = [
        Violation.of(f"{path}.micros", amount.micros, "give 0 or more")
        for path, amount in valued
        if amount.micros < 0
    ]
    limit = request.rules.time_limit_seconds
    if 0 < limit < 1:
        wrong.append(Violation.of("rules.time_limit_seconds", limit, "give 1 to 600, or 0 for 10"))
    if wrong:
        raise InvalidRequest(wrong)
    reps = tuple(rep_from(rep) for rep in request.reps) or tuple(stored)
    return Question(tuple(_account(account) for account in request.accounts), reps, _rules(request.rules))


def _account(message: plan_pb2.Account) -> Account:
    return Account(
        name=message.name,
        hours=message.workload_hours,
        value=message.value.micros / MICROS,
        place=_place(message.place) if message.HasField("place") else None,
        needs=frozenset(message.needs_skills),
        incumbent=message.incumbent,
        locked=message.locked,
    )


def _rules(message: plan_pb2.TerritoryRules) -> Rules:
    default = Rules()
    return Rules(
        band=message.workload_band or default.band,
        kilometre_cost=message.kilometre_cost or default.kilometre_cost,
        move_cost=message.move_cost or default.move_cost,
        seconds=message.time_limit_seconds or default.seconds,
    )


def plan_message(question: Question, plan: Plan, currency: str) -> plan_pb2.TerritoryPlan:
    """The plan without its name, its time and its seconds."""
    names = [rep.name for rep in question.reps]
    message = plan_pb2.TerritoryPlan(
        objective=plan.objective,
        bound=plan.bound,
        gap=plan.gap,
        travel_km=float(plan.km.sum()),
        moves=sum(plan.moved),
        outside_band=plan.outside_band,
    )
    moved = [a.value for a, away in zip(question.accounts, plan.moved, strict=True) if away]
    message.value_moved.CopyFrom(money(sum(moved), currency))
    message.assignments.extend(
        plan_pb2.Assignment(account=account.name, rep=names[i], moved=away, reason=reason, travel_km=km)
        for account, i, away, reason, km in zip(
            question.accounts, plan.rep_of.tolist(), plan.moved, plan.reasons, plan.km.tolist(), strict=True
        )
    )
    message.loads.extend(_loads(plan, names, currency))
    if plan.incumbent is not None:
        message.incumbent.CopyFrom(_measure(plan.incumbent))
    if plan.nearest is not None:
        message.nearest_rep.CopyFrom(_measure(plan.nearest))
    return message


def _loads(plan: Plan, names: Sequence[str], currency: str) -> Iterable[plan_pb2.RepLoad]:
    held = Counter(plan.rep_of.tolist())
    return (
        plan_pb2.RepLoad(
            rep=name,
            accounts=held[i],
            workload_hours=plan.loads[i],
            target_hours=plan.targets[i],
            value=money(float(plan.values[i]), currency),
            hour_price=plan.hour_prices[i],
        )
        for i, name in enumerate(names)
    )


def _measure(measure: Measure) -> plan_pb2.PlanMeasure:
    return plan_pb2.PlanMeasure(
        objective=measure.objective,
        travel_km=measure.travel_km,
        worst_deviation=measure.worst_deviation,
        skill_faults=measure.skill_faults,
    )


# ---- prices -------------------------------------------------------------------------------------------------------


def candidate_from(message: price_pb2.Candidate) -> Candidate:
    """Amounts of a resource named twice are added up; amounts of 0 are left out."""
    uses: dict[str, float] = {}
    for use in message.uses:
        if use.amount > 0:
            uses[use.resource] = uses.get(use.resource, 0.0) + use.amount
    value = message.value.micros / MICROS
    return Candidate(message.customer, message.action, value, tuple(sorted(uses.items())), message.assumed)


def price_set_message(
    market: Market, clearing: Clearing, stated: Sequence[budgets.Budget], currency: str
) -> price_pb2.PriceSet:
    """The price set without its name and its time; ``stated`` gives the units."""
    units = {budget.resource: budget.unit for budget in stated}
    priced = zip(market.capacity, clearing.prices, clearing.used, strict=True)
    return price_pb2.PriceSet(
        prices=[
            price_pb2.Price(
                resource=resource,
                unit=units[resource],
                micros_per_unit=price * MICROS,
                capacity=capacity,
                used=used,
            )
            for (resource, capacity), price, used in priced
        ],
        value=money(clearing.value, currency),
        bound=money(clearing.bound, currency),
        gap=clearing.gap,
        assumed_share=min(1.0, clearing.assumed_share),
        customers=len({candidate.customer for candidate in market.candidates}),
        candidates=len(market.candidates),
    )
