"""Pacing: budgets last to the end of their period whatever the demand, are used up by then, and are never overspent."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as rpc
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs, PricePaid
from fieldwise_recommend.core.pacing import LEAST, MOST, Opening, budgets_left, factor, time_left
from fieldwise_recommend.core.situation import Price
from tests.recommend.recommend_builders import (
    NOW,
    PLAIN,
    a_profile,
    batch,
    in_file,
    inputs_for,
    prices,
    serving,
    some_scores,
)

PACED = replace(PLAIN, pacing_gain=4.0)
MINUTES = 90
SLOTS = 200
SHOCK_FROM, SHOCK = 30, 3

shares = st.floats(0, 1)


@given(shares, shares, shares, st.floats(0, 64))
def test_a_factor_is_within_its_limits_and_falls_with_what_is_left(
    left: float, more: float, remaining: float, gain: float
) -> None:
    low, high = sorted((left, more))
    scarce, ample = factor(low, remaining, gain), factor(high, remaining, gain)
    assert LEAST * 0.999 <= ample <= scarce <= MOST * 1.001
    assert factor(left, left, gain) == factor(left, remaining, 0.0) == 1.0


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 2.0]), st.floats(0, 100), st.floats(0, 150)), max_size=4),
    st.integers(0, 10),
    st.integers(0, 10),
)
def test_nothing_is_divided_by_a_budget_or_a_time_of_zero(
    resources: list[tuple[float, float, float]], end: int, moment: int
) -> None:
    known = {str(n): Price("1", price, capacity) for n, (price, capacity, _) in enumerate(resources)}
    reserved = {str(n): spent for n, (_, _, spent) in enumerate(resources)}
    left = budgets_left(known, Opening(0, {}), reserved)
    assert left is None or 0.0 <= left <= 1.0
    assert 0.0 <= time_left(Opening(5, {}), end, moment) <= 1.0


def test_any_lasting_demand_is_met_and_uses_the_budget_up() -> None:
    """Spending answers to the price with an elasticity; its level is not known to the controller and triples on the way."""
    for seed in range(200):
        chance = random.Random(seed)
        elasticity, level = chance.uniform(0.5, 2.5), chance.uniform(0.4, 2.0)
        shock, steps = chance.randrange(100, 900), 1_000
        left = 1.0
        for step in range(steps):
            demand = level * (3.0 if step >= shock else 1.0) * chance.uniform(0.5, 1.5) / steps
            pace = factor(left, 1.0 - step / steps, 4.0)
            left -= min(left, demand * pace**-elasticity)
        assert left < 0.01, (seed, elasticity, level, shock, left)


def customers(seed: int) -> list[list[tuple[str, float]]]:
    """By minute: who comes, and what he spends; three times as many from one minute on."""
    chance = random.Random(seed)
    coming = [6 * (SHOCK if minute >= SHOCK_FROM else 1) for minute in range(MINUTES)]
    return [
        [(f"customers/{minute}-{n}", math.exp(chance.gauss(4.5, 1.0))) for n in range(count)]
        for minute, count in enumerate(coming)
    ]


def asked(minute: int, customer: str, spend: float) -> DecisionInputs:
    scores = some_scores(customer, p_buy=0.5, spend=spend)
    inputs = inputs_for(customer, profile=a_profile(customer), scores=scores, channels=["email"])
    inputs.decision_time.FromSeconds(NOW + minute * 60)
    return inputs


def slots_for(price: float, capacity: float = SLOTS) -> PriceSet:
    price_set = prices(minute=0, coupon=0, slot=price, slots=capacity)
    price_set.valid_from.FromSeconds(NOW)
    price_set.valid_until.FromSeconds(NOW + MINUTES * 60)
    return price_set


async def a_minute(
    stub: rpc.RecommendServiceAsyncStub, minute: int, coming: Sequence[tuple[str, float]], price_set: PriceSet
) -> list[Decision]:
    """All who come in a minute, in calls at the same time."""
    inputs = [asked(minute, *each) for each in coming]
    parts = [inputs[start : start + 3] for start in range(0, len(inputs), 3)]
    answers = await asyncio.gather(
        *(stub.BatchRecommendActions(batch(*part, price_set=price_set)) for part in parts)
    )
    return [each.decision for answer in answers for each in answer.decided]


def sent(decisions: Sequence[Decision]) -> int:
    return sum(price.use > 0 for each in decisions for price in chosen_prices(each))


def chosen_prices(decision: Decision) -> Sequence[PricePaid]:
    return [price for each in decision.actions if each.chosen for price in each.money.prices]


def price_of_a_slot(stub_values: Sequence[float]) -> float:
    """The value of the best customer who goes without when nobody foresees the shock: the dual of the slots."""
    return sorted(stub_values, reverse=True)[SLOTS]


async def test_a_demand_of_three_times_spends_the_budget_to_the_end_and_not_beyond(tmp_path: Path) -> None:
    coming = customers(1)
    async with serving(in_file(tmp_path), PACED) as stub:
        usual = [(f"customers/{n}", each[1]) for n, each in enumerate(chain(*coming))][: 6 * MINUTES]
        free = await a_minute(stub, 0, usual, prices(slot=0))
        worth = [max(one.value.micros for one in each.actions) / 1e6 for each in free]
        price_set = slots_for(price_of_a_slot(worth))
        made = [await a_minute(stub, minute, each, price_set) for minute, each in enumerate(coming)]
    spent = [sent(each) for each in made]
    assert SLOTS * 0.99 <= sum(spent) <= SLOTS
    # Without pacing the shock would end it by minute 60.
    assert sum(spent[75:]) > 0
    factors = [each[0].pacing for each in made]
    assert factors[0] == 1.0
    assert max(factors) > 1.2
    assert min(factors) > 0
    assert all(len({one.pacing for one in each}) == 1 for each in made)


async def test_a_restart_finds_the_same_factor(tmp_path: Path) -> None:
    price_set = slots_for(0.01)
    first = [(f"customers/{n}", 100.0) for n in range(60)]
    async with serving(in_file(tmp_path), PACED) as stub:
        await a_minute(stub, 0, first, price_set)
        (before,) = await a_minute(stub, 9, [("customers/x", 1.0)], price_set)
    async with serving(in_file(tmp_path), PACED) as stub:
        (after,) = await a_minute(stub, 9, [("customers/y", 1.0)], price_set)
    assert after.pacing == before.pacing > 1.0


async def test_a_budget_of_zero_refuses_its_actions_and_divides_nothing(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path), PACED) as stub:
        (decision,) = await a_minute(stub, 0, [("customers/1", 500.0)], slots_for(0.05, 0.0))
    spent = {each.code for each in decision.rejected if each.action.startswith("actions/email")}
    assert "BUDGET_SPENT" in spent
    assert decision.pacing == 1.0
