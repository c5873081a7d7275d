"""TrainModel from end to end: a real profile stream, a real worker process, a real registry."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.longrunning import operations_pb2

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import model_pb2
from fieldwise.type.v1.provenance_pb2 import PART_STATE_FRESH, PART_STATE_PRIOR
from fieldwise_forecast.core.features import FeatureSet
from fieldwise_forecast.core.questions import cutoffs
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_runtime.errors import from_rpc_error, from_status
from tests.forecast.conftest import Fitted
from tests.forecast.forecast_servers import (
    NOWHERE,
    FakeProfile,
    Forecast,
    features,
    forecast_server,
    profile_server,
    registered,
)
from tests.forecast.forecast_worlds import FEATURES, NOW, World

SMALL = World(strength=1.5, customers=150)


async def test_a_training_makes_champions_that_answer_at_once(tmp_path: Path, fitted: Fitted) -> None:
    async with (
        profile_server(FakeProfile(SMALL)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        customer = features(fitted.snapshots[-1], 1)
        before = await forecast.score(customer)
        operation = await forecast.train("buys-28d", "silent-28d", "weekly-sales")
        response = pb.TrainModelResponse()
        assert operation.response.Unpack(response), operation.error
        after = await forecast.score(customer)
    assert [version.name for version in response.versions] == [
        "models/buys-28d/versions/1",
        "models/silent-28d/versions/1",
        "models/weekly-sales/versions/1",
    ]
    assert all(version.role == model_pb2.MODEL_ROLE_CHAMPION for version in response.versions)
    assert (before.part.state, after.part.state) == (PART_STATE_PRIOR, PART_STATE_FRESH)
    told = model_pb2.TrainModelMetadata()
    operation.metadata.Unpack(told)
    assert (told.step, told.progress) == ("done", 1.0)
    # All streamed cut-offs train whose window of four weeks had ended by the test's cut-off.
    assert response.versions[0].train_rows == SMALL.customers * (len(cutoffs(NOW)) - 8)
    assert response.versions[0].calibration in ("none", "platt", "beta", "isotonic")


async def test_a_repeated_request_is_the_same_training_and_another_body_is_refused(tmp_path: Path) -> None:
    async with profile_server(FakeProfile(SMALL)) as profile, forecast_server(tmp_path, profile) as forecast:
        first = await forecast.train("weekly-sales")
        again = await forecast.train("weekly-sales")
        assert again.name == first.name
        assert len(await forecast.versions()) == 1
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await forecast.train("buys-28d")
    fault = from_rpc_error(refused.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def begun(forecast: Forecast, request_id: str = "t1") -> str:
    request = pb.TrainModelRequest(
        request_id=request_id, decision_time=timestamp(NOW), models=["models/buys-28d"]
    )
    return str((await forecast.stub.TrainModel(request)).name)


async def worker() -> psutil.Process:
    """The worker process of the training that runs."""
    for _ in range(200):
        for child in psutil.Process(os.getpid()).children():
            if "fieldwise_runtime.worker_process" in child.cmdline():
                return child
        await asyncio.sleep(0.05)
    raise AssertionError("no worker process was started")


async def test_a_killed_worker_fails_its_training_only(tmp_path: Path, fitted: Fitted) -> None:
    await registered(tmp_path, [fitted.models["buys-28d"]])
    async with (
        profile_server(FakeProfile(fitted.world)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        name = await begun(forecast)
        (await worker()).kill()
        fault = from_status((await forecast.ended(name)).error)
        assert (fault.code, fault.reason) == (grpc.StatusCode.INTERNAL, "WORKER_DIED")
        answer = await forecast.score(features(fitted.snapshots[-1], 1))
        assert answer.scores[0].predictions[0].model_version == "models/buys-28d/versions/1"
        assert len(await forecast.versions()) == 1


async def test_a_cancelled_training_leaves_no_process_and_no_version(tmp_path: Path, fitted: Fitted) -> None:
    async with (
        profile_server(FakeProfile(fitted.world)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        name = await begun(forecast)
        process = await worker()
        await forecast.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
        fault = from_status((await forecast.ended(name)).error)
        assert fault.reason == "OPERATION_CANCELLED"
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        assert await forecast.versions() == []


async def test_without_profile_the_training_says_who_is_missing(tmp_path: Path) -> None:
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        fault = from_status((await forecast.train("weekly-sales")).error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNAVAILABLE, "PROFILE_UNAVAILABLE")


async def test_a_feature_set_without_the_needed_columns_is_refused(tmp_path: Path) -> None:
    other = FeatureSet("other", 1, ("x", *FEATURES.names[1:]), FEATURES.units, FEATURES.null_rules)
    async with (
        profile_server(FakeProfile(SMALL, columns=other)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        fault = from_status((await forecast.train("buys-28d")).error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "FEATURE_SET_MISMATCH")
    assert "days_since_purchase" in fault.message


async def test_a_model_without_history_does_not_keep_the_others_from_training(tmp_path: Path) -> None:
    short = {"a": [100_000_000] * 10}
    async with (
        profile_server(FakeProfile(SMALL, weekly=short)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        operation = await forecast.train("silent-28d", "weekly-sales")
        assert [v.name for v in await forecast.versions()] == ["models/silent-28d/versions/1"], (
            operation.error
        )
        fault = from_status((await forecast.train("weekly-sales", request_id="t2")).error)
    assert fault.reason == "NOT_ENOUGH_HISTORY"
    assert "10 whole weeks" in fault.message


def series(**asked: Any) -> pb.ForecastSeriesRequest:
    return pb.ForecastSeriesRequest(decision_time=timestamp(asked.pop("at", NOW)), **asked)


async def test_series_come_largest_first_with_intervals_beside_naive(tmp_path: Path, fitted: Fitted) -> None:
    await registered(tmp_path, list(fitted.models.values()))
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        answer = await forecast.stub.ForecastSeries(series(page_size=5))
        named = await forecast.stub.ForecastSeries(series(categories=["category 3"], horizon_weeks=13))
    means = [one.points[0].mean.micros for one in answer.series]
    assert len(means) == 5
    assert all(len(one.points) == 8 for one in answer.series)
    assert answer.lift.lift_vs_naive == pytest.approx(answer.lift.accuracy - answer.lift.naive_accuracy)
    assert answer.lift.low95 <= answer.lift.lift_vs_naive <= answer.lift.high95
    assert [one.category for one in named.series] == ["category 3"]
    first, last = named.series[0].points[0], named.series[0].points[-1]
    assert first.week.ToDatetime().weekday() == 0
    assert last.week.seconds - first.week.seconds == timedelta(weeks=12).total_seconds()
    assert first.low80.micros < first.mean.micros < first.high80.micros


async def test_series_that_cannot_be_told_are_refused_with_the_cure(tmp_path: Path, fitted: Fitted) -> None:
    async with forecast_server(tmp_path / "empty", NOWHERE) as forecast:
        assert await reason(forecast, series()) == "NO_MODEL"
    await registered(tmp_path, [fitted.models["weekly-sales"]])
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        assert await reason(forecast, series(categories=["category 3", "none"])) == "CATEGORY_NOT_FOUND"
        assert await reason(forecast, series(at=NOW + timedelta(days=365))) == "STALE_MODEL"
        assert await reason(forecast, series(horizon_weeks=14)) == "INVALID_REQUEST"


async def reason(forecast: Forecast, request: pb.ForecastSeriesRequest) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await forecast.stub.ForecastSeries(request)
    return from_rpc_error(refused.value).reason
