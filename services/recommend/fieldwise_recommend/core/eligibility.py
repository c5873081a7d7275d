"""Which actions qualify for a customer, and why the others do not; knows no value and no order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fieldwise_recommend.core.catalogue import NO_CHANNEL, REP_MINUTES, RESTOCK, UNBOUGHT, Action, Uses
from fieldwise_recommend.core.situation import Situation, Supply


class Rejection(NamedTuple):
    """Why an action did not qualify: a code, and where it says more, the fact, its value and the limit it missed."""

    action: str
    code: str
    fact: str = ""
    value: float | None = None
    limit: float | None = None


def misfit(action: Action, situation: Situation) -> Rejection | None:
    """The first thing about the customer that an action does not fit; None when it fits."""
    name = action.name
    if action.channel != NO_CHANNEL and (refused := _refused(action, situation)) is not None:
        return refused
    channels = situation.channels
    if channels is not None and action.channel not in channels and not action.is_leave_alone:
        return Rejection(name, "CHANNEL_NOT_OFFERED")
    if action.needs_rep and not situation.rep:
        return Rejection(name, "NO_REP")
    if situation.cold and (action.conditions or action.about):
        return Rejection(name, "COLD_START", action.conditions[0].fact if action.conditions else "")
    if action.about and not subject_of(action, situation):
        return Rejection(name, "NO_CATEGORY")
    return _unmet(action, situation.facts) if action.conditions else None


def _refused(action: Action, situation: Situation) -> Rejection | None:
    """Why the customer may not be reached like this; None when he may."""
    if situation.opted_out:
        return Rejection(action.name, "OPTED_OUT")
    if situation.withheld:
        return Rejection(action.name, "CONSENT_WITHHELD")
    if action.channel in situation.refused_channels:
        return Rejection(action.name, "CHANNEL_REFUSED", action.channel)
    return None


def _unmet(action: Action, facts: Mapping[str, float]) -> Rejection | None:
    for condition in action.conditions:
        value = facts.get(condition.fact)
        if value is None or not condition.holds(value):
            return Rejection(action.name, "CONDITION", condition.fact, value, condition.limit)
    return None


def subject_of(action: Action, situation: Situation) -> str:
    """The category an action would be about; empty when it needs none or there is none."""
    if action.about == RESTOCK and situation.restock is not None:
        return situation.restock.category
    if action.about == UNBOUGHT and situation.popular is not None:
        return situation.popular.category
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
