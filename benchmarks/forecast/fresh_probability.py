"""How long it takes from an event to the probability that knows it: a profile and a forecast service in one process, over sockets."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from benchmarks.consents import consents
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc
from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2, profile_service_pb2_grpc
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_forecast import __main__ as forecast_main
from fieldwise_forecast import settings as forecast_settings
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_profile import __main__ as profile_main
from fieldwise_profile import settings as profile_settings
from fieldwise_runtime import migrations
from fieldwise_runtime.server import start

CUSTOMERS, DAYS, SEED = 200, 250, 3
NOW = datetime(2025, 6, 2, tzinfo=UTC)
CURRENCY = "USD"


async def milliseconds(events: int) -> list[float]:
    """Of each event: from sending it to holding the probability of a purchase that was computed from it."""
    with tempfile.TemporaryDirectory() as folder:
        async with both(Path(folder)) as services:
            asked = consents(
                (f"customers/{number}" for number in range(CUSTOMERS)), NOW - timedelta(days=DAYS)
            )
            await services.ingest([*asked, *(purchased(*each) for each in history())], NOW)
            await services.train()
            return [await services.timed(number) for number in range(events)]


def history() -> Iterator[tuple[str, int, datetime]]:
    """Purchases of customers who each buy in a rhythm of their own, and half of whom stop some time."""
    chance = random.Random(SEED)
    for number in range(CUSTOMERS):
        mean_gap = chance.uniform(3, 60)
        until = NOW - timedelta(days=chance.uniform(0, DAYS) if number % 2 else 0)
        moment = NOW - timedelta(days=DAYS - chance.expovariate(1 / mean_gap))
        while moment < until:
            yield f"h-{number}-{moment.timestamp()}", number, moment
            moment += timedelta(days=chance.expovariate(1 / mean_gap))


def purchased(event_id: str, number: int, moment: datetime) -> event_pb2.Event:
    amount = Money(currency_code=CURRENCY, micros=5_000_000)
    return event_pb2.Event(
        event_id=event_id,
        source="bench",
        customer=f"customers/{number}",
        event_time=timestamp(moment),
        known_at=timestamp(moment),
        purchase=event_pb2.Purchase(product="p1", category="CHEESE", amount=amount),
    )


@dataclass(frozen=True)
class Services:
    """Callers of both."""

    profile: profile_service_pb2_grpc.ProfileServiceAsyncStub
    forecast: forecast_service_pb2_grpc.ForecastServiceAsyncStub
    operations: Any

    async def ingest(self, events: list[event_pb2.Event], moment: datetime) -> None:
        async def batches() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
            for place in range(0, len(events), 500):
                some = events[place : place + 500]
                yield profile_service_pb2.IngestEventsRequest(
                    events=some, batch_number=place, decision_time=timestamp(moment)
                )

        async for answer in self.profile.IngestEvents(batches()):
            assert not answer.rejected, answer.rejected[0]

    async def train(self) -> None:
        request = forecast_pb.TrainModelRequest(
            request_id="bench", decision_time=timestamp(NOW), models=["models/buys-28d"]
        )
        name = (await self.forecast.TrainModel(request)).name
        wait = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(seconds=300))
        operation = await self.operations.WaitOperation(wait)
        assert operation.HasField("response"), operation.error

    async def timed(self, number: int) -> float:
        moment = NOW + timedelta(minutes=number + 1)
        customer = number % CUSTOMERS
        begun = time.perf_counter()
        await self.ingest([purchased(f"n-{number}", customer, moment)], moment + timedelta(seconds=1))
        decision_time = timestamp(moment + timedelta(seconds=1))
        profile = await self.profile.GetProfile(
            profile_service_pb2.GetProfileRequest(
                name=f"customers/{customer}", as_of=decision_time, purpose=consent_pb2.PURPOSE_DECISION
            )
        )
        one = forecast_pb.CustomerFeatures(customer=profile.name, features=profile.features)
        answer = await self.forecast.ScoreCustomers(
            forecast_pb.ScoreCustomersRequest(
                decision_time=decision_time, customers=[one], questions=["models/buys-28d"]
            )
        )
        took = (time.perf_counter() - begun) * 1000
        # The purchase of a second ago is in the numbers that were scored.
        assert profile.features.values[0] * 86_400 < 2
        assert answer.scores[0].predictions[0].model_version
        return took


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[Services]:
    profile_url = f"sqlite:///{folder / 'profile.sqlite'}"
    forecast_url = f"sqlite:///{folder / 'forecast.sqlite'}"
    migrations.migrate(profile_url, profile_main.PACKAGE)
    migrations.migrate(forecast_url, forecast_main.PACKAGE)
    of_profile = profile_settings.Settings(listen="127.0.0.1:0", database_url=profile_url, currency=CURRENCY)
    profile = await start(await profile_main.wired(of_profile))
    address = f"127.0.0.1:{profile.port}"
    of_forecast = forecast_settings.Settings(
        listen="127.0.0.1:0",
        database_url=forecast_url,
        profile_address=address,
        data=folder,
        currency=CURRENCY,
    )
    forecast = await start(await forecast_main.assembled(of_forecast))
    async with (
        grpc.aio.insecure_channel(address) as one,
        grpc.aio.insecure_channel(f"127.0.0.1:{forecast.port}") as other,
    ):
        first: Any = profile_service_pb2_grpc.ProfileServiceStub(one)
        second: Any = forecast_service_pb2_grpc.ForecastServiceStub(other)
        try:
            yield Services(first, second, operations_pb2.OperationsStub(other))
        finally:
            await forecast.stop()
            await profile.stop()
