"""Ingestion over a real socket, on SQLite and PostgreSQL: each event once, bad ones refused one by one, answers in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from fieldwise.profile.v1 import event_pb2, profile_service_pb2
from fieldwise_profile.__main__ import PACKAGE
from fieldwise_runtime import migrations
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import (
    DAY,
    NOW,
    Client,
    at,
    batch,
    contact,
    event,
    mailing,
    outcome,
    purchase,
    redemption,
    serving,
    usd,
)


def fault_fields(answer: profile_service_pb2.IngestEventsResponse) -> dict[str, str]:
    (rejected,) = answer.rejected
    return {fault.field: fault.description for fault in rejected.details.field_violations}


async def refused(client: Client, *batches: profile_service_pb2.IngestEventsRequest) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await client.ingest(*batches)
    return raised.value


async def test_a_batch_sent_again_changes_nothing(database_url: str) -> None:
    events = [
        purchase("a"),
        mailing("b"),
        redemption("c"),
        contact("d"),
        outcome("e", amount=3),
        purchase("f"),
    ]
    async with serving(database_url) as client:
        (first,) = await client.ingest(batch(events))
        before = await client.profile()
        (again,) = await client.ingest(batch(events))
        assert (first.accepted, first.duplicates) == (6, 0)
        assert (again.accepted, again.duplicates) == (0, 6)
        assert await client.profile() == before
        assert before.event_count == 6


async def test_an_event_that_stands_twice_in_a_batch_counts_once_and_the_first_wins(
    database_url: str,
) -> None:
    events = [
        purchase("a", amount=2),
        purchase("a", amount=50),
        mailing("b"),
        purchase("b", amount=9),
        purchase("c"),
    ]
    async with serving(database_url) as client:
        (answer,) = await client.ingest(batch(events))
        assert (answer.accepted, answer.duplicates) == (3, 2)
        assert (await client.profile()).total_spend == usd(4)


async def test_a_batch_of_old_and_new_events_adds_only_the_new(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a"), purchase("b", "2")]))
        (answer,) = await client.ingest(
            batch([purchase("b", "2"), purchase("c", "3"), purchase("a"), purchase("d", "2")])
        )
        assert (answer.accepted, answer.duplicates) == (2, 2)
        found = await client.profiles(["customers/1", "customers/2", "customers/3"])
        assert [profile.event_count for profile in found] == [1, 2, 1]


async def test_the_same_id_from_another_source_is_another_event(database_url: str) -> None:
    other = purchase("a")
    other.source = "shop"
    async with serving(database_url) as client:
        (answer,) = await client.ingest(batch([purchase("a"), other]))
        assert answer.accepted == 2


async def test_many_batches_in_flight_are_answered_in_order_with_their_numbers(database_url: str) -> None:
    batches = [batch([purchase(f"{n}-{i}", str(i)) for i in range(5)], n) for n in range(30)]
    async with serving(database_url) as client:
        answers = await client.ingest(*batches)
        assert [answer.batch_number for answer in answers] == list(range(30))
        assert sum(answer.accepted for answer in answers) == 150
        found = await client.profiles([f"customers/{i}" for i in range(5)])
        assert [profile.event_count for profile in found] == [30] * 5


async def test_two_streams_at_once_count_every_event_once(database_url: str) -> None:
    batches = [batch([purchase(f"{n}-{i}", str(i % 7)) for i in range(40)], n) for n in range(10)]
    async with serving(database_url) as client:
        answers = await asyncio.gather(client.ingest(*batches), client.ingest(*batches))
        accepted = sum(answer.accepted for stream in answers for answer in stream)
        duplicates = sum(answer.duplicates for stream in answers for answer in stream)
        assert (accepted, duplicates) == (400, 400)
        found = await client.profiles([f"customers/{i}" for i in range(7)])
        assert sum(profile.event_count for profile in found) == 400


async def test_a_fault_in_one_event_rejects_that_event_and_stores_the_others(database_url: str) -> None:
    bad = purchase("bad")
    bad.purchase.quantity = -1
    async with serving(database_url) as client:
        (answer,) = await client.ingest(batch([purchase("a"), bad, purchase("b")]))
        assert answer.accepted == 2
        assert (answer.rejected[0].index, answer.rejected[0].event_id) == (1, "bad")
        assert "got -1; give 0 or more" in fault_fields(answer)["purchase.quantity"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(32_503_680_000, "3000-01-01"), (-2_208_988_800, "1900-01-01"), (NOW + 1, "2025-06-04T12:00:01Z")],
    ids=["year 3000", "year 1900", "a second from now"],
)
async def test_an_event_of_an_impossible_time_is_rejected_with_field_value_and_remedy(
    sqlite_database_url: str, seconds: int, shown: str
) -> None:
    async with serving(sqlite_database_url) as client:
        (answer,) = await client.ingest(batch([purchase("a", seconds=seconds), purchase("b")]))
        assert answer.accepted == 1
        described = fault_fields(answer)["event_time"]
        assert shown in described
        assert "send " in described or "give " in described


async def test_every_fault_of_an_event_is_named_at_once(sqlite_database_url: str) -> None:
    bad = event_pb2.Event(event_id="", source="P O S", customer="1", event_time=at(NOW + DAY))
    bad.purchase.CopyFrom(
        event_pb2.Purchase(product="p", quantity=-2, amount=usd(1, "EUR"), discount=usd(-1))
    )
    async with serving(sqlite_database_url) as client:
        (answer,) = await client.ingest(batch([bad]))
        faults = fault_fields(answer)
        assert faults.keys() == {
            "event_id",
            "source",
            "customer",
            "event_time",
            "purchase.category",
            "purchase.quantity",
            "purchase.amount.currency_code",
            "purchase.discount.micros",
        }
        assert "FOREIGN_CURRENCY" in faults["purchase.amount.currency_code"]
        assert "USD" in faults["purchase.amount.currency_code"]


async def test_an_event_without_content_or_known_before_it_happened_is_rejected(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        (empty,) = await client.ingest(batch([event("a")]))
        (early,) = await client.ingest(batch([purchase("b", seconds=NOW - DAY, known_at=NOW - 2 * DAY)]))
        assert "purchase, mailing" in fault_fields(empty)["what"]
        assert "not before event_time" in fault_fields(early)["known_at"]
        (late,) = await client.ingest(batch([purchase("c", seconds=NOW - DAY, known_at=NOW + 1)]))
        assert "not after decision_time, 2025-06-04T12:00:00Z" in fault_fields(late)["known_at"]


async def test_a_zero_character_is_rejected_before_the_database_refuses_the_batch(database_url: str) -> None:
    async with serving(database_url) as client:
        (answer,) = await client.ingest(
            batch([purchase("a\0b"), purchase("c", category="tab\tline\nback\\slash")])
        )
        assert answer.accepted == 1
        assert "event_id" in fault_fields(answer)
        assert (await client.profile()).interests[0].category == "tab\tline\nback\\slash"


async def test_an_empty_batch_and_one_too_large_are_refused_and_what_came_before_is_stored(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        empty = from_rpc_error(await refused(client, batch([purchase("a")]), batch([])))
        large = from_rpc_error(await refused(client, batch([purchase(str(n)) for n in range(10_001)])))
        for fault in (empty, large):
            assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
            assert fault.reason == "INVALID_REQUEST"
            assert [violation.field for violation in fault.violations] == ["events"]
        assert "split the batch" in large.message
        assert (await client.profile()).event_count == 1


async def test_bytes_that_are_no_batch_are_refused_and_the_server_goes_on(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        raw: Any = client.channel.stream_stream("/fieldwise.profile.v1.ProfileService/IngestEvents")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            _ = [answer async for answer in raw(iter([b"\xff\xff\xff"]))]
        assert from_rpc_error(raised.value).reason == "MALFORMED_REQUEST"
        (answer,) = await client.ingest(batch([purchase("a")]))
        assert answer.accepted == 1


async def test_a_commit_that_fails_leaves_no_trace_in_memory(sqlite_database_url: str) -> None:
    migrations.migrate(sqlite_database_url, PACKAGE)
    engine = sa.create_engine(sqlite_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.event_id = 'poison' "
            "BEGIN SELECT RAISE(ABORT, 'disk on fire'); END"
        )
    engine.dispose()
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a")]))
        before = await client.profile()
        error = await refused(client, batch([purchase("b"), purchase("poison"), purchase("c", "2")]))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "disk on fire" not in (error.details() or "")
        assert await client.profile() == before
        (answer,) = await client.ingest(batch([purchase("b"), purchase("c", "2")]))
        assert answer.accepted == 2
        assert [p.event_count for p in await client.profiles(["customers/1", "customers/2"])] == [2, 1]


async def test_a_caller_who_goes_away_leaves_no_difference_between_memory_and_log(
    sqlite_database_url: str,
) -> None:
    batches = [batch([purchase(f"{n}-{i}", str(i % 3)) for i in range(300)], n) for n in range(12)]
    names = [f"customers/{n}" for n in range(3)]

    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        for each in batches:
            yield each

    async with serving(sqlite_database_url) as client:
        call: Any = client.stub.IngestEvents(requests())
        await call.read()
        call.cancel()
        await asyncio.sleep(0.5)
        seen = sum(profile.event_count for profile in await client.profiles(names))
        answers = await client.ingest(*batches)
        assert seen == sum(answer.duplicates for answer in answers) >= 300
        assert sum(profile.event_count for profile in await client.profiles(names)) == 3600
