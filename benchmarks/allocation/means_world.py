"""Questions about people, material and money, sales targets and promotions, drawn anew from a seed; knows no solver."""

from __future__ import annotations

import numpy as np

from fieldwise.allocation.v1 import resource_pb2
from fieldwise.allocation.v1.resource_service_pb2 import EffortQuestion
from fieldwise.type.v1 import money_pb2

CURRENCY = "USD"
CHANNELS = ("visit", "call", "mail")
PERIODS = ("Q1", "Q2", "Q3", "Q4")
# Minutes, packs and money that one unit of effort takes, by channel.
TAKES = {"visit": (1.0, 1.0, 20.0), "call": (0.25, 0.2, 4.0), "mail": (0.02, 1.0, 1.5)}
DEPTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def dollars(amount: float) -> money_pb2.Money:
    return money_pb2.Money(currency_code=CURRENCY, micros=round(amount * 1_000_000))


def means(segments: int, seed: int, share: float = 0.3) -> EffortQuestion:
    """Segments x channels x periods with 60 % S-shaped curves; hours, packs and money for a share of all effort."""
    rng = np.random.default_rng(seed)
    question = EffortQuestion(time_limit_seconds=20)
    most = np.zeros(3)
    for j in range(segments):
        for channel in CHANNELS:
            for period in PERIODS:
                cell = question.cells.add(name=f"s{j}/{channel}/{period}", today=4, ceiling=12, step=1)
                cell.labels.update({"segment": f"s{j}", "channel": channel, "period": period})
                cell.curve.family = resource_pb2.ResponseCurve.FAMILY_ADBUDG
                cell.curve.highest = float(rng.lognormal(7, 0.8))
                cell.curve.half_level = float(rng.uniform(2, 9))
                cell.curve.shape = float(rng.uniform(2, 4) if rng.random() < 0.6 else rng.uniform(0.5, 1))
                cell.curve.spread, cell.curve.noise = 0.15, 0.1 * cell.curve.highest
                for measure, per_level in zip(("hours", "packs", "money"), TAKES[channel], strict=True):
                    cell.quantities.add(measure=measure, per_level=per_level)
                most += 12 * np.array(TAKES[channel])
    costs = (30.0, 2.0, 1.0)
    for name, whole, cost in zip(("hours", "packs", "money"), most, costs, strict=True):
        question.resources.add(name=name, capacity=share * whole, unit_cost=dollars(cost))
    return question


def planted_conflict(seed: int) -> tuple[EffortQuestion, set[str]]:
    """A question that two or three named rules make impossible, among rules that do no harm."""
    rng = np.random.default_rng(seed)
    question = means(6, seed)
    name = ("hours", "packs", "money")[seed % 3]
    (resource,) = (one for one in question.resources if one.name == name)
    for one in question.resources:  # so that what is planted is the only conflict
        one.capacity *= 1 if one is resource else 10
    for period in PERIODS:
        question.limits.add(id=f"some-{period}", measure="hours", at_least=1, where={"period": period})
    if seed % 2:
        over = resource.capacity * rng.uniform(1.05, 1.4)
        question.limits.add(id="too-much", measure=name, at_least=over)
        return question, {f"capacity of {name}", "too-much at least"}
    # Below what all cells of a channel can take, above what is there for both together.
    first, second = CHANNELS[:2]
    room = {
        channel: sum(
            12 * quantity.per_level
            for cell in question.cells
            for quantity in cell.quantities
            if cell.labels["channel"] == channel and quantity.measure == name
        )
        for channel in (first, second)
    }
    capacity = 0.8 * min(room.values())
    resource.capacity = capacity
    for channel in (first, second):
        question.limits.add(
            id=f"much-{channel}", measure=name, at_least=0.6 * capacity, where={"channel": channel}
        )
    return question, {f"capacity of {name}", f"much-{first} at least", f"much-{second} at least"}


def promotions(products: int, weeks: int, seed: int) -> EffortQuestion:
    """Products over weeks, each with depths of discount: value is profit; stock, sales and discount are measured."""
    rng = np.random.default_rng(seed)
    question = EffortQuestion(time_limit_seconds=20)
    for p in range(products):
        price, cost = rng.uniform(4, 40), rng.uniform(0.45, 0.75)
        lift, base = rng.uniform(1, 5), rng.lognormal(5, 0.7)
        for week in range(weeks):
            cell = question.cells.add(name=f"p{p}/w{week}", labels={"product": f"p{p}", "period": f"w{week}"})
            season = rng.uniform(0.7, 1.3)
            for depth in DEPTHS:
                units = season * base * float(np.exp(lift * depth) - 0.3 * depth)
                sales = units * price * (1 - depth)
                one = cell.levels.levels.add(level=depth, value=sales - units * price * cost)
                one.takes.update({"stock": units, "sales": sales, "discount": units * price * depth})
    return question
