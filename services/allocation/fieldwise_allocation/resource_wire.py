"""Messages about scarce means to core values and back; knows no rule beyond the currency and the defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from fieldwise.allocation.v1 import resource_pb2
from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.core.resources.allocation import BudgetPlan, Line
from fieldwise_allocation.core.resources.curves import Curve, Family, Support
from fieldwise_allocation.core.resources.fitting import LEAST_LEVELS, fit
from fieldwise_allocation.core.resources.judgement import SPREAD, Judgement
from fieldwise_allocation.core.resources.question import Cell, Level, Limit, Quantity, Question, Resource
from fieldwise_allocation.core.resources.target import Reaching
from fieldwise_allocation.wire import MICROS, demand_currency, money
from fieldwise_runtime.errors import InvalidRequest, Violation

# More take minutes to fit.
MOST_FITS = 5_000
MOST_MARKS = 20_000_000
DEFAULT_SECONDS = 20.0
DEFAULT_NEAR = 0.01
# A cell without a ceiling may go this far beyond what was seen, judged or done.
BEYOND = 2.0


# ---- questions ----------------------------------------------------------------------------------------------------


def question_from(
    message: service_pb2.EffortQuestion, currency: str, shares: Sequence[float] = ()
) -> Question:
    """The question in a request, its curves fitted.

    Raises:
        InvalidRequest: An amount of another currency; observations or judgements that make no curve.
    """
    costs = [
        (f"question.resources[{k}].unit_cost", resource.unit_cost)
        for k, resource in enumerate(message.resources)
        if resource.HasField("unit_cost")
    ]
    demand_currency(costs, currency)
    wrong = [
        *(
            Violation.of(f"{path}.micros", cost.micros, "give 0 or more")
            for path, cost in costs
            if cost.micros < 0
        ),
        *response_faults("question.cells", message.cells),
        *_size_faults(message),
    ]
    if wrong:
        raise InvalidRequest(wrong)
    stated = {"frontier": tuple(shares)} if shares else {}
    return Question(
        cells=tuple(map(cell_from, message.cells)),
        resources=tuple(map(_resource, message.resources)),
        limits=tuple(map(_limit, message.limits)),
        caution=message.caution,
        near=message.near if message.HasField("near") else DEFAULT_NEAR,
        seconds=message.time_limit_seconds or DEFAULT_SECONDS,
        cost_of_capital=message.cost_of_capital,
        **stated,
    )


def _size_faults(message: service_pb2.EffortQuestion) -> Iterator[Violation]:
    limit = message.time_limit_seconds
    if 0 < limit < 1:
        yield Violation.of("question.time_limit_seconds", limit, "give 1 to 600, or 0 for 20")
    marks = len(message.cells) * len(message.limits)
    if marks > MOST_MARKS:
        remedy = f"cells x limits is {marks}; at most {MOST_MARKS}: join cells or limits"
        yield Violation.of("question.limits", len(message.limits), remedy)


def response_faults(path: str, cells: Sequence[resource_pb2.EffortCell]) -> list[Violation]:
    """Cells whose response makes no curve."""
    found = [
        violation for j, cell in enumerate(cells) for violation in _response_faults(f"{path}[{j}]", cell)
    ]
    observed = sum(cell.HasField("observations") for cell in cells)
    if observed > MOST_FITS:
        remedy = f"{observed} have observations, at most {MOST_FITS} at once; fit them with FitCurves before"
        found.append(Violation.of(path, len(cells), remedy))
    return found


def _response_faults(path: str, cell: resource_pb2.EffortCell) -> list[Violation]:
    kind = cell.WhichOneof("response")
    if kind is None:
        remedy = "give a curve, a judgement, observations or levels"
        return [Violation.of(f"{path}.curve", "unset", remedy)]
    if kind == "judgement":
        return _judgement(cell.judgement).faults(f"{path}.judgement")
    if kind == "observations":
        return list(_observation_faults(f"{path}.observations", cell.observations))
    return []


def _observation_faults(path: str, seen: resource_pb2.Observations) -> Iterator[Violation]:
    if len(seen.levels) != len(seen.values):
        yield Violation.of(
            f"{path}.values", len(seen.values), f"give one for each of {len(seen.levels)} levels"
        )
    different = len(set(seen.levels))
    if different < LEAST_LEVELS:
        remedy = f"{different} different levels say nothing of a curve; give {LEAST_LEVELS}, or a judgement"
        yield Violation.of(f"{path}.levels", different, remedy)


def cell_from(message: resource_pb2.EffortCell) -> Cell:
    """A cell whose response has no faults."""
    response = _response(message)
    return Cell(
        name=message.name,
        response=response,
        quantities=tuple(Quantity(q.measure, q.per_level, q.per_value, q.once) for q in message.quantities),
        labels=dict(message.labels),
        today=message.today if message.HasField("today") else None,
        floor=message.floor,
        ceiling=message.ceiling if message.HasField("ceiling") else _ceiling(message, response),
        step=message.step,
        assumed=message.levels.assumed,
    )


def _response(message: resource_pb2.EffortCell) -> Curve | tuple[Level, ...]:
    kind = message.WhichOneof("response")
    if kind == "judgement":
        return _judgement(message.judgement).curve()
    if kind == "observations":
        return fit(np.array(message.observations.levels), np.array(message.observations.values))
    if kind == "curve":
        return _curve(message.curve)
    return tuple(Level(one.level, one.value, one.deviation, dict(one.takes)) for one in message.levels.levels)


def _ceiling(message: resource_pb2.EffortCell, response: Curve | tuple[Level, ...]) -> float:
    """Infinite where nothing says how far effort may go."""
    if not isinstance(response, Curve):
        return math.inf
    seen = 0.0 if response.support is None else response.support.highest
    return BEYOND * max(seen, message.today, message.judgement.level_now) or math.inf


def _curve(message: resource_pb2.ResponseCurve) -> Curve:
    stated = message.support
    support = Support(stated.lowest, stated.highest, stated.observations)
    return Curve(
        family=Family(message.family),
        lowest=message.lowest,
        highest=message.highest,
        half=message.half_level,
        shape=message.shape or 1.0,
        noise=message.noise,
        spread=message.spread,
        assumed=message.assumed,
        support=support if message.HasField("support") else None,
    )


def _judgement(message: resource_pb2.Judgement) -> Judgement:
    return Judgement(
        level_now=message.level_now,
        zero=message.zero,
        half=message.half,
        now=message.now,
        half_more=message.half_more,
        saturation=message.saturation,
        spread=message.spread if message.HasField("spread") else SPREAD,
    )


def _resource(message: resource_pb2.ScarceResource) -> Resource:
    return Resource(
        name=message.name,
        capacity=message.capacity if message.HasField("capacity") else math.inf,
        unit=message.unit,
        floor=message.floor,
        unit_cost=message.unit_cost.micros / MICROS,
    )


def _limit(message: resource_pb2.EffortLimit) -> Limit:
    return Limit(
        id=message.id,
        measure=message.measure,
        at_least=message.at_least if message.HasField("at_least") else -math.inf,
        at_most=message.at_most if message.HasField("at_most") else math.inf,
        where=dict(message.where),
        per=message.per,
    )


# ---- answers ------------------------------------------------------------------------------------------------------


def curve_message(curve: Curve) -> resource_pb2.ResponseCurve:
    message = resource_pb2.ResponseCurve(
        family=resource_pb2.ResponseCurve.Family.ValueType(int(curve.family)),
        lowest=curve.lowest,
        highest=curve.highest,
        half_level=curve.half,
        shape=curve.shape,
        noise=curve.noise,
        spread=curve.spread,
        assumed=curve.assumed,
    )
    if curve.support is not None:
        seen = curve.support
        message.support.lowest, message.support.highest = seen.lowest, seen.highest
        message.support.observations = seen.observations
    return message


def plan_message(plan: BudgetPlan, currency: str) -> service_pb2.BudgetPlan:
    message = service_pb2.BudgetPlan(
        lines=map(_line, plan.lines),
        value=money(plan.value, currency),
        low=money(plan.low, currency),
        high=money(plan.high, currency),
        worth=money(plan.worth, currency),
        bound=money(plan.ceiling, currency),
        gap=plan.gap,
        assumed_share=plan.assumed_share,
        cells_beyond_support=sum(line.beyond_support for line in plan.lines),
        rules=_rules(plan),
        totals=plan.totals,
        frontier=_frontier(plan, currency),
        break_even=[
            service_pb2.BreakEven(resource=one.resource, amount=one.amount, threshold=one.threshold)
            for one in plan.break_even
        ],
    )
    if plan.today is not None:
        message.today.CopyFrom(money(plan.today, currency))
    if plan.nearest is not None:
        near = plan.nearest
        message.nearest.levels.extend(near.levels)
        message.nearest.value.CopyFrom(money(near.value, currency))
        message.nearest.changed, message.nearest.best_changed = near.changed, near.best_changed
        message.nearest.moved, message.nearest.best_moved = near.moved, near.best_moved
    return message


def _line(line: Line) -> service_pb2.EffortLine:
    return service_pb2.EffortLine(
        cell=line.cell.name,
        level=line.level,
        value=line.value,
        deviation=line.deviation,
        net=line.net,
        beyond_support=line.beyond_support,
        assumed=line.cell.is_assumed,
    )


def _rules(plan: BudgetPlan) -> Iterable[service_pb2.RulePrice]:
    return (
        service_pb2.RulePrice(
            rule=one.rule.id,
            measure=one.rule.measure,
            stated=one.rule.stated,
            reached=one.used,
            price=one.price,
        )
        for one in plan.prices
    )


def _frontier(plan: BudgetPlan, currency: str) -> Iterable[service_pb2.FrontierPoint]:
    return (
        service_pb2.FrontierPoint(share=one.share, value=money(one.value, currency), prices=one.prices)
        for one in plan.frontier
    )


def target_message(plan: Reaching, currency: str) -> service_pb2.TargetPlan:
    return service_pb2.TargetPlan(
        lines=map(_line, plan.lines),
        cost=money(plan.cost, currency),
        bound=money(plan.floor, currency),
        gap=plan.gap,
        sales=money(plan.mean, currency),
        deviation=money(plan.deviation, currency),
        probability=plan.probability,
        totals=plan.totals,
    )


def amount_of(message: money_pb2.Money) -> float:
    """Whole currency units."""
    return message.micros / MICROS
