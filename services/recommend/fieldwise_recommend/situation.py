"""From the wire to what the core decides on; knows no rule but which numbers are facts and no store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.forecast.v1.score_pb2 import CustomerScores
from fieldwise.profile.v1.profile_pb2 import (
    LIFECYCLE_STAGE_ACTIVE,
    LIFECYCLE_STAGE_NEW,
    LIFECYCLE_STAGE_PROSPECT,
    LIFECYCLE_STAGE_SILENT,
    PlainFacts,
    Profile,
)
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.amounts import foreign
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.contact_time import best_time
from fieldwise_recommend.core.facts import listed
from fieldwise_recommend.core.playbooks.birthday import days_to_birthday, is_day
from fieldwise_recommend.core.situation import (
    Chance,
    Companion,
    NextUp,
    Popular,
    Price,
    Restock,
    ShopNear,
    Situation,
    Supply,
)
from fieldwise_runtime.errors import Violation

_DAY: Final = 86_400.0
_EPOCH: Final = date(1970, 1, 1)
_MILLION: Final = 1_000_000
_FACT_OF_MODEL: Final = {"models/buys-28d": "p_buy", "models/silent-28d": "p_silent"}
# A category not bought for more than three of its own gaps is taken for dropped, not for due.
_DROPPED_AFTER_GAPS: Final = 3.0
# A thousand million and a million in currency units: with them no account of money leaves 64 bits.
_MOST_SPEND: Final = 10**15
_MOST_PRICE: Final = 10**12
# Of the years 1 and 9999, which a Timestamp can say.
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
_NANOS: Final = 1_000_000_000


def situation_of(inputs: DecisionInputs, catalogue: Catalogue) -> Situation:
    """What is known of the customer, with the catalogue's priors where no scores came."""
    facts: dict[str, float] = {"has_rep": 1.0 if inputs.rep else 0.0}
    scored = rests_on_priors = False
    if inputs.HasField("scores"):
        scored, rests_on_priors = _add_scores(facts, inputs.scores)
    if not scored:
        _add_priors(facts, catalogue)
        rests_on_priors = True
    # A profile that is withheld says what he refuses, and nothing else.
    withheld = is_withheld(inputs)
    cold = withheld or not inputs.HasField("profile")
    restock = popular = companion = None
    repeats: tuple[NextUp, ...] = ()
    discoveries: tuple[NextUp, ...] = ()
    margin = catalogue.default_margin
    if not cold:
        profile = inputs.profile
        now = inputs.decision_time.seconds
        _add_profile(facts, profile, now)
        restock, margin = _interests(profile, now, catalogue)
        repeats, discoveries = _next(inputs)
        # Of what he never bought the likeliest is named; before anything was learned, the most popular.
        popular = Popular(discoveries[0].category, discoveries[0].share) if discoveries else _popular(profile)
        facts["has_interest"] = 0.0 if restock is None else 1.0
        companion = _companion(inputs)
        if inputs.HasField("local_day") and "birth_day" in facts:
            today = _EPOCH + timedelta(days=inputs.local_day)
            facts["days_to_birthday"] = float(
                days_to_birthday(today, profile.plain.birth_month, profile.plain.birth_day)
            )
        facts["has_unbought"] = 0.0 if popular is None else 1.0
        facts["has_companion"] = 0.0 if companion is None else 1.0
    channels = inputs.channels
    return Situation(
        facts,
        facts["p_buy"],
        round(facts["spend_if_buys"] * _MILLION),
        margin,
        cold,
        rests_on_priors,
        restock,
        popular,
        inputs.rep,
        frozenset(channels) if channels else None,
        inputs.profile.opted_out,
        withheld,
        frozenset(inputs.profile.refused_channels),
        {} if cold else _traits(inputs.profile),
        inputs.decision_time.seconds,
        frozenset(inputs.contact.general_channels) if withheld else frozenset(),
        companion,
        repeats,
        discoveries,
        _times(inputs),
        _shops(inputs),
    )


def is_withheld(inputs: DecisionInputs) -> bool:
    """He has not consented to being decided about; who was never asked has not where the contact policy says so."""
    profile = inputs.profile
    return profile.withheld or (profile.consent_assumed and inputs.contact.consent_required)


def _add_scores(facts: dict[str, float], scores: CustomerScores) -> tuple[bool, bool]:
    """Whether they are enough to value an action with, and whether one is a base rate and no model's: it names no version."""
    has_prior = False
    for prediction in scores.predictions:
        fact = _FACT_OF_MODEL.get(prediction.model)
        if fact is not None:
            facts[fact] = prediction.probability
        if not prediction.model_version:
            has_prior = True
    if "p_buy" not in facts or not scores.HasField("spend_if_buys"):
        return False, has_prior
    facts["spend_if_buys"] = scores.spend_if_buys.micros / _MILLION
    return True, has_prior


def _add_priors(facts: dict[str, float], catalogue: Catalogue) -> None:
    facts["p_buy"] = catalogue.priors.p_buy
    facts["p_silent"] = catalogue.priors.p_silent
    facts["spend_if_buys"] = catalogue.priors.spend_if_buys / _MILLION


def _add_profile(facts: dict[str, float], profile: Profile, now: int) -> None:
    facts["purchase_days"] = float(profile.purchase_days)
    facts["total_spend"] = profile.total_spend.micros / _MILLION
    facts["stage"] = float(profile.stage)
    days = None
    if profile.HasField("last_purchase_time"):
        days = facts["days_since_purchase"] = (now - profile.last_purchase_time.seconds) / _DAY
    if profile.HasField("usual_gap_days"):
        facts["usual_gap_days"] = profile.usual_gap_days
    if profile.HasField("silence_after_days"):
        limit = facts["silence_after_days"] = profile.silence_after_days
        if days is not None and limit > 0:
            facts["silence_ratio"] = days / limit
    if profile.HasField("plain"):
        _add_birth(facts, profile.plain)
    if profile.HasField("last_contact_time"):
        facts["days_since_contact"] = (now - profile.last_contact_time.seconds) / _DAY


def _add_birth(facts: dict[str, float], plain: PlainFacts) -> None:
    if is_day(plain.birth_month, plain.birth_day):
        facts["birth_month"], facts["birth_day"] = float(plain.birth_month), float(plain.birth_day)


def _traits(profile: Profile) -> dict[str, Any]:
    """Traits by the names of `facts.TRAITS`; an empty text is one that is not known, an empty list is known to be empty."""
    return {
        "lifecycle": _LIFECYCLE.get(profile.stage),
        "segment": profile.segment.segment or None,
        "place": profile.plain.place or None,
        "quality": profile.data_quality.score if profile.HasField("data_quality") else None,
        "usual_hour": profile.usual_hour if profile.HasField("usual_hour") else None,
        "tags": listed(profile.tags),
        "categories": [interest.category for interest in listed(profile.interests)],
    }


_LIFECYCLE: Final[Mapping[int, str]] = {
    LIFECYCLE_STAGE_PROSPECT: "prospect",
    LIFECYCLE_STAGE_NEW: "new",
    LIFECYCLE_STAGE_ACTIVE: "active",
    LIFECYCLE_STAGE_SILENT: "silent",
}


def _interests(profile: Profile, now: int, catalogue: Catalogue) -> tuple[Restock | None, float]:
    """The category most overdue against its own mean gap, and the margin of the mix he buys."""
    due: Restock | None = None
    most = 1.0
    spend = 0
    earned = 0.0
    for interest in profile.interests:
        category = interest.category
        micros = interest.spend.micros
        spend += micros
        earned += micros * catalogue.margin_of(category)
        gap = interest.mean_gap_days
        if gap > 0:
            days = (now - interest.last_purchase_time.seconds) / _DAY
            overdue = days / gap
            if most <= overdue <= _DROPPED_AFTER_GAPS and (due is None or overdue > most):
                due, most = Restock(category, days, gap), overdue
    # Six digits: the answer prints the margin, and effect x margin must be checkable from what is printed.
    return due, round(earned / spend, 6) if spend > 0 else catalogue.default_margin


def _popular(profile: Profile) -> Popular | None:
    for category in profile.popular_unbought:
        return Popular(category.category, category.customer_share)
    return None


def _companion(inputs: DecisionInputs) -> Companion | None:
    if not inputs.HasField("companion"):
        return None
    found = inputs.companion
    return Companion(found.category, found.given, found.confidence, found.lift, found.window_days)


def _next(inputs: DecisionInputs) -> tuple[tuple[NextUp, ...], tuple[NextUp, ...]]:
    """What he may buy next: of what he bought, and of what he never did."""
    if not inputs.HasField("next_purchase"):
        return (), ()
    told = inputs.next_purchase
    window = told.window_days
    return (
        tuple(
            [
                NextUp(each.category, each.probability, window, each.purchase_days, each.days_since)
                for each in told.repeats
            ]
        ),
        tuple(
            [
                NextUp(each.category, each.probability, window, share=each.customer_share, given=each.given)
                for each in told.discoveries
            ]
        ),
    )


def _times(inputs: DecisionInputs) -> dict[str, int]:
    """When to reach him, by channel."""
    if inputs.contact_times:
        return {each.channel: each.time for each in inputs.contact_times}
    # Decisions of earlier releases knew his usual hour only.
    return {"": best_time(inputs.decision_time.seconds, usual_hour(inputs))}


def usual_hour(inputs: DecisionInputs) -> int | None:
    """Hour of most of his purchases; None where it is not known."""
    return inputs.profile.usual_hour if inputs.profile.HasField("usual_hour") else None


def _shops(inputs: DecisionInputs) -> tuple[ShopNear, ...]:
    if not inputs.shops:
        return ()
    return tuple(
        [
            ShopNear(each.shop, each.title, each.km, tuple([(span.start, span.end) for span in each.open]))
            for each in inputs.shops
        ]
    )


def prices_of(price_set: PriceSet) -> dict[str, Price]:
    """Prices by resource."""
    return {each.resource: Price(each.unit, each.micros_per_unit, each.capacity) for each in price_set.prices}


def supply_of(inputs: DecisionInputs, prices: Mapping[str, Price] | None) -> Supply:
    """The scarce things as recorded in the inputs."""
    scarce = {each.resource: each.left for each in inputs.scarce}
    return Supply(prices, inputs.pacing, scarce, frozenset(inputs.reserved))


def chance_of(inputs: DecisionInputs) -> Chance:
    """What chance may do, as recorded in the inputs."""
    held_out = frozenset(inputs.held_out) if inputs.held_out else frozenset()
    return Chance(
        inputs.control_group,
        inputs.exploration,
        inputs.draw,
        held_out,
        inputs.exploration_floor if inputs.HasField("exploration_floor") else None,
        inputs.exploration_loss_micros if inputs.HasField("exploration_loss_micros") else None,
    )


def foreign_money(inputs: DecisionInputs, currency: str, at: str) -> list[Violation]:
    """Amounts in another currency than the installation's, each with its field below ``at``."""
    amounts = (
        ("scores.spend_if_buys", inputs.scores.spend_if_buys),
        ("profile.total_spend", inputs.profile.total_spend),
    )
    return [fault for path, money in amounts for fault in foreign(money, currency, f"{at}.{path}")]


def unusable_scores(inputs: DecisionInputs, at: str) -> list[Violation]:
    """Predictions that are no probabilities and amounts out of range, each with its field below ``at``."""
    found: list[Violation] = []
    scores = inputs.scores
    for number, prediction in enumerate(scores.predictions):
        if not 0.0 <= prediction.probability <= 1.0:  # NaN is not either
            path = f"{at}.scores.predictions[{number}].probability"
            found.append(Violation.of(path, prediction.probability, "send a probability from 0 to 1"))
    spend = scores.spend_if_buys.micros
    if not 0 <= spend <= _MOST_SPEND:
        remedy = f"send an amount from 0 to {_MOST_SPEND} micros"
        found.append(Violation.of(f"{at}.scores.spend_if_buys.micros", spend, remedy))
    return found


def uneven_columns(inputs: DecisionInputs, at: str) -> list[Violation]:
    """Columns of further categories that do not have a row for each of them, each with its field below ``at``."""
    further = inputs.profile.further
    columns = ("purchase_days", "last_purchase_seconds", "mean_gap_days")
    rows = len(further.bought)
    return [
        Violation.of(f"{at}.profile.further.{name}", f"{found} rows", f"send {rows}, one for each of bought")
        for name in columns
        if (found := len(getattr(further, name))) != rows
    ]


def unusable_prices(price_set: PriceSet, at: str) -> list[Violation]:
    """Prices out of range, an end that is no moment, and a missing name, each with its field below ``at``."""
    found: list[Violation] = []
    end = price_set.valid_until
    if not (_FIRST_SECOND <= end.seconds <= _LAST_SECOND and 0 <= end.nanos < _NANOS):
        told = f"{end.seconds} seconds, {end.nanos} nanos"
        found.append(Violation.of(f"{at}.valid_until", told, "send a moment of the years 1 to 9999"))
    if not price_set.name:
        remedy = "send the price set's name: budgets are counted by it"
        found.append(Violation.of(f"{at}.name", price_set.name, remedy))
    for number, price in enumerate(price_set.prices):
        if not 0 <= price.micros_per_unit <= _MOST_PRICE:
            remedy = f"send a price from 0 to {_MOST_PRICE} micros per unit"
            found.append(
                Violation.of(f"{at}.prices[{number}].micros_per_unit", price.micros_per_unit, remedy)
            )
    return found
