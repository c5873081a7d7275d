"""Deciding for a batch of customers: values, chooses, sets aside and stores; knows no server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry import trace

from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import (
    BatchRecommendActionsRequest,
    BatchRecommendActionsResponse,
    Decided,
)
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.contacting import Contacts
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.choices import Choice, choice_of
from fieldwise_recommend.core.ledger import Hold
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.looking_up import look_up
from fieldwise_recommend.periods import Period, Periods, period_name
from fieldwise_recommend.ruling import case_of, complete, hold_of, is_done, look_up_supply, rule
from fieldwise_recommend.situation import (
    chance_of,
    foreign_money,
    is_withheld,
    uneven_columns,
    unusable_scores,
)
from fieldwise_recommend.store.contacts import ContactRow, add_contacts
from fieldwise_recommend.store.decisions import AlreadyDecided, DecisionRow, Known, Store
from fieldwise_recommend.store.experience import add_choices
from fieldwise_recommend.store.pacing import OpeningStore
from fieldwise_runtime.errors import Aborted, InvalidRequest, Violation

# So many decisions take a few milliseconds; other calls get their turn in between.
_TURN: Final = 64

REQUEST_ID_REUSED: Final = "REQUEST_ID_REUSED"
DECISION_NAME_REUSED: Final = "DECISION_NAME_REUSED"


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision that is made but not stored: its place in the answer, its rows, and what it set aside."""

    answer: Decided
    row: DecisionRow
    hold: Hold | None
    choice: Choice
    contact: ContactRow | None


class Decider:
    """Makes decisions. Only one process may do so on one set of budgets: the ledger is in its memory."""

    def __init__(
        self,
        store: Store,
        in_force: InForce,
        policy: Policy,
        erased: Collection[str] = (),
        contacts: Contacts | None = None,
        openings: OpeningStore | None = None,
    ) -> None:
        self._store = store
        self._contacts = contacts or Contacts()
        self._in_force = in_force
        self._policy = policy
        self._erased = set(erased)
        self._under_way: set[asyncio.Future[None]] = set()
        self._periods = Periods(store, policy.pacing, policy.pacing_gain, openings)
        self._commits: set[asyncio.Task[None]] = set()

    async def batch(self, request: BatchRecommendActionsRequest) -> BatchRecommendActionsResponse:
        """Decides for each input, in order; returns when all decisions are stored.

        Raises:
            InvalidRequest: Another currency, a probability or an amount out of range, a price set without a name.
            Aborted: Somebody else decided one of the requests at the same moment and took it back.
        """
        check(request.inputs, self._policy.currency)
        ended = asyncio.get_running_loop().create_future()
        self._under_way.add(ended)
        try:
            return await self._batch(request)
        finally:
            self._under_way.discard(ended)
            ended.set_result(None)

    async def _batch(self, request: BatchRecommendActionsRequest) -> BatchRecommendActionsResponse:
        price_set = request.price_set if request.HasField("price_set") else None
        # A batch is decided at one moment.
        period = await self._periods.of(price_set, request.inputs[0].decision_time.seconds)
        pacing = period.pacing(request.inputs[0].decision_time.seconds)
        trace.get_current_span().set_attribute("fieldwise.recommend.pacing", pacing)
        response = BatchRecommendActionsResponse()
        answers = [response.decided.add() for _ in request.inputs]
        drafts = await self._drafts(request.inputs, answers, period, self._in_force.catalogue)
        await self._settled(drafts, period)
        _answer_repeated(request.inputs, answers)
        _describe(answers)
        return response

    async def forget(self, customers: Collection[str]) -> None:
        """Know nothing of these customers from now on; returns when no decision about what was known is under way."""
        self._erased.update(customers)
        self._in_force.sample.forget(customers)
        while self._under_way or self._commits:
            await asyncio.wait({*self._under_way, *self._commits})
        self._contacts.forget(customers)

    async def committed(self, valid_until: Timestamp) -> dict[str, float]:
        """What decisions have set aside in the period that ends then, by resource."""
        return await self._periods.committed(period_name(valid_until))

    async def _drafts(
        self,
        inputs: Sequence[DecisionInputs],
        answers: Sequence[Decided],
        period: Period,
        catalogue: Catalogue,
    ) -> list[Draft]:
        """One draft for each request_id that the batch names; a second input with the same id is answered later."""
        drafts: list[Draft] = []
        seen: set[str] = set()
        try:
            for each, answer in zip(inputs, answers, strict=True):
                if each.request_id in seen:
                    continue
                seen.add(each.request_id)
                if len(seen) % _TURN == 0:
                    await asyncio.sleep(0)
                drafts.append(self._draft(each, answer, period, catalogue))
        except BaseException:
            self._release(drafts, period)
            raise
        return drafts

    def _draft(self, inputs: DecisionInputs, answer: Decided, period: Period, catalogue: Catalogue) -> Draft:
        """Has no await in it: what the ledger says holds until the reservation is made."""
        if inputs.customer in self._erased:
            inputs.ClearField("profile")
            inputs.ClearField("scores")
        self._contacts.look_up(inputs)
        if is_withheld(inputs):
            # What was foreseen of him is about him, too.
            inputs.ClearField("scores")
        look_up(inputs, self._in_force)
        inputs.ClearField("measured_effects")  # what a caller put there
        case = case_of(inputs, catalogue, self._in_force.effects)
        complete(inputs, catalogue, self._policy)
        inputs.pacing = period.pacing(inputs.decision_time.seconds)
        self._in_force.sample.see(inputs.customer, case.situation)
        look_up_supply(inputs, case, period.prices, period.ledger, self._contacts)
        ruling = rule(inputs, case, period.prices, answer.decision, self._policy.currency)
        row = DecisionRow(
            inputs.decision,
            inputs.request_id,
            inputs.fingerprint,
            inputs.customer,
            inputs.decision_time.seconds * 1_000_000 + inputs.decision_time.nanos // 1000,
            inputs.catalogue_version,
            answer.decision.chosen_action,
            period.key,
            inputs.SerializeToString(),
            answer.decision.SerializeToString(deterministic=True),
        )
        hold = hold_of(inputs, ruling)
        if hold is not None:
            again = is_done(inputs, ruling.chosen.action, period.ledger, self._contacts)
            hold = period.ledger.reserve(hold, inputs.decision_time.seconds, again=again)
        campaigns = case.offers if self._policy.campaign_control_share else ()
        named = (row.decision_time, row.name, row.customer)
        choice = choice_of(named, case.situation, campaigns, ruling, chance_of(inputs))
        contact = self._contacts.take(inputs, ruling, answer.decision.best_time.seconds)
        return Draft(answer, row, hold, choice, contact)

    async def _settled(self, drafts: list[Draft], period: Period) -> None:
        """Stores the drafts, to the end even if the caller goes: only the end says what the ledger may release."""
        task = asyncio.create_task(self._commit(drafts, period))
        self._commits.add(task)
        task.add_done_callback(self._ended)
        await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._commits.discard(task)
        if not task.cancelled():
            task.exception()  # looked at here too, because the caller may have gone

    async def _commit(self, drafts: list[Draft], period: Period) -> None:
        left = drafts
        try:
            while left and not await self._stored(left, period):
                left = await self._unknown(left, period)
        except BaseException:
            self._release(left, period)
            raise

    async def _stored(self, drafts: list[Draft], period: Period) -> bool:
        """Whether they could be stored; False when one of them was decided before."""
        rows = [draft.row for draft in drafts]
        holds = [draft.hold for draft in drafts if draft.hold is not None]
        beside = [partial(add_choices, rows=[draft.choice for draft in drafts])]
        contacts = [draft.contact for draft in drafts if draft.contact is not None]
        if contacts:
            beside.append(partial(add_contacts, rows=contacts))
        try:
            await self._store.add_decisions(rows, period.name, holds, period.unstored, beside)
        except AlreadyDecided:
            return False
        period.stored = True
        return True

    async def _unknown(self, drafts: list[Draft], period: Period) -> list[Draft]:
        """Answers the drafts that were decided before with what was decided then; returns the others."""
        known = await self._store.known([draft.row.request_id for draft in drafts])
        others = [draft for draft in drafts if draft.row.request_id not in known]
        taken = await self._store.names_taken([draft.row.name for draft in others])
        if not known and not taken:
            message = "a decision of the batch was being made elsewhere; send the request again"
            raise Aborted("DECIDED_ELSEWHERE", message)
        left: list[Draft] = []
        for draft in drafts:
            earlier = known.get(draft.row.request_id)
            if earlier is None and draft.row.name not in taken:
                left.append(draft)
                continue
            self._release([draft], period)
            _answer_known(draft, earlier)
        return left

    def _release(self, drafts: Sequence[Draft], period: Period) -> None:
        for draft in drafts:
            if draft.hold is not None:
                period.ledger.release(draft.hold)
            if draft.contact is not None:
                self._contacts.release(draft.contact)


def check(inputs: Sequence[DecisionInputs], currency: str) -> None:
    """Refuses what the field rules cannot see.

    Raises:
        InvalidRequest: With every fault of all inputs.
    """
    foreign: list[Violation] = []
    other = _names_given_twice(inputs)
    for index, each in enumerate(inputs):
        foreign += foreign_money(each, currency, f"inputs[{index}]")
        at = f"inputs[{index}]"
        other += unusable_scores(each, at)
        other += uneven_columns(each, at)
    if foreign or other:
        raise InvalidRequest([*foreign, *other], reason="INVALID_REQUEST" if other else "FOREIGN_CURRENCY")


def _names_given_twice(inputs: Sequence[DecisionInputs]) -> list[Violation]:
    owners: dict[str, str] = {}
    remedy = "give each request a decision name of its own"
    found: list[Violation] = []
    for index, each in enumerate(inputs):
        if owners.setdefault(each.decision, each.request_id) != each.request_id:
            found.append(Violation.of(f"inputs[{index}].decision", each.decision, remedy))
    return found


def _answer_known(draft: Draft, earlier: Known | None) -> None:
    answer = draft.answer
    answer.Clear()
    if earlier is None:
        answer.refusal = DECISION_NAME_REUSED
    elif earlier.fingerprint != draft.row.fingerprint:
        answer.refusal = REQUEST_ID_REUSED
    else:
        answer.decision.MergeFromString(earlier.decision)
        answer.repeated_request = True


def _answer_repeated(inputs: Sequence[DecisionInputs], answers: Sequence[Decided]) -> None:
    """Gives inputs whose request_id stands earlier in the batch the answer of the first."""
    first: dict[str, int] = {}
    for index, each in enumerate(inputs):
        earlier = first.setdefault(each.request_id, index)
        if earlier == index:
            continue
        if inputs[earlier].fingerprint != each.fingerprint:
            answers[index].refusal = REQUEST_ID_REUSED
            continue
        answers[index].CopyFrom(answers[earlier])
        answers[index].repeated_request = not answers[earlier].refusal


def _describe(answers: Sequence[Decided]) -> None:
    span = trace.get_current_span()
    span.set_attribute("fieldwise.recommend.decisions", len(answers))
    refused = sum(1 for answer in answers if answer.refusal)
    if refused:
        span.set_attribute("fieldwise.recommend.refused", refused)
