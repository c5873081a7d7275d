"""From the twin's JSON to what recommend's core decides on; the same facts as ours, knows no store."""

from __future__ import annotations

from benchmarks.decide.twin import wire
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.situation import Popular, Restock, Situation

_DAY = 86_400.0
_SECOND = 1_000_000
_MILLION = 1_000_000
_FACT_OF_MODEL = {"models/buys-28d": "p_buy", "models/silent-28d": "p_silent"}
_DROPPED_AFTER_GAPS = 3.0


def situation_of(inputs: wire.Inputs, catalogue: Catalogue) -> Situation:
    facts: dict[str, float] = {"has_rep": 1.0 if inputs.rep else 0.0}
    if inputs.scores is None:
        priors = catalogue.priors
        spend = priors.spend_if_buys / _MILLION
        facts |= {"p_buy": priors.p_buy, "p_silent": priors.p_silent, "spend_if_buys": spend}
    else:
        known = {_FACT_OF_MODEL[each.model]: each.probability for each in inputs.scores.predictions}
        facts |= known | {"spend_if_buys": inputs.scores.spend_if_buys / _MILLION}
    restock = popular = None
    margin = catalogue.default_margin
    if inputs.profile is not None:
        now = inputs.decision_time // _SECOND
        add_profile(facts, inputs.profile, now)
        restock, margin = interests(inputs.profile, now, catalogue)
        popular = next((Popular(p.category, p.customer_share) for p in inputs.profile.popular_unbought), None)
        facts["has_interest"] = 0.0 if restock is None else 1.0
        facts["has_unbought"] = 0.0 if popular is None else 1.0
    return Situation(
        facts,
        facts["p_buy"],
        round(facts["spend_if_buys"] * _MILLION),
        margin,
        inputs.profile is None,
        inputs.scores is None,
        restock,
        popular,
        inputs.rep,
        frozenset(inputs.channels) if inputs.channels else None,
    )


def add_profile(facts: dict[str, float], profile: wire.Profile, now: int) -> None:
    facts["purchase_days"] = float(profile.purchase_days)
    facts["total_spend"] = profile.total_spend / _MILLION
    facts["stage"] = float(profile.stage)
    days = None
    if profile.last_purchase_time is not None:
        days = facts["days_since_purchase"] = (now - profile.last_purchase_time // _SECOND) / _DAY
    if profile.usual_gap_days is not None:
        facts["usual_gap_days"] = profile.usual_gap_days
    if profile.silence_after_days is not None:
        facts["silence_after_days"] = profile.silence_after_days
        if days is not None and profile.silence_after_days > 0:
            facts["silence_ratio"] = days / profile.silence_after_days
    if profile.last_contact_time is not None:
        facts["days_since_contact"] = (now - profile.last_contact_time // _SECOND) / _DAY


def interests(profile: wire.Profile, now: int, catalogue: Catalogue) -> tuple[Restock | None, float]:
    due: Restock | None = None
    most, spend, earned = 1.0, 0, 0.0
    for interest in profile.interests:
        spend += interest.spend
        earned += interest.spend * catalogue.margin_of(interest.category)
        gap = interest.mean_gap_days or 0.0
        if gap > 0:
            days = (now - interest.last_purchase_time // _SECOND) / _DAY
            overdue = days / gap
            if most <= overdue <= _DROPPED_AFTER_GAPS and (due is None or overdue > most):
                due, most = Restock(interest.category, days, gap), overdue
    return due, round(earned / spend, 6) if spend > 0 else catalogue.default_margin
