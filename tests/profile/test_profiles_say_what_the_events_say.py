"""Profiles beside their features: stage, interests, what is popular, usual hour, quality."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2
from fieldwise.type.v1 import features_pb2
from fieldwise_profile.core.features import COLUMNS
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, at, batch, contact, mailing, outcome, purchase, serving, usd

MIDNIGHT = NOW // DAY * DAY


async def test_stages_follow_the_customers_own_rhythm(sqlite_database_url: str) -> None:
    events = [
        mailing("a", "prospect"),
        *(purchase(f"new{n}", "new", NOW - (40 + n) * DAY) for n in range(2)),
        *(purchase(f"act{n}", "active", NOW - (30 + 30 * n) * DAY) for n in range(6)),
        *(purchase(f"sil{n}", "silent", NOW - (30 + 5 * n) * DAY) for n in range(6)),
    ]
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(events))
        found = await client.profiles(
            [f"customers/{name}" for name in ("prospect", "new", "active", "silent")]
        )
    assert [profile.stage for profile in found] == [
        profile_pb2.LIFECYCLE_STAGE_PROSPECT,
        profile_pb2.LIFECYCLE_STAGE_NEW,
        profile_pb2.LIFECYCLE_STAGE_ACTIVE,
        profile_pb2.LIFECYCLE_STAGE_SILENT,
    ]
    prospect, new, active, silent = found
    assert list(prospect.data_quality.issues) == ["NO_PURCHASE"]
    assert list(new.data_quality.issues) == ["FEW_PURCHASE_DAYS"]
    assert not prospect.HasField("last_purchase_time")
    assert not new.HasField("silence_after_days")
    assert (active.silence_after_days, active.usual_gap_days) == (30, 30)
    assert (silent.silence_after_days, silent.usual_gap_days) == (14, 5)
    assert active.data_quality.score == 1


async def test_a_profile_carries_times_money_and_interests(sqlite_database_url: str) -> None:
    events = [
        purchase("a", seconds=MIDNIGHT - 10 * DAY + 9 * 3600, category="BEER", amount=3),
        purchase("b", seconds=MIDNIGHT - 10 * DAY + 9 * 3600, category="BEER", amount=4),
        purchase("c", seconds=MIDNIGHT - 4 * DAY + 17 * 3600, category="BEER", amount=5),
        purchase("d", seconds=MIDNIGHT - 4 * DAY + 17 * 3600, category="CHEESE", amount=50),
        purchase("e", seconds=MIDNIGHT - 4 * DAY + 17 * 3600, category="unknown", amount=1),
        contact("f", seconds=MIDNIGHT - 8 * DAY),
        mailing("g", seconds=MIDNIGHT - 6 * DAY, known_at=MIDNIGHT - 1 * DAY),
    ]
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(events))
        profile = await client.profile()
    assert profile.last_purchase_time == at(MIDNIGHT - 4 * DAY + 17 * 3600)
    assert profile.last_contact_time == at(MIDNIGHT - 6 * DAY)
    assert profile.fresh_at == at(MIDNIGHT - 1 * DAY)
    assert (profile.purchase_days, profile.total_spend, profile.event_count) == (2, usd(63), 7)
    beer, cheese = profile.interests
    assert (beer.category, beer.purchase_days, beer.mean_gap_days, beer.spend) == ("BEER", 2, 6, usd(12))
    assert (cheese.category, cheese.purchase_days) == ("CHEESE", 1)
    assert not cheese.HasField("mean_gap_days")
    assert not profile.HasField("usual_hour")


async def test_who_asked_not_to_be_contacted_is_known_at_once_and_after_a_restart(database_url: str) -> None:
    opted_out = event_pb2.OUTCOME_KIND_OPTED_OUT
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a"), outcome("b"), purchase("c", "2")]))
        before = await client.profile()
        await client.ingest(batch([outcome("d", seconds=NOW - 60, kind=opted_out)]))
        after, other = await client.profile(), await client.profile("2")
        then = await client.profile(as_of=NOW - 120)
    async with serving(database_url) as client:
        restarted = await client.profile()
    # What he asked for holds at once, also for whoever looks at an earlier moment.
    assert [each.opted_out for each in (before, after, other, then)] == [False, True, False, True]
    assert restarted == after


async def test_the_usual_hour_is_the_one_with_most_purchases(sqlite_database_url: str) -> None:
    hours = [9, 17, 17, 8, 17]
    events = [
        purchase(str(n), seconds=MIDNIGHT - (n + 1) * DAY + hour * 3600) for n, hour in enumerate(hours)
    ]
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(events))
        assert (await client.profile()).usual_hour == 17


async def test_popular_categories_equal_a_count_by_hand(database_url: str) -> None:
    chance = random.Random(7)
    bought: dict[str, set[str]] = defaultdict(set)
    ever: dict[str, set[str]] = defaultdict(set)
    events = []
    for number in range(300):
        customer, category = str(chance.randrange(20)), f"C{min(chance.randrange(30), chance.randrange(30))}"
        seconds = MIDNIGHT - chance.uniform(0.001, 45) * DAY
        events.append(purchase(str(number), customer, seconds, category=category))
        ever[customer].add(category)
        if seconds >= MIDNIGHT - 28 * DAY:
            bought[customer].add(category)
    shares = Counter(category for categories in bought.values() for category in categories)
    async with serving(database_url) as client:
        await client.ingest(batch(events))
        found = await client.profiles([f"customers/{n}" for n in range(20)])
    for profile in found:
        fresh = sorted(
            (
                (-count, category)
                for category, count in shares.items()
                if category not in ever[profile.name[10:]]
            )
        )[:3]
        assert [popular.category for popular in profile.popular_unbought] == [
            category for _, category in fresh
        ]
        shares_told = [popular.customer_share for popular in profile.popular_unbought]
        assert shares_told == pytest.approx([-count / len(bought) for count, _ in fresh])


async def test_the_popular_categories_follow_the_log_and_never_tell_the_future(
    sqlite_database_url: str,
) -> None:
    old = [purchase(f"a{n}", str(n), MIDNIGHT - 40 * DAY, category="ICE") for n in range(5)]
    new = [purchase(f"b{n}", str(n % 9 + 1), MIDNIGHT - 3 * DAY, category="BEER") for n in range(200)]
    reader = purchase("c", "0", MIDNIGHT - 39 * DAY)
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([*old, reader]))
        assert [each.category for each in (await client.profile("0")).popular_unbought] == []
        await client.ingest(batch(new))
        popular: list[str] = []
        for _ in range(100):
            popular = [each.category for each in (await client.profile("0")).popular_unbought]
            if popular:
                break
            await asyncio.sleep(0.05)
        assert popular == ["BEER"]
        then = await client.profile("0", MIDNIGHT - 38 * DAY)
        assert [each.category for each in then.popular_unbought] == []


async def test_the_feature_set_travels_with_the_numbers(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url, currency="CNY") as client:
        event = purchase("a")
        event.purchase.amount.currency_code = event.purchase.discount.currency_code = "CNY"
        await client.ingest(batch([event]))
        answer = await client.stub.BatchGetProfiles(
            profile_service_pb2.BatchGetProfilesRequest(
                names=["customers/1"], as_of=at(NOW), purpose=consent_pb2.PURPOSE_DECISION
            )
        )
        sets = [
            message.feature_set
            async for message in client.stub.StreamFeatures(
                profile_service_pb2.StreamFeaturesRequest(
                    cutoffs=[at(NOW)], purpose=consent_pb2.PURPOSE_TRAINING
                )
            )
        ]
    (profile,) = answer.profiles
    assert (answer.feature_set.id, answer.feature_set.version) == ("customer-behaviour", 2)
    assert [column.name for column in answer.feature_set.columns] == [column.name for column in COLUMNS]
    assert {column.unit for column in answer.feature_set.columns} == {"d", "1", "s", "CNY"}
    assert len(profile.features.values) == len(COLUMNS)
    assert (profile.features.set_id, profile.features.as_of) == ("customer-behaviour", at(NOW))
    assert profile.total_spend.currency_code == "CNY"
    assert sets[0] == answer.feature_set
    assert all(later == features_pb2.FeatureSet() for later in sets[1:])


async def test_an_event_is_in_the_next_answer(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        for count in range(1, 6):
            await client.ingest(batch([purchase(str(count))]))
            assert (await client.profile()).event_count == count


@pytest.mark.parametrize("names", [[], ["customers/1"] * 2, ["1"], [f"customers/{n}" for n in range(1001)]])
async def test_a_wrong_list_of_names_is_refused(sqlite_database_url: str, names: list[str]) -> None:
    async with serving(sqlite_database_url) as client:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await client.profiles(names)
        fault = from_rpc_error(raised.value)
        assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
        assert fault.violations[0].field.startswith("names")
