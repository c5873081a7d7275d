"""From a ruling of recommend's core to the twin's JSON decision; knows no rule and no store."""

from __future__ import annotations

from benchmarks.decide.twin import wire
from fieldwise_recommend.core.catalogue import ASSUMED
from fieldwise_recommend.core.contact_time import best_time
from fieldwise_recommend.core.eligibility import subject_of
from fieldwise_recommend.core.ranking import Candidate, Ruling, shown
from fieldwise_recommend.core.reasons import reasons_for
from fieldwise_recommend.core.situation import Situation

_SECOND = 1_000_000
_DEFAULT_MAX_ACTIONS = 3


def rendered(inputs: wire.Inputs, situation: Situation, ruling: Ruling) -> wire.Decision:
    chosen, profile = ruling.chosen, inputs.profile
    acts = not chosen.action.is_leave_alone
    usual_hour = None if profile is None else profile.usual_hour
    own = wire.Part(name="recommend", version=inputs.catalogue_version, as_of=inputs.decision_time)
    return wire.Decision(
        name=inputs.decision,
        request_id=inputs.request_id,
        customer=inputs.customer,
        decision_time=inputs.decision_time,
        verdict="ACT" if acts else "LEAVE_ALONE",
        actions=[
            ranked(each, ruling, situation)
            for each in shown(ruling, inputs.max_actions or _DEFAULT_MAX_ACTIONS)
        ],
        chosen_action=chosen.action.name,
        rep=inputs.rep if acts and chosen.action.needs_rep else "",
        best_time=best_time(inputs.decision_time // _SECOND, usual_hour) * _SECOND if acts else None,
        choice_probability=chosen.probability,
        deterministic=ruling.deterministic,
        control_group=ruling.control_group,
        rejected=[wire.Rejected(**each._asdict()) for each in ruling.rejections],
        parts=[*inputs.parts, own],
        assumed=assumed(ruling, situation),
        quality=None if profile is None else profile.quality,
        issues=[] if profile is None else profile.issues,
        pacing=inputs.pacing,
        predictions=[] if inputs.scores is None else inputs.scores.predictions,
    )


def ranked(candidate: Candidate, ruling: Ruling, situation: Situation) -> wire.Ranked:
    account = candidate.account
    return wire.Ranked(
        action=candidate.action.name,
        value=account.value,
        money=wire.Account(
            baseline=account.baseline,
            effect=account.effect,
            margin=account.margin,
            effect_times_margin=account.effect_times_margin,
            cost=account.cost,
            prices=[wire.PricePaid(**paid._asdict()) for paid in account.prices],
        ),
        reasons=[
            wire.Reason(code=reason.code, numbers=dict(reason.numbers), words=dict(reason.words))
            for reason in reasons_for(candidate, ruling, situation)
        ],
        chosen=candidate is ruling.chosen,
        category=subject_of(candidate.action, situation),
        probability=candidate.probability,
    )


def assumed(ruling: Ruling, situation: Situation) -> list[str]:
    believed = any(
        each.action.effect.basis == ASSUMED and not each.action.is_leave_alone for each in ruling.candidates
    )
    codes = ["effect", "margin"] if believed else ["margin"]
    if not ruling.chosen.action.is_leave_alone:
        codes += ["consent", "contact_time"]
    return [*codes, "scores"] if situation.priors_stood_in else codes
