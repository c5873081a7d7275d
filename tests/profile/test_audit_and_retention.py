"""The audit log finds whatever was done to it; what is personal goes when its time is over; what nobody reads is named."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    privacy_service_pb2,
    profile_service_pb2,
    schema_service_pb2,
)
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise.profile.v1.schema_service_pb2_grpc import SchemaServiceStub
from fieldwise_profile.core import audit_chain, signing
from fieldwise_profile.core.audit_chain import Check, Entry, Head, Verdict
from fieldwise_runtime import engines
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving
from tests.profile.canaries import SCHEMA, Canaries, personal_events

SEED = random.Random(1).randbytes(32)
PUBLIC = signing.public_key(SEED)
RIGHTS, SERVICE = consent_pb2.PURPOSE_RIGHTS, consent_pb2.PURPOSE_SERVICE
UPKEEP = consent_pb2.PURPOSE_UPKEEP
Log = list[tuple[Entry, bytes]]


def chain(length: int) -> tuple[Log, Head]:
    before, made = audit_chain.START, []
    for sequence in range(1, length + 1):
        entry = Entry(sequence, NOW + sequence, "PERSONAL_DATA_READ", f"s{sequence % 3}", "RIGHTS", "{}")
        before = audit_chain.link(before, entry)
        made.append((entry, before))
    return made, audit_chain.head(SEED, length, before)


def verdict(log: Log, stored: Head, kept: Head | None = None) -> Verdict:
    check = Check(PUBLIC, kept)
    check.take(log)
    return check.verdict(stored)


def test_a_log_that_nobody_touched_is_right_at_every_length() -> None:
    for length in range(20):
        log, head = chain(length)
        assert verdict(log, head if length else Head(0, audit_chain.START, b"")).fault == ""
        for shorter in range(1, length + 1):
            assert verdict(log, head, audit_chain.head(SEED, shorter, log[shorter - 1][1])).fault == ""


def relinked(log: Log) -> Log:
    """What a thief does who knows how links are made, but has no key."""
    before, made = audit_chain.START, []
    for entry, _ in log:
        before = audit_chain.link(before, entry)
        made.append((entry, before))
    return made


def renumbered(log: Log) -> Log:
    return [(entry._replace(sequence=number), link) for number, (entry, link) in enumerate(log, 1)]


def flipped(log: Log, chance: random.Random) -> Log:
    place = chance.randrange(len(log))
    entry, link = log[place]
    changed = chance.choice(
        [
            (entry._replace(subject=entry.subject + "x"), link),
            (entry._replace(at=entry.at ^ 1), link),
            (entry._replace(action="X"), link),
            (entry._replace(details='{"a":1}'), link),
            (entry._replace(purpose=""), link),
            (entry, bytes([link[0] ^ 1]) + link[1:]),
        ]
    )
    return [*log[:place], changed, *log[place + 1 :]]


def deleted(log: Log, chance: random.Random) -> Log:
    place = chance.randrange(len(log) - 1)
    return log[:place] + log[place + 1 :]


def moved(log: Log, chance: random.Random) -> Log:
    first, second = sorted(chance.sample(range(len(log)), 2))
    made = list(log)
    made[first], made[second] = made[second], made[first]
    return made


def cut(log: Log, chance: random.Random) -> Log:
    return log[: chance.randrange(len(log))]


@pytest.mark.parametrize("tampering", [flipped, deleted, moved, cut])
def test_every_flip_deletion_move_and_cut_is_found_even_with_links_made_anew(
    tampering: Callable[[Log, random.Random], Log],
) -> None:
    chance = random.Random(7)
    for _ in range(150):
        log, head = chain(chance.randint(3, 20))
        touched = tampering(log, chance)
        assert verdict(touched, head).fault
        assert verdict(renumbered(touched), head).fault
        anew = relinked(renumbered(touched))
        if anew != log:
            assert verdict(anew, head).fault
            # And with an end that fits, which he cannot sign.
            forged = Head(len(anew), anew[-1][1] if anew else audit_chain.START, head.signature)
            assert verdict(anew, forged).fault or not anew
            assert verdict(anew, forged, head).fault


def test_the_first_fault_is_where_the_log_was_touched() -> None:
    log, head = chain(10)
    entry, link = log[3]
    log[3] = (entry._replace(action="X"), link)
    assert verdict(log, head).first_fault == 4


async def audited(client: Client, name: str = "") -> privacy_service_pb2.ListAuditEntriesResponse:
    return await PrivacyServiceStub(client.channel).ListAuditEntries(
        privacy_service_pb2.ListAuditEntriesRequest(name=name)
    )


async def verified(client: Client, **asked: Any) -> privacy_service_pb2.VerifyAuditResponse:
    return await PrivacyServiceStub(client.channel).VerifyAudit(
        privacy_service_pb2.VerifyAuditRequest(**asked)
    )


async def looked_at(client: Client, name: str) -> None:
    await PrivacyServiceStub(client.channel).GetPersonalData(
        privacy_service_pb2.GetPersonalDataRequest(name=name, purpose=RIGHTS, decision_time=at(NOW))
    )


async def test_who_looked_at_whom_is_written_under_a_name_that_dies_with_him(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", "1"), purchase("b", "2")]))
        for name in ("customers/1", "customers/2", "customers/1"):
            await looked_at(client, name)
        mine = (await audited(client, "customers/1")).entries
        assert [(each.action, each.purpose) for each in mine] == [("PERSONAL_DATA_READ", RIGHTS)] * 2
        whole = await audited(client)
        assert "customers/" not in str(whole)
        assert (await verified(client)).entries == 3
        await PrivacyServiceStub(client.channel).EraseCustomer(
            privacy_service_pb2.EraseCustomerRequest(
                name="customers/1", request_id="r", decision_time=at(NOW)
            )
        )
        assert not (await audited(client, "customers/1")).entries
        assert [each.action for each in (await audited(client)).entries][-1] == "CUSTOMER_ERASED"
        found = await verified(client, head=whole.head)
        assert (found.valid, found.entries) == (True, 4)


@pytest.mark.parametrize(
    ("tampering", "kept_is_needed"),
    [
        ("UPDATE audit SET action = 'NOTHING' WHERE sequence = 2", False),
        ("DELETE FROM audit WHERE sequence = 2", False),
        ("DELETE FROM audit WHERE sequence = 4", False),
        ("UPDATE audit SET sequence = sequence + 10 WHERE sequence = 1", False),
        ("UPDATE audit_head SET sequence = 3", False),
        ("RESTORE", True),
    ],
)
async def test_tampering_with_the_tables_is_found(
    database_url: str, tampering: str, kept_is_needed: bool
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", "1")]))
        await looked_at(client, "customers/1")
        engine = engines.writing(database_url, survives_power_loss=False)
        with engine.begin() as connection:
            old = connection.exec_driver_sql("SELECT sequence, link, signature FROM audit_head").one()
        for _ in range(3):
            await looked_at(client, "customers/1")
        kept = (await audited(client)).head
        assert (await verified(client, head=kept)).valid
        with engine.begin() as connection:
            if tampering == "RESTORE":
                # Whoever puts yesterday's database back has yesterday's signed end as well.
                connection.exec_driver_sql("DELETE FROM audit WHERE sequence > 1")
                connection.execute(
                    sa.text("UPDATE audit_head SET sequence = :s, link = :l, signature = :g"),
                    {"s": old[0], "l": old[1], "g": old[2]},
                )
            else:
                connection.exec_driver_sql(tampering)
        engine.dispose()
        assert (await verified(client)).valid == kept_is_needed
        found = await verified(client, head=kept)
        assert not found.valid
        assert found.fault


def fitting() -> schema_service_pb2.CreateEventSchemaRequest:
    wanted = schema_service_pb2.EventSchemaField
    return schema_service_pb2.CreateEventSchemaRequest(
        name=SCHEMA,
        decision_time=at(NOW),
        fields=[
            wanted(name="size", type=schema_service_pb2.ATTRIBUTE_TYPE_NUMBER, unit="cm", purposes=[SERVICE]),
            wanted(
                name="remark", type=schema_service_pb2.ATTRIBUTE_TYPE_TEXT, purposes=[SERVICE], personal=True
            ),
        ],
    )


async def retained(client: Client, now: float, dry_run: bool = False) -> dict[str, int]:
    request = privacy_service_pb2.ApplyRetentionRequest(decision_time=at(now), dry_run=dry_run)
    return dict((await PrivacyServiceStub(client.channel).ApplyRetention(request)).removed)


async def test_what_is_personal_goes_after_its_days_and_what_it_counts_stays(database_url: str) -> None:
    canaries = Canaries("one")
    async with serving(database_url, retention="search=10,visit=20,review=0") as client:
        await SchemaServiceStub(client.channel).CreateEventSchema(fitting())
        await client.ingest(batch(personal_events(canaries, "1")))
        before = await client.profile(as_of=NOW + 15 * DAY)
        assert await retained(client, NOW + 15 * DAY, dry_run=True) == {"search": 1}
        assert await retained(client, NOW + 15 * DAY) == {"search": 1}
        assert await retained(client, NOW + 15 * DAY) == {}
        assert await retained(client, NOW + 30 * DAY) == {"visit": 1}
        after = await client.profile(as_of=NOW + 15 * DAY)
        assert (after.event_count, after.features) == (before.event_count, before.features)
        # Sent again it is a duplicate: its id stayed.
        (answer,) = await client.ingest(batch(personal_events(canaries, "1")))
        assert (answer.accepted, answer.duplicates) == (0, 9)
    async with serving(database_url) as client:
        assert (await client.profile(as_of=NOW + 15 * DAY)).event_count == before.event_count


async def test_the_register_names_every_personal_field_and_minimisation_those_nobody_reads(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        stub = PrivacyServiceStub(client.channel)
        await SchemaServiceStub(client.channel).CreateEventSchema(fitting())
        await client.ingest(batch(personal_events(Canaries("one"), "1")))
        fields = {
            each.field: each
            for each in (await stub.ListFields(privacy_service_pb2.ListFieldsRequest())).fields
        }
        assert f"{SCHEMA}.remark" in fields
        assert f"{SCHEMA}.size" not in fields
        assert all(each.purposes and each.reason for each in fields.values())
        request = privacy_service_pb2.ReportMinimisationRequest(days=30, decision_time=at(NOW))
        uses = {each.field: each for each in (await stub.ReportMinimisation(request)).fields}
        assert set(uses) == set(fields)
        assert all(uses[name].collected == 1 for name, each in fields.items() if each.sealed)
        # Whoever is identified is compared with others at once; what a rep noted waits for a reader.
        assert [each.purpose for each in uses["identification.phone"].reads] == [UPKEEP]
        assert not uses["identification.phone"].unused
        assert uses["visit.note"].unused
        # Every key that stands sealed is a field of the register; reading them is a use.
        assert await _sealed_keys(client) <= set(fields)
        uses = {each.field: each for each in (await stub.ReportMinimisation(request)).fields}
        assert [each.purpose for each in uses["visit.note"].reads] == [RIGHTS]
        assert not uses["visit.note"].unused
        noted = event("late", "1", NOW + 9.5 * DAY, visit=event_pb2.Visit(note="once more"))
        await client.ingest(batch([noted], now=NOW + 10 * DAY))
        late = privacy_service_pb2.ReportMinimisationRequest(days=1, decision_time=at(NOW + 10 * DAY))
        uses = {each.field: each for each in (await stub.ReportMinimisation(late)).fields}
        assert (uses["visit.note"].collected, uses["visit.note"].unused) == (1, True)


async def test_opening_events_is_written_down_and_reading_their_plain_parts_is_not(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([event("v", visit=event_pb2.Visit(note="he likes cheese"))]))
        for purpose, note in ((consent_pb2.PURPOSE_DECISION, ""), (SERVICE, "he likes cheese")):
            listed = await client.stub.ListEvents(
                profile_service_pb2.ListEventsRequest(name="customers/1", purpose=purpose, as_of=at(NOW))
            )
            assert [each.event.visit.note for each in listed.events] == [note]
        assert [(each.action, each.purpose) for each in (await audited(client)).entries] == [
            ("EVENTS_READ", SERVICE)
        ]


async def _sealed_keys(client: Client) -> set[str]:
    request = privacy_service_pb2.ExportCustomerRequest(name="customers/1", decision_time=at(NOW))
    parts = [part async for part in PrivacyServiceStub(client.channel).ExportCustomer(request)]
    events = [json.loads(line) for part in parts for line in part.lines if '"type": "event"' in line]
    owners = [(each["target"] if each["kind"] == "custom" else each["kind"], each) for each in events]
    return {f"{owner}.{key}" for owner, each in owners for key in each.get("personal", {})}
