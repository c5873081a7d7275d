"""Accuracy through the real server: the last week is taken away, and what profiles then show is compared."""

from __future__ import annotations

import pytest

from fieldwise.profile.v1 import event_pb2, quality_service_pb2
from fieldwise.profile.v1.quality_service_pb2_grpc import QualityServiceStub
from tests.profile.builders import DAY, NOW, Client, at, batch, purchase, serving

STEADY = 12


def weekly_buyers(count: int, first_back: int = 1) -> list[event_pb2.Event]:
    """Each buys every Monday at the same hour, the last time ``first_back`` days ago."""
    return [
        purchase(f"c{number}-{week}", f"c{number:02}", NOW - DAY * (7 * week + first_back), category="CHEESE")
        for number in range(count)
        for week in range(12)
    ]


async def measured(client: Client) -> dict[str, quality_service_pb2.AttributeAccuracy]:
    request = quality_service_pb2.MeasureAccuracyRequest(as_of=at(NOW))
    steps = [step async for step in QualityServiceStub(client.channel).MeasureAccuracy(request)]
    report = steps[-1].report
    assert report.customers == steps[-1].done == steps[-1].total
    return {"all": report.all} | {each.name: each for each in report.attributes}


async def test_what_a_week_does_not_change_is_right_without_it(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch(weekly_buyers(STEADY)))

        found = await measured(client)

    assert found["favourite_category"].overall.share == 1
    assert found["favourite_category"].overall.count == STEADY
    assert found["favourite_category"].changed.count == 0
    assert found["rhythm"].overall.share == 1


async def test_a_changed_attribute_is_scored_by_itself_and_alarms(sqlite_database_url: str) -> None:
    # Four of twelve buy so much wine in the last week that it becomes their favourite.
    turned = [
        purchase(f"w{number}-{day}", f"c{number:02}", NOW - DAY * day - 3600 * hour, category="WINE")
        for number in range(4)
        for day in range(1, 7)
        for hour in range(2)
    ]
    often = [
        purchase(f"old{number}", f"c{number:02}", NOW - DAY * (8 + number), category="WINE")
        for number in range(4)
    ]
    # Fewer Mondays with cheese than days with wine.
    cheese = [each for each in weekly_buyers(STEADY) if int(each.event_id.split("-")[1]) < 6]
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([*cheese, *turned, *often]))

        favourite = (await measured(client))["favourite_category"]

    assert favourite.changed.count == 4
    assert favourite.changed.share == favourite.changed.last_value_stays == 0
    assert favourite.overall.share == pytest.approx(8 / 12)
    assert favourite.alarm


async def test_time_that_passes_is_no_news(sqlite_database_url: str) -> None:
    """Nobody bought for so long that all fell silent in the last week: the stage changed, and is right without it."""
    gone = weekly_buyers(STEADY, first_back=16)
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(gone))

        stage = (await measured(client))["stage"]

    assert stage.changed.count == STEADY
    assert stage.changed.share == 1
    assert stage.changed.last_value_stays == 0
    assert not stage.alarm
