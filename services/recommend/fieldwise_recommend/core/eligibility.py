"""Which actions qualify for a customer, and why the others do not; knows no value and no order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fieldwise_recommend.core.catalogue import (
    COMPANION,
    HABIT,
    NO_CHANNEL,
    REP_MINUTES,
    RESTOCK,
    UNBOUGHT,
    Action,
    Uses,
)
from fieldwise_recommend.core.conditions import Condition, Term, unmet
from fieldwise_recommend.core.facts import FIELDS
from fieldwise_recommend.core.situation import Situation, Supply

_PLACES: Final = {field.path: place for place, field in enumerate(FIELDS.listed)}


class Rejection(NamedTuple):
    """Why an action did not qualify: a code, and where it says more, the fact, its value and the limit it missed.

    Args:
        rule: Of a condition which of the three it was; empty in catalogues of the past.
        expression: The part of it that does not hold, in CEL.
    """

    action: str
    code: str
    fact: str = ""
    value: float | None = None
    limit: float | None = None
    rule: str = ""
    expression: str = ""


def misfit(action: Action, situation: Situation, values: Sequence[Any]) -> Rejection | None:
    """The first thing about the customer that an action does not fit; None when it fits.

    Args:
        values: Those of the situation, `facts.values_of`, which are the same for all actions.
    """
    # A dozen actions and more are asked about in every decision: nothing is called that cannot say no.
    if situation.is_restricted and action.channel != NO_CHANNEL:
        refused = _refused(action, situation)
        if refused is not None:
            return refused
    if action.needs_rep or action.is_bounded or situation.channels is not None:
        misplaced = _misplaced(action, situation)
        if misplaced:
            return Rejection(action.name, misplaced)
    if situation.cold and (action.conditions or action.about):
        conditions = action.conditions
        return Rejection(action.name, "COLD_START", conditions[0].terms[0].fact if conditions else "")
    if action.about and not subject_of(action, situation):
        return Rejection(action.name, "NO_CATEGORY")
    failed = unmet(action.conditions, values) if action.conditions else None
    return None if failed is None else _unmet(action, *failed, values)


def _misplaced(action: Action, situation: Situation) -> str:
    """The code of what keeps it from being carried out now; empty when nothing does."""
    channels = situation.channels
    if channels is not None and action.channel not in channels and not action.is_leave_alone:
        return "CHANNEL_NOT_OFFERED"
    if action.needs_rep and not situation.rep:
        return "NO_REP"
    return "NOT_VALID_NOW" if action.is_bounded and not action.valid_at(situation.moment) else ""


def _refused(action: Action, situation: Situation) -> Rejection | None:
    """Why the customer may not be reached like this; None when he may."""
    if situation.opted_out:
        return Rejection(action.name, "OPTED_OUT")
    if situation.withheld and not _is_general(action, situation):
        return Rejection(action.name, "CONSENT_WITHHELD")
    if action.channel in situation.refused_channels:
        return Rejection(action.name, "CHANNEL_REFUSED", action.channel)
    return None


def _is_general(action: Action, situation: Situation) -> bool:
    """The same for everybody, and in a channel in which that may be had without being decided about."""
    impersonal = not action.conditions and not action.about
    return impersonal and action.channel in situation.general_channels


def _unmet(action: Action, condition: Condition, term: Term, values: Sequence[Any]) -> Rejection:
    value = values[_PLACES[term.fact]] if term.fact else None
    # Catalogues of the past had comparisons only; what was decided with them is replayed as it was answered.
    told = (condition.rule, term.text) if condition.rule else ("", "")
    return Rejection(action.name, "CONDITION", term.fact, value, term.limit, *told)


def subject_of(action: Action, situation: Situation) -> str:
    """The category an action would be about; empty when it needs none or there is none."""
    if action.about == RESTOCK and situation.restock is not None:
        return situation.restock.category
    if action.about == UNBOUGHT and situation.popular is not None:
        return situation.popular.category
    if action.about == COMPANION and situation.companion is not None:
        return situation.companion.category
    if action.about == HABIT and situation.repeats:
        return situation.repeats[0].category
    return ""


def uses_of(action: Action, situation: Situation) -> Uses:
    """(resource, amount) with the rep's own minutes in the place of the kind."""
    if not action.needs_rep:
        return action.uses
    minutes = f"{situation.rep}/minutes"
    return tuple((minutes if kind == REP_MINUTES else kind, amount) for kind, amount in action.uses)


def unaffordable(action: Action, uses: Uses, supply: Supply) -> Rejection | None:
    """The first scarce thing that has no price or too little left; None when all can be had."""
    prices = supply.prices
    for resource, amount in uses:
        if prices is None or resource not in prices:
            return Rejection(action.name, "NO_PRICES", resource)
        left = supply.scarce.get(resource)
        if left is not None and amount > left and action.name not in supply.reserved:
            return Rejection(action.name, "BUDGET_SPENT", resource, left, amount)
    return None
