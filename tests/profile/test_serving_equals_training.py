"""A row for training and the features served at the same moment are the same bits, and later events change neither."""

from __future__ import annotations

import random
import struct
from typing import Any

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2
from fieldwise_profile.training import Training
from fieldwise_runtime.database import Database
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
    unstated,
)

START = NOW - 250 * DAY
CUTOFFS = [
    NOW - 28 * DAY * back + shift
    for back, shift in ((6, 0), (4, 3_601.25), (3, -43_200), (2, 77), (1, 1), (0, 0))
]
# The batches of `world` come when the last of their events is known.
LATEST = NOW + 41 * DAY
CUSTOMERS = [str(n) for n in range(8)]
NAMES = [f"customers/{customer}" for customer in CUSTOMERS]


def bits(values: list[float]) -> bytes:
    return struct.pack(f"{len(values)}d", *values)


def world(seed: int, start: float, end: float, count: int = 600) -> list[event_pb2.Event]:
    """Events of eight customers between two moments, one in five known up to forty days late, some of them in bursts."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        customer = chance.choice(CUSTOMERS)
        seconds = round(chance.uniform(start, end), 6)
        known_at = seconds + (chance.uniform(0, 40 * DAY) if chance.random() < 0.2 else 0)
        name = f"{seed}-{number}"
        if chance.random() < 0.8:
            category = f"C{chance.randrange(12)}"
            amount, discount = chance.uniform(0, 50), chance.uniform(0, 3)
            made.append(purchase(name, customer, seconds, known_at, category, amount, discount))
        elif chance.random() < 0.5:
            kind = chance.choice([mailing, redemption, contact])
            made.append(kind(name, customer, seconds, known_at))
        else:
            made += browsing(chance, name, customer, seconds, known_at)
    chance.shuffle(made)
    return made


def browsing(
    chance: random.Random, name: str, customer: str, seconds: float, known_at: float
) -> list[event_pb2.Event]:
    """One event, or ten within seconds, which count less: opened messages count among them."""
    opened = event_pb2.Message(stage=event_pb2.MESSAGE_STAGE_OPENED, channel="email")
    found = []
    for number in range(chance.choice([1, 10])):
        what: dict[str, Any] = chance.choice(
            [
                {"view": event_pb2.View(category="C1", dwell_ms=chance.randrange(60_000))},
                {"click": event_pb2.Click(target="buy", category="C2")},
                {"search": event_pb2.Search(query="cheese")},
                {"message": opened},
            ]
        )
        moment = seconds + 0.4 * number
        found.append(event(f"{name}-{number}", customer, moment, max(known_at, moment), **what))
    return found


async def served(client: Client, moment: float) -> dict[tuple[float, str], bytes]:
    return {(moment, p.name): bits(list(p.features.values)) for p in await client.profiles(NAMES, moment)}


async def test_training_rows_equal_what_is_served_at_every_cutoff(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch(world(1, START, NOW), now=LATEST))
        trained = {key: bits(row) for key, row in (await client.rows(*CUTOFFS)).items()}
        assert len(trained) > len(CUTOFFS) * 6
        for cutoff in CUTOFFS:
            rows = {key: row for key, row in trained.items() if key[0] == pytest.approx(cutoff, abs=1e-5)}
            assert [*rows.values()] == [*(await served(client, cutoff)).values()]


async def test_later_events_change_no_earlier_row(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(world(2, START, NOW - 60 * DAY)))
        cutoffs = [NOW - days * DAY for days in (120, 90, 60)]
        before = {key: bits(row) for key, row in (await client.rows(*cutoffs)).items()}
        as_served = await served(client, cutoffs[-1])
        await client.ingest(batch(world(3, NOW - 60 * DAY, NOW), now=LATEST))
        # Known only now, though it happened long ago.
        await client.ingest(batch([purchase("late", "1", NOW - 200 * DAY, NOW, amount=900)]))
        await client.ingest(batch([unstated(purchase("later", "1", NOW - 200 * DAY, amount=900))]))
        after = {key: bits(row) for key, row in (await client.rows(*cutoffs)).items()}
        assert after == before
        assert await served(client, cutoffs[-1]) == as_served


async def test_a_cutoff_alone_gives_the_rows_it_gives_among_others(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(world(4, START, NOW), now=LATEST))
        together = await client.rows(*CUTOFFS)
        for cutoff in CUTOFFS:
            alone = await client.rows(cutoff)
            assert {key: bits(row) for key, row in alone.items()} == {
                key: bits(together[key]) for key in alone
            }


async def test_a_process_of_its_own_gives_the_same_rows(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch(world(6, START, NOW), now=LATEST))
        database = Database.open(database_url)
        moments = [round(cutoff * 1_000_000) for cutoff in CUTOFFS]
        by_thread = [rows async for rows in Training(database, database_url).rows(moments, [])]
        in_process = Training(database, database_url, customers_for_a_process=1)
        by_process = [rows async for rows in in_process.rows(moments, [])]
        # As bits: NaN is not equal to itself.
        assert [(rows.cutoff, rows.names, bits(rows.values)) for rows in by_process] == [
            (rows.cutoff, rows.names, bits(rows.values)) for rows in by_thread
        ]
        await database.close()


async def test_rows_can_be_asked_for_some_customers(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(world(5, START, NOW), now=LATEST))
        rows = await client.rows(
            NOW, names=["customers/3", "customers/1", "customers/unknown", "customers/1"]
        )
        assert [name for _, name in rows] == ["customers/1", "customers/3"]


async def test_an_event_at_the_moment_itself_is_not_seen(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", seconds=NOW - 10), purchase("b", seconds=NOW)]))
        assert (await client.profile(as_of=NOW)).event_count == 1
        assert (await client.profile(as_of=NOW + 0.000001)).event_count == 2


async def test_a_customer_nobody_knew_then_is_not_found_then(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(
            batch([purchase("a", "1", NOW - 9 * DAY, NOW - 2 * DAY), purchase("b", "2", NOW - 9 * DAY)])
        )
        request = profile_service_pb2.BatchGetProfilesRequest(
            purpose=consent_pb2.PURPOSE_TRAINING,
            names=["customers/9", "customers/2", "customers/1"],
            as_of=at(NOW - 5 * DAY),
        )
        answer = await client.stub.BatchGetProfiles(request)
        assert [profile.name for profile in answer.profiles] == ["customers/2"]
        assert answer.not_found == ["customers/9", "customers/1"]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await client.profile("1", NOW - 5 * DAY)
        fault = from_rpc_error(raised.value)
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
        assert await client.rows(NOW - 20 * DAY) == {}


async def test_outcomes_count_as_events_and_not_as_purchases(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", amount=5), outcome("b", amount=100)]))
        profile = await client.profile()
        assert (profile.event_count, profile.total_spend.micros) == (2, 5_000_000)


async def test_cutoffs_that_do_not_ascend_or_are_implausible_are_refused_all_at_once(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await client.rows(NOW, NOW - 1, 5_000_000_000)
        fault = from_rpc_error(raised.value)
        assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
        assert [violation.field for violation in fault.violations] == ["cutoffs[2]", "cutoffs[1]"]
