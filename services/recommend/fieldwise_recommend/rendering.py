"""From a ruling of the core to the Decision on the wire; knows no rule and no store."""

from __future__ import annotations

from typing import Final

from fieldwise.recommend.v1.decision_pb2 import (
    VERDICT_ACT,
    VERDICT_LEAVE_ALONE,
    ContactTime,
    Decision,
    DecisionInputs,
    EventQuery,
    RankedAction,
    RejectedAction,
)
from fieldwise.type.v1.money_pb2 import Money
from fieldwise.type.v1.provenance_pb2 import PART_STATE_FRESH
from fieldwise_recommend.core.answers import MEASURED
from fieldwise_recommend.core.catalogue import ASSUMED, HABIT, UNBOUGHT, Action
from fieldwise_recommend.core.contact_policy.terms import Terms
from fieldwise_recommend.core.eligibility import Rejection, subject_of
from fieldwise_recommend.core.ranking import Candidate, Ruling, moment_of, shop_of, shown
from fieldwise_recommend.core.reasons import Source, reasons_for
from fieldwise_recommend.core.situation import Situation

PART: Final = "recommend"
_DEFAULT_MAX_ACTIONS: Final = 3


def render(
    decision: Decision,
    inputs: DecisionInputs,
    situation: Situation,
    ruling: Ruling,
    currency: str,
    contact: Terms | None = None,
) -> None:
    """Fills an empty Decision in place: copying finished messages costs more than building them where they belong."""
    decision.name = inputs.decision
    decision.request_id = inputs.request_id
    decision.customer = inputs.customer
    decision.decision_time.seconds = inputs.decision_time.seconds
    decision.decision_time.nanos = inputs.decision_time.nanos
    # Decisions of earlier releases told neither times nor the sources of facts.
    is_sourced = bool(inputs.contact_times)
    for candidate in shown(ruling, inputs.max_actions or _DEFAULT_MAX_ACTIONS):
        ranked = decision.actions.add()
        _render_action(ranked, candidate, inputs, ruling, situation, currency, is_sourced=is_sourced)
        if is_sourced:
            _render_found(ranked, candidate, inputs, situation, contact)
    add_rejected = decision.rejected.add
    for rejection in ruling.rejections:
        _render_rejection(add_rejected(), rejection)
    _render_choice(decision, inputs, situation, ruling, contact)
    if contact is not None:
        decision.personalised = not situation.cold
    is_measured = decision.contact_time.basis == MEASURED
    decision.assumed.extend(_assumed(ruling, situation, is_measured=is_measured))
    _render_provenance(decision, inputs)


def _render_choice(
    decision: Decision, inputs: DecisionInputs, situation: Situation, ruling: Ruling, contact: Terms | None
) -> None:
    chosen = ruling.chosen
    decision.chosen_action = chosen.action.name
    decision.choice_probability = chosen.probability
    decision.deterministic = ruling.deterministic
    decision.control_group = ruling.control_group
    if chosen.action.is_leave_alone:
        decision.verdict = VERDICT_LEAVE_ALONE
        return
    decision.verdict = VERDICT_ACT
    when = moment_of(chosen.action, situation, contact)
    decision.best_time.seconds = when
    if inputs.contact_times:
        decision.channel = chosen.action.channel
        _render_time(decision.contact_time, inputs, chosen.action, when, contact)
    if chosen.action.needs_rep:
        decision.rep = inputs.rep


def _render_time(
    told: ContactTime, inputs: DecisionInputs, action: Action, when: int, contact: Terms | None
) -> None:
    """What the moment rests on."""
    found = next((each for each in inputs.contact_times if each.channel in (action.channel, "")), None)
    if contact is not None and action.channel in contact.immediate:
        told.basis = "immediate"
    elif contact is not None and contact.planned(action):
        told.basis = "planned"
    elif found is not None:
        told.CopyFrom(found)
    told.channel = action.channel
    told.time = when


def _render_found(
    ranked: RankedAction,
    candidate: Candidate,
    inputs: DecisionInputs,
    situation: Situation,
    contact: Terms | None,
) -> None:
    """What decisions of earlier releases did not tell: sources of facts, what is bought next, coupon and shop."""
    action = candidate.action
    if action.coupon:
        coupon = ranked.money.coupon
        currency = ranked.value.currency_code
        _set(coupon.face_value, action.coupon, currency)
        _set(coupon.expected_cost, action.coupon_cost, currency)
        coupon.redemption_probability = action.redemption
        coupon.basis = action.redemption_basis
    if action.about == HABIT:
        ranked.recommended.extend(inputs.next_purchase.repeats)
    elif action.about == UNBOUGHT:
        ranked.recommended.extend(inputs.next_purchase.discoveries)
    if action.where:
        _render_shop(ranked, action, situation, contact)


def _render_shop(ranked: RankedAction, action: Action, situation: Situation, contact: Terms | None) -> None:
    shop = shop_of(action, situation, contact)
    if shop is None:
        return
    told = ranked.shop
    told.shop, told.title, told.km = shop.name, shop.title, shop.km
    span = shop.open_at(moment_of(action, situation, contact))
    if span is not None:
        told.open.add(start=span[0], end=span[1])


def _render_source(query: EventQuery, source: Source, inputs: DecisionInputs) -> None:
    query.customer = inputs.customer
    query.kinds.extend(source.kinds)
    if source.category:
        query.category = source.category
    query.end.CopyFrom(inputs.decision_time)


def _render_provenance(decision: Decision, inputs: DecisionInputs) -> None:
    decision.parts.extend(inputs.parts)
    own = decision.parts.add()
    own.name = PART
    own.state = PART_STATE_FRESH
    own.version = inputs.catalogue_version
    own.as_of.seconds = inputs.decision_time.seconds
    own.as_of.nanos = inputs.decision_time.nanos
    if inputs.HasField("profile"):
        decision.data_quality.CopyFrom(inputs.profile.data_quality)
    decision.trace_id = inputs.trace_id
    decision.pacing = inputs.pacing
    decision.predictions.extend(inputs.scores.predictions)


def _assumed(ruling: Ruling, situation: Situation, *, is_measured: bool) -> list[str]:
    codes = ["effect", "margin"] if _rests_on_priors(ruling) else ["margin"]
    if not ruling.chosen.action.is_leave_alone:
        codes.append("consent")
        # An hour that was measured in UTC needs no time zone; any other does, and none is known.
        if not is_measured:
            codes.append("contact_time")
    if situation.priors_stood_in:
        codes.append("scores")
    return codes


def _rests_on_priors(ruling: Ruling) -> bool:
    for each in ruling.candidates:
        if each.action.effect.basis == ASSUMED and not each.action.is_leave_alone:
            return True
    return False


def _render_action(
    ranked: RankedAction,
    candidate: Candidate,
    inputs: DecisionInputs,
    ruling: Ruling,
    situation: Situation,
    currency: str,
    *,
    is_sourced: bool,
) -> None:
    ranked.action = candidate.action.name
    ranked.probability = candidate.probability
    if candidate is ruling.chosen:
        ranked.chosen = True
    if candidate.action.about:
        ranked.category = subject_of(candidate.action, situation)
    _render_account(ranked, candidate, currency)
    add_reason = ranked.reasons.add
    for reason in reasons_for(candidate, ruling, situation):
        added = add_reason()
        added.code = reason.code
        # Key by key: update() of these maps takes four times as long.
        if reason.numbers:
            numbers = added.numbers
            for key, number in reason.numbers.items():
                numbers[key] = number
        if reason.words:
            words = added.words
            for key, word in reason.words.items():
                words[key] = word
        if is_sourced and reason.source is not None:
            _render_source(added.source, reason.source, inputs)


def _render_account(ranked: RankedAction, candidate: Candidate, currency: str) -> None:
    account = candidate.account
    money = ranked.money
    _set(ranked.value, account.value, currency)
    _set(money.baseline, account.baseline, currency)
    _set(money.effect, account.effect, currency)
    _set(money.effect_times_margin, account.effect_times_margin, currency)
    _set(money.cost, account.cost, currency)
    money.margin = account.margin
    for price in account.prices:
        paid = money.prices.add()
        paid.resource = price.resource
        paid.use = price.use
        paid.unit = price.unit
        paid.micros_per_unit = price.micros_per_unit
        _set(paid.paid, price.paid, currency)


def _set(amount: Money, micros: int, currency: str) -> None:
    amount.currency_code = currency
    amount.micros = micros


def _render_rejection(rejected: RejectedAction, rejection: Rejection) -> None:
    rejected.action = rejection.action
    rejected.code = rejection.code
    if rejection.fact:
        rejected.fact = rejection.fact
    if rejection.value is not None:
        rejected.value = rejection.value
    if rejection.limit is not None:
        rejected.limit = rejection.limit
    if rejection.rule:
        rejected.rule = rejection.rule
        rejected.expression = rejection.expression
