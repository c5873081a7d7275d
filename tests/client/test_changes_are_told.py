"""What would have changed a decision is one short sentence in both languages, and never less than what was checked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.recommend.v1.decision_pb2 import Counterfactual, Decision
from fieldwise_client import Reason, render_decision
from fieldwise_client.decision import decision_of
from fieldwise_client.wording import table
from fieldwise_client.wording.changes import change_text
from fieldwise_client.wording.phrases import placeholders

INPUTS = (
    "prices/reps/wang/minutes",
    "prices/coupon-money",
    "left/email-slots",
    "pacing",
    "facts/p_buy",
    "facts/p_silent",
    "facts/spend_if_buys",
    "facts/total_spend",
    "facts/purchase_days",
    "facts/days_since_purchase",
    "facts/days_since_contact",
    "facts/usual_gap_days",
    "actions/call-retention/cost",
    "actions/call-retention/lift",
    "control_group",
    "exploration",
)
NAMES = st.text(st.characters(categories=("L", "N", "Z")), min_size=1, max_size=90)
amounts = st.floats(0, 1e15)


@settings(max_examples=15, deadline=None)
@given(st.data())
@pytest.mark.parametrize("language", table.LANGUAGES)
@pytest.mark.parametrize("code", table.REASONS)
def test_no_reason_is_longer_than_140_characters(code: str, language: str, data: st.DataObject) -> None:
    names = placeholders(table.REASONS[code].en)
    numbers = {name: data.draw(st.floats(-1e15, 1e15)) for name in names}
    words = {name: data.draw(NAMES) for name in names & {"category", "rep", "action", "basis"}}
    numbers = {name: value for name, value in numbers.items() if name not in words}
    assert len(Reason(code, numbers, words).text(language)) <= 140


@settings(max_examples=15, deadline=None)
@given(amounts, amounts, NAMES)
@pytest.mark.parametrize("language", table.LANGUAGES)
@pytest.mark.parametrize("name", INPUTS)
def test_every_change_is_one_short_sentence(
    name: str, language: str, was: float, new: float, becomes: str
) -> None:
    text = change_text(name, was, new, f"actions/{becomes}", language)
    assert len(text) <= 140
    assert "{" not in text


def test_an_hour_is_told_as_it_is_paid() -> None:
    text = change_text("prices/reps/wang/minutes", 86_666.7, 78_333.4, "actions/call-retention")
    assert text == "call-retention would be chosen if the price of an hour of wang fell from 5.20 to 4.70."
    dearer = change_text("prices/reps/wang/minutes", 43_333.35, 39_166.7, "actions/call-retention", pacing=2)
    assert dearer == text
    zh = change_text("prices/reps/wang/minutes", 86_666.7, 78_333.4, "actions/call-retention", "zh")
    assert zh == "若wang 每小时的价格从 5.20 降到 4.70，则会选择 call-retention。"


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_what_is_told_is_at_or_beyond_what_was_checked(was: float, new: float) -> None:
    if abs(new - was) < 1e-3 * was:
        return
    text = change_text("facts/spend_if_buys", was, new, "actions/a")
    found = re.search(r"to ([\d,.]+)\.$", text)
    assert found is not None
    told = float(found[1].replace(",", ""))
    slack = 1e-4 * abs(new - was) + 1e-4
    assert told <= new + slack if new < was else told >= new - slack
    assert abs(told - new) <= 0.021 * abs(new - was) + slack


def test_a_decision_tells_what_would_change_it() -> None:
    message = Decision(
        name="decisions/1", customer="customers/1", chosen_action="actions/leave-alone", pacing=1.0
    )
    change = Counterfactual(
        input="pacing", from_value=1.0, to_value=0.73, becomes_action="actions/call-check-in"
    )
    message.counterfactuals.append(change)
    why = message.why_not.add(action="actions/call-check-in", code="LESS_VALUE", counterfactual=change)
    why.gap.currency_code, why.gap.micros = "USD", 310_000
    decision = decision_of(message)
    sentence = "call-check-in would be chosen if the factor on all prices fell from 1.00 to 0.73."
    assert str(decision.counterfactuals[0]) == sentence
    text = render_decision(decision)
    assert f"· {sentence}" in text
    assert "· call-check-in: 0.31 less." in text


def test_what_kept_all_actions_away_is_told_once() -> None:
    message = Decision(name="decisions/1", customer="customers/1", chosen_action="actions/leave-alone")
    for action in ("email-new", "call"):
        message.rejected.add(action=f"actions/{action}", code="OPTED_OUT")
    assert "Did not fit: all of them (asked not to be contacted)" in render_decision(decision_of(message))
    message.rejected.add(action="actions/mail", code="NO_REP")
    told = "Did not fit: email-new, call (asked not to be contacted) · mail (no rep)"
    assert told in render_decision(decision_of(message))


def test_an_action_that_did_not_fit_says_why_also_where_it_would_be_worth_more() -> None:
    message = Decision(name="decisions/1", customer="customers/1", chosen_action="actions/leave-alone")
    message.rejected.add(
        action="actions/call-retention", code="CONDITION", fact="p_silent", value=0.1, limit=0.35
    )
    why = message.why_not.add(action="actions/call-retention", code="CONDITION")
    why.gap.currency_code, why.gap.micros = "USD", -100_000
    text = render_decision(decision_of(message))
    assert "· call-retention: 0.10 more. It does not fit: p_silent 0.1 < 0.35." in text
