"""Measured effects in the inputs of a decision: looked up once, recorded, and read again in a replay; knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from fieldwise.recommend.v1.decision_pb2 import DecisionInputs, MeasuredEffect
from fieldwise_recommend.core.catalogue import Action, Effect
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable
from fieldwise_recommend.core.ranking import Offer

# Actions with measured effects, beside those they were made from: making one takes as long as valuing it.
_MOST_MADE: Final = 4096
_made: Final[dict[tuple[str, str, int], tuple[Action, Action]]] = {}


@dataclass(frozen=True, slots=True)
class EffectsInForce:
    """A released policy version: its name and its table."""

    version: str
    table: EffectTable


def look_up_effects(inputs: DecisionInputs, effects: EffectsInForce, facts: Mapping[str, float]) -> None:
    """Writes into the inputs what the version in force measured for a customer of whom these facts are known."""
    for each in effects.table.of(facts):
        inputs.measured_effects.add(action=each.action, added_micros=each.added, basis=effects.version)


def with_measured(offers: list[Offer], inputs: DecisionInputs) -> list[Offer]:
    """The offers with the effects that the inputs have, and the stated ones of all others."""
    if not inputs.measured_effects:
        return offers
    known = {each.action: each for each in inputs.measured_effects}
    return [_measured(offer, known.get(offer.action.name)) for offer in offers]


def _measured(offer: Offer, effect: MeasuredEffect | None) -> Offer:
    action = offer.action
    if effect is None or action.is_leave_alone:
        return offer
    key = (effect.action, effect.basis, effect.added_micros)
    stated, found = _made.get(key, (None, action))
    # Of another catalogue, or of one that a counterfactual changed, it is another action.
    if stated is not action:
        found = replace(action, effect=Effect(basis=effect.basis, added=effect.added_micros))
        if len(_made) >= _MOST_MADE:
            _made.clear()
        _made[key] = (action, found)
    return offer._replace(action=found)
