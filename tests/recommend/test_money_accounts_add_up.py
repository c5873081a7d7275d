"""The money account of every action adds up exactly, and a slow rival in exact fractions agrees with it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.policy import Policy
from tests.recommend.recommend_builders import (
    CATALOGUE,
    a_profile,
    inputs_for,
    made_from,
    prices,
    random_inputs,
    random_prices,
    some_scores,
)

BY_NAME = {action.name: action for action in CATALOGUE.actions}


@settings(max_examples=150, deadline=None)
@given(random_inputs(), random_prices())
def test_value_is_effect_times_margin_less_cost_less_prices_to_the_micro(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set)
    for ranked in made.decision.actions:
        money = ranked.money
        paid = sum(price.paid.micros for price in money.prices)
        assert ranked.value.micros == money.effect_times_margin.micros - money.cost.micros - paid
        assert money.effect_times_margin.micros == round(money.effect.micros * money.margin)
        for price in money.prices:
            assert price.paid.micros == round(price.use * price.micros_per_unit)


@settings(max_examples=100, deadline=None)
@given(random_inputs(), random_prices())
def test_the_effect_equals_the_formula_in_exact_fractions(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set)
    situation = made.case.situation
    p, spend = Fraction(situation.p_buy), situation.spend
    for candidate in made.ruling.candidates:
        if candidate.action.name == LEAVE_ALONE:
            continue
        believed = candidate.action.effect
        bought = p + Fraction(believed.lift) * (1 - p)
        exact = bought * (1 + Fraction(believed.spend_lift)) * spend - p * spend
        assert abs(candidate.account.effect - exact) <= 1 + spend / 1e12


@settings(max_examples=60, deadline=None)
@given(random_inputs(), random_prices())
def test_leave_alone_is_always_shown_and_exactly_nothing(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set)
    (alone,) = [ranked for ranked in made.decision.actions if ranked.action == LEAVE_ALONE]
    money = alone.money
    assert (alone.value.micros, money.effect.micros, money.effect_times_margin.micros, money.cost.micros) == (
        0,
    ) * 4
    assert not money.prices


@settings(max_examples=60, deadline=None)
@given(random_inputs(), random_prices())
def test_every_action_is_either_a_candidate_or_rejected_with_a_reason(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set)
    names = [each.action.name for each in made.ruling.candidates] + [
        each.action for each in made.ruling.rejections
    ]
    assert sorted(names) == sorted(BY_NAME)
    assert all(rejection.code for rejection in made.ruling.rejections)


@settings(max_examples=60, deadline=None)
@given(random_inputs(), random_prices())
def test_shown_actions_are_the_best_with_the_chosen_one_and_leave_alone(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set)
    values = [ranked.value.micros for ranked in made.decision.actions]
    assert values == sorted(values, reverse=True)
    limit = inputs.max_actions or 3
    assert len(values) <= max(limit, 2)
    assert [ranked.action for ranked in made.decision.actions if ranked.chosen] == [
        made.decision.chosen_action
    ]
    best = {each.action.name for each in made.ruling.candidates[: max(0, limit - 2)]}
    assert best <= {ranked.action for ranked in made.decision.actions}


def test_a_higher_price_of_a_minute_turns_a_call_into_something_else() -> None:
    def chosen(minute: float) -> str:
        inputs = inputs_for("customers/7", channels=["call"], scores=some_scores(p_buy=0.5, p_silent=0.6))
        return made_from(inputs, prices(minute=minute, coupon=0.0)).decision.chosen_action

    assert chosen(0.0).startswith("actions/")
    assert chosen(0.0) != LEAVE_ALONE
    assert chosen(50.0) == LEAVE_ALONE


def test_pacing_multiplies_what_is_paid_and_is_printed() -> None:
    def paid(pacing: float) -> tuple[float, int]:
        policy = Policy(control_share=0, exploration=0, pacing=pacing)
        decision = made_from(inputs_for(channels=["email"]), prices(slot=0.01), policy).decision
        (email, *_) = decision.actions
        return decision.pacing, email.money.prices[0].paid.micros

    assert [paid(1.0), paid(3.0)] == [(1.0, 10_000), (3.0, 30_000)]


def test_the_margin_is_that_of_the_mix_he_buys() -> None:
    profile = a_profile()
    made = made_from(inputs_for(profile=profile), prices())
    spend = {interest.category: interest.spend.micros for interest in profile.interests}
    known = {"SOFT DRINKS": 0.20, "BEEF": 0.20}
    mix = sum(micros * known.get(category, 0.25) for category, micros in spend.items()) / sum(spend.values())
    assert made.decision.actions[0].money.margin == pytest.approx(mix, abs=1e-6)
