"""Erasure: decisions are emptied and say so, budgets stay spent, files hold nothing, and nothing brings anything back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from fieldwise.recommend.v1 import recommend_service_pb2 as wire
from fieldwise_runtime.errors import RpcFault, from_rpc_error
from tests.recommend.recommend_builders import (
    NOW,
    a_profile,
    an_outcome,
    batch,
    in_file,
    inputs_for,
    prices,
    serving,
)

HIM, OTHER = "customers/him", "customers/other"
CANARY = "CANARY-7f3a"


def marked(customer: str) -> Any:
    """Inputs in whose profile something can be found again."""
    profile = a_profile(customer)
    profile.interests[0].category = CANARY
    return inputs_for(customer, profile=profile, scores=None)


async def fault_of(call: Any) -> RpcFault:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


def erase(*names: str) -> wire.EraseCustomersRequest:
    return wire.EraseCustomersRequest(names=names)


async def test_erased_decisions_say_so_and_others_stay(database_url: str) -> None:
    async with serving(database_url) as stub:
        mine, others = inputs_for(HIM), inputs_for(OTHER)
        await stub.BatchRecommendActions(batch(mine, others, price_set=prices()))
        await stub.RecordOutcomes(wire.RecordOutcomesRequest(events=[an_outcome(mine.decision, amount=3.0)]))
        answer = await stub.EraseCustomers(erase(HIM))
        assert (answer.counts["decisions"], answer.counts["outcomes"]) == (1, 1)
        for call in (
            stub.GetDecision(wire.GetDecisionRequest(name=mine.decision)),
            stub.ReplayDecision(wire.ReplayDecisionRequest(name=mine.decision)),
        ):
            fault = await fault_of(call)
            assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "ERASED")
        assert (await stub.GetDecision(wire.GetDecisionRequest(name=others.decision))).customer == OTHER


async def test_erasing_again_changes_nothing(database_url: str) -> None:
    async with serving(database_url) as stub:
        await stub.BatchRecommendActions(batch(inputs_for(HIM)))
        await stub.EraseCustomers(erase(HIM))
        assert not any((await stub.EraseCustomers(erase(HIM))).counts.values())


async def test_what_was_set_aside_stays_spent_after_a_restart(tmp_path: Path) -> None:
    period = wire.GetCommitmentsRequest(valid_until=prices().valid_until)
    async with serving(in_file(tmp_path)) as stub:
        await stub.BatchRecommendActions(batch(inputs_for(HIM), price_set=prices(minute=0.0)))
        spent = await stub.GetCommitments(period)
        assert spent.uses
        await stub.EraseCustomers(erase(HIM))
    async with serving(in_file(tmp_path)) as stub:
        assert await stub.GetCommitments(period) == spent


async def test_no_file_holds_anything_of_him(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        await stub.BatchRecommendActions(batch(*(marked(HIM) for _ in range(30)), price_set=prices()))
        assert any(CANARY.encode() in file.read_bytes() for file in tmp_path.iterdir())
        await stub.EraseCustomers(erase(HIM))
        found = [file.name for file in tmp_path.iterdir() if CANARY.encode() in file.read_bytes()]
        assert found == []


async def test_a_decision_that_was_under_way_brings_nothing_back(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        deciding = [stub.BatchRecommendActions(batch(*(marked(HIM) for _ in range(200)))) for _ in range(3)]
        erasing = stub.EraseCustomers(erase(HIM))
        await asyncio.gather(*deciding, erasing)
        late = await stub.BatchRecommendActions(batch(marked(HIM)))
        assert late.decided[0].decision.name, "a stranger of that name is decided about"
        await stub.EraseCustomers(erase(HIM))
        assert [file.name for file in tmp_path.iterdir() if CANARY.encode() in file.read_bytes()] == []


async def test_he_stays_unknown_after_a_restart(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        await stub.EraseCustomers(erase(HIM))
    async with serving(in_file(tmp_path)) as stub:
        inputs = marked(HIM)
        await stub.BatchRecommendActions(batch(inputs))
        replayed = await stub.ReplayDecision(wire.ReplayDecisionRequest(name=inputs.decision))
        assert not replayed.inputs.HasField("profile")
        assert replayed.inputs.decision_time.seconds == NOW
