"""Behaviour in columns says what the events say: weights, links, consents, no words; over a real socket."""

from __future__ import annotations

from typing import Any, NamedTuple

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2
from fieldwise_profile.behaving import Behaving, Span, columns_in_process, kinds_of
from fieldwise_profile.training import Training
from fieldwise_runtime.database import Database
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving
from tests.profile.test_linked_names_are_one_person import life, link
from tests.profile.test_watching_and_changes import click, consent, events_of, search, view

TRAINING = consent_pb2.PURPOSE_TRAINING
KINDS = ("purchase", "view", "click", "search", "message")


class Row(NamedTuple):
    customer: str
    micros: int
    kind: str
    category: str
    product: str
    dwell_ms: int
    weight: float


async def behaviour(client: Client, **asked: Any) -> list[Row]:
    request = profile_service_pb2.StreamBehaviourRequest(**{"as_of": at(NOW), "purpose": TRAINING, **asked})
    return [row async for part in client.stub.StreamBehaviour(request) for row in rows_of(part)]


def rows_of(part: profile_service_pb2.StreamBehaviourResponse) -> list[Row]:
    columns = (
        part.customer,
        part.time_micros,
        part.kind,
        part.category,
        part.product,
        part.dwell_ms,
        part.weight,
    )
    return [
        Row(part.names[c], t, KINDS[k], part.words[category], part.words[product], dwell, round(weight, 6))
        for c, t, k, category, product, dwell, weight in zip(*columns, strict=True)
    ]


def message(event_id: str, seconds: float, stage: event_pb2.MessageStage.ValueType) -> event_pb2.Event:
    return event(event_id, "1", seconds, message=event_pb2.Message(stage=stage, channel="email"))


async def test_each_deed_is_a_row_with_what_it_counts(database_url: str) -> None:
    async with serving(database_url) as client:
        sent = [
            purchase("p", seconds=NOW - 5 * DAY),
            purchase("u", seconds=NOW - 4 * DAY, category="unknown"),
            view("v", NOW - 3 * DAY),
            view("v again", NOW - 3 * DAY + 0.4),
            view("robot", NOW - 2 * DAY, agent="Googlebot/2.1"),
            click("c", NOW - 2 * DAY + 100),
            search("s", NOW - 2 * DAY + 200, "secret words"),
            message("sent", NOW - DAY, event_pb2.MESSAGE_STAGE_SENT),
            message("opened", NOW - DAY + 60, event_pb2.MESSAGE_STAGE_OPENED),
            message("answered", NOW - DAY + 90, event_pb2.MESSAGE_STAGE_ANSWERED),
        ]
        await client.ingest(batch(sent))
        rows = await behaviour(client)
        assert [(row.kind, row.category, row.product, row.dwell_ms, row.weight) for row in rows] == [
            ("purchase", "CHEESE", "p1", -1, 1),
            ("purchase", "", "p1", -1, 1),
            ("view", "CHEESE", "p1", 9000, 1),
            ("view", "CHEESE", "p1", 9000, 0),
            ("view", "CHEESE", "p1", 9000, 0),
            ("click", "CHEESE", "p1", -1, 1),
            ("search", "CHEESE", "", -1, 1),
            ("message", "", "", -1, 1),
            ("message", "", "", -1, 1),
        ]


async def test_a_weight_does_not_depend_on_the_kinds_and_times_asked_for(sqlite_database_url: str) -> None:
    # The double is in the hour, and before the start, of what is asked for.
    begin = NOW - 3 * DAY
    async with serving(sqlite_database_url) as client:
        await client.ingest(
            batch([view("a", begin + 59.8), view("b", begin + 60.2), purchase("p", seconds=begin + 70)])
        )
        (double,) = await behaviour(client, kinds=["view"], start=at(begin + 60))
        assert (double.kind, double.weight) == ("view", 0)


async def test_weights_are_those_that_are_listed(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(life("1", 3)))
        listed = {each.event.event_time.ToMicroseconds(): each.weight for each in await events_of(client)}
        rows = await behaviour(client)
        assert len(rows) == len(listed) > 60
        assert {row.micros: row.weight for row in rows} == listed


async def test_linked_names_are_one_customer_and_strangers_come_together(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([*life("1", 1), *life("2", 2), *life("3", 3)]))
        before = await behaviour(client)
        await link(client, "1", "2")
        after = await behaviour(client)
        names = [row.customer for row in after]
        assert sorted(set(names)) == ["customers/1", "customers/3"] or sorted(set(names)) == [
            "customers/2",
            "customers/3",
        ]
        assert len(after) == len(before)
        assert after == sorted(after, key=lambda row: (row.customer, row.micros))
        assert await behaviour(client, names=["customers/3"]) == [
            r for r in before if r.customer == "customers/3"
        ]


async def test_who_has_not_consented_is_left_out(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", "1"), purchase("b", "2")]))
        said = event_pb2.Consent(purpose=TRAINING, granted=False)
        await client.ingest(batch([event("no", "1", NOW - 60, consent=said)]))
        assert {row.customer for row in await behaviour(client)} == {"customers/2"}
        await client.ingest(batch([consent("never", NOW - 50, granted=False)]))
        deciding = await behaviour(client, purpose=consent_pb2.PURPOSE_DECISION)
        assert {row.customer for row in deciding} == {"customers/2"}


async def test_later_events_change_no_earlier_row(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(life("1", 4)))
        as_of = at(NOW - 30 * DAY)
        before = await behaviour(client, as_of=as_of)
        await client.ingest(
            batch([view("late", NOW - 29 * DAY), purchase("told late", "1", NOW - 40 * DAY, NOW - DAY)])
        )
        assert await behaviour(client, as_of=as_of) == before


async def test_a_start_after_the_end_is_refused(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await behaviour(client, start=at(NOW))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_process_of_its_own_reads_the_same(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([*life("1", 5), *life("2", 6)]))
    database = Database.open(sqlite_database_url)
    span = Span(0, NOW * 1_000_000, kinds_of(()))
    behaving = Behaving(database, sqlite_database_url, Training(database, sqlite_database_url))
    (here,) = [columns async for columns in behaving.columns(span, [], None)]
    await database.close()
    there = columns_in_process(sqlite_database_url, [("customers/1",), ("customers/2",)], span)
    assert there == [here]
