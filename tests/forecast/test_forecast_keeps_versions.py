"""The registry and its files: promotion, rollback, refused files, restarts; on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import model_pb2
from fieldwise_forecast.core.versions import Version
from fieldwise_forecast.lineup import Lineup, Lineups
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import from_rpc_error
from tests.forecast.conftest import Fitted
from tests.forecast.forecast_servers import NOWHERE, Forecast, features, forecast_server, registered

CHAMPION, PREVIOUS, RETIRED = (
    model_pb2.MODEL_ROLE_CHAMPION,
    model_pb2.MODEL_ROLE_PREVIOUS,
    model_pb2.MODEL_ROLE_RETIRED,
)


def rollback(forecast: Forecast, model: str = "buys-28d", request_id: str = "r1") -> Any:
    return forecast.stub.RollbackModel(
        pb.RollbackModelRequest(model=f"models/{model}", request_id=request_id)
    )


async def roles(forecast: Forecast, model: str = "buys-28d") -> list[Any]:
    return [v.role for v in await forecast.versions() if v.name.startswith(f"models/{model}/")]


async def health(forecast: Forecast, model: str = "buys-28d") -> Any:
    stub = health_pb2_grpc.HealthStub(forecast.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=f"models/{model}"))).status


async def answering(forecast: Forecast, fitted: Fitted) -> str:
    answer = await forecast.score(features(fitted.snapshots[-1], 1))
    return str(answer.scores[0].predictions[0].model_version)


async def test_a_new_champion_makes_the_old_one_previous(
    tmp_path: Path, fitted: Fitted, database_url: str
) -> None:
    buys = fitted.models["buys-28d"]
    await registered(tmp_path, [buys, buys, buys, replace(buys, refusal="worse")], database_url)
    async with forecast_server(tmp_path, NOWHERE, database_url) as forecast:
        assert await roles(forecast) == [RETIRED, CHAMPION, PREVIOUS, RETIRED]
        assert await answering(forecast, fitted) == "models/buys-28d/versions/3"


async def test_a_rollback_serves_the_previous_champion_and_repeats_harmlessly(
    tmp_path: Path, fitted: Fitted, database_url: str
) -> None:
    buys = fitted.models["buys-28d"]
    await registered(tmp_path, [buys, buys], database_url)
    async with forecast_server(tmp_path, NOWHERE, database_url) as forecast:
        version = await rollback(forecast)
        assert (version.name, version.role) == ("models/buys-28d/versions/1", CHAMPION)
        assert await rollback(forecast) == version
        assert await roles(forecast) == [RETIRED, CHAMPION]
        assert await answering(forecast, fitted) == "models/buys-28d/versions/1"
        with pytest.raises(grpc.aio.AioRpcError) as reused:
            await rollback(forecast, "silent-28d")
        assert from_rpc_error(reused.value).reason == "REQUEST_ID_REUSED"
        with pytest.raises(grpc.aio.AioRpcError) as nothing_left:
            await rollback(forecast, request_id="r2")
        assert from_rpc_error(nothing_left.value).reason == "NO_PREVIOUS_VERSION"


async def test_a_rollback_of_a_model_never_trained_is_not_found(tmp_path: Path) -> None:
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await rollback(forecast)
        assert from_rpc_error(unknown.value).reason == "MODEL_NOT_FOUND"


async def test_versions_are_listed_newest_first_in_pages(tmp_path: Path, fitted: Fitted) -> None:
    await registered(tmp_path, list(fitted.models.values()))
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        names, token = [], ""
        while True:
            page = await forecast.stub.ListModelVersions(
                pb.ListModelVersionsRequest(page_size=2, page_token=token)
            )
            names += [version.name for version in page.versions]
            token = page.next_page_token
            if not token:
                break
        assert names == [f"models/{model}/versions/1" for model in reversed(fitted.models)]


async def test_a_version_tells_how_it_was_trained(tmp_path: Path, fitted: Fitted) -> None:
    await registered(tmp_path, [fitted.models["buys-28d"]])
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        (version,) = await forecast.versions()
    report = fitted.models["buys-28d"].report
    assert [column.name for column in version.feature_set.columns] == list(report.feature_set.names)  # type: ignore[union-attr]  # a probability model has a set
    assert version.leaderboard[0].metrics["log_loss"] == report.leaderboard[0].metrics["log_loss"]
    assert version.test_cutoff.seconds == report.test_cutoff.timestamp()
    assert version.engine_difference <= 1e-6
    assert version.file_bytes == len(fitted.models["buys-28d"].file)


async def test_a_tampered_champion_is_refused_and_the_previous_answers(
    tmp_path: Path, fitted: Fitted
) -> None:
    buys = fitted.models["buys-28d"]
    await registered(tmp_path, [replace(buys, file=buys.file + b" "), buys])
    champion = min((tmp_path / "models" / "buys-28d").iterdir(), key=lambda path: path.stat().st_size)
    champion.write_bytes(champion.read_bytes()[:-1] + b"?")
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        assert await answering(forecast, fitted) == "models/buys-28d/versions/1"
        assert await health(forecast) == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await forecast.score(
                features(fitted.snapshots[-1], 1), model_versions=["models/buys-28d/versions/2"]
            )
        assert from_rpc_error(refused.value).reason == "MODEL_FILE_REFUSED"


async def test_without_any_readable_file_the_stated_prior_answers(tmp_path: Path, fitted: Fitted) -> None:
    await registered(tmp_path, list(fitted.models.values()))
    for file in (tmp_path / "models" / "buys-28d").iterdir():
        file.unlink()
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        assert await answering(forecast, fitted) == ""
        assert await health(forecast) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await health(forecast, "silent-28d") == health_pb2.HealthCheckResponse.SERVING


async def test_a_decision_is_rescored_with_the_versions_that_made_it(tmp_path: Path, fitted: Fitted) -> None:
    buys, silent = fitted.models["buys-28d"], fitted.models["silent-28d"]
    customer = features(fitted.snapshots[-1], 1)
    await registered(tmp_path, [buys, silent])
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        then = await forecast.score(customer, with_contributions=True)
    # What asks the same of `silent` stands in for another training.
    other = replace(silent, report=replace(silent.report, model="buys-28d"))
    await registered(tmp_path, [other])
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        now = await forecast.score(customer)
        again = await forecast.score(
            customer, with_contributions=True, model_versions=then.part.version.split(",")
        )
    assert now.scores[0].predictions[0].model_version == "models/buys-28d/versions/2"
    assert again.scores == then.scores


async def test_a_rollback_to_a_broken_file_is_refused_and_the_champion_stays(
    tmp_path: Path, fitted: Fitted
) -> None:
    buys = fitted.models["buys-28d"]
    await registered(tmp_path, [replace(buys, file=buys.file + b" "), buys], "")
    broken = next(path for path in tmp_path.rglob("*.model") if path.read_bytes() == buys.file + b" ")
    async with forecast_server(tmp_path, NOWHERE) as forecast:
        broken.write_bytes(b"broken")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rollback(forecast)
        assert await roles(forecast) == [CHAMPION, PREVIOUS]
        assert await answering(forecast, fitted) == "models/buys-28d/versions/2"
    assert from_rpc_error(refused.value).reason == "MODEL_FILE_REFUSED"


async def test_a_slow_reload_does_not_put_an_older_champion_back(
    tmp_path: Path, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    buys = fitted.models["buys-28d"]
    await registered(tmp_path, [buys])
    db = Database.open(f"sqlite:///{tmp_path / 'forecast.sqlite'}")
    lineups = Lineups(db, tmp_path / "models", "USD", 10)
    load, reading, second = lineups._loaded, threading.Event(), threading.Event()

    def slowly(versions: Sequence[Version]) -> Lineup:
        if len(versions) == 1:
            reading.set()
            second.wait(0.5)
        return load(versions)

    monkeypatch.setattr(lineups, "_loaded", slowly)
    slow = asyncio.create_task(lineups.reload())
    await asyncio.to_thread(reading.wait)
    await registered(tmp_path, [buys])
    await lineups.reload()
    second.set()
    await slow
    await db.close()
    assert lineups.current.champion_of("buys-28d").number == 2
