"""Stored decisions: read, recomputed from their recorded inputs, and joined with what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.profile.v1.event_pb2 import Event, OutcomeKind
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import (
    RecordOutcomesResponse,
    ReplayDecisionRequest,
    ReplayDecisionResponse,
)
from fieldwise_recommend.amounts import foreign
from fieldwise_recommend.changing import changed
from fieldwise_recommend.contacting import Contacts
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.catalogue_file import parse
from fieldwise_recommend.core.policy import MOST_FLOOR, MOST_PACING
from fieldwise_recommend.explaining import explain
from fieldwise_recommend.ruling import case_of, rule
from fieldwise_recommend.situation import (
    foreign_money,
    prices_of,
    uneven_columns,
    unusable_prices,
    unusable_scores,
)
from fieldwise_recommend.store.catalogue import CatalogueStore
from fieldwise_recommend.store.decisions import OutcomeRow, Recorded, Store
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation

# The clock of a till may go a minute behind ours; in microseconds.
_CLOCKS_DIFFER: Final = 60_000_000
# Of the year 9900: what is counted from a day stays within the calendar.
_LAST_DAY: Final = 2_900_000
# A thousand million in currency units: with it no account of money leaves 64 bits.
_MOST_ADDED: Final = 10**15


class Archive:
    """The decisions made so far."""

    def __init__(
        self,
        store: Store,
        stored: CatalogueStore,
        catalogue: Catalogue,
        currency: str,
        contacts: Contacts | None = None,
    ) -> None:
        self._store = store
        self._stored = stored
        self._contacts = contacts
        self._catalogues = {catalogue.version: catalogue}
        self._currency = currency

    async def get(self, name: str, *, explained: bool = False) -> Decision:
        """A decision as it was made, with what came of it so far, oldest first.

        Args:
            explained: With what would have changed it, and why not the others.

        Raises:
            NotFound: No such decision, or its customer was erased.
        """
        recorded = await self._recorded(name)
        decision = Decision.FromString(recorded.decision)
        if explained:
            inputs = _inputs(recorded)
            catalogue = await self._catalogue(inputs.catalogue_version)
            await explain(decision, inputs, catalogue, self._currency)
        for row in await self._store.outcomes(name):
            outcome = decision.outcomes.add(event_id=row.event_id, kind=row.kind)
            outcome.event_time.FromMicroseconds(row.event_time)
            if row.amount_micros is not None:
                outcome.amount.currency_code = self._currency
                outcome.amount.micros = row.amount_micros
            if row.score is not None:
                outcome.score = row.score
        return decision

    async def replay(self, request: ReplayDecisionRequest) -> ReplayDecisionResponse:
        """Decides again from the recorded inputs, or from others given in their place; stores nothing.

        Raises:
            NotFound: No such decision, or its customer was erased.
            InvalidRequest: The inputs given are out of range, or name a catalogue that was never in force here; a change is of an
                input that the decision does not have.
        """
        recorded = await self._recorded(request.name)
        response = ReplayDecisionResponse(inputs=_inputs(recorded))
        inputs = response.inputs
        if request.HasField("what_if"):
            inputs = request.what_if
            _check_what_if(inputs, self._currency)
            inputs.catalogue_version = inputs.catalogue_version or response.inputs.catalogue_version
        catalogue = await self._catalogue(inputs.catalogue_version)
        if request.changes:
            inputs, catalogue = changed(inputs, catalogue, request.changes)
        prices = prices_of(inputs.price_set) if inputs.HasField("price_set") else None
        rule(inputs, case_of(inputs, catalogue), prices, response.decision, self._currency)
        response.identical = response.decision.SerializeToString(deterministic=True) == recorded.decision
        return response

    async def record(self, events: Sequence[Event]) -> RecordOutcomesResponse:
        """Joins outcome events to their decisions, each (source, event_id) once; names those from before their decision.

        Raises:
            InvalidRequest: An event is no outcome, or its amount is in another currency.
        """
        _check_outcomes(events, self._currency)
        rows = [_row(event) for event in events]
        made = await self._store.decision_times({row.decision for row in rows})
        early = [row for row in rows if row.event_time + _CLOCKS_DIFFER < made.get(row.decision, 0)]
        left_out = set(early)
        joined = await self._store.add_outcomes([row for row in rows if row not in left_out])
        if self._contacts is not None:
            # Those too: who declined is left in peace, whatever the clock said.
            await self._contacts.note(rows)
        return RecordOutcomesResponse(
            recorded=joined.recorded,
            duplicates=joined.duplicates,
            unknown_decisions=joined.unknown_decisions,
            before_decisions=[f"{row.source}/{row.event_id}" for row in early],
        )

    async def _recorded(self, name: str) -> Recorded:
        recorded = await self._store.recorded(name)
        if recorded is None:
            raise NotFound(name, "take the name from an answer of Decide", reason="DECISION_NOT_FOUND")
        if not recorded.decision:
            raise NotFound(name, "its customer was erased, and the decision with him", reason="ERASED")
        return recorded

    async def _catalogue(self, version: str) -> Catalogue:
        known = self._catalogues.get(version)
        if known is None:
            body = await self._stored.body(version)
            if body is None:
                remedy = "take a version that decisions were made with"
                raise InvalidRequest([Violation.of("what_if.catalogue_version", version, remedy)])
            # Apart: compiling rules takes longer than a decision may wait.
            known = self._catalogues[version] = await asyncio.to_thread(parse, body)
        return known


def _check_what_if(inputs: DecisionInputs, currency: str) -> None:
    faults = foreign_money(inputs, currency, "what_if") + unusable_scores(inputs, "what_if")
    faults += uneven_columns(inputs, "what_if")
    if inputs.HasField("price_set"):
        faults += unusable_prices(inputs.price_set, "what_if.price_set")
    if not 0 <= inputs.pacing <= MOST_PACING:
        remedy = f"send a factor from 0 to {MOST_PACING}"
        faults.append(Violation.of("what_if.pacing", inputs.pacing, remedy))
    if not 0 <= inputs.exploration < 1:
        faults.append(
            Violation.of("what_if.exploration", inputs.exploration, "send a share from 0 to just below 1")
        )
    if not 0 <= inputs.draw < 1:
        faults.append(Violation.of("what_if.draw", inputs.draw, "send a number from 0 to just below 1"))
    if not 0 <= inputs.exploration_floor < MOST_FLOOR:
        remedy = f"send a probability from 0 to just below {MOST_FLOOR}"
        faults.append(Violation.of("what_if.exploration_floor", inputs.exploration_floor, remedy))
    if not 0 <= inputs.local_day <= _LAST_DAY:
        remedy = f"send days since 1970, up to {_LAST_DAY}"
        faults.append(Violation.of("what_if.local_day", inputs.local_day, remedy))
    for number, effect in enumerate(inputs.measured_effects):
        if abs(effect.added_micros) > _MOST_ADDED:
            at = f"what_if.measured_effects[{number}].added_micros"
            remedy = f"send an amount from -{_MOST_ADDED} to {_MOST_ADDED} micros"
            faults.append(Violation.of(at, effect.added_micros, remedy))
    if faults:
        raise InvalidRequest(faults)


def _inputs(recorded: Recorded) -> DecisionInputs:
    inputs = DecisionInputs.FromString(recorded.inputs)
    if recorded.price_set is not None:
        inputs.price_set.CopyFrom(PriceSet.FromString(recorded.price_set))
    return inputs


def _check_outcomes(events: Sequence[Event], currency: str) -> None:
    faults: list[Violation] = []
    abroad: list[Violation] = []
    for index, event in enumerate(events):
        what = event.WhichOneof("what")
        if what != "outcome":
            faults.append(Violation.of(f"events[{index}].outcome", what, "send outcome events only"))
        abroad += foreign(event.outcome.amount, currency, f"events[{index}].outcome.amount")
    if faults or abroad:
        raise InvalidRequest([*faults, *abroad], reason="INVALID_REQUEST" if faults else "FOREIGN_CURRENCY")


def _row(event: Event) -> OutcomeRow:
    outcome = event.outcome
    return OutcomeRow(
        event.source,
        event.event_id,
        outcome.decision,
        OutcomeKind.Name(outcome.kind),
        event.event_time.ToMicroseconds(),
        outcome.amount.micros if outcome.HasField("amount") else None,
        outcome.score if outcome.HasField("score") else None,
    )
