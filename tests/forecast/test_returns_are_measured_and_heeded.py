"""ReturnsService over a socket: curves measured in worker processes, kept parts, goals, and trainings that refuse themselves."""

from __future__ import annotations

import asyncio
import zlib
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.longrunning import operations_pb2

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import model_service_pb2, model_service_pb2_grpc, returns_service_pb2_grpc
from fieldwise.forecast.v1 import returns_service_pb2 as returns_pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_executor.kept import Kept
from fieldwise_forecast.core.returns import sales_trials
from fieldwise_forecast.core.returns.measured import Returns, Terms, measured
from fieldwise_forecast.core.returns.trials import Result, Trial, all_trials
from fieldwise_forecast.core.returns.worth import Margin, Worth
from fieldwise_forecast.core.series.weekly import series_of
from fieldwise_forecast.interest_training import INTEREST_MODELS
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.returns import ReturnsMeter, sales_material
from fieldwise_forecast.store import returns as returns_store
from fieldwise_forecast.store import watching
from fieldwise_forecast.training import Asked
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import from_rpc_error, from_status
from tests.forecast.conftest import Fitted
from tests.forecast.forecast_servers import (
    NOWHERE,
    FakeProfile,
    Forecast,
    forecast_server,
    profile_server,
    registered,
)
from tests.forecast.forecast_worlds import MONDAY, NOW, World, weekly_amounts

SMALL = World(strength=1.5, customers=150)
MODEL = "models/weekly-sales"
TRIALS = all_trials(sales_trials.ORIGINS, sales_trials.LEARNERS)


def planted(trial: Trial) -> Result:
    """Age costs .001 of WAPE a day; a naive forecast misses .2."""
    noise = 0.0005 * np.random.default_rng(zlib.crc32(repr(trial).encode())).normal()
    error = 0.2 if trial.learner == "naive" else 0.15 + 0.01 * (1 - trial.trees) + 0.001 * trial.age_days
    return Result(error + noise, 0.2, round(1000 * trial.rows), 20, round(100 * trial.trees), 1.0)


def returns() -> Returns:
    results = {trial: planted(trial) for trial in TRIALS}
    worth = Worth(1000.0, "planted")
    terms = Terms(0.05, 52)
    return measured("weekly-sales", NOW, results, sales_trials.LEARNERS, 1.0, lambda _: worth, terms)


def parts_folder(folder: Path) -> Path:
    series = series_of({name: (MONDAY, amounts) for name, amounts in weekly_amounts().items()})
    return folder / "returns" / "weekly-sales" / sales_material(series, Margin()).content


def stub(forecast: Forecast) -> Any:
    return returns_service_pb2_grpc.ReturnsServiceStub(forecast.channel)


def models(forecast: Forecast) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(forecast.channel)


async def begun(forecast: Forecast, model: str = MODEL, request_id: str = "r1") -> str:
    request = returns_pb.EstimateReturnsRequest(
        model=model, request_id=request_id, decision_time=timestamp(NOW)
    )
    return str((await stub(forecast).EstimateReturns(request)).name)


async def got(forecast: Forecast) -> returns_pb.LearningCurves:
    request = returns_pb.GetReturnsRequest(model=MODEL, decision_time=timestamp(NOW))
    found: returns_pb.LearningCurves = await stub(forecast).GetReturns(request)
    return found


async def set_up(forecast: Forecast, **settings: Any) -> model_service_pb2.Model:
    request = model_service_pb2.SetModelSettingsRequest(
        name=MODEL,
        settings=model_service_pb2.ModelSettings(**settings),
        decision_time=timestamp(NOW),
    )
    found: model_service_pb2.Model = await models(forecast).SetModelSettings(request)
    return found


def dollars(amount: float) -> Money:
    return Money(currency_code="USD", micros=round(amount * 1e6))


async def with_returns(folder: Path, fitted: Fitted, url: str = "") -> None:
    """A registry with a champion of weekly sales and measured curves."""
    await registered(folder, [fitted.models["weekly-sales"]], url)
    db = Database.open(url or f"sqlite:///{folder / 'forecast.sqlite'}")
    await db.write(partial(returns_store.keep, dialect=db.dialect, returns=returns()))
    await db.close()


async def test_the_article_is_answered_over_the_wire(tmp_path: Path) -> None:
    points = [
        returns_pb.ReturnsPoint(accuracy=accuracy, sales=sales)
        for accuracy, sales in ((50, 0), (70, 15), (80, 20))
    ]
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        asked = returns_pb.FitReturnsRequest(points=points, cost_per_point=0.6)
        curve = await stub(forecast).FitReturns(asked)
        free = await stub(forecast).FitReturns(returns_pb.FitReturnsRequest(points=points))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub(forecast).FitReturns(returns_pb.FitReturnsRequest(points=[points[0], points[0]]))
    assert [(piece.gain_per_point, piece.pays) for piece in curve.segments] == [(0.75, True), (0.5, False)]
    assert (curve.stop_accuracy, curve.misfit) == (70, 0)
    assert not free.HasField("stop_accuracy")
    assert all(piece.pays for piece in free.segments)
    assert "two different accuracies" in str(from_rpc_error(refused.value))


async def test_a_measurement_goes_on_from_the_parts_that_are_kept(tmp_path: Path) -> None:
    kept = Kept(parts_folder(tmp_path))
    for index, trial in enumerate(TRIALS[:-1]):
        kept.keep(index, planted(trial))
    async with (
        profile_server(FakeProfile(SMALL)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await got(forecast)
        operation = await forecast.ended(await begun(forecast))
        found = returns_pb.LearningCurves()
        assert operation.response.Unpack(found), operation.error
        assert await got(forecast) == found
    assert from_rpc_error(unknown.value).reason == "RETURNS_NOT_MEASURED"
    curves = {curve.effort: curve for curve in found.curves}
    assert set(curves) == {"rows", "features", "trees", "cycle", "cpu"}
    # Of all trials but the last, which is of the dearest learner, the figures are the planted ones.
    assert curves["trees"].points[2].error == pytest.approx(0.155, abs=0.001)
    assert curves["cycle"].points[0].effort == 56
    assert "assumed" in found.worth_basis
    assert found.worth_per_point.micros > 0
    assert not found.HasField("next_training_gain")
    assert not parts_folder(tmp_path).exists()


async def test_a_cancelled_measurement_keeps_what_is_done(tmp_path: Path) -> None:
    async with (
        profile_server(FakeProfile(SMALL)) as profile,
        forecast_server(tmp_path, profile) as forecast,
    ):
        name = await begun(forecast)
        for _ in range(400):
            if len(list(parts_folder(tmp_path).glob("*.part"))) > 1:
                break
            await asyncio.sleep(0.05)
        await forecast.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
        fault = from_status((await forecast.ended(name)).error)
    assert fault.reason == "OPERATION_CANCELLED"
    assert 1 < len(list(parts_folder(tmp_path).glob("*.part"))) < len(TRIALS)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("models/nobody", "MODEL_NOT_FOUND"), (f"models/{INTEREST_MODELS[0]}", "NO_LEARNING_CURVE")],
)
async def test_what_has_no_curve_is_refused(tmp_path: Path, model: str, reason: str) -> None:
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        operation = await forecast.ended(await begun(forecast, model))
    assert from_status(operation.error).reason == reason


async def test_a_goal_beyond_the_knee_is_told_of_with_the_model(tmp_path: Path, fitted: Fitted) -> None:
    await with_returns(tmp_path, fitted)
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        reachable = await set_up(forecast, goal=0.8)
        beyond = await set_up(forecast, goal=0.95)
    assert reachable.goal_alarm == ""
    assert "goal of 95.0% lies beyond the knee" in beyond.goal_alarm


async def trained(forecast: Forecast, request_id: str, **more: Any) -> pb.TrainModelResponse:
    request = pb.TrainModelRequest(
        models=[MODEL], request_id=request_id, decision_time=timestamp(NOW), **more
    )
    operation = await forecast.ended((await forecast.stub.TrainModel(request)).name)
    response = pb.TrainModelResponse()
    assert operation.response.Unpack(response), operation.error
    return response


async def test_a_training_that_costs_more_than_it_brings_refuses_itself_and_can_be_forced(
    tmp_path: Path, fitted: Fitted, database_url: str
) -> None:
    await with_returns(tmp_path, fitted, database_url)
    async with (
        profile_server(FakeProfile(SMALL)) as profile,
        forecast_server(tmp_path, profile, database_url) as forecast,
    ):
        await set_up(forecast, training_cost=dollars(40), retrain_days=28)
        response = await trained(forecast, "t1")
        assert not response.versions
        (skipped,) = response.skipped
        assert (skipped.model, skipped.reason[:20]) == (MODEL, "expected gain 0.00 <")
        assert "< cost 40 USD" in skipped.reason
        listed = await models(forecast).ListTrainings(model_service_pb2.ListTrainingsRequest())
        assert [(one.outcome, one.detail) for one in listed.trainings] == [("skipped", skipped.reason)]
        weighed = await got(forecast)
        assert weighed.next_training_gain.micros < weighed.next_training_cost.micros
        forced = await trained(forecast, "t2", regardless_of_cost=True)
        assert (len(forced.versions), len(forced.skipped)) == (1, 0)


async def test_without_a_stated_cost_no_training_is_refused(tmp_path: Path, fitted: Fitted) -> None:
    await with_returns(tmp_path, fitted)
    db = Database.open(f"sqlite:///{tmp_path / 'forecast.sqlite'}")
    nobody: Any = None
    meter = ReturnsMeter(db, nobody, nobody, tmp_path, "USD")
    free = await meter.worth("weekly-sales", Asked([], NOW))
    settings = {"training_cost": 40_000_000}
    await db.write(partial(watching.keep_settings, dialect=db.dialect, model="weekly-sales", fields=settings))
    dear = await meter.worth("weekly-sales", Asked([], NOW))
    old = await meter.worth("weekly-sales", Asked([], NOW + timedelta(days=365)))
    never_trained = await meter.worth("buys-28d", Asked([], NOW))
    await db.close()
    assert (free, never_trained) == ("", "")
    assert dear.startswith("expected gain 0.00 < cost 40 USD")
    # A year's age costs .37 of WAPE at 1,000 a point in a year: 7 days of that are more than 40.
    assert old == ""
