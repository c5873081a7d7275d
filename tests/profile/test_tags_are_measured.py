"""The worth of tags: the arithmetic against scikit-learn and naive rivals, planted tags found, and nothing retired without a person."""

from __future__ import annotations

import asyncio
import random
from itertools import product
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from fieldwise.profile.v1 import consent_pb2, event_pb2, tag_service_pb2
from fieldwise_profile.core.tags.boosting import gains, log_odds
from fieldwise_profile.core.tags.ranking import folds_of, knee, ranked
from fieldwise_profile.core.tags.scores import Ranked, auc, probability
from fieldwise_profile.core.tags.worth import Rows, Target, measured, report_from_json, report_to_json
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, purchase, serving
from tests.profile.test_tags_act_at_once import create, stub

T = tag_service_pb2


def planted(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten bits: 0 and 1 decide (0 more), 2 is 0 with a few flips, 3 the same for all, the others are chance."""
    chance = np.random.default_rng(seed)
    bits = (chance.random((rows, 10)) < 0.5).astype(float)
    bits[:, 2] = np.where(chance.random(rows) < 0.01, 1 - bits[:, 0], bits[:, 0])
    bits[:, 3] = 1.0
    logit = -2 + 2.0 * bits[:, 0] + 1.2 * bits[:, 1]
    return bits, (chance.random(rows) < 1 / (1 + np.exp(-logit))).astype(float)


def test_chances_are_near_the_true_ones() -> None:
    bits, outcome = planted(8_000, 1)
    others, _ = planted(2_000, 6)
    true = 1 / (1 + np.exp(2 - 2.0 * others[:, 0] - 1.2 * others[:, 1]))
    assert np.abs(probability(log_odds(bits, outcome, others)) - true).mean() < 0.03
    assert np.allclose(probability(log_odds(bits[:, []], outcome, others[:, []])), outcome.mean())


def test_gains_belong_to_the_tags_that_matter_even_if_only_together() -> None:
    chance = np.random.default_rng(8)
    bits = (chance.random((4_000, 6)) < 0.5).astype(float)
    outcome = (chance.random(4_000) < np.where(bits[:, 1] == bits[:, 4], 0.7, 0.3)).astype(float)
    assert set(np.argsort(-gains(bits, outcome, np.ones(4_000), 0))[:2]) == {1, 4}
    assert set(ranked(bits, outcome, np.arange(4_000) // 2, 2)) == {1, 4}


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool, int]]) -> None:
    score, outcome = np.array([float(s) for s, _, _ in rows]), np.array([float(y) for _, y, _ in rows])
    weight = np.array([float(w) for _, _, w in rows])
    pairs = [
        (weight[i] * weight[j], (score[i] > score[j]) + 0.5 * (score[i] == score[j]))
        for i, j in product(range(len(rows)), repeat=2)
        if outcome[i] and not outcome[j]
    ]
    total = sum(w for w, _ in pairs)
    found = Ranked(score, outcome).auc(weight)
    assert np.isnan(found) if not total else np.isclose(found, sum(w * right for w, right in pairs) / total)
    if 0 < outcome.sum() < len(rows):
        assert np.isclose(auc(score, outcome), roc_auc_score(outcome, score))


def test_the_tags_that_decide_come_first_and_their_copies_do_not() -> None:
    bits, outcome = planted(4_000, 2)
    order = ranked(bits, outcome, np.arange(4_000) // 3, 10)
    assert set(order[:2]) in ({0, 1}, {1, 2})
    assert 3 not in order[:2]


def test_customers_are_never_split_between_folds() -> None:
    customers = np.repeat(np.arange(50), 4)
    folds = folds_of(customers, np.random.default_rng(1))
    assert all(len(set(folds[customers == each])) == 1 for each in range(50))
    assert set(folds) == set(range(5))


def test_the_knee_is_the_fewest_tags_near_the_best() -> None:
    assert knee([0.6, 0.7, 0.7015, 0.702, 0.701]) == 2
    assert knee([0.6]) == 1


def test_a_report_finds_what_was_planted_and_comes_back_from_its_bytes() -> None:
    names = [f"tags/{letter}" for letter in "abcdefghij"]
    bits, outcome = planted(3_000, 3)
    later, later_outcome = planted(2_000, 4)
    old = Rows(bits, outcome, np.arange(3_000) % 700, np.arange(3_000) % 3)
    new = Rows(later, later_outcome, np.arange(2_000) % 700, np.zeros(2_000, dtype=np.int64))
    found = measured(names, old, new, (Target.BUYS_28D, 5, 1))
    assert {"tags/a", "tags/b"} <= set(found.kept) or {"tags/b", "tags/c"} <= set(found.kept)
    assert found.kept_auc > found.all_auc - 0.005
    assert [(pair.one, pair.other) for pair in found.overlaps] == [("tags/a", "tags/c")]
    proposals = {each.tag: each for each in found.proposals}
    assert proposals["tags/d"].reason == "CONSTANT"
    copy = ({"tags/a", "tags/c"} - set(found.kept)).pop()
    assert proposals[copy].reason == "OVERLAPS"
    assert not set(found.kept) & set(proposals)
    worth = {each.tag: each for each in found.tags}
    best = found.kept[0]
    assert worth[best].auc.low > 0.02
    assert worth[best].auc.low <= worth[best].auc.value <= worth[best].auc.high
    # Leaving a tag out, fitted anew by somebody else: the same fall.
    kept = [names.index(name) for name in found.kept]
    without = [place for place in kept if names[place] != best]
    learner = HistGradientBoostingClassifier(
        max_iter=100,
        max_depth=3,
        learning_rate=0.05,
        max_features=0.3,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )
    aucs = [
        roc_auc_score(later_outcome, learner.fit(bits[:, use], outcome).predict_proba(later[:, use])[:, 1])
        for use in (kept, without)
    ]
    assert worth[best].auc.value == pytest.approx(aucs[0] - aucs[1], abs=1e-4)
    assert report_from_json(report_to_json(found)) == found


def test_the_same_rows_give_the_same_report() -> None:
    bits, outcome = planted(600, 3)
    rows = Rows(bits[:, :3], outcome, np.arange(600) % 200, np.arange(600) % 3)
    found = [measured(["a", "b", "c"], rows, rows, (Target.BUYS_28D, 5, 1)) for _ in range(2)]
    assert found[0] == found[1]


def two_kinds_of_customers(number: int) -> list[event_pb2.Event]:
    """Half buy about every week, half about every seven weeks, for 300 days."""
    chance = random.Random(5)
    events = []
    for customer in range(number):
        gap, day = (7.0, 45.0)[customer % 2], chance.uniform(0, 20)
        while day < 300:
            events.append(
                purchase(
                    f"{customer}-{day}",
                    str(customer),
                    NOW - (300 - day) * DAY,
                    amount=chance.randrange(1, 20),
                )
            )
            day += chance.uniform(0.4, 1.6) * gap
    return events


TAGS = {
    "often": "features.purchase_days_56d >= 4.0",
    "often-again": "features.purchase_days_56d > 3.5",
    "everybody": "features.spend_total >= 0.0",
    "chance": "int(features.spend_total) % 2 == 0",
    "chance-again": "int(features.spend_total) % 3 == 0",
}


async def measured_by(client: Client, **more: Any) -> list[T.EvaluateTagsResponse]:
    request = T.EvaluateTagsRequest(target=T.TAG_TARGET_BUYS_28D, as_of=at(NOW), seed=1, **more)
    return [answer async for answer in stub(client).EvaluateTags(request)]


async def test_a_measurement_proposes_and_only_a_person_retires(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch(two_kinds_of_customers(130)))
        for name, rule in TAGS.items():
            await create(client, name, rule)
        told = await measured_by(client, propose=True)
        report = told[-1].report
        assert {each.step for each in told} >= {"reading", "ranking", "curve", "worth"}
        assert (report.name, report.knee) == ("tagReports/1", len(report.kept))
        assert 0 < report.base_rate < 1
        assert report.kept_auc > 0.7
        assert report.kept[0] in ("tags/often", "tags/often-again")
        reasons = {each.tag: each.reason for each in report.proposals}
        other = ({"tags/often", "tags/often-again"} - {report.kept[0]}).pop()
        assert (reasons[other], reasons["tags/everybody"]) == ("OVERLAPS", "CONSTANT")
        listed = {tag.name: tag for tag in (await stub(client).ListTags(T.ListTagsRequest())).tags}
        assert len(listed) == len(TAGS)  # nothing was retired
        assert listed[other].state == T.TAG_STATE_PROPOSED
        assert listed[other].note == "proposed by tagReports/1"
        assert listed[report.kept[0]].state == T.TAG_STATE_ACTIVE
        assert other in (await client.profile("0")).tags
        undone = await stub(client).RestoreTag(T.RestoreTagRequest(name=other, decision_time=at(NOW)))
        assert undone.state == T.TAG_STATE_ACTIVE
        kept = await stub(client).GetTagReport(T.GetTagReportRequest(name="tagReports/latest"))
        assert kept == report
        reports = (await stub(client).ListTagReports(T.ListTagReportsRequest())).reports
        assert [(each.name, len(each.tags)) for each in reports] == [("tagReports/1", 0)]


async def test_too_little_to_measure_is_said(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(two_kinds_of_customers(4)))
        for missing in ("tags", "rows"):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await measured_by(client)
            fault = from_rpc_error(raised.value)
            assert (fault.code, fault.reason) == (
                grpc.StatusCode.FAILED_PRECONDITION,
                "TOO_LITTLE_HISTORY",
            ), missing
            for name in ("a", "b"):
                await create(client, name, "now > now")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub(client).GetTagReport(T.GetTagReportRequest(name="tagReports/latest"))
        assert from_rpc_error(raised.value).reason == "TAG_REPORT_NOT_FOUND"


async def test_who_does_not_consent_to_training_is_left_out_and_who_leaves_stops_it(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        events = two_kinds_of_customers(130)
        refusal = event_pb2.Consent(purpose=consent_pb2.PURPOSE_TRAINING, granted=False, policy_version="1")
        no = event_pb2.Event(
            event_id="no", source="crm", customer="customers/0", event_time=at(NOW - 1), consent=refusal
        )
        await client.ingest(batch(events))
        for name, rule in TAGS.items():
            await create(client, name, rule)
        totals = []
        for refused in ([], [no]):
            if refused:
                await client.ingest(batch(refused))
            call = stub(client).EvaluateTags(
                T.EvaluateTagsRequest(target=T.TAG_TARGET_BUYS_28D, as_of=at(NOW))
            )
            totals.append((await anext(aiter(call))).total)
            call.cancel()
        assert totals == [130, 129]
        await asyncio.sleep(0.2)
        reports = (await stub(client).ListTagReports(T.ListTagReportsRequest())).reports
        assert not reports
