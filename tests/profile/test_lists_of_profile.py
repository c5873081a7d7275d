"""Lists over all customers: names, outcome events, weekly sales."""

from __future__ import annotations

import random
from collections import defaultdict

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, identity_service_pb2, profile_service_pb2
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, event, outcome, purchase, serving, usd

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


async def outcomes_for(client: Client, purpose: consent_pb2.Purpose.ValueType) -> list[str]:
    """Event ids of all outcomes, read one by one."""
    found: list[str] = []
    token = ""
    while True:
        answer = await client.stub.ListOutcomeEvents(
            profile_service_pb2.ListOutcomeEventsRequest(page_size=1, page_token=token, purpose=purpose)
        )
        if answer.next_page_token == token:
            return found
        found += [event.event_id for event in answer.events]
        token = answer.next_page_token


async def test_outcomes_of_who_has_withdrawn_under_any_of_his_names_are_read_for_service_only(
    database_url: str,
) -> None:
    no = event_pb2.Consent(purpose=consent_pb2.PURPOSE_TRAINING, granted=False)
    async with serving(database_url) as client:
        told = [outcome(f"o{name}", name) for name in "123"]
        await client.ingest(batch([*told, event("no", "2", consent=no)]))
        assert await outcomes_for(client, consent_pb2.PURPOSE_TRAINING) == ["o1", "o3"]
        await IdentityServiceStub(client.channel).LinkCustomers(
            identity_service_pb2.LinkCustomersRequest(
                name="customers/1", other_name="customers/2", decided_by="reps/1", decision_time=at(NOW)
            )
        )
        assert await outcomes_for(client, consent_pb2.PURPOSE_TRAINING) == ["o3"]
        assert await outcomes_for(client, consent_pb2.PURPOSE_SERVICE) == ["o1", "o2", "o3"]


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


async def test_a_source_that_sells_more_than_64_bits_hold_breaks_no_read(database_url: str) -> None:
    most = 1_000_000_000
    lines = [purchase(f"p{number}", "rich", NOW - 9 * DAY, amount=most) for number in range(9_300)]
    async with serving(database_url) as client:
        (answer,) = await client.ingest(batch([*lines, purchase("small", "2", NOW - 9 * DAY)]))
        assert answer.accepted == 9_301
        seen = await client.profile("rich")
        assert seen.total_spend.micros == (1 << 63) - 1
        assert (await client.profile("2")).total_spend == usd(2)
        (series,) = (await weekly(client, None, NOW)).values()
        assert max(series[1]) == (1 << 63) - 1
    async with serving(database_url) as client:
        # From the checkpoint, whose sums have stopped there too.
        assert (await client.profile("rich")).total_spend == seen.total_spend
