"""One decision: what qualifies, what it is worth, which is chosen; knows no wire, no store and no ledger."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import Action, Catalogue, Uses
from fieldwise_recommend.core.choice import Options, choose, explores, probabilities
from fieldwise_recommend.core.contact_policy.terms import Terms
from fieldwise_recommend.core.eligibility import Rejection, misfit, unaffordable, uses_of
from fieldwise_recommend.core.facts import values_of
from fieldwise_recommend.core.situation import Chance, ShopNear, Situation, Supply
from fieldwise_recommend.core.values import Account, account, baseline

_FIRST: Final = itemgetter(0)
# The customer is in the action's own control group.
CAMPAIGN_CONTROL: Final = "CAMPAIGN_CONTROL"
# No shop near him is open when the action would be carried out, or none is near.
NO_SHOP_OPEN: Final = "NO_SHOP_OPEN"


class Offer(NamedTuple):
    """An action that fits the customer, and what it would take."""

    action: Action
    uses: Uses


class Candidate(NamedTuple):
    """An action that could be chosen, its account and the probability with which the policy chooses it."""

    action: Action
    uses: Uses
    account: Account
    probability: float


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome: candidates best first, the chosen one among them, and what did not qualify in catalogue order."""

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    rejections: tuple[Rejection, ...]
    control_group: bool
    explored: bool = False  # the draw chose, not the value

    @property
    def deterministic(self) -> bool:
        """No chance was involved: every probability is 0 or 1."""
        return self.chosen.probability == 1.0

    def best_alternative(self) -> Candidate | None:
        """The best candidate beside leave alone; None when nothing else qualified."""
        return next((each for each in self.candidates if not each.action.is_leave_alone), None)


def fitting(catalogue: Catalogue, situation: Situation) -> tuple[list[Offer], list[Rejection]]:
    """The actions that fit the customer, whatever they take; leave alone always does."""
    offers: list[Offer] = []
    rejections: list[Rejection] = []
    values = values_of(situation)
    for action in catalogue.actions:
        refused = misfit(action, situation, values)
        if refused is None:
            offers.append(Offer(action, uses_of(action, situation)))
        else:
            rejections.append(refused)
    return offers, rejections


def decide(
    offers: list[Offer],
    rejections: list[Rejection],
    situation: Situation,
    supply: Supply,
    chance: Chance,
    contact: Terms | None = None,
) -> Ruling:
    """Values what can be had and chooses. The same arguments give the same ruling, which is what a replay rests on.

    Args:
        contact: What stands between the customer and a contact; None refuses none.
    """
    refused = list(rejections)
    prices = supply.prices or {}
    alone = baseline(situation)
    valued: list[tuple[int, Offer, Account]] = []
    for offer in offers:
        action, uses = offer
        if action.name in chance.held_out:
            refused.append(Rejection(action.name, CAMPAIGN_CONTROL))
            continue
        refusal = None if contact is None else contact.refusal(action)
        if refusal is None and action.where and shop_of(action, situation, contact) is None:
            refusal = Rejection(action.name, NO_SHOP_OPEN)
        if refusal is None and uses:
            refusal = unaffordable(action, uses, supply)
        if refusal is not None:
            refused.append(refusal)
            continue
        money = account(action, uses, situation, alone, prices, supply.pacing)
        valued.append((-money.value, offer, money))
    # The sort is stable, so ties go to the action that stands earlier in the catalogue.
    valued.sort(key=_FIRST)
    options = _options(valued, chance.dearest)
    chances = probabilities(options, chance, len(valued))
    candidates = tuple(
        [
            Candidate(offer.action, offer.uses, money, probability)
            for (_, offer, money), probability in zip(valued, chances, strict=True)
        ]
    )
    chosen = candidates[choose(options, chance)]
    return Ruling(candidates, chosen, tuple(refused), chance.control_group, explores(options, chance))


def moment_of(action: Action, situation: Situation, contact: Terms | None) -> int:
    """When the action would be carried out, in seconds since 1970."""
    wished = situation.time_of(action.channel)
    return wished if contact is None else contact.time_for(action, wished)


def shop_of(action: Action, situation: Situation, contact: Terms | None) -> ShopNear | None:
    """The nearest shop that is open when the action would be carried out; None when there is none."""
    moment = moment_of(action, situation, contact) if situation.shops else 0
    return next((shop for shop in situation.shops if shop.open_at(moment)), None)


def _options(valued: list[tuple[int, Offer, Account]], dearest: int | None) -> Options:
    """Args: dearest: Micros by which an action that chance may choose may be worth less than the best; None: any."""
    leave_alone = next(index for index, (_, offer, _) in enumerate(valued) if offer.action.is_leave_alone)
    least = None if dearest is None else valued[0][2].value - dearest
    explorable = [
        index
        for index, (_, offer, money) in enumerate(valued)
        if offer.action.explorable
        and not offer.action.irreversible
        and (least is None or money.value >= least)
    ]
    return Options(0, leave_alone, explorable)


def shown(ruling: Ruling, limit: int) -> list[Candidate]:
    """The best ``limit`` candidates, best first, the chosen one and leave alone always among them.

    Where they are not among the best, they take the last places: with limit 1 both may be shown.
    """
    candidates, chosen = ruling.candidates, ruling.chosen
    free = limit - (1 if chosen.action.is_leave_alone else 2)
    picked: list[Candidate] = []
    for each in candidates:
        if each is not chosen and not each.action.is_leave_alone:
            if free <= 0:
                continue
            free -= 1
        picked.append(each)
    return picked
