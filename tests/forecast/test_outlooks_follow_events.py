"""Outlooks over real sockets: an event in profile, and forecast answers differently at once; training by request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from fieldwise.forecast.v1 import customer_service_pb2 as pb
from fieldwise.forecast.v1.customer_service_pb2_grpc import CustomerServiceStub
from fieldwise.forecast.v1.forecast_service_pb2 import TrainModelResponse
from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2
from fieldwise_forecast.core.interest import contact_time, interest_model
from fieldwise_forecast.core.interest.behaviour import Behaviour
from fieldwise_forecast.core.interest.interest_model import InterestModel
from fieldwise_forecast.core.interest.next_category import INPUTS, NextCategory, only_of
from fieldwise_forecast.core.interest.products import Catalogue
from fieldwise_forecast.core.versions import LearnerScore, Report, Trained
from fieldwise_forecast.profile_reader import ProfileReader
from fieldwise_market.world import make_world
from fieldwise_runtime.errors import from_rpc_error
from tests.forecast.behaviours import market_behaviour
from tests.forecast.forecast_servers import (
    FakeProfile,
    Forecast,
    forecast_server,
    profile_server,
    registered,
)
from tests.forecast.forecast_worlds import World
from tests.profile.builders import DAY, NOW, Client, at, batch, event, serving, usd

CATEGORIES = ("CHEESE", "GREEN TEA", "WINE")
CATALOGUE = Catalogue({"GREEN TEA": [("sencha", 0.75), ("matcha", 0.25)], "WINE": [("merlot", 1.0)]})


def trained() -> Trained:
    weights = np.array([{"bought_180d": 1.0, "searches_7d": 1.0}.get(name, 0.0) for name in INPUTS])
    choice = NextCategory(CATEGORIES, np.full(3, 1 / 3), weights)
    model = InterestModel(choice, contact_time.UNTRAINED, CATALOGUE)
    report = Report(
        model=interest_model.MODEL,
        learner=interest_model.SERVING,
        feature_set=None,
        train_cutoffs=(),
        test_cutoff=datetime(2025, 5, 1, tzinfo=UTC),
        train_rows=1,
        test_rows=1,
        leaderboard=(LearnerScore(interest_model.SERVING, {"log_loss": 1.0}, 0.0),),
        engine_difference=0.0,
        base_rate=0.0,
        metric="log_loss",
    )
    return Trained(report, interest_model.to_file(model), "")


@dataclass
class Both:
    """A real profile and a real forecast that reads it."""

    profile: Client
    forecast: Forecast

    async def outlook(self, customer: str = "1", moment: float = NOW, most: int = 100) -> pb.Outlook:
        request = pb.GetOutlookRequest(name=f"customers/{customer}", decision_time=at(moment), most=most)
        found: pb.Outlook = await stub(self.forecast).GetOutlook(request)
        return found

    async def refused(self, customer: str) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.outlook(customer)
        return from_rpc_error(error.value).reason


def stub(forecast: Forecast) -> Any:
    return CustomerServiceStub(forecast.channel)


@asynccontextmanager
async def both(url: str, folder: Path, *versions: Trained) -> AsyncIterator[Both]:
    await registered(folder, list(versions), kind="interest")
    async with serving(url) as profile, forecast_server(folder, profile.address) as forecast:
        yield Both(profile, forecast)


def bought(
    event_id: str, days_ago: float, category: str, product: str, customer: str = "1"
) -> event_pb2.Event:
    line = event_pb2.Purchase(product=product, category=category, quantity=1, amount=usd(2))
    return event(event_id, customer, NOW - days_ago * DAY, purchase=line)


def searched(
    event_id: str, seconds: float, query: str, category: str = "", product: str = ""
) -> event_pb2.Event:
    said = event_pb2.Search(query=query, category=category, product=product)
    return event(event_id, "1", seconds, search=said)


def scores(outlook: pb.Outlook) -> dict[str, float]:
    return {each.product: each.score for each in outlook.products}


def chances(outlook: pb.Outlook) -> dict[str, float]:
    return {each.category: each.probability for each in outlook.next_categories}


async def test_a_search_moves_the_product_searched_for_at_once(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path, trained()) as here:
        await here.profile.ingest(
            batch([bought("p1", 3, "CHEESE", "brie"), bought("p2", 9, "CHEESE", "brie")])
        )
        before = await here.outlook()
        await here.profile.ingest(batch([searched("s", NOW - 1, "something green", "GREEN TEA", "sencha")]))
        after = await here.outlook()
        assert "sencha" not in scores(before)
        assert scores(after)["sencha"] == pytest.approx(0.6, rel=1e-3)
        assert scores(after)["brie"] == scores(before)["brie"]
        assert chances(after)["GREEN TEA"] > chances(before)["GREEN TEA"]
        assert sum(chances(after).values()) == pytest.approx(1.0)
        assert list(after.model_versions) == ["models/interests/versions/1"]
        # As it was a moment earlier.
        assert await here.outlook(moment=NOW - 1) == await here.outlook(moment=NOW - 1)
        assert "sencha" not in scores(await here.outlook(moment=NOW - 1))


async def test_words_move_what_they_name_and_are_kept_nowhere_in_forecast(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    async with both(sqlite_database_url, tmp_path / "forecast", trained()) as here:
        await here.profile.ingest(batch([bought("p1", 3, "CHEESE", "brie")]))
        await here.profile.ingest(batch([searched("s", NOW - 1, "merlot zyzzyva")]))
        after = await here.outlook()
        assert scores(after)["merlot"] == pytest.approx(0.6, rel=1e-3)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "forecast").rglob("*") if path.is_file())
    assert b"interests" in kept
    assert b"zyzzyva" not in kept


async def test_without_a_training_stated_rules_answer(sqlite_database_url: str, tmp_path: Path) -> None:
    async with both(sqlite_database_url, tmp_path) as here:
        lines = [bought(f"p{n}", n, "CHEESE", "brie") for n in range(1, 13)] + [
            bought("q", 2, "WINE", "merlot")
        ]
        await here.profile.ingest(batch(lines))
        found = await here.outlook(most=1)
        assert [each.category for each in found.next_categories] == ["CHEESE"]
        assert [each.product for each in found.products] == ["brie"]
        assert found.status == "active"
        assert not found.HasField("lost_probability")
        assert list(found.model_versions) == []
        # Every purchase at the same hour of the day, and nothing else known of anybody.
        assert found.contact_time.enough_evidence
        assert found.contact_time.from_hour <= 12 < found.contact_time.until_hour
        answer = await stub(here.forecast).ListDwellThresholds(pb.ListDwellThresholdsRequest())
        assert answer == pb.ListDwellThresholdsResponse()


async def test_one_long_past_his_rhythm_is_lost(sqlite_database_url: str, tmp_path: Path) -> None:
    async with both(sqlite_database_url, tmp_path) as here:
        await here.profile.ingest(batch([bought(f"p{n}", 150 + 7 * n, "CHEESE", "brie") for n in range(12)]))
        found = await here.outlook()
        assert found.status == "lost"
        assert found.lost_probability > 0.5
        assert found.waiting_probability + found.lost_probability == pytest.approx(1.0)


async def test_strangers_and_those_who_said_no_get_a_reason(sqlite_database_url: str, tmp_path: Path) -> None:
    async with both(sqlite_database_url, tmp_path) as here:
        said = event_pb2.Consent(purpose=consent_pb2.PURPOSE_DECISION, granted=False)
        await here.profile.ingest(batch([bought("p", 1, "CHEESE", "brie"), event("no", "1", consent=said)]))
        assert await here.refused("1") == "CONSENT_WITHHELD"
        assert await here.refused("nobody") == "CUSTOMER_NOT_FOUND"


def streamed(behaviour: Behaviour) -> profile_service_pb2.StreamBehaviourResponse:
    return profile_service_pb2.StreamBehaviourResponse(
        names=behaviour.customers,
        customer=behaviour.customer.tolist(),
        time_micros=behaviour.time.tolist(),
        kind=behaviour.kind.tolist(),
        words=behaviour.words,
        category=behaviour.category.tolist(),
        product=behaviour.product.tolist(),
        dwell_ms=behaviour.dwell.tolist(),
        weight=behaviour.weight.tolist(),
    )


async def test_reading_for_a_training_stops_at_its_bound_with_whole_customers() -> None:
    behaviour, _ = market_behaviour(make_world(3, customers=40, days=60))
    groups = [np.arange(40) // 10 == group for group in range(4)]
    profile = FakeProfile(World(1.0), behaviour=[streamed(only_of(behaviour, each)) for each in groups])
    async with profile_server(profile) as address, grpc.aio.insecure_channel(address) as channel:
        reader, moment = ProfileReader(channel), datetime(2025, 1, 1, tzinfo=UTC)
        whole, some = await reader.behaviour(moment), await reader.behaviour(moment, most=1)
    assert whole.customers == behaviour.customers
    assert (whole.time == behaviour.time).all()
    assert some.customers == behaviour.customers[:10]
    assert len(some) == int((behaviour.customer < 10).sum())


async def test_both_models_are_trained_by_request_and_answer(tmp_path: Path) -> None:
    world = make_world(2, customers=150, days=150)
    behaviour, _ = market_behaviour(world)
    someone = profile_pb2.Profile(name=world.customers[0], stage=profile_pb2.LIFECYCLE_STAGE_ACTIVE)
    first = np.arange(len(world.customers)) == 0
    parts = [streamed(only_of(behaviour, each)) for each in (first, ~first)]
    profile = FakeProfile(World(1.0), behaviour=parts, customers={someone.name: someone})
    async with profile_server(profile) as address, forecast_server(tmp_path, address) as forecast:
        done = await forecast.train("interests", "dwell-thresholds", at=world.end)
        response = TrainModelResponse()
        assert done.response.Unpack(response)
        names = [f"models/{model}/versions/1" for model in ("interests", "dwell-thresholds")]
        assert [version.name for version in response.versions] == names
        begun = await stub(forecast).ListDwellThresholds(pb.ListDwellThresholdsRequest(page_size=8))
        rest = await stub(forecast).ListDwellThresholds(
            pb.ListDwellThresholdsRequest(page_size=8, page_token=begun.next_page_token)
        )
        found = [each.category for each in [*begun.thresholds, *rest.thresholds]]
        assert found == sorted(world.truth.categories)
        assert (begun.model_version, rest.next_page_token) == (names[1], "")
        answer = await stub(forecast).GetOutlook(
            pb.GetOutlookRequest(name=someone.name, decision_time=at(world.end.timestamp()))
        )
        assert list(answer.model_versions) == names[:1]
        assert len(answer.next_categories) == 5
