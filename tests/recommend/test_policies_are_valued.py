"""Policies valued by decisions made otherwise: true where the truth is known, refused where the log cannot tell, and served."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recommend.offpolicy_world import Case, Log, a_case, a_log
from fieldwise.recommend.v1 import policy_pb2, result_pb2
from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise.recommend.v1.policy_service_pb2_grpc import PolicyServiceStub
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.estimators import DM, DR, IPS, METHODS, SNIPS
from fieldwise_recommend.core.offpolicy.evaluation import (
    BETTER,
    BEYOND_REACH,
    NOT_ENOUGH_EVIDENCE,
    REFUSED,
    WORSE,
    Evaluator,
)
from fieldwise_recommend.core.offpolicy.logged import MONEY, logged, probabilities
from fieldwise_recommend.core.offpolicy.policies import Menu, followed, followed_table
from fieldwise_recommend.core.offpolicy.steps import Step, condition
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable, Measured, Question
from fieldwise_recommend.evaluating_worker import evaluated
from fieldwise_recommend.experience_reading import connected as reading
from fieldwise_recommend.experience_reading import read_experience
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, from_rpc_error
from tests.recommend.recommend_builders import (
    DAY,
    NOW,
    PLAIN,
    a_profile,
    batch,
    connected,
    in_file,
    inputs_for,
    prices,
    some_scores,
)

ROWS = 2_000
LATER = NOW + 29 * DAY
EXPLORING = replace(PLAIN, control_share=0.1, exploration=0.5)


def choices_of(log: Log, customers: np.ndarray[Any, Any] | None = None) -> Choices:
    own = np.arange(len(log.rewards)) if customers is None else customers
    return Choices(log.rewards, log.actions, log.logged, log.facts, own)


def a_fair_case(seed: int) -> Case:
    """A logger that gives chance a third, so that every policy can be told from its log."""
    return replace(a_case(seed), chance=0.3)


def test_the_logged_policy_is_worth_what_its_decisions_brought() -> None:
    log = a_log(a_case(3), ROWS, 3)
    found = Evaluator(choices_of(log)).evaluate(log.logged)
    for method in (IPS, SNIPS):
        assert found.estimates[method].value == pytest.approx(log.rewards.mean())
    assert found.estimates[DR].value == pytest.approx(log.rewards.mean(), rel=0.01)
    assert found.support.effective_rows == pytest.approx(ROWS)
    assert found.verdict == NOT_ENOUGH_EVIDENCE
    # Nothing is gained by doing the same, and of that there is no doubt.
    assert (found.gain.low, found.gain.high) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_ips_is_the_sum_of_weighted_rewards_where_all_is_within_reach() -> None:
    log = a_log(a_fair_case(5), ROWS, 5)
    found = Evaluator(choices_of(log)).evaluate(log.target)
    total = 0.0
    for row, action in enumerate(log.actions):
        total += log.rewards[row] * log.target[row, action] / log.logged[row, action]
    assert found.support.beyond == 0.0
    assert found.estimates[IPS].value == pytest.approx(min(total / ROWS, 1.0))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = dict.fromkeys(METHODS, 0)
    for seed in range(20):
        case = a_fair_case(2_000 + seed)
        log = a_log(case, ROWS, seed)
        found, truth = Evaluator(choices_of(log)).evaluate(log.target), case.truth()
        for method in METHODS:
            held[method] += found.estimates[method].low <= truth <= found.estimates[method].high
    # 19 expected; the cases are fixed, so this never flickers.
    assert all(held[method] >= 17 for method in (IPS, SNIPS, DR))
    # Which is why the regression never stands alone.
    assert held[DM] < 10


def test_a_policy_that_does_what_the_log_never_did_is_refused() -> None:
    draw = np.random.default_rng(1)
    facts = draw.standard_normal((ROWS, 3))
    probability = np.tile([0.5, 0.5, 0.0], (ROWS, 1))
    actions = draw.integers(0, 2, ROWS)
    rewards = draw.random(ROWS)
    evaluator = Evaluator(Choices(rewards, actions, probability, facts, np.arange(ROWS)))
    found = evaluator.evaluate(np.tile([0.0, 0.0, 1.0], (ROWS, 1)))
    assert found.verdict == REFUSED
    assert found.support.unsupported == 1.0
    assert BEYOND_REACH in found.refusals
    half = evaluator.evaluate(np.tile([0.5, 0.0, 0.5], (ROWS, 1)))
    assert half.verdict == REFUSED
    assert half.estimates[DR].low < half.estimates[DR].high - 0.3


def test_chances_too_small_to_have_come_up_do_not_look_like_support() -> None:
    """Weights of the rows that came are near 1; only the probabilities tell what did not come."""
    draw = np.random.default_rng(2)
    probability = np.tile([1.0 - 1e-9, 1e-9], (ROWS, 1))
    choices = Choices(
        draw.random(ROWS), np.zeros(ROWS, dtype=np.int64), probability, np.zeros((ROWS, 0)), np.arange(ROWS)
    )
    found = Evaluator(choices).evaluate(np.tile([0.5, 0.5], (ROWS, 1)))
    assert found.support.effective_rows == pytest.approx(ROWS)
    assert found.support.unsupported == 0.0
    assert found.support.beyond == pytest.approx(0.5)
    assert found.verdict == REFUSED


def test_rows_of_one_customer_count_as_one() -> None:
    log = a_log(a_fair_case(7), 500, 7)
    four = np.repeat(np.arange(500), 4)
    fourfold = Log(log.facts[four], log.actions[four], log.rewards[four], log.logged[four], log.target[four])
    once = Evaluator(choices_of(log)).evaluate(log.target).estimates[SNIPS]
    together = Evaluator(choices_of(fourfold, four)).evaluate(fourfold.target).estimates[SNIPS]
    apart = Evaluator(choices_of(fourfold)).evaluate(fourfold.target).estimates[SNIPS]
    assert together.standard_error > 0.8 * once.standard_error
    assert apart.standard_error < 0.6 * once.standard_error


def test_better_and_worse_policies_are_told_apart() -> None:
    draw = np.random.default_rng(4)
    actions = draw.integers(0, 2, ROWS)
    rewards = draw.normal(10.0 + 3.0 * actions, 4.0)
    evaluator = Evaluator(
        Choices(rewards, actions, np.full((ROWS, 2), 0.5), draw.standard_normal((ROWS, 2)), np.arange(ROWS))
    )
    good = evaluator.evaluate(np.tile([0.0, 1.0], (ROWS, 1)))
    bad = evaluator.evaluate(np.tile([1.0, 0.0], (ROWS, 1)))
    assert (good.verdict, bad.verdict) == (BETTER, WORSE)
    assert good.gain.value == pytest.approx(1.5, abs=0.4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_decisions_changes_nothing(seed: int) -> None:
    log = a_log(a_fair_case(seed), 300, seed)
    order = np.random.default_rng(seed).permutation(300)
    mixed = Log(
        log.facts[order], log.actions[order], log.rewards[order], log.logged[order], log.target[order]
    )
    one = Evaluator(choices_of(log)).evaluate(log.target)
    other = Evaluator(choices_of(mixed, order)).evaluate(mixed.target)
    for method in METHODS:
        assert one.estimates[method].value == pytest.approx(other.estimates[method].value)
        assert one.estimates[method].low == pytest.approx(other.estimates[method].low)


def test_faults_of_a_log_come_all_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Choices(
            np.array([1.0, np.nan]),
            np.array([0, 1]),
            np.array([[0.5, 0.4], [1.0, 0.0]]),
            np.zeros((2, 1)),
            np.arange(2),
        )
    assert [each.field for each in refused.value.violations] == ["rewards", "logged[0]", "logged"]


def test_rules_are_tried_in_order_and_skip_what_could_not_be_chosen() -> None:
    menu = Menu(
        ["actions/a", "actions/b", LEAVE_ALONE],
        np.array([0, 0, 1, 1]),
        [("actions/a", "actions/b", LEAVE_ALONE), ("actions/b", LEAVE_ALONE)],
        {"p_buy": np.array([0.2, 0.8, 0.2, np.nan])},
    )
    steps = [Step("actions/a", condition("p_buy < 0.5")), Step("actions/b", condition("p_buy >= 0.0"))]
    found = followed(steps, menu)
    chosen = [menu.actions[place] for place in found.target.argmax(axis=1)]
    # Of the last customer p_buy is not known: no rule holds.
    assert chosen == ["actions/a", "actions/b", "actions/b", LEAVE_ALONE]
    assert (found.not_open, found.never_open) == (0.25, False)
    assert followed([Step("actions/unheard-of")], menu).never_open


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_learned_table_is_followed_as_a_decision_would(data: st.DataObject) -> None:
    """Against each decision alone: the best measured profit of what was open, nothing where none is above 0."""
    names = [LEAVE_ALONE, "actions/a", "actions/b"]
    rows = 12
    numbers = st.floats(-2, 2) | st.just(float("nan"))
    facts = {
        name: np.array(data.draw(st.lists(numbers, min_size=rows, max_size=rows)))
        for name in ("p_buy", "stage")
    }
    sets = [[LEAVE_ALONE], ["actions/a", LEAVE_ALONE], names]
    open_ = np.array(data.draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)))
    asks = (Question("p_buy", 0.0), Question("stage", 0.0), Question("total_spend", 0.0))
    added = st.integers(-5_000_000, 5_000_000)
    cells = tuple(
        tuple(Measured(name, data.draw(added), 1) for name in ("actions/a", "actions/b", "actions/gone"))
        for _ in range(4)
    )
    table, costs = EffectTable(asks, cells), {"actions/a": 1.0, "actions/b": 0.5}
    found = followed_table(table, costs, 0.5, Menu(names, open_, sets, facts)).target
    for row in range(rows):
        known = {name: column[row] for name, column in facts.items() if np.isfinite(column[row])}
        profit = {LEAVE_ALONE: 0.0}
        for each in table.of(known):
            if each.action in costs and each.action in sets[open_[row]]:
                profit[each.action] = each.added / 1e6 * 0.5 - costs[each.action]
        assert profit[names[int(found[row].argmax())]] == max(profit.values())


async def decided(channel: grpc.aio.Channel, count: int) -> None:
    """Decisions of every kind, and results: more money where a mail was sent."""
    service: Any = RecommendServiceStub(channel)
    asked = batch(price_set=prices())
    for number in range(count):
        name = f"customers/{number}"
        profile = a_profile(name, days_silent=1.0 + number % 40)
        scores = some_scores(name, p_buy=0.05 + 0.9 * (number % 17) / 17)
        asked.inputs.append(inputs_for(name, profile=profile, scores=scores))
    made = {
        each.decision.name: each.decision for each in (await service.BatchRecommendActions(asked)).decided
    }
    due = result_pb2.ListDueResultsRequest(page_size=1000)
    due.decision_time.FromSeconds(LATER)
    for each in (await service.ListDueResults(due)).due:
        money = 20.0 + 10.0 * (made[each.decision].chosen_action != LEAVE_ALONE)
        result = result_pb2.DecisionResult(decision=each.decision, decision_time=each.decision_time)
        result.measured.money.CopyFrom(Money(currency_code="USD", micros=round(money * 1e6)))
        result.measured.money_before.CopyFrom(Money(currency_code="USD"))
        result.measured.bought = True
        await service.RecordResults(result_pb2.RecordResultsRequest(results=[result]))


def an_evaluation(*policies: policy_pb2.PolicyToEvaluate, **fields: Any) -> wire.EvaluatePolicyRequest:
    asked = wire.EvaluatePolicyRequest(policies=policies, **fields)
    asked.decision_time.FromSeconds(LATER)
    return asked


async def test_probabilities_of_all_actions_follow_from_what_is_recorded(tmp_path: Path) -> None:
    """The log keeps the chosen action's probability and what was open; the ranking knew all."""
    url = in_file(tmp_path)
    async with connected(url, EXPLORING) as channel:
        service: Any = RecommendServiceStub(channel)
        asked = batch(
            *(inputs_for(f"customers/{number}", max_actions=50) for number in range(60)), price_set=prices()
        )
        answers = (await service.BatchRecommendActions(asked)).decided
    with reading(url) as connection:
        experience = read_experience(connection)
    by_customer = {each.decision.customer: each.decision for each in answers}
    names = list(dict.fromkeys([*experience.actions, *{a for each in experience.open_sets for a in each}]))
    kept = experience.at(~experience.controlled)
    found = probabilities(names, kept)
    assert len(kept) > 40
    for place in range(len(kept)):
        ranked = by_customer[kept.customers[kept.customer[place]]].actions
        told = {each.action: each.probability for each in ranked if each.probability > 0}
        mine = {name: p for name, p in zip(names, found[place].tolist(), strict=True) if p > 0}
        assert mine == pytest.approx(told)


async def test_policies_are_valued_over_a_socket(tmp_path: Path) -> None:
    url = in_file(tmp_path)
    mail = policy_pb2.PolicyRule(action="actions/email-restock")
    async with connected(url, EXPLORING) as channel:
        await decided(channel, 400)
        stub: Any = PolicyServiceStub(channel)
        bad = policy_pb2.PolicyToEvaluate(
            rules=[policy_pb2.PolicyRule(when="p_bye > 1.0", action="actions/x")]
        )
        both = policy_pb2.PolicyToEvaluate(as_logged=True, rules=[mail])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.EvaluatePolicy(an_evaluation(bad, both))
        fields = [each.field for each in from_rpc_error(refused.value).violations]
        assert fields == ["policies[0].rules[0].when", "policies[1].rules"]
        answer = await stub.EvaluatePolicy(an_evaluation(policy_pb2.PolicyToEvaluate(as_logged=True)))
    with reading(url) as connection:
        known = logged(read_experience(connection), MONEY)
    assert known.learnable is not None
    choices, _ = known.learnable
    only = answer.evaluations[0]
    assert only.title == "as logged"
    assert [each.method for each in only.estimates] == list(METHODS)
    assert answer.logged.value == pytest.approx(choices.rewards.mean())
    assert only.estimates[1].value == pytest.approx(choices.rewards.mean())
    assert only.gain.value == pytest.approx(0.0, abs=0.5)
    assert answer.decisions == 400
    assert answer.controlled + answer.deterministic + only.support.rows == 400
    assert ((choices.logged > 0.0).sum(axis=1) > 1).all()  # chance was in each of them
    # Without naming any: as logged, leaving everybody alone, and each action; in this thread, as no process need start.
    usual = wire.EvaluatePolicyResponse.FromString(
        await asyncio.to_thread(evaluated, url, an_evaluation().SerializeToString())
    )
    alone = next(each for each in usual.evaluations if each.title == LEAVE_ALONE)
    assert alone.estimates[-1].value == pytest.approx(20.0, abs=0.5)
    assert alone.verdict in (policy_pb2.POLICY_VERDICT_WORSE, policy_pb2.POLICY_VERDICT_REFUSED)


async def test_a_period_without_chance_has_no_experience(tmp_path: Path) -> None:
    url = in_file(tmp_path)
    async with connected(url) as channel:
        await decided(channel, 5)
    with pytest.raises(FailedPrecondition) as refused:
        evaluated(url, an_evaluation().SerializeToString())
    assert refused.value.reason == "NO_EXPERIENCE"
