"""Why each other action was not chosen, and how much it lacked; knows no search and no words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.core.counterfactual.inputs import World
from fieldwise_recommend.core.eligibility import uses_of
from fieldwise_recommend.core.ranking import Ruling, shown
from fieldwise_recommend.core.values import account, baseline

LESS_VALUE: Final = "LESS_VALUE"
CHANCE: Final = "CHANCE"
CONTROL_GROUP: Final = "CONTROL_GROUP"


class Gap(NamedTuple):
    """An action that was not chosen: why, and the chosen one's value less its own, in micros; None without prices."""

    action: str
    code: str
    micros: int | None


def gaps(world: World, catalogue: Catalogue, ruling: Ruling, limit: int) -> Iterator[Gap]:
    """The ``limit`` best candidates but the chosen one, best first, then what was rejected, in the order of the ruling."""
    chosen = ruling.chosen
    code = _code(ruling)
    for each in shown(ruling, limit):
        if each is not chosen:
            yield Gap(each.action.name, code, chosen.account.value - each.account.value)
    for rejection in ruling.rejections:
        value = _value(world, catalogue.by_name[rejection.action])
        yield Gap(rejection.action, rejection.code, None if value is None else chosen.account.value - value)


def _code(ruling: Ruling) -> str:
    if ruling.control_group:
        return CONTROL_GROUP
    return CHANCE if ruling.explored else LESS_VALUE


def _value(world: World, action: Action) -> int | None:
    """What an action would be worth if it fitted; None where a thing it takes has no price."""
    situation, supply = world.situation, world.supply
    if action.needs_rep and not situation.rep:
        return None
    uses = uses_of(action, situation)
    prices = supply.prices or {}
    if any(resource not in prices for resource, _ in uses):
        return None
    return account(action, uses, situation, baseline(situation), prices, supply.pacing).value
