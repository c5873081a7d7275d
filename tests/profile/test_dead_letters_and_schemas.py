"""Schemas of one's own, and refused events: kept, read, sent in again, over a real socket on both databases."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from fieldwise.profile.v1 import consent_pb2, event_pb2, privacy_service_pb2, schema_service_pb2
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise.profile.v1.schema_service_pb2_grpc import SchemaServiceStub
from fieldwise_profile.core.schemas import EventSchema, SchemaField, faults
from fieldwise_profile.store import dead_letters as letters_in_sql
from fieldwise_runtime import engines
from fieldwise_runtime.errors import RpcFault, from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving

UPKEEP, RIGHTS = consent_pb2.PURPOSE_UPKEEP, consent_pb2.PURPOSE_RIGHTS
SERVICE, TRAINING = consent_pb2.PURPOSE_SERVICE, consent_pb2.PURPOSE_TRAINING
SCHEMA = "eventSchemas/test_drive"
TEXT, NUMBER = schema_service_pb2.ATTRIBUTE_TYPE_TEXT, schema_service_pb2.ATTRIBUTE_TYPE_NUMBER


def field(
    name: str, kind: Any = NUMBER, unit: str = "km", **more: Any
) -> schema_service_pb2.EventSchemaField:
    return schema_service_pb2.EventSchemaField(
        name=name, type=kind, unit=unit, **{"purposes": [consent_pb2.PURPOSE_DECISION], **more}
    )


async def schema(
    client: Client, *fields: schema_service_pb2.EventSchemaField
) -> schema_service_pb2.EventSchema:
    request = schema_service_pb2.CreateEventSchemaRequest(name=SCHEMA, fields=fields, decision_time=at(NOW))
    return await SchemaServiceStub(client.channel).CreateEventSchema(request)


async def fault(call: Any) -> RpcFault:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


def driven(event_id: str, km: float = 12, unit: str = "km", version: int = 1) -> event_pb2.Event:
    made = event(
        event_id,
        custom=event_pb2.CustomEvent(
            schema=SCHEMA, attributes=[event_pb2.Attribute(name="distance", number=km, unit=unit)]
        ),
    )
    made.schema_version = version
    return made


async def letters(
    client: Client, purpose: Any = UPKEEP, **asked: Any
) -> schema_service_pb2.ListDeadLettersResponse:
    request = schema_service_pb2.ListDeadLettersRequest(purpose=purpose, decision_time=at(NOW), **asked)
    return await SchemaServiceStub(client.channel).ListDeadLetters(request)


async def replayed(
    client: Client, names: Sequence[str] = (), now: float = NOW, **filtered: str
) -> schema_service_pb2.ReplayDeadLettersResponse:
    request = schema_service_pb2.ReplayDeadLettersRequest(
        names=names, filter=schema_service_pb2.DeadLetterFilter(**filtered), decision_time=at(now)
    )
    told = [each async for each in SchemaServiceStub(client.channel).ReplayDeadLetters(request)]
    return told[-1]


async def test_a_field_without_purpose_or_a_number_without_unit_is_refused_naming_the_field(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        told = await fault(
            schema(
                client,
                field("distance", unit=""),
                field("mood", TEXT, "", purposes=[]),
                field("mood", TEXT, "kg"),
            )
        )
        found = {each.field: each.remedy for each in told.violations}
        assert set(found) == {"fields[0].unit", "fields[1].purposes", "fields[2].unit", "fields[2].name"}
        assert "FIELD_WITHOUT_PURPOSE" in found["fields[1].purposes"]
        assert not (
            await SchemaServiceStub(client.channel).ListEventSchemas(
                schema_service_pb2.ListEventSchemasRequest()
            )
        ).schemas


async def test_a_new_version_may_add_fields_and_nothing_else(database_url: str) -> None:
    async with serving(database_url) as client:
        assert (await schema(client, field("distance"))).version == 1
        assert (await schema(client, field("distance"))).version == 1
        assert (await schema(client, field("distance"), field("mood", TEXT, ""))).version == 2
        told = await fault(schema(client, field("distance", unit="mi"), field("rain", NUMBER, "1")))
        assert {each.field for each in told.violations} == {"fields", "fields.distance"}
    async with serving(database_url) as client:
        listed = await SchemaServiceStub(client.channel).ListEventSchemas(
            schema_service_pb2.ListEventSchemasRequest()
        )
        assert [(each.version, len(each.fields)) for each in listed.schemas] == [(1, 1), (2, 2)]
        (answer,) = await client.ingest(batch([driven("a"), driven("b", version=2), driven("c", version=3)]))
        assert (answer.accepted, [each.index for each in answer.rejected]) == (2, [2])


def test_whatever_follows_a_schema_keeps_every_event_that_was_right() -> None:
    """Random successors: those accepted still have each field of before, of the same type and unit."""
    chance = random.Random(5)

    def some() -> EventSchema:
        names = chance.sample("abcd", chance.randint(1, 4))
        made = (
            SchemaField(
                name, *chance.choice([("text", ""), ("number", "km")]), ("DECISION",), chance.random() < 0.5
            )
            for name in names
        )
        return EventSchema(SCHEMA, 1, tuple(made))

    accepted = 0
    for _ in range(3_000):
        old, new = some(), some()
        if not faults(new, old):
            accepted += 1
            assert {(f.name, f.type, f.unit) for f in old.fields} <= {
                (f.name, f.type, f.unit) for f in new.fields
            }
    assert accepted > 50


async def test_a_refused_event_is_kept_with_its_reasons_and_opened_for_whom_it_may_be(
    database_url: str,
) -> None:
    wrong = purchase("a", amount=-1)
    wrong.purchase.category = ""
    async with serving(database_url) as client:
        (answer,) = await client.ingest(batch([purchase("b"), wrong]))
        assert (answer.accepted, len(answer.rejected)) == (1, 1)
        (shown,) = (await letters(client, RIGHTS)).letters
        assert shown.event == wrong
        assert list(shown.fields) == ["purchase.amount.micros", "purchase.category"]
        assert (shown.source, shown.event_id, shown.customer, shown.kind) == (
            "pos",
            "a",
            "customers/1",
            "purchase",
        )
        assert {each.field for each in shown.details.field_violations} == set(shown.fields)
        (explained,) = (await letters(client, UPKEEP)).letters
        assert explained.details == shown.details
        assert not explained.HasField("event")
        (named,) = (await letters(client, TRAINING)).letters
        assert not named.HasField("details")
        assert list(named.fields) == list(shown.fields)


async def test_what_is_refused_again_and_again_is_one_letter(database_url: str) -> None:
    bad = purchase("a", amount=-1)
    async with serving(database_url) as client:
        for late in range(3):
            await client.ingest(batch([bad, bad, purchase("c", amount=-2)], now=NOW + late))
        first, other = sorted((await letters(client)).letters, key=lambda each: each.event_id)
        assert (first.times, other.times) == (3, 3)
        assert first.last_receive_time == at(NOW + 2)
        assert first.receive_time == at(NOW)


async def test_an_event_without_a_proper_customer_is_kept_too(database_url: str) -> None:
    nobody = purchase("a")
    nobody.customer = "somebody with a phone 123"
    nobody.source = "Not A Source"
    nobody.event_id = "x" * 300
    async with serving(database_url) as client:
        await client.ingest(batch([nobody]))
        (shown,) = (await letters(client, SERVICE)).letters
        assert (shown.customer, shown.source, shown.event_id) == ("", "", "")
        assert shown.event == nobody


async def test_letters_are_paged_filtered_and_counted(database_url: str) -> None:
    bad = [purchase(f"a{number}", str(number % 3), amount=-1) for number in range(10)]
    bad += [driven(f"d{number}") for number in range(4)]
    async with serving(database_url) as client:
        await client.ingest(batch(bad))
        found: list[str] = []
        token = ""
        while True:
            page = await letters(client, page_size=4, page_token=token)
            assert page.total_size == 14
            found += [each.event_id for each in page.letters]
            token = page.next_page_token
            if not token:
                break
        assert sorted(found) == sorted(each.event_id for each in bad)
        for filtered, count in (
            ({"customer": "customers/2"}, 3),
            ({"kind": "custom"}, 4),
            ({"field": "custom.schema"}, 4),
            ({"field": "custom"}, 0),
            ({"source": "crm"}, 0),
        ):
            asked = schema_service_pb2.DeadLetterFilter(**filtered)
            assert (await letters(client, filter=asked)).total_size == count, filtered


async def test_what_was_sent_before_its_schema_existed_comes_in_when_it_does(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([driven("a"), driven("b", unit="mi"), purchase("c", amount=-1)]))
        assert (await replayed(client, now=NOW + DAY)).still_refused == 3
        await schema(client, field("distance"))
        told = await replayed(client, kind="custom")
        assert (told.total, told.done, told.accepted, told.still_refused) == (2, 2, 1, 1)
        left = {each.event_id: each for each in (await letters(client)).letters}
        assert set(left) == {"b", "c"}
        # It knows its new reason, and when and how often it came in: a replay is no arrival.
        assert any("unit" in name for name in left["b"].fields)
        assert (left["b"].times, left["b"].last_receive_time) == (1, at(NOW))
        assert (await client.profile()).event_count == 1


async def test_a_letter_whose_event_came_in_otherwise_is_a_duplicate(database_url: str) -> None:
    async with serving(database_url) as client:
        early = purchase("a", seconds=NOW + DAY)
        await client.ingest(batch([early]))
        await client.ingest(batch([early], now=NOW + 2 * DAY))
        told = await replayed(client, now=NOW + 2 * DAY)
        assert (told.accepted, told.duplicates) == (0, 1)
        assert (await letters(client)).total_size == 0
        assert (await replayed(client)).total == 0


async def test_only_the_letters_named_are_sent_in_again(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", seconds=NOW + DAY), purchase("b", seconds=NOW + DAY)]))
        one = next(each for each in (await letters(client)).letters if each.event_id == "a")
        told = await replayed(client, [one.name], now=NOW + 2 * DAY)
        assert (told.total, told.accepted) == (1, 1)
        assert [each.event_id for each in (await letters(client)).letters] == ["b"]
        refused = replayed(client, [one.name], kind="purchase")
        assert {each.field for each in (await fault(refused)).violations} == {"filter"}


async def test_a_batch_whose_letters_cannot_be_stored_is_not_acknowledged(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    async with serving(sqlite_database_url) as client:
        with monkeypatch.context() as patch:
            patch.setattr(letters_in_sql, "add", full)
            await fault(client.ingest(batch([purchase("a"), purchase("b", amount=-1)])))
        # Neither half of it is there.
        assert await client.profiles(["customers/1"]) == []
        (answer,) = await client.ingest(batch([purchase("a"), purchase("b", amount=-1)]))
        assert (answer.accepted, len(answer.rejected)) == (1, 1)


async def test_old_letters_go_with_retention(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", amount=-1)]))
        await client.ingest(batch([purchase("b", amount=-1)], now=NOW + 50 * DAY))
        request = privacy_service_pb2.ApplyRetentionRequest(decision_time=at(NOW + 100 * DAY))
        counted = await PrivacyServiceStub(client.channel).ApplyRetention(
            privacy_service_pb2.ApplyRetentionRequest(decision_time=at(NOW + 100 * DAY), dry_run=True)
        )
        assert dict(counted.removed) == {"dead_letters": 1}
        assert (await letters(client)).total_size == 2
        removed = await PrivacyServiceStub(client.channel).ApplyRetention(request)
        assert dict(removed.removed) == {"dead_letters": 1}
        assert [each.event_id for each in (await letters(client)).letters] == ["b"]


async def test_letters_stand_sealed_in_the_table(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        wrong = event("a", search=event_pb2.Search(query="secretword", channel="nowhere"))
        await client.ingest(batch([wrong]))
        engine = engines.reading(sqlite_database_url, connections=1)
        with engine.connect() as connection:
            (row,) = connection.exec_driver_sql("SELECT * FROM dead_letters").all()
        engine.dispose()
        assert "secretword" not in repr(tuple(row))
        assert "nowhere" not in repr(tuple(row))
