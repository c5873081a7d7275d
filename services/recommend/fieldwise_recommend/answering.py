"""What earlier contacts were answered with: counted, shown, and looked up for a decision; knows no SQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fieldwise.recommend.v1 import answer_service_pb2 as wire
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.answers import ASSUMED, MEASURED, USUAL, AnswerBook
from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.core.contact_time import best_time, is_decent
from fieldwise_recommend.core.ranking import Offer
from fieldwise_recommend.situation import is_withheld, usual_hour
from fieldwise_recommend.store.answers import AnswerStore
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Actions whose coupons cost another share, beside those they were made from: making one takes as long as valuing it.
_MOST_MADE: Final = 4096
_made: Final[dict[tuple[str, float], tuple[Action, Action]]] = {}


class Answering:
    """What contacts were answered with."""

    def __init__(self, store: AnswerStore, in_force: InForce) -> None:
        self._store = store
        self._in_force = in_force

    async def open(self) -> None:
        """Puts in force what was counted last."""
        self._in_force.answers = await self._store.newest()

    async def learn(self, request: wire.LearnAnswersRequest) -> wire.Answers:
        """Counts anew and puts that in force."""
        coupons = {action.family for action in self._in_force.catalogue.actions if action.coupon}
        self._in_force.answers = await self._store.count(request.decision_time.seconds, coupons)
        answers = self.shown()
        log.info("answers counted", slots=len(answers.counts), version=answers.version)
        return answers

    def shown(self) -> wire.Answers:
        """What is in force."""
        book, catalogue = self._in_force.answers, self._in_force.catalogue
        stated = {action.family: action.redemption for action in catalogue.actions if action.coupon}
        answers = wire.Answers(
            version=book.version, counts=[wire.AnswerCount(**each._asdict()) for each in book.counts]
        )
        for each in book.sent:
            prior = stated.get(each.action, 0.0)
            share = book.redeemed(each.action, prior)
            answers.coupons.add(**each._asdict(), share=prior if share is None else share)
        return answers


def look_up_answers(inputs: DecisionInputs, book: AnswerBook, catalogue: Catalogue) -> None:
    """Writes into the inputs when to reach the customer and which shares of coupons were redeemed; what a caller put there goes."""
    if inputs.contact_times:
        inputs.ClearField("contact_times")
    if inputs.redemptions:
        inputs.ClearField("redemptions")
    now = inputs.decision_time.seconds
    # Of one who is not decided about nothing is used.
    hour = None if is_withheld(inputs) else usual_hour(inputs)
    usual = best_time(now, hour)
    for channel in book.channels:
        found = book.better(channel, now, usual)
        if found is not None:
            inputs.contact_times.add(
                channel=channel,
                time=found.time,
                basis=MEASURED,
                answer_share=found.share,
                overall_share=found.overall,
                contacts=found.contacts,
            )
    inputs.contact_times.add(time=usual, basis=USUAL if is_decent(hour) else ASSUMED)
    if book.sent:
        for action in catalogue.actions:
            share = book.redeemed(action.family, action.redemption) if action.coupon else None
            if share is not None:
                inputs.redemptions.add(action=action.name, probability=share)


def with_redeemed(offers: list[Offer], inputs: DecisionInputs) -> list[Offer]:
    """The offers with what coupons cost by the shares that the inputs have, and the catalogue's of all others."""
    if not inputs.redemptions:
        return offers
    shares = {each.action: each.probability for each in inputs.redemptions}
    return [
        offer._replace(action=_with_share(offer.action, shares[offer.action.name]))
        if offer.action.name in shares and offer.action.redemption_basis != MEASURED
        else offer
        for offer in offers
    ]


def _with_share(action: Action, share: float) -> Action:
    key = (action.name, share)
    stated, found = _made.get(key, (None, action))
    # Of another catalogue, or with another effect, it is another action.
    if stated is not action:
        cost = round(action.coupon * share)
        found = replace(
            action,
            cost=action.cost - action.coupon_cost + cost,
            coupon_cost=cost,
            redemption=share,
            redemption_basis=MEASURED,
        )
        if len(_made) >= _MOST_MADE:
            _made.clear()
        _made[key] = (action, found)
    return found
