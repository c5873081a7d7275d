"""What would have changed a decision, and why not the others: searched, then checked by deciding again; stores nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from fieldwise.recommend.v1.decision_pb2 import Counterfactual, Decision, DecisionInputs
from fieldwise_recommend.answering import with_redeemed
from fieldwise_recommend.changing import change
from fieldwise_recommend.contact_message import terms_of
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.counterfactual.gaps import gaps
from fieldwise_recommend.core.counterfactual.inputs import World
from fieldwise_recommend.core.counterfactual.search import Flip, by_action, flips, smallest
from fieldwise_recommend.core.ranking import Offer, Ruling
from fieldwise_recommend.measured_effects import with_measured
from fieldwise_recommend.ruling import case_of
from fieldwise_recommend.situation import chance_of, prices_of, supply_of

_MOST: Final = 8
# So many inputs are searched in a few milliseconds; other calls get their turn in between.
_TURN: Final = 4


async def explain(decision: Decision, inputs: DecisionInputs, catalogue: Catalogue, currency: str) -> None:
    """Writes counterfactuals and the answers to "why not" into the decision.

    Args:
        decision: As it was made from the inputs.
        inputs: As recorded, the price set included.
    """
    world, ruling = _decided(inputs, catalogue)
    found: list[Flip] = []
    measured = _with_measured_numbers(catalogue, inputs)
    for number, some in enumerate(flips(world, measured, ruling), 1):
        found += some
        if number % _TURN == 0:
            await asyncio.sleep(0)
    checked: dict[Flip, bool] = {}

    def holds(flip: Flip) -> bool:
        if flip not in checked:
            checked[flip] = is_true(flip, inputs, catalogue)
        return checked[flip]

    for flip in [each for each in smallest(found) if holds(each)][:_MOST]:
        _fill(decision.counterfactuals.add(), flip)
    nearest = by_action(found)
    for gap in gaps(world, measured, ruling, len(decision.actions)):
        await asyncio.sleep(0)
        why = decision.why_not.add(action=gap.action, code=gap.code)
        if gap.micros is not None:
            why.gap.currency_code, why.gap.micros = currency, gap.micros
        best = next((flip for flip in nearest.get(gap.action, ()) if holds(flip)), None)
        if best is not None:
            _fill(why.counterfactual, best)


def _with_measured_numbers(catalogue: Catalogue, inputs: DecisionInputs) -> Catalogue:
    """With effects and coupons as they were measured: actions that did not fit him are valued with theirs too."""
    if not inputs.measured_effects and not inputs.redemptions:
        return catalogue
    offers = with_measured([Offer(action, ()) for action in catalogue.actions], inputs)
    offers = with_redeemed(offers, inputs)
    return replace(catalogue, actions=tuple(offer.action for offer in offers))


def is_true(flip: Flip, inputs: DecisionInputs, catalogue: Catalogue) -> bool:
    """Whether deciding again from the inputs, with this one changed, chooses what it says."""
    other = DecisionInputs()
    other.CopyFrom(inputs)
    changed = change(other, catalogue, flip.input, flip.target)
    return changed is not None and _decided(other, changed)[1].chosen.action.name == flip.becomes


def _decided(inputs: DecisionInputs, catalogue: Catalogue) -> tuple[World, Ruling]:
    case = case_of(inputs, catalogue)
    prices = prices_of(inputs.price_set) if inputs.HasField("price_set") else None
    world = World(
        case.offers,
        case.rejections,
        case.situation,
        supply_of(inputs, prices),
        chance_of(inputs),
        terms_of(inputs),
    )
    return world, world.ruling()


def _fill(message: Counterfactual, flip: Flip) -> None:
    message.input = flip.input
    message.from_value = flip.value
    message.to_value = flip.target
    message.unit = flip.unit
    message.becomes_action = flip.becomes
