"""Decisions are made with whatever is at hand, and say what was missing; nonsense is refused with field and remedy."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1.decision_pb2 import (
    VERDICT_ACT,
    VERDICT_LEAVE_ALONE,
    Decision,
    DecisionInputs,
)
from fieldwise.recommend.v1.recommend_service_pb2 import (
    ListActionsRequest,
    ReplayDecisionRequest,
    ValueActionsRequest,
)
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.contact_time import best_time
from fieldwise_recommend.core.policy import Policy
from fieldwise_runtime.errors import RpcFault, from_rpc_error
from tests.recommend.recommend_builders import (
    CATALOGUE,
    DAY,
    NOW,
    a_profile,
    batch,
    in_file,
    inputs_for,
    made_from,
    prices,
    serving,
    some_scores,
)

PLAIN_POLICY = Policy(control_share=0, exploration=0)


def codes(decision: Decision) -> dict[str, str]:
    return {rejected.action: rejected.code for rejected in decision.rejected}


def test_an_unknown_customer_gets_only_what_asks_nothing_of_the_past() -> None:
    inputs = inputs_for(cold=True)
    decision = made_from(inputs, prices(minute=0), PLAIN_POLICY).decision
    assert {ranked.action for ranked in decision.actions} == {LEAVE_ALONE, "actions/call-check-in"}
    assert set(codes(decision).values()) == {"COLD_START"}
    assert "scores" in decision.assumed
    assert decision.verdict == VERDICT_ACT


def test_who_withholds_his_consent_is_decided_about_by_nothing_and_left_alone() -> None:
    profile = Profile(name="customers/1", withheld=True)
    inputs = inputs_for(profile=profile, cold=True)
    inputs.profile.CopyFrom(profile)
    decision = made_from(inputs, prices(minute=0, coupon=0, slot=0), PLAIN_POLICY).decision
    assert decision.verdict == VERDICT_LEAVE_ALONE
    assert set(codes(decision).values()) == {"CONSENT_WITHHELD"}


@pytest.mark.parametrize("channel", ["call", "email", "mail"])
def test_a_refused_channel_is_not_used_and_the_others_are(channel: str) -> None:
    profile = a_profile()
    profile.refused_channels.append(channel)
    made = made_from(inputs_for(profile=profile), prices(minute=0, coupon=0, slot=0), PLAIN_POLICY)
    by_channel = {action.name: action.channel for action in CATALOGUE.actions}
    refused = {action for action, code in codes(made.decision).items() if code == "CHANNEL_REFUSED"}
    assert refused == {action for action, used in by_channel.items() if used == channel}
    assert channel not in {by_channel[offer.action.name] for offer in made.case.offers}
    assert made.decision.verdict == VERDICT_ACT


def test_who_asked_not_to_be_contacted_is_left_alone() -> None:
    profile = a_profile()
    profile.opted_out = True
    made = made_from(inputs_for(profile=profile), prices(minute=0, coupon=0, slot=0), PLAIN_POLICY)
    assert made.decision.verdict == VERDICT_LEAVE_ALONE
    assert [ranked.action for ranked in made.decision.actions] == [LEAVE_ALONE]
    assert set(codes(made.decision).values()) == {"OPTED_OUT"}
    assert [offer.action.name for offer in made.case.offers] == [LEAVE_ALONE]


def test_a_base_rate_in_the_place_of_a_model_is_named_as_assumed() -> None:
    answered = made_from(inputs_for(), prices(), PLAIN_POLICY).decision
    scores = some_scores()
    scores.predictions[1].model_version = ""
    stood_in = made_from(inputs_for(scores=scores), prices(), PLAIN_POLICY).decision
    assert "scores" not in answered.assumed
    assert "scores" in stood_in.assumed


def test_with_nothing_at_all_the_answer_is_leave_alone() -> None:
    inputs = inputs_for(cold=True, rep="")
    decision = made_from(inputs, None, PLAIN_POLICY).decision
    assert decision.verdict == VERDICT_LEAVE_ALONE
    assert [reason.code for reason in decision.actions[0].reasons] == ["NOTHING_QUALIFIES"]
    assert not decision.HasField("best_time")
    assert decision.rep == ""


def test_without_prices_nothing_scarce_is_used() -> None:
    decision = made_from(inputs_for(max_actions=12), None, PLAIN_POLICY).decision
    assert {ranked.action for ranked in decision.actions} == {LEAVE_ALONE, "actions/mail-thank-you"}
    assert codes(decision)["actions/email-repeat"] == "NO_PRICES"
    assert codes(decision)["actions/call-check-in"] == "NO_PRICES"


def test_a_rep_without_a_price_is_named() -> None:
    decision = made_from(inputs_for(rep="reps/li"), prices(), PLAIN_POLICY).decision
    (rejected,) = [each for each in decision.rejected if each.action == "actions/call-check-in"]
    assert (rejected.code, rejected.fact) == ("NO_PRICES", "reps/li/minutes")


def test_without_a_rep_nobody_is_asked_to_call() -> None:
    decision = made_from(inputs_for(rep="", max_actions=12), prices(), PLAIN_POLICY).decision
    assert codes(decision)["actions/call-check-in"] == "NO_REP"
    assert not any("call" in ranked.action for ranked in decision.actions)


def test_only_offered_channels_are_used_and_leave_alone_needs_none() -> None:
    decision = made_from(inputs_for(channels=["email"], max_actions=12), prices(), PLAIN_POLICY).decision
    shown = {ranked.action for ranked in decision.actions}
    assert shown == {LEAVE_ALONE, "actions/email-repeat", "actions/email-new"}
    assert codes(decision)["actions/coupon-loyal"] == "CHANNEL_NOT_OFFERED"


def test_a_failed_condition_tells_fact_value_and_limit() -> None:
    decision = made_from(inputs_for(scores=some_scores(p_silent=0.1)), prices(), PLAIN_POLICY).decision
    (rejected,) = [each for each in decision.rejected if each.action == "actions/call-retention"]
    assert (rejected.code, rejected.fact, rejected.value, rejected.limit) == (
        "CONDITION",
        "p_silent",
        0.1,
        0.35,
    )


def test_a_fact_that_is_not_known_fails_its_condition_without_a_value() -> None:
    profile = a_profile()
    profile.ClearField("silence_after_days")
    decision = made_from(inputs_for(profile=profile), prices(), PLAIN_POLICY).decision
    (rejected,) = [each for each in decision.rejected if each.action == "actions/coupon-loyal"]
    assert (rejected.code, rejected.fact) == ("CONDITION", "silence_ratio")
    assert not rejected.HasField("value")


def test_missing_scores_are_stood_in_for_by_stated_priors() -> None:
    inputs = inputs_for()
    inputs.ClearField("scores")
    decision = made_from(inputs, prices(), PLAIN_POLICY).decision
    assert "scores" in decision.assumed
    assert decision.actions[0].money.baseline.micros == 80_000_000
    assert not decision.predictions


def test_an_answer_names_what_it_rests_on() -> None:
    inputs = inputs_for()
    decision = made_from(inputs, prices(), PLAIN_POLICY).decision
    assert list(decision.assumed) == ["effect", "margin", "consent", "contact_time"]
    assert [part.name for part in decision.parts] == ["profile", "forecast", "allocation", "recommend"]
    assert decision.parts[-1].version == inputs.catalogue_version
    assert list(decision.predictions) == list(inputs.scores.predictions)
    assert decision.trace_id == inputs.trace_id


def test_a_dropped_category_is_not_taken_for_due() -> None:
    profile = a_profile()
    for interest in profile.interests:
        interest.last_purchase_time.FromSeconds(NOW - 100 * DAY)
    decision = made_from(inputs_for(profile=profile), prices(), PLAIN_POLICY).decision
    assert codes(decision)["actions/email-repeat"] == "NO_CATEGORY"


@pytest.mark.parametrize("hour", [None, *range(24)])
def test_the_best_time_is_a_decent_hour_ahead(hour: int | None) -> None:
    for now in range(NOW, NOW + DAY, 1793):
        at = best_time(now, hour)
        assert now < at <= now + 2 * DAY
        assert at % 3600 == 0
        of_day = at % DAY // 3600
        assert of_day == (hour if hour is not None and 9 <= hour <= 19 else 10)
        if of_day == hour:
            assert at <= now + DAY


async def test_values_for_prices_are_what_decisions_pay_prices_from(tmp_path: Path) -> None:
    inputs = [inputs_for(f"customers/{number}") for number in range(3)]
    async with serving(in_file(tmp_path)) as stub:
        valued = await stub.ValueActions(ValueActionsRequest(inputs=inputs))
        free = prices(minute=0, coupon=0, slot=0)
        for each in inputs:
            each.max_actions = 12
        decided = await stub.BatchRecommendActions(batch(*inputs, price_set=free))
    expected = {
        (answer.decision.customer, ranked.action): ranked.value.micros
        for answer in decided.decided
        for ranked in answer.decision.actions
        if ranked.value.micros > 0
    }
    assert {(c.customer, c.action): c.value.micros for c in valued.candidates} == expected
    calls = [c for c in valued.candidates if c.action == "actions/call-check-in"]
    assert {(use.resource, use.amount) for c in calls for use in c.uses} == {("reps/wang/minutes", 6.0)}
    assert all(c.assumed for c in valued.candidates)


async def test_the_catalogue_can_be_read(tmp_path: Path) -> None:
    request = ListActionsRequest()
    request.decision_time.FromSeconds(NOW)
    async with serving(in_file(tmp_path)) as stub:
        listed = await stub.ListActions(request)
    assert listed.actions[0].name == LEAVE_ALONE
    assert listed.margins[""] == 0.25
    assert listed.part.version == listed.version
    coupon = next(action for action in listed.actions if action.name == "actions/coupon-win-back")
    assert (coupon.cost.micros, coupon.uses["coupon-money"]) == (700_000, 5.0)
    assert coupon.effect.basis == "assumed"


async def refused(folder: Path, *inputs: DecisionInputs, **kwargs: object) -> RpcFault:
    async with serving(in_file(folder)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.BatchRecommendActions(batch(*inputs, **kwargs))  # type: ignore[arg-type]  # passed through
    return from_rpc_error(error.value)


async def test_another_currency_is_refused(tmp_path: Path) -> None:
    inputs = inputs_for()
    inputs.scores.spend_if_buys.currency_code = "EUR"
    fault = await refused(tmp_path, inputs)
    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FOREIGN_CURRENCY")
    assert fault.violations[0].field == "inputs[0].scores.spend_if_buys.currency_code"
    assert "EUR" in fault.message


async def test_all_faults_of_a_batch_come_at_once(tmp_path: Path) -> None:
    unlikely, negative, twin = inputs_for(), inputs_for(), inputs_for()
    twin.profile.further.mean_gap_days.append(3.0)
    unlikely.scores.predictions[0].probability = float("nan")
    negative.scores.spend_if_buys.micros = -1
    twin.decision = negative.decision
    fault = await refused(tmp_path, unlikely, negative, twin)
    assert {violation.field for violation in fault.violations} == {
        "inputs[0].scores.predictions[0].probability",
        "inputs[1].scores.spend_if_buys.micros",
        "inputs[2].decision",
        "inputs[2].profile.further.mean_gap_days",
    }


async def test_an_empty_batch_and_a_nameless_price_set_are_refused(tmp_path: Path) -> None:
    empty = await refused(tmp_path)
    assert empty.violations[0].field == "inputs"
    nameless = await refused(tmp_path, inputs_for(), price_set=prices(""))
    assert nameless.violations[0].field == "price_set.name"


async def test_prices_out_of_range_are_refused(tmp_path: Path) -> None:
    wrong = prices(minute=-1, slot=1e9)
    wrong.valid_until.nanos = -1
    fault = await refused(tmp_path, inputs_for(), price_set=wrong)
    fields = [violation.field for violation in fault.violations]
    assert fields == ["price_set.valid_until", *(f"price_set.prices[{n}].micros_per_unit" for n in (0, 2))]


async def test_a_what_if_out_of_range_is_refused(tmp_path: Path) -> None:
    what_if = inputs_for(pacing=-1.0, exploration=1.0, draw=-1.0, price_set=prices(""))
    what_if.scores.predictions[0].probability = 2
    what_if.scores.spend_if_buys.micros = 2**62
    async with serving(in_file(tmp_path)) as stub:
        answer = await stub.BatchRecommendActions(batch(inputs_for()))
        request = ReplayDecisionRequest(name=answer.decided[0].decision.name, what_if=what_if)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.ReplayDecision(request)
    assert {violation.field for violation in from_rpc_error(error.value).violations} == {
        "what_if.scores.predictions[0].probability",
        "what_if.scores.spend_if_buys.micros",
        "what_if.price_set.name",
        "what_if.draw",
        "what_if.pacing",
        "what_if.exploration",
    }


@pytest.mark.parametrize("spend", [0.0, 1e9])
def test_the_largest_amounts_and_prices_still_fit(spend: float) -> None:
    inputs = inputs_for(scores=some_scores(spend=spend), max_actions=12)
    policy = Policy(control_share=0, exploration=0, pacing=1000)
    decision = made_from(inputs, prices(minute=1e6, coupon=1e6, slot=1e6), policy).decision
    assert len(decision.actions) > 5
