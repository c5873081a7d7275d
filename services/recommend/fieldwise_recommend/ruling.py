"""One decision from its complete inputs: what deciding and replaying have in common; knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs
from fieldwise_recommend.answering import with_redeemed
from fieldwise_recommend.contact_message import terms_of
from fieldwise_recommend.contacting import Contacts
from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.core.eligibility import Rejection
from fieldwise_recommend.core.ledger import Hold, Ledger
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.ranking import Offer, Ruling, decide, fitting
from fieldwise_recommend.core.situation import Price, Situation
from fieldwise_recommend.measured_effects import EffectsInForce, look_up_effects, with_measured
from fieldwise_recommend.rendering import render
from fieldwise_recommend.situation import chance_of, situation_of, supply_of

Prices = Mapping[str, Price] | None


@dataclass(frozen=True, slots=True)
class Case:
    """A customer's situation and the actions that fit it, before anything scarce is looked at."""

    situation: Situation
    offers: list[Offer]
    rejections: list[Rejection]


def case_of(inputs: DecisionInputs, catalogue: Catalogue, effects: EffectsInForce | None = None) -> Case:
    """Args: effects: What is in force and not looked up yet; None where the inputs have it, as in a replay."""
    situation = situation_of(inputs, catalogue)
    if effects is not None:
        look_up_effects(inputs, effects, situation.facts)
    offers, rejections = fitting(catalogue, situation)
    return Case(situation, with_redeemed(with_measured(offers, inputs), inputs), rejections)


def complete(inputs: DecisionInputs, catalogue: Catalogue, policy: Policy) -> None:
    """Writes into the inputs what recommend adds to them, but for the ledger's part and the pacing; what a caller put there goes."""
    chance = policy.chance(inputs.customer, inputs.decision)
    inputs.catalogue_version = catalogue.version
    inputs.exploration = chance.exploration
    inputs.draw = chance.draw
    inputs.control_group = chance.control_group
    if chance.floor is not None:
        inputs.exploration_floor = chance.floor
    for field in ("price_set", "scarce", "reserved", "held_out", "exploration_loss_micros"):
        inputs.ClearField(field)
    if chance.dearest is not None:
        inputs.exploration_loss_micros = chance.dearest
    held_out = policy.held_out(inputs.customer, catalogue.campaigns)
    if held_out:
        inputs.held_out.extend(held_out)


def look_up_supply(
    inputs: DecisionInputs, case: Case, prices: Prices, ledger: Ledger, contacts: Contacts
) -> None:
    """Writes into the inputs what the ledger says of the scarce things that the offers take."""
    taking = [offer for offer in case.offers if offer.uses]
    if not taking or prices is None:
        return
    for resource, left in ledger.shortages((offer.uses for offer in taking), prices).items():
        inputs.scarce.add(resource=resource, left=left)
    customer = inputs.customer
    held = [
        offer.action.name
        for offer in taking
        if ledger.holds(customer, offer.action.name, offer.uses)
        and not is_done(inputs, offer.action, ledger, contacts)
    ]
    if held:
        inputs.reserved.extend(held)


def is_done(inputs: DecisionInputs, action: Action, ledger: Ledger, contacts: Contacts) -> bool:
    """Whether what is set aside for the customer and the action is used up, because it took place."""
    since = ledger.since(inputs.customer, action.name)
    return since is not None and contacts.is_over(
        inputs.customer, action, since, inputs.decision_time.seconds
    )


def rule(inputs: DecisionInputs, case: Case, prices: Prices, decision: Decision, currency: str) -> Ruling:
    """Decides from the inputs as recorded and fills ``decision``, an empty message."""
    contact = terms_of(inputs)
    ruling = decide(
        case.offers, case.rejections, case.situation, supply_of(inputs, prices), chance_of(inputs), contact
    )
    render(decision, inputs, case.situation, ruling, currency, contact)
    return ruling


def hold_of(inputs: DecisionInputs, ruling: Ruling) -> Hold | None:
    """What the chosen action sets aside; None when it takes nothing scarce."""
    chosen = ruling.chosen
    return Hold(inputs.customer, chosen.action.name, chosen.uses) if chosen.uses else None
