"""Quantiles and chances of reaching a target, asked of a real service over a socket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import series_service_pb2, series_service_pb2_grpc
from fieldwise_forecast.core.series import weekly
from fieldwise_forecast.core.series.weekly_model import WeeklyModel, from_file
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_runtime.errors import from_rpc_error
from tests.forecast.conftest import CHEAP, silently
from tests.forecast.forecast_servers import NOWHERE, Forecast, forecast_server, registered
from tests.forecast.forecast_worlds import MONDAY, NOW, weekly_amounts

TRAINED = weekly.fit(
    weekly.series_of({name: (MONDAY, amounts) for name, amounts in weekly_amounts().items()}),
    time.process_time,
    silently,
    CHEAP,
)
MODEL: WeeklyModel = from_file(TRAINED.file)


@pytest.fixture
async def forecast(tmp_path: Path) -> AsyncIterator[Forecast]:
    await registered(tmp_path, [TRAINED])
    async with forecast_server(tmp_path, NOWHERE) as running:
        yield running


async def test_a_week_comes_with_both_intervals_and_the_quantiles_asked_for(forecast: Forecast) -> None:
    request = pb.ForecastSeriesRequest(
        decision_time=timestamp(NOW), categories=["category 3"], quantiles=[0.95, 0.05, 0.5]
    )
    answer = await forecast.stub.ForecastSeries(request)
    for point in answer.series[0].points:
        assert [each.level for each in point.quantiles] == [0.05, 0.5, 0.95]
        values = [each.value.micros for each in point.quantiles]
        assert values == sorted(values)
        assert (point.low90.micros, point.high90.micros) == (values[0], values[2])
        assert point.low90.micros < point.low80.micros < point.high80.micros < point.high90.micros
        assert point.quantiles[0].value.currency_code == point.mean.currency_code
    assert 0.5 < answer.lift.coverage80 < answer.lift.coverage90 <= 1


async def test_without_levels_no_quantiles_come(forecast: Forecast) -> None:
    answer = await forecast.stub.ForecastSeries(pb.ForecastSeriesRequest(decision_time=timestamp(NOW)))
    assert not any(point.quantiles for series in answer.series for point in series.points)


async def test_a_level_outside_the_open_interval_is_refused(forecast: Forecast) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await forecast.stub.ForecastSeries(
            pb.ForecastSeriesRequest(decision_time=timestamp(NOW), quantiles=[1.0])
        )
    assert "quantiles" in str(from_rpc_error(refused.value).message)


async def reached(forecast: Forecast, target: float, *keys: str, **asked: Any) -> Any:
    stub: Any = series_service_pb2_grpc.SeriesServiceStub(forecast.channel)
    first: datetime | None = asked.pop("first", None)
    request = series_service_pb2.GetReachRequest(
        name="seriesSets/weekly-sales",
        decision_time=timestamp(NOW),
        target=target,
        keys=keys,
        first_period=None if first is None else timestamp(first),
        **asked,
    )
    return await stub.GetReach(request)


async def test_the_chance_of_a_target_for_one_category_and_for_all(forecast: Forecast) -> None:
    row = next(one.row for one in MODEL.categories if one.category == "category 3")
    expected = float(MODEL.forecast[row, :8].sum())
    even = await reached(forecast, expected, "category 3")
    assert even.mean == pytest.approx(expected)
    assert 0.2 < even.probability < 0.8
    assert even.low90 < even.mean < even.high90
    assert even.model_version == "models/weekly-sales/versions/1"
    hard = await reached(forecast, 1.3 * expected, "category 3")
    assert hard.probability < even.probability
    everything = await reached(forecast, 0.0)
    assert everything.mean == pytest.approx(float(MODEL.forecast[:, :8].sum()))
    assert everything.probability > 0.99


async def test_weeks_that_are_past_count_with_what_they_were(forecast: Forecast) -> None:
    begin = NOW - timedelta(weeks=3)
    answer = await reached(forecast, 1.0, first=begin, periods=4)
    assert answer.actual == pytest.approx(float(MODEL.history[:, -3:].sum()))
    assert answer.mean > answer.actual


@pytest.mark.parametrize(
    ("keys", "asked", "reason"),
    [
        (("no such",), {}, "CATEGORY_NOT_FOUND"),
        (("category 3", "x"), {}, "INVALID_REQUEST"),
        ((), {"first": NOW + timedelta(days=2)}, "INVALID_REQUEST"),
        ((), {"periods": 60}, "STALE_MODEL"),
    ],
)
async def test_what_cannot_be_told_is_refused(
    forecast: Forecast, keys: tuple[str, ...], asked: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await reached(forecast, 1.0, *keys, **asked)
    assert from_rpc_error(refused.value).reason == reason
