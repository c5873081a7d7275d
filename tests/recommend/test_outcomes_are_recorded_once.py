"""Outcome events join their decisions once and come back with them, also with a decision that came back later."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from fieldwise.profile.v1.event_pb2 import Event
from fieldwise.recommend.v1.recommend_service_pb2 import (
    GetDecisionRequest,
    RecordOutcomesRequest,
    ReplayDecisionRequest,
)
from fieldwise_runtime.errors import from_rpc_error
from tests.recommend.recommend_builders import (
    DAY,
    NOW,
    an_outcome,
    batch,
    in_file,
    inputs_for,
    prices,
    serving,
)

UNKNOWN = "decisions/00000000-0000-7000-8000-000000000000"


async def test_an_outcome_counts_once_and_comes_back_with_its_decision(database_url: str) -> None:
    async with serving(database_url) as stub:
        answer = await stub.BatchRecommendActions(batch(inputs_for(), price_set=prices()))
        name = answer.decided[0].decision.name
        later, sooner = an_outcome(name, "o1", 12.5, NOW + 9 * DAY), an_outcome(name, "o2", None, NOW + DAY)
        first = await stub.RecordOutcomes(RecordOutcomesRequest(events=[later, sooner, later]))
        second = await stub.RecordOutcomes(RecordOutcomesRequest(events=[later, an_outcome(name, "o3")]))
        decision = await stub.GetDecision(GetDecisionRequest(name=name))
        replayed = await stub.ReplayDecision(ReplayDecisionRequest(name=name))
    assert (first.recorded, first.duplicates) == (2, 1)
    assert (second.recorded, second.duplicates) == (1, 1)
    assert [outcome.event_id for outcome in decision.outcomes] == ["o2", "o3", "o1"]
    assert decision.outcomes[2].amount.micros == 12_500_000
    assert not decision.outcomes[0].HasField("amount")
    assert decision.outcomes[0].kind == "OUTCOME_KIND_PURCHASED"
    assert decision.outcomes[2].event_time.seconds == NOW + 9 * DAY
    assert replayed.identical


async def test_outcomes_of_unknown_decisions_are_named_and_counted_apart(database_url: str) -> None:
    async with serving(database_url) as stub:
        answer = await stub.BatchRecommendActions(batch(inputs_for()))
        events = [
            an_outcome(UNKNOWN, "o1"),
            an_outcome(UNKNOWN, "o2"),
            an_outcome(answer.decided[0].decision.name, "o3"),
        ]
        joined = await stub.RecordOutcomes(RecordOutcomesRequest(events=events))
    assert (joined.recorded, joined.duplicates, list(joined.unknown_decisions)) == (1, 0, [UNKNOWN])


async def test_an_outcome_waits_for_a_decision_that_comes_back(database_url: str) -> None:
    lost = an_outcome(UNKNOWN, "o1")
    async with serving(database_url) as stub:
        first = await stub.RecordOutcomes(RecordOutcomesRequest(events=[lost]))
        await stub.BatchRecommendActions(batch(inputs_for(decision=UNKNOWN)))
        decision = await stub.GetDecision(GetDecisionRequest(name=UNKNOWN))
        second = await stub.RecordOutcomes(RecordOutcomesRequest(events=[lost]))
    assert (first.recorded, list(first.unknown_decisions)) == (0, [UNKNOWN])
    assert [outcome.event_id for outcome in decision.outcomes] == ["o1"]
    assert (second.recorded, second.duplicates, list(second.unknown_decisions)) == (0, 1, [])


async def test_the_same_event_id_of_another_source_is_another_event(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        name = (await stub.BatchRecommendActions(batch(inputs_for()))).decided[0].decision.name
        other = an_outcome(name)
        other.source = "pos"
        joined = await stub.RecordOutcomes(RecordOutcomesRequest(events=[an_outcome(name), other]))
    assert (joined.recorded, joined.duplicates) == (2, 0)


async def test_what_is_no_outcome_or_in_another_currency_is_refused(tmp_path: Path) -> None:
    purchase = Event(event_id="p1", source="pos", customer="customers/1")
    purchase.event_time.FromSeconds(NOW)
    purchase.redemption.campaign = "c1"
    foreign = an_outcome(UNKNOWN, "o1", 3.0)
    foreign.outcome.amount.currency_code = "EUR"
    async with serving(in_file(tmp_path)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.RecordOutcomes(RecordOutcomesRequest(events=[purchase, foreign]))
    fields = [violation.field for violation in from_rpc_error(refused.value).violations]
    assert fields == ["events[0].outcome", "events[1].outcome.amount.currency_code"]


async def test_an_outcome_from_before_its_decision_is_named_and_left_out(database_url: str) -> None:
    async with serving(database_url) as stub:
        name = (await stub.BatchRecommendActions(batch(inputs_for()))).decided[0].decision.name
        events = [
            an_outcome(name, "early", at=NOW - 61),
            an_outcome(name, "clocks", at=NOW - 59),
            an_outcome(UNKNOWN, "unknown", at=NOW - DAY),
        ]
        joined = await stub.RecordOutcomes(RecordOutcomesRequest(events=events))
        decision = await stub.GetDecision(GetDecisionRequest(name=name))
    assert list(joined.before_decisions) == ["fieldwise/early"]
    assert (joined.recorded, joined.duplicates, list(joined.unknown_decisions)) == (1, 0, [UNKNOWN])
    assert [outcome.event_id for outcome in decision.outcomes] == ["clocks"]
