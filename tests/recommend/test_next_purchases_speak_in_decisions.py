"""Next purchases from the call that learns them to the names and numbers of a decision, its replay, and a restart."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import grpc
import numpy as np
import pytest

from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1 import next_purchase_service_pb2 as wire
from fieldwise.recommend.v1 import recommend_service_pb2 as pb
from fieldwise.recommend.v1.decision_pb2 import Decision, RankedAction
from fieldwise.recommend.v1.next_purchase_service_pb2_grpc import NextPurchaseServiceStub
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from fieldwise_recommend.core.next_purchase.shortlist import Find, Habit, Tables
from fieldwise_recommend.next_purchase_worker import learned
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

WORDS = tuple(f"THING {number}" for number in range(24))
TODAY = NOW // DAY


@cache
def shop(customers: int = 300, seed: int = 5) -> wire.LearnNextPurchasesRequest:
    """Whoever buys thing 0 takes up thing 1 later, which few others buy; the rest are habits of each customer's own."""
    rng = np.random.default_rng(seed)
    request = wire.LearnNextPurchasesRequest(words=WORDS)
    request.decision_time.FromSeconds(NOW)
    for customer in range(customers):
        rates = np.where(rng.random(24) < 0.15, rng.uniform(0.02, 0.25, 24), 0.0)
        rates[0] = 0.2 if customer % 4 else 0.0
        rates[1] = 0.0
        begins = int(rng.integers(150, 300)) if customer % 4 else 400
        for day in range(0, 300, 2):
            rates[1] = 0.4 if day >= begins else 0.002
            for word in np.flatnonzero(rng.random(24) < rates):
                request.customer.append(customer)
                request.day.append(TODAY - 300 + day)
                request.word.append(int(word))
    return request


def a_buyer(of: int, *others: int) -> Profile:
    """Buys a thing often and lately, others seldom and long ago; two that he never bought are as popular."""
    profile = a_profile()
    profile.last_purchase_time.FromSeconds(NOW - 3 * DAY)
    del profile.interests[:], profile.popular_unbought[:]
    for number, (days, since) in zip((of, *others), ((40, 3), (2, 150), (2, 170)), strict=False):
        interest = profile.interests.add(
            category=WORDS[number], purchase_days=days, mean_gap_days=5.0 if days > 2 else 90.0
        )
        interest.last_purchase_time.FromSeconds(NOW - since * DAY)
    for number in (1, 20):
        profile.popular_unbought.add(category=WORDS[number], customer_share=0.25)
    return profile


def about(decision: Decision, action: str) -> RankedAction:
    (found,) = [each for each in decision.actions if each.action == f"actions/{action}"]
    return found


async def test_decisions_name_repeats_and_discoveries_with_their_numbers_replay_and_outlive_a_restart(
    tmp_path: Path,
) -> None:
    async with connected(in_file(tmp_path)) as channel:
        stub, running = NextPurchaseServiceStub(channel), RecommendServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as unlearned:
            await stub.GetNextPurchaseTables(wire.GetNextPurchaseTablesRequest())
        assert "NOT_LEARNED" in str(unlearned.value.trailing_metadata()) or "learn-next" in str(
            unlearned.value.details()
        )
        before = await running.BatchRecommendActions(
            batch(inputs_for("customers/2", max_actions=50), price_set=prices())
        )
        codes = {each.action: each.code for each in before.decided[0].decision.rejected}
        assert codes["actions/email-habit"] == "NO_CATEGORY"
        tables = (await stub.LearnNextPurchases(shop())).tables
        assert tables.repeat_log_loss < 0.95 * tables.repeat_base_log_loss
        assert tables.discovery_log_loss < 0.95 * tables.discovery_base_log_loss
        assert (tables.things, tables.customers, tables.window_days) == (24, 300, 28)
        inputs = inputs_for(profile=a_buyer(0, 5, 6), max_actions=50)
        inputs.next_purchase.repeats.add(category="MADE UP", probability=1.0)  # recommend's own to say
        decision = (
            (await running.BatchRecommendActions(batch(inputs, price_set=prices()))).decided[0].decision
        )
        habit, new = about(decision, "email-habit"), about(decision, "email-new")
        # What he buys often and lately comes first; what goes with it before what is as popular.
        assert [each.category for each in habit.recommended] == [WORDS[0], WORDS[5], WORDS[6]]
        assert [each.category for each in new.recommended] == [WORDS[1], WORDS[20]]
        assert (habit.category, new.category) == (WORDS[0], WORDS[1])
        assert new.recommended[0].probability > 1.5 * new.recommended[1].probability
        numbers = {reason.code: reason for reason in (*habit.reasons, *new.reasons)}
        told = numbers["NEXT_REPEAT"].numbers
        assert (told["purchase_days"], told["days"], told["window"]) == (40, 3, 28)
        assert told["p"] == pytest.approx(habit.recommended[0].probability, abs=1e-4)
        assert numbers["NEXT_NEW"].numbers["p"] == pytest.approx(new.recommended[0].probability, abs=1e-4)
        assert dict(numbers["LIKE_HABIT"].words) == {"category": WORDS[1], "given": WORDS[0]}
        # When, and through what: of the chosen one.
        assert decision.channel in ("email", "call", "mail")
        assert decision.contact_time.basis == "usual"
        assert decision.best_time.seconds == decision.contact_time.time > NOW
        replayed = await running.ReplayDecision(pb.ReplayDecisionRequest(name=decision.name))
        assert replayed.identical
        assert replayed.inputs.next_purchase.tables_version == tables.version
    async with connected(in_file(tmp_path)) as channel:
        running = RecommendServiceStub(channel)
        kept = await NextPurchaseServiceStub(channel).GetNextPurchaseTables(
            wire.GetNextPurchaseTablesRequest()
        )
        assert kept == tables
        again = await running.BatchRecommendActions(
            batch(inputs_for(profile=a_buyer(0, 5, 6), max_actions=50), price_set=prices())
        )
        assert about(again.decided[0].decision, "email-new").recommended == new.recommended


async def test_too_little_history_and_faulty_columns_are_told(tmp_path: Path) -> None:
    few = wire.LearnNextPurchasesRequest(words=["A"], customer=[0], day=[17_000], word=[0])
    wrong = wire.LearnNextPurchasesRequest(words=["A"], customer=[0], day=[-1, 2], word=[0, 4])
    for request in (few, wrong):
        request.decision_time.FromSeconds(NOW)
    async with connected(in_file(tmp_path)) as channel:
        stub = NextPurchaseServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.LearnNextPurchases(few)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.LearnNextPurchases(wrong)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        for field in ("customer", "day", "word"):
            assert field in str(refused.value.details())


@cache
def small() -> Tables:
    found = learned(shop().SerializeToString())
    assert found is not None
    return found.tables


def test_a_decision_sees_the_inputs_that_were_learned_from() -> None:
    """A case of the learning, told as a decision is, has the same chance: by columns there, by numbers here."""
    from fieldwise_recommend.core.next_purchase.history import history_of
    from fieldwise_recommend.core.next_purchase.shortlist_learning import Sight, seen, things_at

    request = shop()
    columns = [np.array(each, np.int64) for each in (request.customer, request.word, request.day)]
    history = history_of(*columns, customers=300, group=np.zeros(24, np.int64))
    tables = small()
    things = things_at(history, TODAY)
    repeats, finds = seen(history, things, TODAY, Sight())
    for customer in (3, 40, 99):
        mine = history.of_customers(customer, customer + 1)
        rows = [mine.day[mine.thing == word] for word in range(24)]
        whose = repeats.thing[repeats.customer == customer]
        habits = [
            Habit(
                WORDS[word],
                len(rows[word]),
                float(TODAY - rows[word].max()),
                float(np.ptp(rows[word])) / (len(rows[word]) - 1) if len(rows[word]) > 1 else None,
            )
            for word in whose
        ]
        trips, since_any = len(np.unique(mine.day)), float(TODAY - mine.day.max())
        odds = repeats.inputs[repeats.customer == customer] @ np.array(tables.repeat[1:]) + tables.repeat[0]
        told = {each.category: each.probability for each in tables.repeats(habits, trips, since_any)}
        expected = dict(zip([WORDS[word] for word in whose], 1 / (1 + np.exp(-odds)), strict=True))
        assert told == {name: pytest.approx(expected[name], abs=1e-5) for name in told}
        assert min(told.values()) >= sorted(expected.values())[-len(told)] - 1e-5
        new = finds.thing[finds.customer == customer]
        odds = finds.inputs[finds.customer == customer] @ np.array(tables.discovery[1:]) + tables.discovery[0]
        asked = [Find(WORDS[word], float(things.share[word])) for word in new]
        found = {
            each.category: each.probability for each in tables.discoveries(asked, habits, trips, since_any)
        }
        expected = dict(zip([WORDS[word] for word in new], 1 / (1 + np.exp(-odds)), strict=True))
        assert found == {name: pytest.approx(expected[name], abs=1e-5) for name in found}


def test_what_is_not_in_the_tables_and_nothing_at_all_are_ranked_without_fault() -> None:
    tables = small()
    assert tables.repeats([], 0, 0.0) == []
    (stranger,) = tables.repeats([Habit("NEVER SEEN", 1, 0.0, None)], 1, 0.0)
    assert 0.0 < stranger.probability < 1.0
    (new,) = tables.discoveries([Find("NEVER SEEN", 0.0)], [Habit(WORDS[0], 3, 1.0, 4.0)], 3, 1.0)
    assert new.given == ""


def test_where_nobody_finds_anything_new_repeats_are_learned_alone() -> None:
    request = shop()
    kept = [row for row, word in enumerate(request.word) if word == 0]
    alone = wire.LearnNextPurchasesRequest(words=WORDS, decision_time=request.decision_time)
    for column in ("customer", "day", "word"):
        getattr(alone, column).extend([getattr(request, column)[row] for row in kept])
    found = learned(alone.SerializeToString())
    assert found is not None
    assert (found.tables.discovery, found.tables.pairs) == ((), ())
    habits = [Habit(WORDS[0], 10, 3.0, 5.0)]
    assert [each.category for each in found.tables.repeats(habits, 10, 3.0)] == [WORDS[0]]
    assert found.tables.discoveries([Find(WORDS[1], 0.2)], habits, 10, 3.0) == []


def test_weeks_whose_purchases_have_not_come_in_teach_nothing() -> None:
    late = wire.LearnNextPurchasesRequest()
    late.CopyFrom(shop())
    late.decision_time.FromSeconds(NOW + 28 * DAY)
    found = learned(late.SerializeToString())
    assert found is not None
    loss, base = found.losses[:2]
    assert 0 < loss < base


def test_ranking_one_customer_takes_a_fraction_of_the_three_milliseconds_it_may() -> None:
    tables = small()
    habits = [Habit(WORDS[number], 5 + number, 3.0 + number, 6.0) for number in range(10)]
    finds = [Find(WORDS[10 + number], 0.2) for number in range(10)]
    took = []
    for _ in range(400):
        begun = time.thread_time()
        tables.repeats(habits, 60, 3.0)
        tables.discoveries(finds, habits, 60, 3.0)
        took.append(time.thread_time() - begun)
    assert sorted(took)[395] < 0.003
