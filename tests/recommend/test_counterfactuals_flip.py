"""What is said to change a decision does change it, when it is made again with that one input changed; and nothing nearer does."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, given, settings

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1.decision_pb2 import Counterfactual, Decision, DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import (
    GetDecisionRequest,
    InputChange,
    ReplayDecisionRequest,
)
from fieldwise_recommend.changing import change, changed
from fieldwise_recommend.core.counterfactual.inputs import most_of
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.explaining import explain
from fieldwise_recommend.ruling import case_of, rule
from fieldwise_recommend.situation import prices_of
from fieldwise_runtime.errors import InvalidRequest, from_rpc_error
from tests.recommend.recommend_builders import (
    CATALOGUE,
    batch,
    in_file,
    inputs_for,
    made_from,
    prices,
    random_inputs,
    random_prices,
    serving,
)

NO_LUCK = Policy(control_share=0.0, exploration=0.0)


def explained(inputs: DecisionInputs, price_set: PriceSet | None, policy: Policy = NO_LUCK) -> Decision:
    """The decision, and the inputs as they are recorded."""
    made = made_from(inputs, price_set, policy)
    if price_set is not None:
        inputs.price_set.CopyFrom(price_set)
    asyncio.run(explain(made.decision, inputs, CATALOGUE, "USD"))
    return made.decision


def chosen_with(inputs: DecisionInputs, name: str, value: float) -> str:
    own = DecisionInputs()
    own.CopyFrom(inputs)
    catalogue = change(own, CATALOGUE, name, value)
    assert catalogue is not None, name
    decision = Decision()
    known = prices_of(own.price_set) if own.HasField("price_set") else None
    rule(own, case_of(own, catalogue), known, decision, "USD")
    return decision.chosen_action


def stated(decision: Decision) -> list[Counterfactual]:
    """All changes that a decision states."""
    answers = [why.counterfactual for why in decision.why_not if why.HasField("counterfactual")]
    return [*decision.counterfactuals, *answers]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random_inputs(), random_prices())
def test_every_stated_change_flips_the_decision(inputs: DecisionInputs, price_set: PriceSet | None) -> None:
    decision = explained(inputs, price_set, Policy(control_share=0.2, exploration=0.2))
    for each in stated(decision):
        assert each.becomes_action != decision.chosen_action
        assert chosen_with(inputs, each.input, each.to_value) == each.becomes_action, each


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random_inputs(), random_prices())
def test_nothing_nearer_flips_it_on_a_grid(inputs: DecisionInputs, price_set: PriceSet | None) -> None:
    decision = explained(inputs, price_set)
    for each in decision.counterfactuals[:3]:
        reach = 0.97 * (each.to_value - each.from_value)
        values = [each.from_value + reach * step / 12 for step in range(13)]
        if each.input == "facts/purchase_days":
            values = [float(int(value)) for value in values if int(value) != each.to_value]
        chosen = {chosen_with(inputs, each.input, value) for value in values}
        assert chosen == {decision.chosen_action}, each


def test_the_price_of_the_hour_that_brings_the_call_is_found() -> None:
    inputs = inputs_for()
    decision = explained(inputs, prices(minute=0.1))
    (hour,) = [each for each in decision.counterfactuals if each.input == "prices/reps/wang/minutes"]
    assert (hour.from_value, hour.becomes_action) == (100_000.0, "actions/call-new-product")
    call = chosen_with(inputs, hour.input, hour.to_value)
    dearer = chosen_with(inputs, hour.input, hour.to_value * 1.03)
    assert (call, dearer) == ("actions/call-new-product", decision.chosen_action)


def test_the_others_are_told_what_they_lack_to_the_micro() -> None:
    inputs = inputs_for(max_actions=12)
    decision = explained(inputs, prices())
    values = {each.action: each.value.micros for each in decision.actions}
    gaps = {each.action: each.gap.micros for each in decision.why_not if each.code == "LESS_VALUE"}
    best = values.pop(decision.chosen_action)
    assert gaps == {name: best - value for name, value in values.items()}
    refused = {each.action: each.code for each in decision.why_not if each.code != "LESS_VALUE"}
    assert refused == {each.action: each.code for each in decision.rejected}


def test_effects_that_were_measured_for_him_are_the_ones_changes_are_found_with() -> None:
    inputs = inputs_for()
    made = made_from(inputs, prices(), NO_LUCK)
    inputs.price_set.CopyFrom(prices())
    inputs.measured_effects.add(action="actions/coupon-win-back", added_micros=20_000_000, basis="policies/1")
    made.decision.Clear()
    case = case_of(inputs, CATALOGUE)
    rule(inputs, case, prices_of(inputs.price_set), made.decision, "USD")
    asyncio.run(explain(made.decision, inputs, CATALOGUE, "USD"))
    for each in stated(made.decision):
        assert chosen_with(inputs, each.input, each.to_value) == each.becomes_action, each
    (why,) = [each for each in made.decision.why_not if each.action == "actions/coupon-win-back"]
    assert (why.counterfactual.input, why.counterfactual.to_value) == ("facts/days_since_purchase", 14.0)
    assert why.gap.micros < 0


def test_a_control_customer_is_told_what_he_would_have_got() -> None:
    inputs = inputs_for()
    decision = explained(inputs, prices(), Policy(control_share=0.999999, exploration=0.0))
    (only,) = decision.counterfactuals
    assert (only.input, only.from_value, only.to_value) == ("control_group", 1.0, 0.0)
    assert only.becomes_action == explained(inputs_for(), prices()).chosen_action


def test_every_change_is_replayed_or_refused_with_its_range_however_large() -> None:
    inputs = inputs_for()
    made_from(inputs, prices(), NO_LUCK)
    inputs.price_set.CopyFrom(prices())
    inputs.scarce.add(resource="email-slots", left=0.0)
    facts = (
        "p_buy",
        "spend_if_buys",
        "total_spend",
        "purchase_days",
        "days_since_purchase",
        "usual_gap_days",
    )
    names = ["pacing", "control_group", "exploration", "prices/email-slots", "left/email-slots"]
    names += [f"facts/{fact}" for fact in facts]
    names += [f"actions/call-new-product/{number}" for number in ("cost", "lift")]
    for name in names:
        chosen_with(inputs, name, most_of(name))
        for value in (1.01 * most_of(name), 1e19, 1e300, math.inf, math.nan, -1.0):
            with pytest.raises(InvalidRequest) as refused:
                changed(inputs, CATALOGUE, [InputChange(input=name, value=value)])
            assert [each.field for each in refused.value.violations] == ["changes[0].value"]


async def test_changes_are_replayed_over_the_wire(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        answer = await stub.BatchRecommendActions(batch(inputs_for(), price_set=prices()))
        name = answer.decided[0].decision.name
        plain = await stub.GetDecision(GetDecisionRequest(name=name))
        told = await stub.GetDecision(GetDecisionRequest(name=name, explain=True))
        recorded = (await stub.ReplayDecision(ReplayDecisionRequest(name=name))).inputs
        for each in told.counterfactuals:
            request = ReplayDecisionRequest(name=name)
            request.changes.add(input=each.input, value=each.to_value)
            replayed = await stub.ReplayDecision(request)
            assert replayed.decision.chosen_action == each.becomes_action
            assert not replayed.identical
            assert replayed.inputs == recorded
    assert plain == answer.decided[0].decision
    assert len(told.counterfactuals) > 3
    assert len(told.why_not) == len(told.actions) - 1 + len(told.rejected)


async def test_a_change_of_what_the_decision_does_not_have_is_named(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        answer = await stub.BatchRecommendActions(batch(inputs_for(cold=True), price_set=prices()))
        request = ReplayDecisionRequest(name=answer.decided[0].decision.name)
        for name in ("facts/purchase_days", "prices/gold", "actions/none/cost", "weather"):
            request.changes.add(input=name, value=1.0)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ReplayDecision(request)
    fields = [violation.field for violation in from_rpc_error(refused.value).violations]
    assert fields == [f"changes[{number}].input" for number in range(4)]
