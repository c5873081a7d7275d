"""Reasons of a decision as codes with numbers, each checked when it is given; knows no language and no wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import ASSUMED, COUPON_MONEY, EMAIL_SLOTS, Effect
from fieldwise_recommend.core.ranking import Candidate, Ruling
from fieldwise_recommend.core.situation import Situation
from fieldwise_recommend.core.values import PricePaid

_MILLION: Final = 1_000_000
_LIKELY: Final = 0.5
# Well above the fifth of all customers who fall silent within 28 days (the catalogue's prior).
_LIKELY_SILENT: Final = 0.35
_LOYAL_DAYS: Final = 10
_NEAR_DAYS: Final = 14
_GOOD_SPEND: Final = 500.0


class Source(NamedTuple):
    """The customer's events before the decision that a fact rests on: of these kinds and, where one is named, this category."""

    kinds: tuple[str, ...]
    category: str = ""


_BOUGHT: Final = Source(("purchase",))
_REACHED: Final = Source(("contact", "mailing"))
_STATED: Final = Source(("identification",))


def _of(category: str) -> Source:
    return Source(_BOUGHT.kinds, category)


class Reason(NamedTuple):
    """A code, the numbers and words that its sentence needs, and where a fact about the customer comes from."""

    code: str
    numbers: Mapping[str, float]
    words: Mapping[str, str] = {}
    source: Source | None = None


def _silent_days(situation: Situation) -> Reason | None:
    days = situation.facts.get("days_since_purchase")
    gap = situation.facts.get("usual_gap_days")
    if days is None or gap is None or days <= gap:
        return None
    numbers = {"days": round(days, 1), "usual_gap": round(gap, 1)}
    return Reason("SILENT_DAYS", numbers, source=_BOUGHT)


def _usual_gap(situation: Situation) -> Reason | None:
    gap = situation.facts.get("usual_gap_days")
    return None if gap is None else Reason("USUAL_GAP", {"days": round(gap, 1)}, source=_BOUGHT)


def _likely_to_buy(situation: Situation) -> Reason | None:
    p_buy = situation.facts.get("p_buy")
    return None if p_buy is None or p_buy < _LIKELY else Reason("LIKELY_TO_BUY", {"p": round(p_buy, 4)})


def _unlikely_to_buy(situation: Situation) -> Reason | None:
    p_buy = situation.facts.get("p_buy")
    return None if p_buy is None or p_buy >= _LIKELY else Reason("UNLIKELY_TO_BUY", {"p": round(p_buy, 4)})


def _likely_to_fall_silent(situation: Situation) -> Reason | None:
    p_silent = situation.facts.get("p_silent")
    if p_silent is None or p_silent < _LIKELY_SILENT:
        return None
    return Reason("LIKELY_TO_FALL_SILENT", {"p": round(p_silent, 4)})


def _restock_due(situation: Situation) -> Reason | None:
    due = situation.restock
    if due is None or due.days < due.gap:
        return None
    numbers = {"days": round(due.days, 1), "gap": round(due.gap, 1)}
    return Reason("RESTOCK_DUE", numbers, {"category": due.category}, _of(due.category))


def _popular_unbought(situation: Situation) -> Reason | None:
    popular = situation.popular
    if popular is None:
        return None
    numbers, words = {"share": round(popular.share, 4)}, {"category": popular.category}
    return Reason("POPULAR_UNBOUGHT", numbers, words, _of(popular.category))


def _next_repeat(situation: Situation) -> Reason | None:
    if not situation.repeats:
        return None
    first = situation.repeats[0]
    numbers = {
        "p": round(first.probability, 4),
        "window": float(first.window),
        "purchase_days": float(first.days),
        "days": round(first.since, 1),
    }
    return Reason("NEXT_REPEAT", numbers, {"category": first.category}, _of(first.category))


def _next_new(situation: Situation) -> Reason | None:
    if not situation.discoveries:
        return None
    first = situation.discoveries[0]
    numbers = {"p": round(first.probability, 4), "window": float(first.window)}
    return Reason("NEXT_NEW", numbers, {"category": first.category}, _of(first.category))


def _like_habit(situation: Situation) -> Reason | None:
    if not situation.discoveries or not situation.discoveries[0].given:
        return None
    first = situation.discoveries[0]
    return Reason("LIKE_HABIT", {}, {"category": first.category, "given": first.given}, _of(first.given))


def _bought_together(situation: Situation) -> Reason | None:
    companion = situation.companion
    if companion is None:
        return None
    numbers = {
        "share": round(companion.confidence, 4),
        "times": round(companion.lift, 2),
        "window": float(companion.window),
    }
    words = {"category": companion.category, "given": companion.given}
    return Reason("BOUGHT_TOGETHER", numbers, words, _of(companion.given))


def _birthday_near(situation: Situation) -> Reason | None:
    days = situation.facts.get("days_to_birthday")
    if days is None or days > _NEAR_DAYS:
        return None
    return Reason("BIRTHDAY_NEAR", {"days": days}, source=_STATED)


def _best_spend(situation: Situation) -> Reason | None:
    spend = situation.facts.get("total_spend")
    if spend is None or spend < _GOOD_SPEND:
        return None
    return Reason("BEST_SPEND", {"total": round(spend, 2)}, source=_BOUGHT)


def _loyal(situation: Situation) -> Reason | None:
    days = situation.facts.get("purchase_days")
    if days is None or days < _LOYAL_DAYS:
        return None
    return Reason("LOYAL", {"purchase_days": days}, source=_BOUGHT)


def _days_since_contact(situation: Situation) -> Reason | None:
    days = situation.facts.get("days_since_contact")
    if days is None:
        return None
    return Reason("DAYS_SINCE_CONTACT", {"days": round(days, 1)}, source=_REACHED)


def _expected_spend(situation: Situation) -> Reason | None:
    return Reason("EXPECTED_SPEND", {"amount": situation.spend / _MILLION})


# Each gives the reason if it is true of the customer, else None.
_OF_CUSTOMER: Final[Mapping[str, Callable[[Situation], Reason | None]]] = {
    "SILENT_DAYS": _silent_days,
    "USUAL_GAP": _usual_gap,
    "LIKELY_TO_BUY": _likely_to_buy,
    "UNLIKELY_TO_BUY": _unlikely_to_buy,
    "LIKELY_TO_FALL_SILENT": _likely_to_fall_silent,
    "RESTOCK_DUE": _restock_due,
    "POPULAR_UNBOUGHT": _popular_unbought,
    "BOUGHT_TOGETHER": _bought_together,
    "NEXT_REPEAT": _next_repeat,
    "NEXT_NEW": _next_new,
    "LIKE_HABIT": _like_habit,
    "BIRTHDAY_NEAR": _birthday_near,
    "BEST_SPEND": _best_spend,
    "LOYAL": _loyal,
    "DAYS_SINCE_CONTACT": _days_since_contact,
    "EXPECTED_SPEND": _expected_spend,
}
# What a catalogue may name.
REASON_CODES: Final = tuple(_OF_CUSTOMER)


def reasons_for(candidate: Candidate, ruling: Ruling, situation: Situation) -> list[Reason]:
    """Why this candidate: facts that speak for it, what its effect rests on, and the prices it pays.

    Never fewer than two, but for leave alone, which says what the best alternative lacked.
    """
    action = candidate.action
    if action.is_leave_alone:
        reasons = [_why_alone(ruling)]
    else:
        reasons = _why_act(candidate, situation)
    if candidate is ruling.chosen and candidate is not ruling.candidates[0] and not ruling.control_group:
        reasons.append(Reason("CHOSEN_BY_CHANCE", {"probability": candidate.probability}))
    return reasons


def _why_act(candidate: Candidate, situation: Situation) -> list[Reason]:
    action = candidate.action
    found = [_OF_CUSTOMER[code](situation) for code in action.reasons]
    reasons = [reason for reason in found if reason is not None]
    if not reasons:
        reasons.append(Reason("EXPECTED_SPEND", {"amount": situation.spend / _MILLION}))
    reasons.append(_of_effect(action.effect))
    reasons.extend([_of_price(paid, situation) for paid in candidate.account.prices if paid.micros_per_unit])
    return reasons


@cache
def _of_effect(effect: Effect) -> Reason:
    if effect.added is not None:
        return Reason("MONEY_MEASURED", {"amount": effect.added / _MILLION}, {"basis": effect.basis})
    numbers = {"lift": effect.lift, "spend_lift": effect.spend_lift}
    if effect.basis == ASSUMED:
        return Reason("EFFECT_ASSUMED", numbers)
    return Reason("EFFECT_MEASURED", numbers, {"basis": effect.basis})


def _of_price(paid: PricePaid, situation: Situation) -> Reason:
    if paid.resource == COUPON_MONEY:
        return Reason("COUPON_PRICE", {"per_unit": paid.micros_per_unit / _MILLION, "face_value": paid.use})
    if paid.resource == EMAIL_SLOTS:
        return Reason("SLOT_PRICE", {"per_slot": paid.micros_per_unit / _MILLION})
    numbers = {"per_hour": paid.micros_per_unit * 60 / _MILLION, "minutes": paid.use}
    return Reason("HOUR_PRICE", numbers, {"rep": situation.rep})


def _why_alone(ruling: Ruling) -> Reason:
    if ruling.control_group:
        return Reason("CONTROL_GROUP", {})
    best = ruling.best_alternative()
    if best is None:
        return Reason("NOTHING_QUALIFIES", {"rejected": float(len(ruling.rejections))})
    amount = best.account.value / _MILLION
    if amount <= 0:
        return Reason("BEST_ALTERNATIVE_LACKS", {"amount": -amount}, {"action": best.action.name})
    return Reason("BEST_ALTERNATIVE_ADDS", {"amount": amount}, {"action": best.action.name})
