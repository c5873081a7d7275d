"""Contacts: what decisions find of them and add to them, what outcomes say of them, and the policy in force; knows no SQL.

The book is in memory, as the ledger is, and for the same reason: between finding a free place and taking it there is no await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from datetime import UTC, tzinfo
from typing import Final

from fieldwise.recommend.v1 import contact_pb2, contact_service_pb2
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.contact_message import add_own, policy_of, shared_terms
from fieldwise_recommend.core.catalogue import NO_CHANNEL, Action
from fieldwise_recommend.core.contact_policy.book import ANSWERED, REACHED, Book, Remark, needed_caps
from fieldwise_recommend.core.contact_policy.policy import (
    COMPLAINED,
    MOST_DAYS,
    OPTED_OUT,
    REFUSED,
    ContactPolicy,
    faults_of,
)
from fieldwise_recommend.core.contact_policy.quiet import spans
from fieldwise_recommend.core.contact_policy.terms import Contact
from fieldwise_recommend.core.ranking import Ruling
from fieldwise_recommend.shipped_contacts import NAME, SHIPPED
from fieldwise_recommend.store.contacts import DROPPED, ContactRow, ContactStore, PolicyRow, RemarkRow
from fieldwise_recommend.store.decisions import OutcomeRow
from fieldwise_recommend.zones import zone_of
from fieldwise_runtime.errors import Aborted, AlreadyExists, InvalidRequest
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_MICROS: Final = 1_000_000
_MINUTE: Final = 60
_ACTED: Final = "OUTCOME_KIND_ACTED"
_DECLINED: Final = "OUTCOME_KIND_DECLINED"
_ANSWERS: Final = frozenset(
    f"OUTCOME_KIND_{kind}" for kind in ("RESPONDED", "PURCHASED", "OPENED", "CLICKED", "RATED")
)
_REMARKS: Final = {
    _DECLINED: REFUSED,
    "OUTCOME_KIND_COMPLAINED": COMPLAINED,
    "OUTCOME_KIND_OPTED_OUT": OPTED_OUT,
}


class Contacts:
    """The contacts of all customers, and the policy about them.

    Args:
        store: None keeps contacts in memory only, without any policy.
        zone: Time zone of quiet hours of those whose own is not known.
    """

    def __init__(self, store: ContactStore | None = None, zone: tzinfo = UTC) -> None:
        self._store = store
        self._zone = zone
        self._book = Book()
        self._message = contact_pb2.ContactPolicy(name=NAME)
        self._policy = ContactPolicy()
        self._minute = -1
        self._shared: dict[tzinfo, contact_pb2.ContactTerms] = {}
        self._changing = asyncio.Lock()
        self._forgotten: set[str] = set()

    async def open(self) -> None:
        """Reads what was decided and said before, and the policy."""
        if self._store is None:
            return
        latest = await self._store.latest()
        self._put_in_force(SHIPPED if latest is None else contact_pb2.ContactPolicy.FromString(latest.body))
        rows = await self._store.every(MOST_DAYS)
        for row in rows:
            self._book.add(row.customer, _contact(row), row.state, row.decision)
        for remark in await self._store.remarks(tuple(_REMARKS), MOST_DAYS):
            self._remark(remark)
        log.info("contacts read", contacts=len(rows), customers=len(self._book), policy=self._message.etag)

    def look_up(self, inputs: DecisionInputs) -> None:
        """Writes into the inputs what stands between the customer and a contact; what a caller put there goes."""
        moment = inputs.decision_time.seconds
        # Until the terms are there nobody knows whether those who were never asked are withheld.
        inputs.contact.consent_required = self._message.consent_required
        inputs.contact.CopyFrom(self._terms(moment, zone_of(inputs, self._zone)))
        card = self._book.card(inputs.customer, moment)
        known = () if card is None else card.contacts(moment, self._policy.limits)
        rests = () if card is None else card.rests(moment, self._policy.rests)
        if caps := needed_caps(self._policy, known):
            add_own(inputs.contact, caps, known, ())
        if rests:
            add_own(inputs.contact, (), (), rests)

    def _terms(self, moment: int, zone: tzinfo) -> contact_pb2.ContactTerms:
        """What all decisions of a minute about customers of one zone record alike."""
        if moment // _MINUTE != self._minute:
            self._minute = moment // _MINUTE
            self._shared.clear()
        found = self._shared.get(zone)
        if found is None:
            quiet = spans(self._policy.quiet, moment - moment % _MINUTE, zone)
            found = self._shared[zone] = shared_terms(self._message, quiet)
        return found

    def take(self, inputs: DecisionInputs, ruling: Ruling, due: int) -> ContactRow | None:
        """Adds the contact of a decision, to take place at ``due``; None when it reaches nobody. Wants a `release` if it fails."""
        action = ruling.chosen.action
        if action.channel == NO_CHANNEL:
            return None
        by_rep = int(action.needs_rep)
        row = ContactRow(inputs.decision, inputs.customer, action.channel, action.family, due, by_rep)
        self._book.add(row.customer, _contact(row), decision=row.decision)
        return row

    def is_over(self, customer: str, action: Action, since: int, moment: int) -> bool:
        """Whether what was decided of an action since then took place, so that doing it takes what it takes another time."""
        card = self._book.card(customer, moment)
        return card is not None and card.is_over(
            action.channel, action.family, since, moment, by_rep=action.needs_rep
        )

    def release(self, row: ContactRow) -> None:
        """Takes a contact back whose decision was not stored."""
        self._book.remove(row.customer, _contact(row), row.decision)

    def forget(self, customers: Collection[str]) -> None:
        """Know nothing of these customers' contacts."""
        self._forgotten.update(customers)
        self._book.forget(customers)

    async def note(self, rows: Iterable[OutcomeRow]) -> None:
        """Learns what came of contacts, from outcomes that are stored; the same outcome again changes nothing."""
        telling = [row for row in rows if row.kind in _REMARKS or row.kind in _ANSWERS or row.kind == _ACTED]
        if not telling or self._store is None:
            return
        async with self._changing:
            known = await self._store.about({row.decision for row in telling})
            changed: dict[str, ContactRow] = {}
            for row in telling:
                about = known.get(row.decision)
                if about is not None:
                    changed |= {each.decision: each for each in self._noted(about, row)}
                    known |= changed
            if changed:
                await self._store.change(list(changed.values()))

    def _noted(self, about: ContactRow, outcome: OutcomeRow) -> list[ContactRow]:
        """The contact as an outcome changes it, for each decision that it is of; the book changes with it."""
        time = outcome.event_time // _MICROS
        if outcome.kind in _REMARKS:
            self._remark(
                RemarkRow(about.customer, outcome.kind, outcome.decision, about.channel, about.by_rep, time)
            )
        if not about.channel or about.state == DROPPED:
            return []
        if outcome.kind == _DECLINED and about.by_rep and not about.state:
            same = self._book.cancel(about.customer, _contact(about))
            return _of_each(same, about._replace(state=DROPPED))
        if outcome.kind == _ACTED and about.state < REACHED:
            same = self._book.move(about.customer, _contact(about), time, REACHED)
            return _of_each(same, about._replace(due=time, state=REACHED))
        if outcome.kind in _ANSWERS and about.state < ANSWERED:
            same = self._book.move(about.customer, _contact(about), about.due, ANSWERED)
            return _of_each(same, about._replace(state=ANSWERED))
        return []

    def _remark(self, row: RemarkRow) -> None:
        event = _REMARKS[row.kind]
        by_customer = event != REFUSED or (row.channel and not row.by_rep)
        if by_customer and row.customer not in self._forgotten:
            self._book.remark(row.customer, Remark(event, row.decision, row.channel, row.time))

    # The policy

    def policy(self) -> contact_pb2.ContactPolicy:
        """The one in force."""
        shown = contact_pb2.ContactPolicy()
        shown.CopyFrom(self._message)
        shown.time_zone = str(self._zone)
        return shown

    async def update(
        self, request: contact_service_pb2.UpdateContactPolicyRequest, actions: Collection[str]
    ) -> contact_pb2.ContactPolicy:
        """Puts another policy in force.

        Args:
            actions: Families of the catalogue in force.

        Raises:
            InvalidRequest: With every fault of the policy.
            Aborted: Another policy is in force than the caller knows.
            AlreadyExists: The request_id put another policy in force.
        """
        asked = request.contact_policy
        faults = faults_of(policy_of(asked), actions, "contact_policy")
        if faults:
            raise InvalidRequest(faults)
        async with self._changing:
            earlier = None if self._store is None else await self._store.of_request(request.request_id)
            if earlier is not None:
                return _repeated(
                    contact_pb2.ContactPolicy.FromString(earlier.body), asked, request.request_id
                )
            if asked.etag and asked.etag != self._message.etag:
                message = f"{self._message.etag} is in force, not {asked.etag}; read it and send yours again"
                raise Aborted("CONTACT_POLICY_CHANGED", message)
            await self._replace(asked, request)
        return self.policy()

    async def _replace(
        self, asked: contact_pb2.ContactPolicy, request: contact_service_pb2.UpdateContactPolicyRequest
    ) -> None:
        number = int(self._message.etag.removeprefix("v") or 0) + 1
        made = contact_pb2.ContactPolicy()
        made.CopyFrom(asked)
        made.name, made.etag, made.time_zone = NAME, f"v{number}", ""
        made.update_time.CopyFrom(request.decision_time)
        made.actor, made.note = request.actor, request.note
        if self._store is not None:
            await self._store.add_policy(PolicyRow(number, made.SerializeToString(), request.request_id))
        self._put_in_force(made)
        log.info("contact policy put in force", policy=made.etag, caps=len(made.caps))

    def _put_in_force(self, message: contact_pb2.ContactPolicy) -> None:
        self._message, self._policy, self._minute = message, policy_of(message), -1


def _of_each(decisions: Iterable[str], row: ContactRow) -> list[ContactRow]:
    """The row of a contact for all decisions that it is of; its own stands in the store, whatever the book knows."""
    return [row._replace(decision=name) for name in {row.decision, *decisions}]


def _contact(row: ContactRow) -> Contact:
    return Contact(row.channel, row.action, row.due)


def _repeated(
    made: contact_pb2.ContactPolicy, asked: contact_pb2.ContactPolicy, request_id: str
) -> contact_pb2.ContactPolicy:
    if policy_of(made) != policy_of(asked) or made.consent_required != asked.consent_required:
        remedy = "it put another policy in force; send a new request_id"
        raise AlreadyExists(f"request_id {request_id!r}", remedy, reason="REQUEST_ID_REUSED")
    return made
