"""Events with their weights, changes in order, customers watched, profiles rebuilt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2
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
    serving,
)

HOUR = 3600
START = NOW // HOUR * HOUR - DAY


def view(
    event_id: str, seconds: float, customer: str = "1", dwell_ms: int = 9000, agent: str = ""
) -> event_pb2.Event:
    looked = event_pb2.View(product="p1", category="CHEESE", dwell_ms=dwell_ms, agent=agent)
    return event(event_id, customer, seconds, view=looked)


def click(event_id: str, seconds: float, customer: str = "1") -> event_pb2.Event:
    return event(
        event_id, customer, seconds, click=event_pb2.Click(target="buy", product="p1", category="CHEESE")
    )


def search(event_id: str, seconds: float, query: str, customer: str = "1") -> event_pb2.Event:
    return event(event_id, customer, seconds, search=event_pb2.Search(query=query, category="CHEESE"))


def consent(event_id: str, seconds: float, *, granted: bool, customer: str = "1") -> event_pb2.Event:
    said = event_pb2.Consent(
        purpose=consent_pb2.PURPOSE_DECISION, granted=granted, proof="form 7" if granted else ""
    )
    return event(event_id, customer, seconds, consent=said)


async def events_of(
    client: Client, purpose: consent_pb2.Purpose.ValueType = consent_pb2.PURPOSE_SERVICE, page_size: int = 0
) -> list[profile_service_pb2.WeighedEvent]:
    found: list[profile_service_pb2.WeighedEvent] = []
    token = ""
    while True:
        answer = await client.stub.ListEvents(
            profile_service_pb2.ListEventsRequest(
                name="customers/1", purpose=purpose, as_of=at(NOW), page_size=page_size, page_token=token
            )
        )
        found += answer.events
        token = answer.next_page_token
        if not token:
            return found


async def full(client: Client, customer: str = "1", as_of: float = NOW) -> profile_pb2.Profile:
    return await client.stub.GetProfile(
        profile_service_pb2.GetProfileRequest(
            name=f"customers/{customer}",
            as_of=at(as_of),
            purpose=consent_pb2.PURPOSE_DECISION,
            view=profile_pb2.PROFILE_VIEW_FULL,
        )
    )


async def test_every_event_is_listed_with_what_it_counts_and_why(database_url: str) -> None:
    events = [
        view("seen", START),
        view("slip", START + 60, dwell_ms=200),
        click("once", START + 120),
        click("twice", START + 120.4),
        view("robot", START + 180, agent="Mozilla/5.0 (compatible; Googlebot/2.1)"),
        purchase("bought", seconds=START + 200),
    ]
    async with serving(database_url) as client:
        await client.ingest(batch(events))
        listed = await events_of(client, page_size=2)
        profile = await full(client)
    assert [each.event.event_id for each in listed] == ["bought", "robot", "twice", "once", "slip", "seen"]
    reasons = {each.event.event_id: each.reason for each in listed}
    assert reasons == {
        "seen": "",
        "slip": "MISCLICK",
        "once": "",
        "twice": "DOUBLE",
        "robot": "ROBOT",
        "bought": "",
    }
    assert all((each.weight < 1) == bool(each.reason) for each in listed)
    noise = {each.reason: each.events for each in profile.noise}
    assert noise == {"MISCLICK": 1, "DOUBLE": 1, "ROBOT": 1}
    total = sum(each.weight for each in listed if not each.event.HasField("purchase"))
    assert profile.data_quality.noise_share == pytest.approx(1 - total / 5)


async def test_what_was_sent_is_what_is_listed(database_url: str) -> None:
    said: dict[str, Any] = {
        "message": event_pb2.Message(
            stage=event_pb2.MESSAGE_STAGE_ANSWERED, channel="email", message="m", text="hi"
        ),
        "visit": event_pb2.Visit(rep="reps/1", minutes=20, note="at home"),
        "call": event_pb2.Call(inbound=True, seconds=0, note="no answer"),
        "coupon_received": event_pb2.CouponReceived(campaign="c", coupon="k", channel="app"),
        "review": event_pb2.Review(product="p", rating=4, text="good"),
        "service_case": event_pb2.ServiceCase(case="9", closed=True, topic="delivery", text="late"),
        "satisfaction": event_pb2.Satisfaction(scale=event_pb2.SATISFACTION_SCALE_NPS, score=0),
        "identification": event_pb2.Identification(
            full_name="Ada L", birth_date="1985-05-17", gender="f", postcode="90210"
        ),
        "consent": event_pb2.Consent(
            purpose=consent_pb2.PURPOSE_TRAINING, channel="sms", granted=True, proof="form"
        ),
        "search": event_pb2.Search(query="old cheese", category="CHEESE", results=0, channel="app"),
        "view": event_pb2.View(product="p", dwell_ms=0, channel="store"),
        "click": event_pb2.Click(target="t", channel="email"),
    }
    sent = [event(name, seconds=START + n, **{name: what}) for n, (name, what) in enumerate(said.items())]
    sent += [
        purchase("p", seconds=START - 9, discount=1),
        mailing("m", seconds=START - 8),
        outcome("o", seconds=START - 7),
    ]
    sent += [contact("c", seconds=START - 6)]
    async with serving(database_url) as client:
        (answer,) = await client.ingest(batch(sent))
        assert not answer.rejected
        listed = {each.event.event_id: each.event for each in await events_of(client)}
        closed = {
            each.event.event_id: each.event for each in await events_of(client, consent_pb2.PURPOSE_UPKEEP)
        }
    assert listed == {each.event_id: each for each in sent}
    assert closed["search"].search.query == ""
    assert closed["visit"].visit == event_pb2.Visit(rep="reps/1", minutes=20)


async def test_changes_come_in_order_and_from_where_one_left_off(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(
            batch([purchase("a", "1"), purchase("b", "2"), consent("c", NOW - 9, granted=False)])
        )
        request = profile_service_pb2.ListChangesRequest(purpose=consent_pb2.PURPOSE_UPKEEP, page_size=2)
        first = await client.stub.ListChanges(request)
        request.page_token = first.next_page_token
        second = await client.stub.ListChanges(request)
        request.page_token = second.next_page_token
        assert not (await client.stub.ListChanges(request)).changes
        await client.ingest(batch([purchase("d", "3")]))
        third = await client.stub.ListChanges(request)
    told = [*first.changes, *second.changes, *third.changes]
    assert [(each.customer, each.kind) for each in told] == [
        ("customers/1", profile_service_pb2.CHANGE_KIND_EVENT),
        ("customers/2", profile_service_pb2.CHANGE_KIND_EVENT),
        ("customers/1", profile_service_pb2.CHANGE_KIND_CONSENT),
        ("customers/3", profile_service_pb2.CHANGE_KIND_EVENT),
    ]
    sequences = [each.sequence for each in told]
    assert sequences == sorted(set(sequences))


async def test_a_follower_of_few_kinds_moves_past_the_others_and_may_begin_at_the_end(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", "1"), consent("b", NOW - 9, granted=False)]))
        request = profile_service_pb2.ListChangesRequest(
            purpose=consent_pb2.PURPOSE_UPKEEP,
            kinds=[profile_service_pb2.CHANGE_KIND_CONSENT, profile_service_pb2.CHANGE_KIND_ERASED],
        )
        listed = await client.stub.ListChanges(request)
        assert [each.kind for each in listed.changes] == [profile_service_pb2.CHANGE_KIND_CONSENT]
        end = await client.stub.ListChanges(
            profile_service_pb2.ListChangesRequest(purpose=consent_pb2.PURPOSE_UPKEEP, from_now=True)
        )
        assert not end.changes
        assert end.next_page_token == listed.next_page_token
        await client.ingest(batch([purchase("c", "2"), purchase("d", "3")]))
        request.page_token = end.next_page_token
        passed = await client.stub.ListChanges(request)
        assert not passed.changes
        assert passed.next_page_token != end.next_page_token
        request.page_token = passed.next_page_token
        await client.ingest(batch([consent("e", NOW - 8, granted=True)]))
        assert len((await client.stub.ListChanges(request)).changes) == 1


async def test_who_has_not_consented_is_withheld_and_his_events_are_refused(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a"), consent("b", NOW - 9, granted=False)]))
        profile = await full(client)
        assert profile.withheld
        assert not profile.interests
        assert not profile.HasField("features")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await events_of(client, consent_pb2.PURPOSE_DECISION)
        assert from_rpc_error(raised.value).reason == "CONSENT_WITHHELD"
        assert len(await events_of(client)) == 2


@asynccontextmanager
async def watched(client: Client, *names: str) -> AsyncIterator[asyncio.Queue[profile_pb2.Profile]]:
    told: asyncio.Queue[profile_pb2.Profile] = asyncio.Queue()
    request = profile_service_pb2.WatchProfilesRequest(
        names=[f"customers/{name}" for name in names], purpose=consent_pb2.PURPOSE_DECISION
    )

    async def listen() -> None:
        async for profile in client.stub.WatchProfiles(request):
            told.put_nowait(profile)

    listening = asyncio.create_task(listen())
    try:
        yield told
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_who_watches_is_told_at_once_and_again_within_a_second(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", "1")]))
        async with watched(client, "1", "2") as told:
            first = await asyncio.wait_for(told.get(), 5)
            assert (first.name, first.event_count) == ("customers/1", 1)
            for number in range(2, 5):
                began = time.monotonic()
                await client.ingest(batch([purchase(f"b{number}", "1"), purchase(f"c{number}", "2")]))
                some = {profile.name: profile for profile in [await told.get(), await told.get()]}
                assert time.monotonic() - began < 1
                assert some["customers/1"].event_count == number
                assert some["customers/2"].event_count == number - 1
            await client.ingest(batch([consent("d", NOW - 5, granted=False)]))
            assert (await asyncio.wait_for(told.get(), 1)).withheld
            assert told.empty()


async def test_a_watcher_of_a_customer_with_many_events_gets_the_latest_only(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        async with watched(client, "hot") as told:
            await client.ingest(
                *(batch([purchase(f"{number}.{n}", "hot") for n in range(50)]) for number in range(100))
            )
            profile = await asyncio.wait_for(told.get(), 5)
            told_of = 1
            while profile.event_count < 5000:
                profile = await asyncio.wait_for(told.get(), 5)
                told_of += 1
        assert told_of < 100


async def rebuilt(client: Client, *names: str) -> profile_service_pb2.RebuildProfilesResponse:
    request = profile_service_pb2.RebuildProfilesRequest(names=[f"customers/{name}" for name in names])
    return [each async for each in client.stub.RebuildProfiles(request)][-1]


def mixed(customers: int = 5, each: int = 60) -> list[event_pb2.Event]:
    found: list[event_pb2.Event] = []
    for customer in map(str, range(customers)):
        for n in range(each):
            seconds = START - n * 977.3
            found.append(
                (
                    purchase(f"p{customer}.{n}", customer, seconds),
                    view(f"v{customer}.{n}", seconds, customer),
                    click(f"k{customer}.{n}", seconds, customer),
                    search(f"s{customer}.{n}", seconds, f"cheese {n % 3}", customer),
                    consent(f"g{customer}.{n}", seconds, granted=True, customer=customer),
                )[n % 5]
            )
    return found


async def test_profiles_rebuilt_are_those_served_and_the_same_whatever_the_order(
    sqlite_database_url: str, postgres_database_url: str
) -> None:
    digests = set()
    for url, events in ((sqlite_database_url, mixed()), (postgres_database_url, mixed()[::-1])):
        async with serving(url) as client:
            for start in range(0, len(events), 70):
                await client.ingest(batch(events[start : start + 70]))
            last = await rebuilt(client)
            assert (last.done, last.total, last.differing) == (5, 5, 0)
            digests.add(last.digest)
            assert (await rebuilt(client, "3", "1")).done == 2
        async with serving(url) as client:
            again = await rebuilt(client)
            assert (again.differing, again.digest) == (0, last.digest)
    assert len(digests) == 1


async def test_words_searched_for_are_known_after_a_restart_and_not_in_the_file(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        events = [search(f"s{n}", START + 90 * n, "Roquefort blau") for n in range(300)]
        await client.ingest(batch(events))
        before = await full(client)
    async with serving(sqlite_database_url) as client:
        after = await full(client)
    assert [(each.word, each.count) for each in after.searched] == [("blau", 300), ("roquefort", 300)]
    assert after == before
    path = sqlite_database_url.removeprefix("sqlite:///")
    with open(path, "rb") as file:  # the server is gone
        assert b"oquefort" not in file.read()


async def test_a_kind_of_event_that_does_not_exist_is_named(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a")]))
        request = profile_service_pb2.ListEventsRequest(
            name="customers/1", purpose=consent_pb2.PURPOSE_SERVICE, as_of=at(NOW), kinds=["sale"]
        )
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await client.stub.ListEvents(request)
        assert from_rpc_error(raised.value).violations[0].field == "kinds[0]"
