"""Weekly sales while weeks pass: updates serve each new week, a shifted world is noticed, one call goes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import model_pb2, model_service_pb2_grpc
from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise_executor.local import LocalExecutor
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_runtime.errors import from_status
from tests.forecast.forecast_servers import FakeProfile, Forecast, forecast_server, profile_server
from tests.forecast.forecast_worlds import MONDAY, World, weekly_amounts

TRAINED, SHIFTED = 36, 38
SALES = "models/weekly-sales"


async def here(_: LocalExecutor, work: Callable[[Any], Any], job: Any, **__: Any) -> Any:
    """Works in this process: starting one takes longer than an update."""
    return work(job)


def until(week: int) -> dict[str, list[int]]:
    """Sales of the first weeks; from SHIFTED on everything sells twice as much."""
    return {
        name: [amount * (2 if i >= SHIFTED else 1) for i, amount in enumerate(amounts[:week])]
        for name, amounts in weekly_amounts(categories=6).items()
    }


async def forecast_of(forecast: Forecast, week: int) -> pb.ForecastSeriesResponse:
    request = pb.ForecastSeriesRequest(decision_time=timestamp(MONDAY + timedelta(weeks=week)))
    answer: pb.ForecastSeriesResponse = await forecast.stub.ForecastSeries(request)
    return answer


async def test_each_new_week_is_served_a_shift_is_noticed_and_one_call_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalExecutor, "run", here)
    profile = FakeProfile(World(strength=1.0, customers=10), weekly=until(TRAINED))
    async with profile_server(profile) as address, forecast_server(tmp_path, address) as forecast:
        models = model_service_pb2_grpc.ModelServiceStub(forecast.channel)

        async def updated(week: int) -> Any:
            profile.weekly = until(week)
            now = timestamp(MONDAY + timedelta(weeks=week))
            asked = models_pb.RefreshModelRequest(name=SALES, request_id=f"u{week}", decision_time=now)
            return await forecast.ended((await models.RefreshModel(asked)).name)

        async def state(week: int) -> models_pb.Model:
            now = timestamp(MONDAY + timedelta(weeks=week))
            found: models_pb.Model = await models.GetModel(
                models_pb.GetModelRequest(name=SALES, decision_time=now)
            )
            return found

        await forecast.train("weekly-sales", at=MONDAY + timedelta(weeks=TRAINED))
        before = await forecast_of(forecast, TRAINED)
        nothing = await updated(TRAINED)
        assert from_status(nothing.error).reason == "NOTHING_NEW"
        served = before
        for week in range(TRAINED + 1, SHIFTED + 4):
            await updated(week)
            served = await forecast_of(forecast, week)
            assert served.series[0].points[0].week == timestamp(MONDAY + timedelta(weeks=week))
            if week == SHIFTED:
                assert not (await state(week)).drift.alarm
        now = await state(week)
        assert now.drift.alarm
        # The sum may have begun to grow by chance before the shift.
        assert now.drift.since.seconds >= (MONDAY + timedelta(weeks=SHIFTED - 2)).timestamp()
        assert now.realised.actuals == 6 * (week - TRAINED)
        assert now.champion.updated_from == f"{SALES}/versions/{week - TRAINED}"
        larger = served.series[0].points[0].mean.micros / before.series[0].points[0].mean.micros
        assert 1.4 < larger < 2.6
        back = await forecast.stub.RollbackModel(pb.RollbackModelRequest(model=SALES, request_id="r1"))
        assert (back.name, back.role) == (now.previous, model_pb2.MODEL_ROLE_CHAMPION)
        assert (await forecast_of(forecast, week)).series[0].model_version == back.name
