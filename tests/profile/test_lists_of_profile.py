"""Lists over all customers: names, outcome events, weekly sales."""

from __future__ import annotations

import random
from collections import defaultdict

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, outcome, purchase, serving, usd

WEEK = 7 * DAY
# Monday, 2025-06-02, 00:00 UTC.
MONDAY = NOW // DAY * DAY - 2 * DAY


async def names_by_pages(client: Client, size: int) -> tuple[list[list[str]], int]:
    pages: list[list[str]] = []
    token = ""
    while True:
        request = profile_service_pb2.ListCustomersRequest(
            page_size=size, page_token=token, purpose=consent_pb2.PURPOSE_TRAINING
        )
        answer = await client.stub.ListCustomers(request)
        pages.append(list(answer.names))
        token = answer.next_page_token
        if not token:
            return pages, answer.total_size


async def test_customers_are_listed_by_name_on_pages(database_url: str) -> None:
    ids = ["10", "9", "a", "B", "b~1", "Z-2", "z_3"]
    async with serving(database_url) as client:
        await client.ingest(batch([purchase(f"e{n}", name) for n, name in enumerate(ids)]))
        await client.ingest(batch([purchase("again", "9")]))
        pages, total = await names_by_pages(client, 3)
        whole, _ = await names_by_pages(client, 0)
    expected = sorted(f"customers/{name}" for name in ids)
    assert pages == [expected[:3], expected[3:6], expected[6:]]
    assert whole == [expected]
    assert total == 7


async def test_a_duplicate_creates_no_customer(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", "1")]))
        await client.ingest(batch([purchase("a", "2")]))
        assert await names_by_pages(client, 0) == ([["customers/1"]], 1)


@pytest.mark.parametrize(
    ("size", "token", "field"), [(-1, "", "page_size"), (0, "bm90IG91cnM", "page_token")]
)
async def test_a_negative_page_and_a_foreign_token_are_refused(
    sqlite_database_url: str, size: int, token: str, field: str
) -> None:
    async with serving(sqlite_database_url) as client:
        calls = (
            client.stub.ListCustomers(
                profile_service_pb2.ListCustomersRequest(
                    page_size=size, page_token=token, purpose=consent_pb2.PURPOSE_TRAINING
                )
            ),
            client.stub.ListOutcomeEvents(
                profile_service_pb2.ListOutcomeEventsRequest(
                    page_size=size, page_token=token, purpose=consent_pb2.PURPOSE_TRAINING
                )
            ),
        )
        for call in calls:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            fault = from_rpc_error(raised.value)
            assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
            assert fault.violations[0].field == field


async def test_outcomes_come_whole_in_the_order_in_which_they_became_durable(database_url: str) -> None:
    told = [outcome(f"o{n}", str(n % 3), NOW - n * DAY, amount=n or None) for n in range(7)]
    mixed = [
        event for pair in zip(told, (purchase(f"p{n}") for n in range(7)), strict=True) for event in pair
    ]
    async with serving(database_url) as client:
        await client.ingest(batch(mixed[:6]), batch(mixed[4:]))
        got: list[event_pb2.Event] = []
        token = ""
        while True:
            request = profile_service_pb2.ListOutcomeEventsRequest(
                page_size=2, page_token=token, purpose=consent_pb2.PURPOSE_TRAINING
            )
            answer = await client.stub.ListOutcomeEvents(request)
            token = answer.next_page_token
            if not answer.events:
                break
            got += answer.events
        await client.ingest(batch([outcome("later")]))
        after = await client.stub.ListOutcomeEvents(
            profile_service_pb2.ListOutcomeEventsRequest(
                page_token=token, purpose=consent_pb2.PURPOSE_TRAINING
            )
        )
    assert got == told
    assert [event.event_id for event in after.events] == ["later"]


async def weekly(client: Client, start: float | None, as_of: float) -> dict[str, tuple[int, list[int]]]:
    request = profile_service_pb2.StreamWeeklySalesRequest(
        purpose=consent_pb2.PURPOSE_TRAINING, start=None if start is None else at(start), as_of=at(as_of)
    )
    return {
        series.category: (series.first_week.seconds, list(series.amount_micros))
        async for message in client.stub.StreamWeeklySales(request)
        for series in message.series
    }


async def test_weekly_sales_equal_sums_by_hand(database_url: str) -> None:
    chance = random.Random(3)
    events = []
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for number in range(400):
        seconds = round(MONDAY - chance.uniform(0, 10 * WEEK) + 2 * DAY, 3)
        category, amount = f"C{chance.randrange(60)}", chance.randrange(1, 1000)
        known_at = seconds if chance.random() < 0.9 else NOW + DAY
        events.append(purchase(str(number), str(number % 5), seconds, known_at, category, amount))
        week = int((seconds - MONDAY) // WEEK)
        if known_at <= NOW and -8 <= week < 0:
            sums[category, week] += amount * 1_000_000
    async with serving(database_url) as client:
        await client.ingest(batch(events, now=NOW + DAY))
        got = await weekly(client, MONDAY - 8 * WEEK - 5, NOW)
    assert got.keys() == {category for category, _ in sums}
    for category, (first, amounts) in got.items():
        assert first == MONDAY - 8 * WEEK
        assert amounts == [sums.get((category, week), 0) for week in range(-8, 0)]


async def test_series_begin_with_the_first_week_of_sales_when_no_start_is_given(
    sqlite_database_url: str,
) -> None:
    events = [purchase("a", seconds=MONDAY - 3 * WEEK), purchase("b", seconds=MONDAY - 1, category="BEER")]
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(events))
        got = await weekly(client, None, MONDAY)
        unfinished = await weekly(client, None, MONDAY - 1)
    micros = usd(2).micros
    assert got == {
        "CHEESE": (MONDAY - 3 * WEEK, [micros, 0, 0]),
        "BEER": (MONDAY - 3 * WEEK, [0, 0, micros]),
    }
    assert unfinished == {"CHEESE": (MONDAY - 3 * WEEK, [micros, 0])}
