"""A fake profile service and a real forecast service on real sockets: builders for the tests of forecast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc
from fieldwise.profile.v1 import profile_service_pb2, profile_service_pb2_grpc
from fieldwise.type.v1.features_pb2 import FeatureVector
from fieldwise_forecast import store
from fieldwise_forecast.__main__ import PACKAGE, assembled
from fieldwise_forecast.core.features import FeatureSet, Snapshot
from fieldwise_forecast.core.versions import Trained
from fieldwise_forecast.model_files import keep
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.settings import Settings
from fieldwise_forecast.wire import feature_set_message
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database
from fieldwise_runtime.server import start
from tests.forecast.forecast_worlds import FEATURES, MONDAY, NOW, World, weekly_amounts

ROWS_PER_MESSAGE = 150
# Nobody listens on port 1.
NOWHERE = "127.0.0.1:1"
# What the gateway asks for a decision.
DECIDED = ("models/buys-28d", "models/silent-28d")


AnyServicer: Any = profile_service_pb2_grpc.ProfileServiceServicer


@dataclass
class FakeProfile(AnyServicer):  # type: ignore[misc]  # the generated type is abstract, and forecast calls few of its methods
    """Streams a world's snapshots and weekly sales, in parts; may be told to dawdle."""

    world: World
    columns: FeatureSet = FEATURES
    weekly: dict[str, list[int]] = field(default_factory=weekly_amounts)
    seconds: float = 0.0
    behaviour: list[Any] = field(default_factory=list)
    customers: dict[str, Any] = field(default_factory=dict)

    async def StreamFeatures(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(self.seconds)
        cutoffs = [cutoff.ToDatetime(UTC) for cutoff in request.cutoffs]
        first = True
        for snapshot in self.world.snapshots(cutoffs):
            for begin in range(0, len(snapshot.customers), ROWS_PER_MESSAGE):
                yield self.part(snapshot, begin, first)
                first = False

    def part(self, snapshot: Snapshot, begin: int, first: bool) -> Any:
        rows = slice(begin, begin + ROWS_PER_MESSAGE)
        return profile_service_pb2.StreamFeaturesResponse(
            feature_set=feature_set_message(self.columns) if first else None,
            cutoff=timestamp(snapshot.cutoff),
            names=snapshot.customers[rows],
            values=snapshot.values[rows].ravel(),
        )

    async def StreamWeeklySales(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for category, amounts in self.weekly.items():
            series = profile_service_pb2.WeeklySales(
                category=category, first_week=timestamp(MONDAY), amount_micros=amounts
            )
            yield profile_service_pb2.StreamWeeklySalesResponse(series=[series])

    async def StreamBehaviour(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for part in self.behaviour:
            if not request.names or set(request.names) & set(part.names):
                yield part

    async def GetProfile(self, request: Any, context: Any) -> Any:
        return self.customers[request.name]


@asynccontextmanager
async def profile_server(profile: FakeProfile) -> AsyncIterator[str]:
    server = grpc.aio.server()
    profile_service_pb2_grpc.add_ProfileServiceServicer_to_server(profile, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@dataclass(frozen=True)
class Forecast:
    """A running forecast service as its callers see it."""

    stub: forecast_service_pb2_grpc.ForecastServiceAsyncStub
    operations: Any
    channel: grpc.aio.Channel
    models: Path

    async def train(
        self, *models: str, request_id: str = "t1", at: datetime = NOW
    ) -> operations_pb2.Operation:
        """A training to its end."""
        request = pb.TrainModelRequest(
            request_id=request_id, decision_time=timestamp(at), models=[f"models/{model}" for model in models]
        )
        started = await self.stub.TrainModel(request)
        return await self.ended(started.name)

    async def ended(self, name: str) -> operations_pb2.Operation:
        wait = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(seconds=60))
        operation: operations_pb2.Operation = await self.operations.WaitOperation(wait)
        return operation

    async def versions(self) -> list[Any]:
        return list((await self.stub.ListModelVersions(pb.ListModelVersionsRequest())).versions)

    async def score(self, *customers: pb.CustomerFeatures, **options: Any) -> pb.ScoreCustomersResponse:
        asked = {"questions": DECIDED} | options
        request = pb.ScoreCustomersRequest(decision_time=timestamp(NOW), customers=customers, **asked)
        response: pb.ScoreCustomersResponse = await self.stub.ScoreCustomers(request)
        return response


@asynccontextmanager
async def forecast_server(
    folder: Path, profile_address: str, database_url: str = "", cached_customers: int = 1000
) -> AsyncIterator[Forecast]:
    settings = Settings(
        listen="127.0.0.1:0",
        database_url=database_url or f"sqlite:///{folder / 'forecast.sqlite'}",
        profile_address=profile_address,
        data=folder,
        cached_customers=cached_customers,
    )
    await asyncio.to_thread(migrations.migrate, settings.database_url, PACKAGE)
    running = await start(await assembled(settings))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub: Any = forecast_service_pb2_grpc.ForecastServiceStub(channel)
        operations = operations_pb2.OperationsStub(channel)
        try:
            yield Forecast(stub, operations, channel, settings.models_folder)
        finally:
            await running.stop()


async def registered(folder: Path, versions: list[Trained], database_url: str = "", kind: str = "") -> None:
    """Puts trained versions into the registry of a service that does not run."""
    url = database_url or f"sqlite:///{folder / 'forecast.sqlite'}"
    await asyncio.to_thread(migrations.migrate, url, PACKAGE)
    db = Database.open(url)
    for trained in versions:
        file = keep(folder / "models", trained.report.model, trained.file)
        making = store.Making(NOW, kind)
        await db.write(partial(store.add, trained=trained, file=file, train_time=NOW, making=making))
    await db.close()


def features(snapshot: Snapshot, row: int) -> pb.CustomerFeatures:
    """One customer of a snapshot, as the gateway sends him."""
    vector = FeatureVector(
        set_id="customer-behaviour",
        set_version=1,
        values=snapshot.values[row],
        as_of=timestamp(snapshot.cutoff),
    )
    return pb.CustomerFeatures(customer=snapshot.customers[row], features=vector)
