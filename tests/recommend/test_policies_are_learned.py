"""Policies learned from chance: found where something works, refused where nothing does, served, replayed and taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from fieldwise.recommend.v1 import policy_pb2, recommend_service_pb2
from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise.recommend.v1.policy_service_pb2_grpc import PolicyServiceStub
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable, Measured, Question, read
from fieldwise_recommend.core.policy_learning.gate import (
    NOT_ENOUGH_EVIDENCE,
    PERSONAL,
    TREAT_ALL,
    TREAT_NONE,
)
from fieldwise_recommend.core.policy_learning.learning import Trained, train
from fieldwise_recommend.core.policy_learning.segments import segments
from fieldwise_recommend.core.uplift.contrasts import scores
from fieldwise_recommend.store.policies import PolicyStore
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import from_rpc_error
from tests.recommend.recommend_builders import PLAIN, batch, connected, in_file, inputs_for, prices
from tests.recommend.test_policies_are_valued import LATER, decided

ROWS = 2_500
EXPLORING = replace(PLAIN, control_share=0.0, exploration=0.9)


def learned(added: Floats, facts: Floats, costs: tuple[float, float] = (0.0, 0.0), seed: int = 0) -> Trained:
    """From a trial of one action with an even chance that adds so much to each."""
    draw = np.random.default_rng(seed)
    given = draw.integers(0, 2, len(facts))
    rewards = draw.normal(1.0, 1.0, len(facts)) + added * given
    even = np.full((len(facts), 2), 0.5)
    return train(scores(Choices(rewards, given, even, facts, np.arange(len(facts))), np.array(costs)), seed)


def some_facts(seed: int = 0) -> Floats:
    return np.random.default_rng((9, seed)).standard_normal((ROWS, 3))


def test_only_those_whom_the_action_helps_get_it() -> None:
    facts = some_facts()
    found = learned(np.where(facts[:, 1] > 0.0, 1.0, -1.0), facts)
    assert found.verdict.verdict == PERSONAL
    assert found.verdict.gain.low > 0.0
    asked = some_facts(1)
    right = found.chosen(asked) == (asked[:, 1] > 0.0)
    assert right.mean() > 0.9


def test_what_helps_everybody_is_for_everybody_and_what_only_costs_for_nobody() -> None:
    facts = some_facts()
    same = np.ones(ROWS)
    assert learned(0.5 * same, facts).verdict.verdict == TREAT_ALL
    assert learned(0.0 * same, facts, costs=(0.0, 0.5)).verdict.verdict == TREAT_NONE


def test_where_nothing_works_chance_is_not_taken_for_an_effect() -> None:
    facts = some_facts()[:1500]
    said = [learned(np.zeros(1500), facts, seed=seed).verdict.verdict for seed in range(3)]
    assert PERSONAL not in said
    # One in ten may be wrong; the seeds are fixed, so this never flickers.
    assert said.count(NOT_ENOUGH_EVIDENCE) >= 2


def test_no_table_of_the_same_cuts_is_worth_more() -> None:
    """Against brute force over all pairs of questions."""
    draw = np.random.default_rng(3)
    facts = draw.integers(0, 3, (200, 2)).astype(float)
    worth = draw.standard_normal((200, 2))
    found = segments(facts, worth)
    assert found is not None
    got = worth[np.arange(200), found.chosen(facts)].sum()
    splits = [facts[:, fact] <= limit for fact in (0, 1) for limit in (0.0, 1.0)]
    best = max(
        sum(
            worth[cell].sum(axis=0).max()
            for cell in (first & one, first & ~one, ~first & other, ~first & ~other)
        )
        for first in splits
        for one in splits
        for other in splits
    )
    assert got == pytest.approx(best)


def test_a_table_reads_back_as_it_was_and_takes_the_unknown_for_no() -> None:
    cells = tuple((Measured("actions/a", number, 1),) for number in range(4))
    asks = (Question("p_buy", 0.5), Question("total_spend", 10.0), Question("stage", 1.0))
    table = EffectTable(asks, cells)
    assert read(table.text()) == table
    assert table.of({"p_buy": 0.4, "total_spend": 20.0}) == cells[1]
    assert table.of({}) == cells[3]
    assert read(EffectTable((), (cells[0],)).text()).of({"p_buy": 0.1}) == cells[0]


async def test_only_what_surely_beats_simple_ways_is_released_without_a_reason(tmp_path: Path) -> None:
    url, table = in_file(tmp_path), EffectTable((), ((Measured("actions/a", 1_000_000, 1),),))
    async with connected(url) as channel:
        database = Database.open(url)
        for verdict in (policy_pb2.LEARNED_VERDICT_PERSONAL, policy_pb2.LEARNED_VERDICT_TREAT_ALL):
            version = policy_pb2.PolicyVersion(verdict=verdict, gain_low=-0.125)
            await PolicyStore(database).add(version.SerializeToString(), table.text())
        await database.close()
        policies: Any = PolicyServiceStub(channel)

        async def released(name: str, reason: str = "") -> policy_pb2.PolicyVersion:
            request = wire.ReleasePolicyVersionRequest(name=name, override_reason=reason)
            request.decision_time.FromSeconds(LATER)
            answer: policy_pb2.PolicyVersion = await policies.ReleasePolicyVersion(request)
            return answer

        assert not (await released("policies/1", "needless")).override_reason
        for reason in ("", "  "):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await released("policies/2", reason)
            fault = from_rpc_error(refused.value)
            assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_SURELY_BETTER")
            assert "policies/2 is TREAT_ALL" in fault.message
            assert "at least -0.125" in fault.message
            assert "override_reason" in fault.message
        assert (await released("policies/2", "a trial in one town")).in_force
    # It is kept: after a start the list still says why.
    async with connected(url) as channel:
        listed = await PolicyServiceStub(channel).ListPolicyVersions(wire.ListPolicyVersionsRequest())
    told = [(each.name, each.in_force, each.override_reason) for each in listed.policy_versions]
    assert told == [("policies/2", True, "a trial in one town"), ("policies/1", False, "")]


async def trained(channel: grpc.aio.Channel, request_id: str) -> operations_pb2.Operation:
    stub: Any = PolicyServiceStub(channel)
    asked = wire.TrainPolicyRequest(request_id=request_id)
    asked.decision_time.FromSeconds(LATER)
    started = await stub.TrainPolicy(asked)
    again = await stub.TrainPolicy(asked)
    assert again.name == started.name
    operations: Any = OperationsStub(channel)
    waiting = operations_pb2.WaitOperationRequest(name=started.name)
    waiting.timeout.seconds = 60
    done: operations_pb2.Operation = await operations.WaitOperation(waiting)
    assert done.done
    return done


async def test_a_learned_policy_is_released_replayed_and_withdrawn(tmp_path: Path) -> None:
    async with connected(in_file(tmp_path), EXPLORING) as channel:
        await decided(channel, 700)
        done = await trained(channel, "first")
        version = policy_pb2.PolicyVersion()
        assert done.response.Unpack(version), done.error
        assert version.name == "policies/1"
        assert not version.in_force
        cells = [each for segment in version.segments for each in segment.effects]
        effects = {(each.action, round(each.added * 1e6)) for each in cells}
        assert effects
        # What `decided` plants: ten more where anything was done.
        assert [each.added for each in cells] == pytest.approx([10.0] * len(cells), abs=1.0)

        policies: Any = PolicyServiceStub(channel)
        release = wire.ReleasePolicyVersionRequest(name="policies/1")
        release.decision_time.FromSeconds(LATER)
        release.override_reason = "in case it is not surely better"
        assert (await policies.ReleasePolicyVersion(release)).in_force
        listed = await policies.ListPolicyVersions(wire.ListPolicyVersionsRequest())
        assert [each.in_force for each in listed.policy_versions] == [True]

        service: Any = RecommendServiceStub(channel)
        asked = batch(inputs_for("customers/new", max_actions=50), price_set=prices())
        decision = (await service.BatchRecommendActions(asked)).decided[0].decision
        names = {action for action, _ in effects}
        measured = {
            (each.action, each.money.effect.micros) for each in decision.actions if each.action in names
        }
        assert measured
        assert measured <= effects
        again = await service.ReplayDecision(recommend_service_pb2.ReplayDecisionRequest(name=decision.name))
        assert again.identical
        assert {each.basis for each in again.inputs.measured_effects} == {"policies/1"}

        withdraw = wire.WithdrawPolicyRequest(decision_time=release.decision_time)
        assert (await policies.WithdrawPolicy(withdraw)).withdrawn == "policies/1"
        assert not (await policies.WithdrawPolicy(withdraw)).withdrawn
        # What was decided with it stays exact.
        assert (
            await service.ReplayDecision(recommend_service_pb2.ReplayDecisionRequest(name=decision.name))
        ).identical


async def test_nothing_to_learn_from_and_an_unknown_version_are_told(tmp_path: Path) -> None:
    async with connected(in_file(tmp_path), EXPLORING) as channel:
        done = await trained(channel, "empty")
        assert "no action was chosen by chance" in done.error.message
        policies: Any = PolicyServiceStub(channel)
        release = wire.ReleasePolicyVersionRequest(name="policies/7")
        release.decision_time.FromSeconds(LATER)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await policies.ReleasePolicyVersion(release)
        assert from_rpc_error(refused.value).reason == "POLICY_VERSION_NOT_FOUND"
        with pytest.raises(grpc.aio.AioRpcError, match=r"page_token: got '9{25}'; send next_page_token"):
            await policies.ListPolicyVersions(wire.ListPolicyVersionsRequest(page_token="9" * 25))
