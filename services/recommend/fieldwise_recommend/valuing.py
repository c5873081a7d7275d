"""Valuing every action for every customer before prices: what prices are solved from; stores nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from fieldwise.allocation.v1.price_pb2 import Candidate
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import ValueActionsRequest, ValueActionsResponse
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.contact_message import terms_of
from fieldwise_recommend.contacting import Contacts
from fieldwise_recommend.core.catalogue import ASSUMED, Catalogue
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.ranking import Offer
from fieldwise_recommend.core.values import baseline, worth_before_prices
from fieldwise_recommend.decide import check
from fieldwise_recommend.looking_up import look_up
from fieldwise_recommend.ruling import case_of

_TURN: Final = 64


class Valuer:
    """Values actions with the catalogue in force, for whom they may reach."""

    def __init__(self, in_force: InForce, policy: Policy, contacts: Contacts | None = None) -> None:
        self._in_force = in_force
        self._policy = policy
        self._contacts = contacts or Contacts()

    async def values(self, request: ValueActionsRequest) -> ValueActionsResponse:
        """All candidates that are worth something; who rests, is at a cap or belongs to the control group raises no price.

        Raises:
            InvalidRequest: As in deciding.
        """
        check(request.inputs, self._policy.currency)
        response = ValueActionsResponse()
        catalogue = self._in_force.catalogue
        for number, inputs in enumerate(request.inputs, 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            for offer, worth in self._worthwhile(inputs, catalogue):
                self._add(response.candidates.add(), inputs.customer, offer, worth)
        return response

    def _worthwhile(self, inputs: DecisionInputs, catalogue: Catalogue) -> Iterator[tuple[Offer, int]]:
        if self._policy.controls(inputs.customer):
            return
        self._contacts.look_up(inputs)
        # What is quiet now is not for as long as prices hold.
        inputs.contact.ClearField("quiet")
        contact = terms_of(inputs)
        look_up(inputs, self._in_force)
        inputs.ClearField("measured_effects")
        case = case_of(inputs, catalogue, self._in_force.effects)
        self._in_force.sample.see(inputs.customer, case.situation)
        alone = baseline(case.situation)
        for offer in case.offers:
            if contact is not None and contact.refusal(offer.action) is not None:
                continue
            worth = worth_before_prices(offer.action, case.situation, alone)
            if worth > 0:
                yield offer, worth

    def _add(self, candidate: Candidate, customer: str, offer: Offer, worth: int) -> None:
        candidate.customer = customer
        candidate.action = offer.action.name
        candidate.value.currency_code = self._policy.currency
        candidate.value.micros = worth
        candidate.assumed = offer.action.effect.basis == ASSUMED
        for resource, amount in offer.uses:
            use = candidate.uses.add()
            use.resource = resource
            use.amount = amount
