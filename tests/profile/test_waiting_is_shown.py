"""Waiting and lost in full profiles, and learning how customers pause and leave, over a socket."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2, quality_service_pb2
from fieldwise.profile.v1.quality_service_pb2_grpc import QualityServiceStub
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving


def regular(customer: str, last_days_ago: int, every: int = 5, times: int = 20) -> Iterator[event_pb2.Event]:
    """Purchases in a fixed rhythm up to some days ago."""
    for back in range(times):
        yield purchase(f"{customer}-{back}", customer, NOW - (last_days_ago + every * back) * DAY)


def views(customer: str, *days_ago: int) -> Iterator[event_pb2.Event]:
    for days in days_ago:
        seen = event_pb2.View(category="CHEESE", dwell_ms=20_000)
        yield event(f"{customer}-view-{days}", customer, NOW - days * DAY, view=seen)


async def traits(
    client: Client,
    customer: str = "1",
    view: profile_pb2.ProfileView.ValueType = profile_pb2.PROFILE_VIEW_FULL,
) -> dict[str, float]:
    request = profile_service_pb2.GetProfileRequest(
        name=f"customers/{customer}", as_of=at(NOW), purpose=consent_pb2.PURPOSE_DECISION, view=view
    )
    found = (await client.stub.GetProfile(request)).traits
    names = [trait.name for trait in found]
    assert names == sorted(names)
    return {trait.name: trait.number for trait in found if trait.name.endswith("_probability")}


async def learn(client: Client) -> quality_service_pb2.LearnRhythmsResponse:
    request = quality_service_pb2.LearnRhythmsRequest(as_of=at(NOW))
    return await QualityServiceStub(client.channel).LearnRhythms(request)


async def test_one_within_his_rhythm_is_neither_and_one_long_gone_is_lost(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([*regular("1", 2), *regular("2", 12), *regular("3", 150)]))
        here, away, gone = [await traits(client, customer) for customer in ("1", "2", "3")]
        assert max(here.values()) < 0.1
        assert away["waiting_probability"] > away["lost_probability"]
        assert gone["lost_probability"] > 0.9


async def test_one_who_still_looks_is_less_likely_lost(sqlite_database_url: str) -> None:
    before = range(40, 100, 6)
    async with serving(sqlite_database_url) as client:
        events = [*regular("1", 35), *views("1", *before), *regular("2", 35), *views("2", *before, 3, 9, 20)]
        await client.ingest(batch(events))
        silent, looking = await traits(client, "1"), await traits(client, "2")
        assert looking["lost_probability"] < silent["lost_probability"]


async def test_without_a_rhythm_or_in_a_short_view_nothing_is_said(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([*regular("1", 2, times=3), *regular("2", 2)]))
        assert await traits(client, "1") == {}
        assert await traits(client, "2", profile_pb2.PROFILE_VIEW_BASIC) == {}


async def test_what_is_learned_changes_profiles_at_once_and_stays(database_url: str) -> None:
    rng = np.random.default_rng(5)
    events = [each for n in range(60) for each in regular(str(n), int(rng.choice([2, 3, 90])), times=12)]
    async with serving(database_url) as client:
        await client.ingest(batch(events))
        before = await traits(client)
        found = await learn(client)
        assert (found.version, found.customers) == (1, 60)
        # A third of them is gone after 12 purchases each: far more than the stated figure assumes.
        assert found.lost_share == pytest.approx(1 / 36, rel=0.5)
        after = await traits(client)
        assert after != before
    async with serving(database_url) as client:
        assert await traits(client) == after


async def test_of_too_few_nothing_is_learned(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(regular("1", 2)))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await learn(client)
        assert from_rpc_error(refused.value).reason == "TOO_FEW_CUSTOMERS"
