"""ScoreCustomers on a real socket: priors, champions, named versions, and requests that are wrong."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.type.v1.features_pb2 import FeatureVector
from fieldwise.type.v1.provenance_pb2 import PART_STATE_FRESH, PART_STATE_PRIOR
from fieldwise_forecast.core.questions import QUESTIONS
from fieldwise_forecast.scoring import key_of
from fieldwise_runtime.errors import from_rpc_error
from tests.forecast.conftest import Fitted
from tests.forecast.forecast_servers import NOWHERE, Forecast, features, forecast_server, registered

WITHIN_RHYTHM, WITHOUT_RHYTHM = 1, 0  # rows of the world: every tenth customer has no rhythm


@pytest.fixture
async def untrained(tmp_path: Path) -> AsyncIterator[Forecast]:
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        yield forecast


@pytest.fixture
async def trained(tmp_path: Path, fitted: Fitted) -> AsyncIterator[Forecast]:
    await registered(tmp_path, list(fitted.models.values()))
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        yield forecast


async def test_before_any_training_stated_priors_answer_and_say_so(
    untrained: Forecast, fitted: Fitted
) -> None:
    answer = await untrained.score(features(fitted.snapshots[-1], 3), with_contributions=True)
    assert answer.part.state == PART_STATE_PRIOR
    assert "stated priors stand in" in answer.part.detail
    assert [(p.model_version, p.probability) for p in answer.scores[0].predictions] == [("", 0.8), ("", 0.1)]
    assert answer.scores[0].spend_if_buys.micros == 150_000_000


async def test_champions_answer_with_contributions_that_add_up(trained: Forecast, fitted: Fitted) -> None:
    customers = [features(fitted.snapshots[-1], row) for row in range(40)]
    answer = await trained.score(*customers, with_contributions=True)
    assert answer.part.state == PART_STATE_FRESH
    assert answer.part.version == "models/buys-28d/versions/1,models/silent-28d/versions/1"
    assert [scores.customer for scores in answer.scores] == [customer.customer for customer in customers]
    told = [p for scores in answer.scores for p in scores.predictions if p.model_version]
    for p in told:
        total = p.base_log_odds + sum(each.log_odds for each in p.contributions)
        assert total == pytest.approx(p.log_odds, abs=1e-4)
        assert p.probability == pytest.approx(1 / (1 + math.exp(-p.log_odds)), abs=1e-12)
    assert len(told) > 40


async def test_an_unknown_value_has_no_number_in_its_contribution(trained: Forecast, fitted: Fitted) -> None:
    customers = [
        features(fitted.snapshots[-1], row) for row in range(0, 400, 5)
    ]  # `blank` is NaN for all of them
    answer = await trained.score(*customers, with_contributions=True)
    shown = [c for s in answer.scores for p in s.predictions for c in p.contributions]
    assert not any(c.HasField("value") for c in shown if c.feature in ("blank", "other"))
    assert all(c.HasField("value") for c in shown if c.feature == "signal")


async def test_the_question_of_silence_is_not_asked_of_a_customer_without_rhythm(
    trained: Forecast, fitted: Fitted
) -> None:
    answer = await trained.score(features(fitted.snapshots[-1], WITHOUT_RHYTHM))
    buys, silent = answer.scores[0].predictions
    assert buys.model_version == "models/buys-28d/versions/1"
    assert silent.model_version == ""
    assert silent.probability == pytest.approx(fitted.models["silent-28d"].report.base_rate)
    assert answer.part.state == PART_STATE_FRESH


async def test_a_customer_without_features_gets_the_base_rate_and_is_marked(
    trained: Forecast, fitted: Fitted
) -> None:
    nobody = pb.CustomerFeatures(customer="customers/new")
    both = await trained.score(nobody, features(fitted.snapshots[-1], WITHIN_RHYTHM))
    # The part tells of the models, and they are there.
    assert (both.part.state, both.part.detail) == (PART_STATE_FRESH, "")
    assert {each.model_version for each in both.scores[0].predictions} == {""}
    assert "" not in {each.model_version for each in both.scores[1].predictions}
    prior = both.scores[0].predictions[0]
    assert prior.probability == pytest.approx(fitted.models["buys-28d"].report.base_rate)


async def test_a_remembered_answer_equals_the_first_one(trained: Forecast, fitted: Fitted) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    first = await trained.score(customer, with_contributions=True)
    again = await trained.score(customer, with_contributions=True)
    without = await trained.score(customer)
    assert first.scores == again.scores
    assert not without.scores[0].predictions[0].contributions
    assert without.scores[0].predictions[0].probability == first.scores[0].predictions[0].probability


async def test_the_same_numbers_at_a_later_moment_are_remembered_and_others_are_not(fitted: Fitted) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    later, other, changed = (pb.CustomerFeatures() for _ in range(3))
    for copy in (later, other, changed):
        copy.CopyFrom(customer)
    later.features.as_of.seconds += 3600
    other.customer = "customers/other"
    changed.features.values[0] += 1.0
    unknown = [math.nan if number == 0 else 1.0 for number in range(3)]
    with_nan = [pb.CustomerFeatures(customer="c", features=FeatureVector(values=unknown)) for _ in range(2)]
    assert key_of(later, False) == key_of(customer, False)
    assert key_of(with_nan[0], False) == key_of(with_nan[1], False)
    assert len({key_of(each, False) for each in (customer, other, changed)} | {key_of(customer, True)}) == 4
    nobody, empty = pb.CustomerFeatures(customer="c"), pb.CustomerFeatures(customer="c")
    empty.features.SetInParent()
    assert key_of(nobody, False) != key_of(empty, False)


async def test_more_customers_than_are_remembered_are_all_answered(tmp_path: Path, fitted: Fitted) -> None:
    await registered(tmp_path, list(fitted.models.values()))
    async with forecast_server(tmp_path, NOWHERE, cached_customers=3) as forecast:
        customers = [features(fitted.snapshots[-1], row) for row in range(20)]
        for _ in range(2):
            answer = await forecast.score(*customers)
            assert [scores.customer for scores in answer.scores] == [c.customer for c in customers]


async def test_one_customer_alone_and_in_a_large_batch_agree_to_a_millionth(
    trained: Forecast, fitted: Fitted
) -> None:
    everyone = [features(fitted.snapshots[-1], row) for row in range(400)]
    # Another moment of the same numbers is another question to the memory, so that all of these are computed.
    later = [pb.CustomerFeatures.FromString(each.SerializeToString()) for each in everyone]
    for each in later:
        each.features.as_of.seconds += 1
    batch = await trained.score(*everyone)
    for i in range(0, 400, 40):
        alone = (await trained.score(later[i])).scores[0]
        for a, b in zip(alone.predictions, batch.scores[i].predictions, strict=True):
            assert a.probability == pytest.approx(b.probability, abs=1e-6)


async def test_a_named_version_answers_alone(trained: Forecast, fitted: Fitted) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    champions = await trained.score(customer)
    named = await trained.score(customer, model_versions=["models/buys-28d/versions/1"])
    assert named.scores[0].predictions[0] == champions.scores[0].predictions[0]
    assert named.scores[0].predictions[1].model_version == ""
    assert named.part.version == "models/buys-28d/versions/1"


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return from_rpc_error(failure.value)


async def test_a_version_that_is_not_kept_is_not_found(trained: Forecast, fitted: Fitted) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    fault = await refused(trained.score(customer, model_versions=["models/buys-28d/versions/9"]))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_VERSION_NOT_FOUND")


async def test_versions_that_cannot_score_together_are_all_named(trained: Forecast, fitted: Fitted) -> None:
    names = ["models/weekly-sales/versions/1", "models/buys-28d/versions/1", "models/buys-28d/versions/2"]
    fault = await refused(trained.score(features(fitted.snapshots[-1], 1), model_versions=names))
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in fault.violations] == ["model_versions[0]", "model_versions[2]"]


async def test_features_of_another_set_are_refused(trained: Forecast, fitted: Fitted) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    customer.features.set_version = 2
    fault = await refused(trained.score(customer))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "FEATURE_SET_MISMATCH")
    assert "version 2" in fault.message


async def test_every_wrong_number_of_every_customer_is_named(trained: Forecast, fitted: Fitted) -> None:
    short, infinite, unknown = (features(fitted.snapshots[-1], row) for row in (1, 2, 3))
    del short.features.values[-1]
    infinite.features.values[0] = math.inf
    unknown.features.values[3] = math.nan  # active_28d_windows has no null rule
    fault = await refused(trained.score(short, infinite, unknown))
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    fields = [violation.field for violation in fault.violations]
    path = "customers[{}].features.values{}"
    assert fields == [path.format(0, ""), path.format(1, "[0]"), path.format(2, "[3]")]
    assert "active_28d_windows" in fault.violations[2].remedy


@pytest.mark.parametrize("count", [0, 1001])
async def test_batches_of_none_and_of_too_many_are_refused(untrained: Forecast, count: int) -> None:
    fault = await refused(untrained.score(*[pb.CustomerFeatures(customer="customers/a")] * count))
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert fault.violations[0].field == "customers"


async def test_only_the_questions_asked_are_answered_and_the_part_tells_of_them(
    trained: Forecast, fitted: Fitted
) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    one = await trained.score(customer, questions=["models/silent-28d"])
    everything = await trained.score(customer, questions=[])
    assert [p.model for p in one.scores[0].predictions] == ["models/silent-28d"]
    assert one.part.state == PART_STATE_FRESH
    assert not one.scores[0].HasField("expected_spend")
    assert [p.model for p in everything.scores[0].predictions] == [f"models/{q.model}" for q in QUESTIONS]
    # Churn was never trained here.
    assert everything.part.state == PART_STATE_PRIOR
    assert "models/churn-84d" in everything.part.detail
    scores = everything.scores[0]
    assert scores.expected_spend.micros == round(
        scores.predictions[0].probability * scores.spend_if_buys.micros
    )


async def test_questions_that_there_are_not_are_all_named(trained: Forecast, fitted: Fitted) -> None:
    customer = features(fitted.snapshots[-1], WITHIN_RHYTHM)
    asked = ["models/buys-1d", "models/buys-28d", "models/weekly-sales"]
    fault = await refused(trained.score(customer, questions=asked))
    assert [violation.field for violation in fault.violations] == ["questions[0]", "questions[2]"]
    assert "models/churn-84d" in fault.violations[0].remedy
