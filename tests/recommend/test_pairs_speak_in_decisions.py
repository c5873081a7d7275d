"""Pair rules from the call that learns them to the reason of a decision, its replay, and a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise.recommend.v1 import recommend_service_pb2 as pb
from fieldwise.recommend.v1.decision_pb2 import Decision
from fieldwise.recommend.v1.next_purchase_service_pb2 import LearnNextPurchasesRequest
from fieldwise.recommend.v1.pair_service_pb2_grpc import PairServiceStub
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from fieldwise_runtime.rules import violations
from tests.recommend.recommend_builders import (
    DAY,
    NOW,
    a_profile,
    batch,
    connected,
    in_file,
    inputs_for,
    prices,
)

BIRTHDAY = "actions/email-birthday"
WORDS = ("CHEESE", "CRACKERS", *(f"OTHER {number}" for number in range(20)))


def shop() -> wire.LearnPairRulesRequest:
    """2,000 customers, a basket each; crackers go with cheese, nothing else goes with anything."""
    rng = np.random.default_rng(7)
    there = rng.random((2_000, len(WORDS))) < 0.1
    there[:, 1] |= there[:, 0] & (rng.random(2_000) < 0.5)
    customer, word = np.nonzero(there)
    request = wire.LearnPairRulesRequest(
        words=WORDS, customer=customer.tolist(), day=[17_000] * len(word), word=word.tolist()
    )
    request.decision_time.FromSeconds(NOW)
    return request


def companion_of(decision: Decision) -> list[tuple[str, list[str]]]:
    return [
        (
            each.category,
            [reason.words["given"] for reason in each.reasons if reason.code == "BOUGHT_TOGETHER"],
        )
        for each in decision.actions
        if each.action == "actions/email-companion"
    ]


async def test_what_goes_with_the_last_basket_is_offered_told_replayed_and_outlives_a_restart(
    tmp_path: Path,
) -> None:
    profile = a_profile()
    profile.interests[0].last_purchase_time.FromSeconds(NOW - 4 * DAY)  # cheese is his last basket
    async with connected(in_file(tmp_path)) as channel:
        stub, running = PairServiceStub(channel), RecommendServiceStub(channel)
        inputs = inputs_for(profile=profile, max_actions=50)
        before = await running.BatchRecommendActions(batch(inputs, price_set=prices()))
        assert companion_of(before.decided[0].decision) == []
        learned = await stub.LearnPairRules(shop())
        assert (learned.rules, learned.baskets) == (2, len({*shop().customer}))
        assert (await stub.LearnPairRules(shop())).version == learned.version
        listed = await stub.ListPairRules(wire.ListPairRulesRequest(given="CHEESE"))
        assert [(rule.given, rule.goes) for rule in listed.rules] == [("CHEESE", "CRACKERS")]
        assert listed.rules[0].lift_low > 1.2
        inputs = inputs_for(profile=profile, max_actions=50)
        inputs.companion.category = "MADE UP"  # recommend's own to say
        after = await running.BatchRecommendActions(batch(inputs, price_set=prices()))
        decision = after.decided[0].decision
        assert companion_of(decision) == [("CRACKERS", ["CHEESE"])]
        replayed = await running.ReplayDecision(pb.ReplayDecisionRequest(name=decision.name))
        assert replayed.identical
        assert replayed.inputs.companion.rules_version == learned.version
    async with connected(in_file(tmp_path)) as channel:
        running = RecommendServiceStub(channel)
        listed = await PairServiceStub(channel).ListPairRules(wire.ListPairRulesRequest(page_size=1))
        assert (listed.version, len(listed.rules), bool(listed.next_page_token)) == (learned.version, 1, True)
        again = await running.BatchRecommendActions(
            batch(inputs_for(profile=profile, max_actions=50), price_set=prices())
        )
        assert companion_of(again.decided[0].decision) == [("CRACKERS", ["CHEESE"])]


async def test_faulty_columns_are_told_all_at_once(tmp_path: Path) -> None:
    request = wire.LearnPairRulesRequest(words=["A"], customer=[0], day=[-1, 2], word=[0, 4])
    request.decision_time.FromSeconds(NOW)
    async with connected(in_file(tmp_path)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await PairServiceStub(channel).LearnPairRules(request)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        for field in ("customer", "day", "word"):
            assert field in str(refused.value.details())


@pytest.mark.parametrize("request_of", [wire.LearnPairRulesRequest, LearnNextPurchasesRequest])
def test_a_year_of_a_real_shop_may_be_sent_at_once(request_of: Any) -> None:
    # The demo's 412 households alone buy 176,169 things; the job sends four million at most.
    rows = [0] * 4_000_000
    request = request_of(words=["A"], customer=rows, day=rows, word=rows)
    request.decision_time.FromSeconds(NOW)
    assert violations(request) == []


async def test_a_birthday_that_is_near_is_written_to_once(tmp_path: Path) -> None:
    profile = a_profile()
    profile.plain.birth_month, profile.plain.birth_day = 12, 15
    async with connected(in_file(tmp_path)) as channel:
        running = RecommendServiceStub(channel)

        async def offered(day: int) -> tuple[bool, str]:
            inputs = inputs_for(profile=profile, max_actions=50, channels=["email"])
            inputs.decision_time.FromSeconds(NOW + day * DAY)
            made = await running.BatchRecommendActions(batch(inputs, price_set=prices()))
            decision = made.decided[0].decision
            assert (await running.ReplayDecision(pb.ReplayDecisionRequest(name=decision.name))).identical
            refused = {each.action: each.code for each in decision.rejected}
            return decision.chosen_action == BIRTHDAY, refused.get(BIRTHDAY, "")

        # The 11th of December; the mail is the best of what there is from the 8th on.
        assert await offered(-4) == (False, "CONDITION")
        assert await offered(0) == (True, "")
        assert await offered(1) == (False, "CONTACT_CAP")
        assert await offered(4) == (False, "CONTACT_CAP")
        assert await offered(5) == (False, "CONDITION")
        assert await offered(362) == (True, "")
