"""A replay from recorded inputs gives the same bytes; changing one recorded input changes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, given, settings

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import GetDecisionRequest, ReplayDecisionRequest
from fieldwise_recommend.__main__ import catalogue_file
from fieldwise_recommend.ruling import case_of, rule
from fieldwise_recommend.situation import prices_of
from fieldwise_runtime.errors import from_rpc_error
from tests.recommend.recommend_builders import (
    CATALOGUE,
    PLAIN,
    batch,
    in_file,
    inputs_for,
    made_from,
    prices,
    random_inputs,
    random_prices,
    serving,
)

CHANCY = replace(PLAIN, exploration=0.9, control_share=0.3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random_inputs(), random_prices())
def test_the_recorded_inputs_alone_give_the_same_bytes(
    inputs: DecisionInputs, price_set: PriceSet | None
) -> None:
    made = made_from(inputs, price_set, CHANCY.policy)
    read_back = DecisionInputs.FromString(made.inputs.SerializeToString())
    again = Decision()
    recorded_prices = None if price_set is None else prices_of(price_set)
    rule(read_back, case_of(read_back, CATALOGUE), recorded_prices, again, "USD")
    assert again.SerializeToString(deterministic=True) == made.decision.SerializeToString(deterministic=True)


async def test_every_stored_decision_replays_identically(database_url: str) -> None:
    price_set = prices(slots=5, minutes=12, coupons=4)
    inputs = [inputs_for(f"customers/{number}") for number in range(60)]
    async with serving(database_url, CHANCY) as stub:
        answer = await stub.BatchRecommendActions(batch(*inputs, price_set=price_set))
        for decided in answer.decided:
            replayed = await stub.ReplayDecision(ReplayDecisionRequest(name=decided.decision.name))
            assert replayed.identical
            assert replayed.decision == decided.decision
            assert replayed.inputs.price_set == price_set
    refused = {rejected.code for decided in answer.decided for rejected in decided.decision.rejected}
    assert "BUDGET_SPENT" in refused


async def test_a_changed_input_changes_the_replay(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        answer = await stub.BatchRecommendActions(batch(inputs_for(), price_set=prices()))
        name = answer.decided[0].decision.name
        recorded = (await stub.ReplayDecision(ReplayDecisionRequest(name=name))).inputs
        for change in (_dearer, _likelier, _controlled, _spent, _cheaper_pace):
            what_if = DecisionInputs()
            what_if.CopyFrom(recorded)
            change(what_if)
            replayed = await stub.ReplayDecision(ReplayDecisionRequest(name=name, what_if=what_if))
            assert not replayed.identical, change.__name__
        untouched = await stub.ReplayDecision(ReplayDecisionRequest(name=name, what_if=recorded))
        assert untouched.identical
        stored = await stub.GetDecision(GetDecisionRequest(name=name))
    assert stored == answer.decided[0].decision


def _dearer(inputs: DecisionInputs) -> None:
    for price in inputs.price_set.prices:
        price.micros_per_unit *= 1.1


def _likelier(inputs: DecisionInputs) -> None:
    inputs.scores.predictions[0].probability += 0.01


def _controlled(inputs: DecisionInputs) -> None:
    inputs.control_group = True


def _spent(inputs: DecisionInputs) -> None:
    inputs.scarce.add(resource="email-slots", left=0.5)


def _cheaper_pace(inputs: DecisionInputs) -> None:
    inputs.pacing = 0.5


async def test_a_decision_replays_with_the_catalogue_it_was_made_with(tmp_path: Path) -> None:
    old, new = catalogue_file(), catalogue_file().replace(b"lift = 0.02, ", b"lift = 0.90, ")
    url = in_file(tmp_path)
    async with serving(url, body=old) as stub:
        first = (
            (await stub.BatchRecommendActions(batch(inputs_for(), price_set=prices()))).decided[0].decision
        )
    async with serving(url, body=new) as stub:
        replayed = await stub.ReplayDecision(ReplayDecisionRequest(name=first.name))
        again = (
            (await stub.BatchRecommendActions(batch(inputs_for(), price_set=prices()))).decided[0].decision
        )
    assert replayed.identical
    assert again.parts[-1].version != first.parts[-1].version


async def test_an_unknown_decision_or_catalogue_is_named(tmp_path: Path) -> None:
    missing = "decisions/00000000-0000-7000-8000-000000000000"
    async with serving(in_file(tmp_path)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.ReplayDecision(ReplayDecisionRequest(name=missing))
        with pytest.raises(grpc.aio.AioRpcError) as nothing:
            await stub.GetDecision(GetDecisionRequest(name=missing))
        answer = await stub.BatchRecommendActions(batch(inputs_for()))
        what_if = inputs_for(catalogue_version="0123456789ab")
        name = answer.decided[0].decision.name
        with pytest.raises(grpc.aio.AioRpcError) as other:
            await stub.ReplayDecision(ReplayDecisionRequest(name=name, what_if=what_if))
    for refused in (unknown, nothing):
        fault = from_rpc_error(refused.value)
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "DECISION_NOT_FOUND")
        assert missing in fault.message
    assert from_rpc_error(other.value).violations[0].field == "what_if.catalogue_version"
