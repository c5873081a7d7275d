"""Promotion, waiting, refusal, update, rollback, settings and the report, over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import model_pb2, model_service_pb2_grpc
from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_executor.local import LocalExecutor
from fieldwise_forecast import kinds, models_report, training
from fieldwise_forecast.core.versions import Realised
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.returns import ReturnsMeter
from fieldwise_runtime.errors import from_rpc_error, from_status
from tests.forecast.forecast_servers import NOWHERE, Forecast, forecast_server
from tests.forecast.forecast_worlds import NOW
from tests.forecast.toy_models import ToyWorld

CHAMPION, PREVIOUS, RETIRED, CHALLENGER = (
    model_pb2.MODEL_ROLE_CHAMPION,
    model_pb2.MODEL_ROLE_PREVIOUS,
    model_pb2.MODEL_ROLE_RETIRED,
    model_pb2.MODEL_ROLE_CHALLENGER,
)


@dataclass
class Shop:
    """A service whose only trainable models are toys, and what its callers ask of them."""

    world: ToyWorld
    forecast: Forecast
    models: Any

    async def train(self, quality: float, request_id: str, **asked: Any) -> Any:
        self.world.quality = quality
        request = pb.TrainModelRequest(
            request_id=request_id,
            decision_time=timestamp(asked.pop("at", NOW)),
            models=["models/toy"],
            **asked,
        )
        started = await self.forecast.stub.TrainModel(request)
        return await self.forecast.ended(started.name)

    async def update(self, quality: float, request_id: str) -> Any:
        self.world.quality = quality
        request = models_pb.RefreshModelRequest(
            name="models/toy", request_id=request_id, decision_time=timestamp(NOW)
        )
        started = await self.models.RefreshModel(request)
        return await self.forecast.ended(started.name)

    async def model(self, at: datetime = NOW) -> models_pb.Model:
        asked = models_pb.GetModelRequest(name="models/toy", decision_time=timestamp(at))
        found: models_pb.Model = await self.models.GetModel(asked)
        return found

    async def roles(self) -> list[Any]:
        """Newest first."""
        return [version.role for version in await self.forecast.versions()]


Open = Callable[..., Any]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    world = ToyWorld()
    toy = world.kind()
    monkeypatch.setattr(training, "KINDS", (toy,))
    monkeypatch.setattr(models_report, "KINDS", (toy,))
    monkeypatch.setitem(kinds.BY_NAME, "toy", toy)
    # A process for each toy would take most of the time; test_forecast_trains_models.py has real ones.
    monkeypatch.setattr(LocalExecutor, "run", here)

    @asynccontextmanager
    async def opened(database_url: str = "") -> AsyncIterator[Shop]:
        async with forecast_server(tmp_path, NOWHERE, database_url) as forecast:
            yield Shop(world, forecast, model_service_pb2_grpc.ModelServiceStub(forecast.channel))

    return opened


async def here(_: LocalExecutor, work: Callable[[Any], Any], job: Any, **__: Any) -> Any:
    return work(job)


async def reason(call: Awaitable[Any]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return from_rpc_error(refused.value).reason


async def test_a_better_version_takes_over_and_an_equal_one_waits(shop: Open, database_url: str) -> None:
    async with shop(database_url) as it:
        await it.train(1.0, "t1")
        await it.train(0.9, "t2")
        assert await it.roles() == [CHAMPION, PREVIOUS]
        operation = await it.train(0.9, "t3")
        response = pb.TrainModelResponse()
        operation.response.Unpack(response)
        waiting, kept_up = response.versions
        assert (waiting.role, kept_up.role) == (CHALLENGER, CHAMPION)
        assert kept_up.updated_from == "models/toy/versions/2"
        assert [check.holds for check in waiting.checks if check.check == "loss"] == [False]
        assert "gain of +0.0%" in waiting.verdict
        found = await it.model()
        assert found.challenger.name == waiting.name
        assert found.champion.name == kept_up.name


async def test_a_version_below_the_naive_forecast_never_serves(shop: Open) -> None:
    async with shop() as it:
        await it.train(1.0, "t1")
        await it.train(2.5, "t2")
        assert await it.roles() == [RETIRED, CHAMPION]
        (newest, _) = (await it.models.ListTrainings(models_pb.ListTrainingsRequest())).trainings
        assert (newest.outcome, newest.version) == ("refused", "models/toy/versions/2")
        assert "above that of the naive forecast" in newest.detail


async def test_one_call_puts_any_kept_version_in_front_and_one_puts_the_old_one_back(
    shop: Open, database_url: str
) -> None:
    async with shop(database_url) as it:
        await it.train(1.0, "t1")
        await it.train(0.9, "t2")
        asked = models_pb.PromoteModelRequest(name="models/toy/versions/1", request_id="p1")
        promoted = await it.models.PromoteModel(asked)
        assert (promoted.name, promoted.role) == ("models/toy/versions/1", CHAMPION)
        assert await it.roles() == [PREVIOUS, CHAMPION]
        assert await it.models.PromoteModel(asked) == promoted
        back = await it.forecast.stub.RollbackModel(
            pb.RollbackModelRequest(model="models/toy", request_id="r1")
        )
        assert (back.name, await it.roles()) == ("models/toy/versions/2", [CHAMPION, RETIRED])
        other = models_pb.PromoteModelRequest(name="models/toy/versions/2", request_id="p1")
        assert await reason(it.models.PromoteModel(other)) == "REQUEST_ID_REUSED"
        none = models_pb.PromoteModelRequest(name="models/toy/versions/7", request_id="p2")
        assert await reason(it.models.PromoteModel(none)) == "MODEL_VERSION_NOT_FOUND"


async def test_a_version_whose_file_was_changed_is_not_promoted(shop: Open) -> None:
    async with shop() as it:
        await it.train(1.0, "t1")
        await it.train(0.9, "t2")
        for file in (it.forecast.models / "toy").iterdir():
            if b"1.0" in file.read_bytes():
                file.write_bytes(b"{}")
        asked = models_pb.PromoteModelRequest(name="models/toy/versions/1", request_id="p1")
        assert await reason(it.models.PromoteModel(asked)) == "MODEL_FILE_REFUSED"
        assert await it.roles() == [CHAMPION, PREVIOUS]


async def test_an_update_names_what_it_came_from_and_leaves_the_challenger_waiting(shop: Open) -> None:
    async with shop() as it:
        await it.train(1.0, "t1")
        await it.train(1.0, "t2")
        await it.update(0.99, "u1")
        found = await it.model()
        assert found.champion.updated_from == "models/toy/versions/3"
        assert found.challenger.name == "models/toy/versions/2"
        assert found.champion.trigger == "update"


async def test_callers_see_only_whole_champions_while_models_change_under_load(shop: Open) -> None:
    async with shop() as it:
        await it.train(1.0, "t1")
        seen: list[str] = []
        stop = asyncio.Event()

        async def caller() -> None:
            while not stop.is_set():
                seen.append((await it.model()).champion.name)

        callers = [asyncio.create_task(caller()) for _ in range(4)]
        for i in range(6):
            asked = models_pb.PromoteModelRequest(
                name=f"models/toy/versions/{1 + i % 2}" if i else "models/toy/versions/1", request_id=f"p{i}"
            )
            if i == 1:
                await it.train(0.9, "t2")
            await it.models.PromoteModel(asked)
        stop.set()
        await asyncio.gather(*callers)
    assert set(seen) == {"models/toy/versions/1", "models/toy/versions/2"}
    assert len(seen) > 20


async def test_a_training_that_costs_more_than_it_brings_is_skipped_and_says_so(
    shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def worth(_: ReturnsMeter, __: str, ___: Any) -> str:
        return "expected gain 12 < cost 40"

    monkeypatch.setattr(ReturnsMeter, "worth", worth)
    async with shop() as it:
        operation = await it.train(1.0, "t1", trigger="schedule")
        response = pb.TrainModelResponse()
        operation.response.Unpack(response)
        assert [(one.model, one.reason) for one in response.skipped] == [
            ("models/toy", "expected gain 12 < cost 40")
        ]
        await it.train(1.0, "t2", regardless_of_cost=True)
        listed = (await it.models.ListTrainings(models_pb.ListTrainingsRequest(model="models/toy"))).trainings
        assert [(one.outcome, one.trigger) for one in listed] == [
            ("promoted", "request"),
            ("skipped", "schedule"),
        ]


async def test_what_came_is_told_beside_what_was_promised_and_moved_errors_are_an_alarm(
    shop: Open, database_url: str
) -> None:
    came = tuple(
        Realised(
            begin=NOW + timedelta(weeks=week),
            rows=10,
            loss=1.2,
            naive_loss=1.5,
            inside80=0.5,
            inside90=0.6,
            errors={f"s{i}": 1.5 for i in range(10)},
        )
        for week in range(5)
    )
    async with shop(database_url) as it:
        await it.train(1.0, "t1")
        assert not (await it.model()).HasField("realised")
        it.world.realised = came
        await it.train(1.0, "t2", at=NOW + timedelta(weeks=5))
        found = await it.model(NOW + timedelta(weeks=6))
        assert (found.realised.actuals, found.realised.coverage80) == (50, pytest.approx(0.5))
        assert (found.realised.loss, found.realised.promised_loss) == (pytest.approx(1.2), 1.0)
        # The champion was kept up to date with the newest data, but last trained in full when it was first made.
        assert found.drift.alarm
        assert found.drift.since == timestamp(NOW)
        assert found.age_days == pytest.approx(7.0)


async def test_settings_change_one_by_one_and_go_back_to_their_defaults(shop: Open) -> None:
    async with shop() as it:

        async def set_(reset: tuple[str, ...] = (), **settings: Any) -> models_pb.ModelSettings:
            asked = models_pb.SetModelSettingsRequest(
                name="models/toy",
                settings=models_pb.ModelSettings(**settings),
                reset=reset,
                decision_time=timestamp(NOW),
            )
            changed: models_pb.Model = await it.models.SetModelSettings(asked)
            return changed.settings

        first = await set_(goal=0.8, training_cost=Money(currency_code="USD", micros=40_000_000))
        assert (first.retrain_days, first.goal, first.training_cost.micros) == (7.0, 0.8, 40_000_000)
        second = await set_(retrain_on_drift=False, retrain_days=3.0)
        assert (second.goal, second.retrain_on_drift, second.retrain_days) == (0.8, False, 3.0)
        third = await set_(reset=("goal", "retrain_on_drift"), retrain_events=5)
        assert (third.goal, third.retrain_on_drift, third.retrain_events) == (0.0, True, 5)
        assert await reason(set_(training_cost=Money(currency_code="XYZ", micros=1))) == "INVALID_REQUEST"


async def test_a_model_that_nobody_has_is_not_found(shop: Open) -> None:
    async with shop() as it:
        asked = models_pb.GetModelRequest(name="models/none", decision_time=timestamp(NOW))
        assert await reason(it.models.GetModel(asked)) == "MODEL_NOT_FOUND"
        request = pb.TrainModelRequest(request_id="t1", decision_time=timestamp(NOW), models=["models/none"])
        started = await it.forecast.stub.TrainModel(request)
        assert from_status((await it.forecast.ended(started.name)).error).reason == "MODEL_NOT_FOUND"


async def test_a_training_that_failed_is_noted(shop: Open) -> None:
    async with shop() as it:
        assert from_status((await it.train(0.0, "t1")).error).reason == "NOT_ENOUGH_HISTORY"
        (noted,) = (await it.models.ListTrainings(models_pb.ListTrainingsRequest())).trainings
        assert (noted.outcome, noted.version) == ("failed", "")
