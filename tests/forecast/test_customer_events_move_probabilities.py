"""An event in, a new probability out: a real profile service and a real forecast service over sockets."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1.score_pb2 import CustomerScores
from fieldwise.profile.v1 import event_pb2
from tests.forecast.forecast_servers import Forecast, forecast_server
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving

CUSTOMERS = 90
DAYS = 200
MINUTE = 60.0
# He bought every few days, and then not for seven weeks.
LAPSED = "lapsed"


def history() -> list[event_pb2.Event]:
    """Half of the customers buy weekly and stop for good at some time; the others buy every second month."""
    chance = random.Random(5)
    found = []
    for number in range(CUSTOMERS):
        often = number % 2 == 0
        until = NOW - chance.uniform(0, DAYS) * DAY if often else NOW
        moment = NOW - DAYS * DAY + chance.expovariate(1 / 7) * DAY
        while moment < until:
            found.append(purchase(f"{number}-{moment}", str(number), round(moment, 6)))
            moment += chance.expovariate(1 / (7 if often else 60)) * DAY
    lapsed = [NOW - days * DAY for days in range(50, 150, 5)]
    return found + [purchase(f"{LAPSED}-{moment}", LAPSED, moment) for moment in lapsed]


@dataclass
class Both:
    """Two services, and what they say together of the lapsed customer."""

    profile: Client
    forecast: Forecast

    async def scores(self, seconds: float) -> CustomerScores:
        profile = await self.profile.profile(LAPSED, seconds)
        customer = pb.CustomerFeatures(customer=profile.name, features=profile.features)
        asked = pb.ScoreCustomersRequest(
            decision_time=at(seconds),
            customers=[customer],
            questions=["models/buys-28d"],
            with_contributions=True,
        )
        return (await self.forecast.stub.ScoreCustomers(asked)).scores[0]


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    async with serving(f"sqlite:///{tmp_path / 'profile.sqlite'}") as profile:
        await profile.ingest(batch(history()))
        async with forecast_server(tmp_path, profile.address) as forecast:
            operation = await forecast.train("buys-28d", at=datetime.fromtimestamp(NOW, UTC))
            assert operation.HasField("response"), operation.error
            yield Both(profile, forecast)


async def test_a_purchase_raises_the_probability_of_the_next_at_once_and_a_view_is_seen(both: Both) -> None:
    before = await both.scores(NOW + MINUTE)
    looked = event_pb2.View(product="p1", category="CHEESE", dwell_ms=20_000)
    await both.profile.ingest(
        batch([event("looked", LAPSED, NOW + 2 * MINUTE, view=looked)], now=NOW + 3 * MINUTE)
    )
    seen = await both.profile.profile(LAPSED, NOW + 3 * MINUTE)
    await both.profile.ingest(batch([purchase("new", LAPSED, NOW + 4 * MINUTE)], now=NOW + 5 * MINUTE))
    after = await both.scores(NOW + 5 * MINUTE)
    old, new = before.predictions[0], after.predictions[0]
    assert old.model_version == new.model_version == "models/buys-28d/versions/1"
    assert new.probability > old.probability + 0.2
    # The view counts in the last columns of the set: views of 7 and 28 days, and the days since.
    assert list(seen.features.values)[-6:-4] == [1.0, 1.0]
    assert seen.features.values[-1] == pytest.approx(MINUTE / DAY)
    assert before.expected_spend.micros == round(old.probability * before.spend_if_buys.micros)
    assert after.expected_spend.micros > before.expected_spend.micros
    total = new.base_log_odds + sum(each.log_odds for each in new.contributions)
    assert total == pytest.approx(new.log_odds, abs=1e-4)
