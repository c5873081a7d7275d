"""What an action is worth, as an account that adds up exactly in micros; knows no rule and no order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fieldwise_recommend.core.catalogue import Action, Uses
from fieldwise_recommend.core.situation import Price, Situation

# Named tuples here and in ranking: a dozen of them is built for every decision, and frozen dataclasses take thrice as long.


class PricePaid(NamedTuple):
    """The price paid for one scarce thing; ``micros_per_unit`` includes the pacing factor."""

    resource: str
    use: float
    unit: str
    micros_per_unit: float
    paid: int


class Account(NamedTuple):
    """Money of one action for one customer within 28 days, all in micros.

    ``value = effect_times_margin - cost - sum(paid)`` holds in integers; leave alone has 0 everywhere but ``baseline``.
    """

    baseline: int
    effect: int
    margin: float
    effect_times_margin: int
    cost: int
    prices: tuple[PricePaid, ...]
    value: int


def baseline(situation: Situation) -> int:
    """E[y | leave alone] in micros."""
    return round(situation.p_buy * situation.spend)


def effect(action: Action, situation: Situation, alone: int) -> int:
    """E[y | action] - E[y | leave alone] in micros; ``alone`` is `baseline`, which is the same for all actions."""
    if action.is_leave_alone:
        return 0
    believed = action.effect
    if believed.added is not None:
        return believed.added
    p_buy = situation.p_buy
    expected = (p_buy + believed.lift * (1.0 - p_buy)) * (1.0 + believed.spend_lift) * situation.spend
    return round(expected) - alone


def worth_before_prices(action: Action, situation: Situation, alone: int) -> int:
    """Money added x margin - cost, in micros: what prices are solved from."""
    return round(effect(action, situation, alone) * situation.margin) - action.cost


def account(
    action: Action, uses: Uses, situation: Situation, alone: int, prices: Mapping[str, Price], pacing: float
) -> Account:
    """The account of one action; every resource it uses must have a price."""
    added = effect(action, situation, alone)
    margin = situation.margin
    earned = round(added * margin)
    value = earned - action.cost
    if not uses:
        return Account(alone, added, margin, earned, action.cost, (), value)
    paid = tuple([_paid(resource, use, prices[resource], pacing) for resource, use in uses])
    for each in paid:
        value -= each.paid
    return Account(alone, added, margin, earned, action.cost, paid, value)


def _paid(resource: str, use: float, price: Price, pacing: float) -> PricePaid:
    micros_per_unit = price.micros_per_unit * pacing
    return PricePaid(resource, use, price.unit, micros_per_unit, round(use * micros_per_unit))
