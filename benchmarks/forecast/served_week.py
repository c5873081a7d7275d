"""A real forecast service over sockets that is given one more week: how long until it forecasts from there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc as forecast_grpc
from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise.forecast.v1 import model_service_pb2_grpc as models_grpc
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise_forecast.__main__ import PACKAGE, assembled
from fieldwise_forecast.core.series.panel import Panel
from fieldwise_forecast.settings import Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.server import start

MODEL = "models/weekly-sales"
MICROS = 1_000_000
WAIT_SECONDS = 600
AnyServicer: Any = profile_grpc.ProfileServiceServicer


class PanelProfile(AnyServicer):  # type: ignore[misc]  # the generated type is abstract, and one method is called
    """Streams a panel's first weeks as weekly sales."""

    def __init__(self, panel: Panel, known: int) -> None:
        self.panel = panel
        self.known = known

    async def StreamWeeklySales(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for key, values in zip(self.panel.keys, self.panel.values[:, : self.known], strict=True):
            amounts = [round(value * MICROS) for value in values.tolist()]
            series = profile_pb.WeeklySales(
                category="/".join(key), first_week=stamp(self.panel.start), amount_micros=amounts
            )
            yield profile_pb.StreamWeeklySalesResponse(series=[series])


@dataclass(frozen=True)
class Served:
    """Wall seconds from a new week in profile to an answered forecast that begins after it."""

    train_seconds: float
    update_seconds: float


async def served(folder: Path, panel: Panel, known: int) -> Served:
    """The first training at ``known`` weeks, then one week by update and one more by a full training."""
    profile = PanelProfile(panel, known)
    server = grpc.aio.server()
    profile_grpc.add_ProfileServiceServicer_to_server(profile, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    settings = Settings(
        listen="127.0.0.1:0",
        database_url=f"sqlite:///{folder / 'forecast.sqlite'}",
        profile_address=address,
        data=folder,
    )
    migrations.migrate(settings.database_url, PACKAGE)
    running = await start(await assembled(settings))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            await train(channel, end_of(profile), "first")
            profile.known += 1
            update = await timed(channel, profile, "update")
            profile.known += 1
            return Served(await timed(channel, profile, "train"), update)
    finally:
        await running.stop()
        await server.stop(None)


async def timed(channel: grpc.aio.Channel, profile: PanelProfile, how: str) -> float:
    begun = time.monotonic()
    now = end_of(profile)
    if how == "update":
        asked = models_pb.RefreshModelRequest(name=MODEL, request_id=how, decision_time=stamp(now))
        await ended(channel, await models_grpc.ModelServiceStub(channel).RefreshModel(asked))
    else:
        await train(channel, now, how)
    stub = forecast_grpc.ForecastServiceStub(channel)
    answer = await stub.ForecastSeries(forecast_pb.ForecastSeriesRequest(decision_time=stamp(now)))
    assert answer.series[0].points[0].week == stamp(now)
    return time.monotonic() - begun


async def train(channel: grpc.aio.Channel, now: datetime, request_id: str) -> None:
    asked = forecast_pb.TrainModelRequest(request_id=request_id, decision_time=stamp(now), models=[MODEL])
    await ended(channel, await forecast_grpc.ForecastServiceStub(channel).TrainModel(asked))


async def ended(channel: grpc.aio.Channel, operation: Any) -> None:
    wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=WAIT_SECONDS))
    done = await operations_pb2.OperationsStub(channel).WaitOperation(wait)
    assert not done.HasField("error"), done.error


def end_of(profile: PanelProfile) -> datetime:
    return profile.panel.start + timedelta(weeks=profile.known)


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message
