"""Names that are linked are read as one person everywhere: profile, features of training, events, watching; and parted again."""

from __future__ import annotations

import asyncio
import random

from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    identity_service_pb2,
    profile_pb2,
    profile_service_pb2,
)
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving
from tests.profile.test_watching_and_changes import click, consent, full, search, view, watched

CATEGORIES = ["CHEESE", "BEER", "unknown"]


def life(customer: str, seed: int) -> list[event_pb2.Event]:
    chance = random.Random(seed)
    found: list[event_pb2.Event] = []
    for n in range(80):
        seconds = NOW - chance.uniform(1, 150) * DAY
        known_at = seconds + chance.choice([0, 0, 9 * DAY])
        name = f"{customer}.{n}"
        bought = purchase(name, customer, seconds, min(known_at, NOW - 9), chance.choice(CATEGORIES), n)
        found.append(
            chance.choice([bought, bought, view(name, seconds, customer), click(name, seconds, customer)])
        )
    return found


async def link(client: Client, one: str, other: str) -> identity_service_pb2.IdentityLink:
    return await IdentityServiceStub(client.channel).LinkCustomers(
        identity_service_pb2.LinkCustomersRequest(
            name=f"customers/{one}",
            other_name=f"customers/{other}",
            decided_by="tests",
            decision_time=at(NOW),
        )
    )


async def unlink(client: Client, made: identity_service_pb2.IdentityLink) -> None:
    await IdentityServiceStub(client.channel).UnlinkCustomers(
        identity_service_pb2.UnlinkCustomersRequest(link=made.name, decided_by="tests", decision_time=at(NOW))
    )


def without_names(profile: profile_pb2.Profile) -> profile_pb2.Profile:
    copy = profile_pb2.Profile.FromString(profile.SerializeToString())
    copy.name = copy.canonical = ""
    del copy.members[:]
    return copy


async def test_a_person_of_two_names_is_who_he_would_be_with_one(database_url: str) -> None:
    async with serving(database_url) as client:
        both = [*life("a", 1), *life("b", 2)]
        await client.ingest(batch(both[:90]))
        await link(client, "a", "b")
        await client.ingest(batch(both[90:]))
        alone: list[event_pb2.Event] = []
        for each in both:
            copy = event_pb2.Event.FromString(each.SerializeToString())
            copy.customer, copy.source = "customers/one", "copy"
            alone.append(copy)
        await client.ingest(batch(alone))
        for as_of in (NOW, NOW - 40 * DAY):
            first, second = await full(client, "a", as_of), await full(client, "b", as_of)
            one = await full(client, "one", as_of)
            assert (first.canonical, list(first.members)) == ("customers/a", ["customers/a", "customers/b"])
            assert without_names(first) == without_names(second) == without_names(one)
            assert (one.canonical, list(one.members)) == ("customers/one", [])
        rows = await client.rows(NOW - 40 * DAY, NOW)
        assert {name for _, name in rows} == {"customers/a", "customers/one"}
        for cutoff in (NOW - 40 * DAY, NOW):
            assert repr(rows[cutoff, "customers/a"]) == repr(rows[cutoff, "customers/one"])
            served = (await full(client, "b", cutoff)).features.values
            assert repr(rows[cutoff, "customers/a"]) == repr(list(served))
        some = await client.rows(NOW, names=["customers/b"])
        assert [name for _, name in some] == ["customers/a"]


async def test_what_is_parted_is_as_before(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([*life("a", 1), *life("b", 2), search("s", NOW - DAY, "blau", "b")]))
        before = await full(client, "a"), await full(client, "b")
        made = await link(client, "b", "a")
        assert [each.word for each in (await full(client, "a")).searched] == ["blau"]
        await unlink(client, made)
        assert (await full(client, "a"), await full(client, "b")) == before


async def test_a_withdrawal_under_one_name_holds_for_the_person(database_url: str) -> None:
    async with serving(database_url) as client:
        said = event_pb2.Consent(purpose=consent_pb2.PURPOSE_TRAINING)
        no = event("n", "b", NOW - 5, consent=said)
        await client.ingest(batch([*life("a", 1), purchase("p", "b"), no]))
        await client.ingest(batch([consent("d", NOW - 5, granted=False, customer="b")]))
        assert not (await full(client, "a")).withheld
        assert set(await client.rows(NOW)) == {(NOW, "customers/a")}
        await link(client, "a", "b")
        assert (await full(client, "a")).withheld
        assert await client.rows(NOW) == {}


async def test_who_watches_a_person_is_told_of_links_and_of_his_other_name(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("p", "a"), purchase("q", "b")]))
        async with watched(client, "a") as told:
            assert (await asyncio.wait_for(told.get(), 5)).event_count == 1
            await link(client, "a", "b")
            linked = await asyncio.wait_for(told.get(), 1)
            assert (linked.event_count, list(linked.members)) == (2, ["customers/a", "customers/b"])
            await client.ingest(batch([purchase("r", "b")]))
            assert (await asyncio.wait_for(told.get(), 1)).event_count == 3


async def test_the_events_of_a_person_are_those_of_all_his_names(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        clicks = [click("one", NOW - 90, "a"), click("two", NOW - 89.5, "b")]
        await client.ingest(batch(clicks))
        await link(client, "a", "b")
        answer = await client.stub.ListEvents(
            profile_service_pb2.ListEventsRequest(
                name="customers/b", purpose=consent_pb2.PURPOSE_SERVICE, as_of=at(NOW), kinds=["click"]
            )
        )
    assert [(each.event.event_id, each.reason) for each in answer.events] == [("two", "DOUBLE"), ("one", "")]
