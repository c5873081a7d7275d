"""Every reason given is true of the inputs: recomputed here straight from the request, not from the core's facts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.forecast.v1.score_pb2 import CustomerScores
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs, RankedAction, Reason
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.policy import Policy
from tests.recommend.recommend_builders import (
    CATALOGUE,
    DAY,
    a_profile,
    inputs_for,
    made_from,
    prices,
    random_inputs,
    random_prices,
    some_scores,
)

EFFECTS = {action.name: action.effect for action in CATALOGUE.actions}


def since(inputs: DecisionInputs, seconds: int) -> float:
    return (inputs.decision_time.seconds - seconds) / DAY


def probability(scores: CustomerScores, model: str, prior: float) -> float:
    found = [prediction.probability for prediction in scores.predictions if prediction.model == model]
    return found[0] if found else prior


def p_buy(inputs: DecisionInputs) -> float:
    return probability(inputs.scores, "models/buys-28d", CATALOGUE.priors.p_buy)


def silent_days(reason: Reason, inputs: DecisionInputs, _ranked: RankedAction) -> bool:
    days = since(inputs, inputs.profile.last_purchase_time.seconds)
    return days > inputs.profile.usual_gap_days and reason.numbers["days"] == pytest.approx(days, abs=0.051)


def restock_due(reason: Reason, inputs: DecisionInputs, ranked: RankedAction) -> bool:
    (interest,) = [each for each in inputs.profile.interests if each.category == reason.words["category"]]
    days = since(inputs, interest.last_purchase_time.seconds)
    return days >= interest.mean_gap_days and ranked.category == interest.category


def popular(reason: Reason, inputs: DecisionInputs, ranked: RankedAction) -> bool:
    first = inputs.profile.popular_unbought[0]
    return (reason.words["category"], ranked.category) == (first.category, first.category)


def falls_silent(reason: Reason, inputs: DecisionInputs, _ranked: RankedAction) -> bool:
    p_silent = probability(inputs.scores, "models/silent-28d", CATALOGUE.priors.p_silent)
    return p_silent >= 0.35 and reason.numbers["p"] == pytest.approx(p_silent, abs=1e-4)


def spends_well(reason: Reason, inputs: DecisionInputs, _ranked: RankedAction) -> bool:
    total = inputs.profile.total_spend.micros / 1e6
    return total >= 500 and reason.numbers["total"] == pytest.approx(total, abs=0.006)


def expected_spend(reason: Reason, inputs: DecisionInputs, _ranked: RankedAction) -> bool:
    known = inputs.HasField("scores")
    spend = inputs.scores.spend_if_buys.micros if known else CATALOGUE.priors.spend_if_buys
    return reason.numbers["amount"] == pytest.approx(spend / 1e6)


def assumed(reason: Reason, _inputs: DecisionInputs, ranked: RankedAction) -> bool:
    effect = EFFECTS[ranked.action]
    return dict(reason.numbers) == {"lift": effect.lift, "spend_lift": effect.spend_lift}


def price_of(
    resource_end: str, key: str, factor: float
) -> Callable[[Reason, DecisionInputs, RankedAction], bool]:
    def check(reason: Reason, _inputs: DecisionInputs, ranked: RankedAction) -> bool:
        (paid,) = [price for price in ranked.money.prices if price.resource.endswith(resource_end)]
        return reason.numbers[key] == pytest.approx(paid.micros_per_unit * factor / 1e6)

    return check


IS_TRUE: dict[str, Callable[[Reason, DecisionInputs, RankedAction], bool]] = {
    "SILENT_DAYS": silent_days,
    "USUAL_GAP": lambda r, i, _: r.numbers["days"] == pytest.approx(i.profile.usual_gap_days, abs=0.051),
    "LIKELY_TO_BUY": lambda r, i, _: p_buy(i) >= 0.5 and r.numbers["p"] == pytest.approx(p_buy(i), abs=1e-4),
    "UNLIKELY_TO_BUY": lambda r, i, _: p_buy(i) < 0.5 and r.numbers["p"] == pytest.approx(p_buy(i), abs=1e-4),
    "LIKELY_TO_FALL_SILENT": falls_silent,
    "RESTOCK_DUE": restock_due,
    "POPULAR_UNBOUGHT": popular,
    "BEST_SPEND": spends_well,
    "LOYAL": lambda r, i, _: r.numbers["purchase_days"] == i.profile.purchase_days >= 10,
    "DAYS_SINCE_CONTACT": lambda r, i, _: (
        r.numbers["days"] == pytest.approx(since(i, i.profile.last_contact_time.seconds), abs=0.051)
    ),
    "EXPECTED_SPEND": expected_spend,
    "EFFECT_ASSUMED": assumed,
    "HOUR_PRICE": price_of("/minutes", "per_hour", 60),
    "COUPON_PRICE": price_of("coupon-money", "per_unit", 1),
    "SLOT_PRICE": price_of("email-slots", "per_slot", 1),
    "CHOSEN_BY_CHANCE": lambda r, _, ranked: (
        ranked.chosen and r.numbers["probability"] == ranked.probability < 1
    ),
}


def alone_is_true(reason: Reason, decision: Decision, best: int | None) -> bool:
    if reason.code == "CONTROL_GROUP":
        return decision.control_group
    if reason.code == "NOTHING_QUALIFIES":
        return best is None
    assert best is not None
    if reason.code == "BEST_ALTERNATIVE_ADDS":
        return best > 0 and reason.numbers["amount"] == best / 1e6
    return reason.code == "BEST_ALTERNATIVE_LACKS" and best <= 0 and reason.numbers["amount"] == -best / 1e6


@settings(max_examples=200, deadline=None)
@given(random_inputs(), random_prices())
def test_every_reason_holds_for_the_inputs_it_was_given_for(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set, Policy(exploration=0.5))
    others = [each.account.value for each in made.ruling.candidates if each.action.name != LEAVE_ALONE]
    best = max(others) if others else None
    for ranked in made.decision.actions:
        for reason in ranked.reasons:
            if reason.code in IS_TRUE:
                assert IS_TRUE[reason.code](reason, inputs, ranked), reason
            else:
                assert ranked.action == LEAVE_ALONE
                assert alone_is_true(reason, made.decision, best), reason


@settings(max_examples=100, deadline=None)
@given(random_inputs(), random_prices())
def test_each_action_has_two_reasons_and_leave_alone_has_one(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    for ranked in made_from(inputs, price_set).decision.actions:
        assert len(ranked.reasons) >= (1 if ranked.action == LEAVE_ALONE else 2)
        assert len({reason.code for reason in ranked.reasons}) == len(ranked.reasons)


def test_a_silent_customer_is_told_so_with_his_own_rhythm_and_the_price_of_the_hour() -> None:
    profile = a_profile(days_silent=37, usual_gap=21, silence_after=30)
    inputs = inputs_for(profile=profile, scores=some_scores(p_buy=0.3, p_silent=0.7), max_actions=12)
    decision = made_from(inputs, prices(minute=0.05), Policy(control_share=0)).decision
    by_action = {
        ranked.action: {reason.code: reason for reason in ranked.reasons} for ranked in decision.actions
    }
    silent = by_action["actions/email-win-back"]["SILENT_DAYS"]
    assert dict(silent.numbers) == {"days": 37.0, "usual_gap": 21.0}
    hour = by_action["actions/call-retention"]["HOUR_PRICE"]
    assert hour.numbers["per_hour"] == pytest.approx(3.0)
    assert hour.words["rep"] == "reps/wang"
