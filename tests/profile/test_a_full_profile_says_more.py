"""What only a full profile shows: traits with freshness and evidence, decayed counts, channels, fields of records, plain facts."""

from __future__ import annotations

import pytest

from fieldwise.profile.v1 import event_pb2
from tests.profile.builders import DAY, NOW, batch, contact, event, purchase, serving
from tests.profile.test_watching_and_changes import click, full, search, view


def record(event_id: str, **stated: str) -> event_pb2.Event:
    return event(event_id, seconds=NOW - 30 * DAY, identification=event_pb2.Identification(**stated))


def satisfaction(event_id: str, score: int, seconds: float) -> event_pb2.Event:
    said = event_pb2.Satisfaction(scale=event_pb2.SATISFACTION_SCALE_CSAT, score=score)
    return event(event_id, seconds=seconds, satisfaction=said)


EVENTS = [
    *(purchase(f"p{n}", seconds=NOW - 7 * DAY * (n + 1), category="BEER", amount=10) for n in range(6)),
    purchase("q", seconds=NOW - 3 * DAY, category="CHEESE", amount=5, discount=5),
    *(view(f"v{n}", NOW - DAY - 3600 * n) for n in range(4)),
    click("k", NOW - DAY - 60),
    search("s", NOW - 2 * DAY, "Roquefort, bitte"),
    contact("c", seconds=NOW - 200 * DAY),
    satisfaction("old", 5, NOW - 60 * DAY),
    satisfaction("new", 2, NOW - 6 * DAY),
    record("r1", full_name="Ada Lovelace", phone="+44 20 7946 0018", birth_date="1987-05-17", gender="f"),
    record(
        "r2", full_name="Ada Lovelace", phone="no telephone", postcode="SW1A 1AA", time_zone="Europe/London"
    ),
]


async def test_every_trait_says_how_fresh_it_is_and_what_it_rests_on(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch(EVENTS))
        profile = await full(client)
    traits = {trait.name: trait for trait in profile.traits}
    assert traits["favourite_category"].text == "BEER"
    assert traits["favourite_category"].age_days == 7
    assert traits["favourite_category"].evidence_count == 6
    assert list(traits["favourite_category"].evidence_kinds) == ["purchase"]
    assert traits["intent_category"].text == "CHEESE"
    assert traits["intent_category"].evidence_count == 6
    assert (traits["rhythm"].number, traits["rhythm"].unit) == (7, "d")
    assert traits["usual_channel"].text == "web"
    assert (traits["satisfaction_csat"].number, traits["satisfaction_csat"].evidence_count) == (2, 2)
    assert traits["satisfaction_csat"].age_days == 6
    assert traits["discount_share"].number == pytest.approx(5 / 70)
    assert traits["value_tier"].text in {"low", "middle", "high"}
    for trait in profile.traits:
        assert trait.HasField("fresh_at"), trait.name
        assert trait.age_days >= 0, trait.name
        assert trait.evidence_count > 0, trait.name
        assert trait.evidence_kinds, trait.name


async def test_counts_fade_by_whole_days_and_a_contact_long_ago_is_no_channel(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch(EVENTS))
        profile = await full(client)
    faded = {(each.kind, each.half_life_days): each for each in profile.decayed}
    days = [3, *(7 * (n + 1) for n in range(6))]
    spent = [5, *[10] * 6]
    for half_life in (7, 30, 180):
        weights = [2 ** (-day / half_life) for day in days]
        money = sum(weight * amount for weight, amount in zip(weights, spent, strict=True))
        assert faded["purchase", half_life].count == pytest.approx(sum(weights), rel=1e-9)
        assert faded["purchase", half_life].amount_micros == round(money * 1_000_000)
    assert faded["contact", 30].count == pytest.approx(2 ** (-200 / 30), rel=1e-9)
    assert [(each.channel, each.share) for each in profile.channels] == [("web", 1.0)]
    (cheese,) = profile.browsing
    assert (cheese.views, cheese.clicks, cheese.searches, cheese.dwell_seconds) == (4, 1, 1, 36)
    assert [(each.word, each.count) for each in profile.searched] == [("bitte", 1), ("roquefort", 1)]


async def test_fields_of_records_are_judged_and_not_shown(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch(EVENTS))
        profile = await full(client)
        basic = await client.profile()
    fields = {each.field: each for each in profile.data_quality.fields}
    assert (fields["full_name"].known, fields["full_name"].agreed) == (True, True)
    assert (fields["phone"].known, fields["phone"].valid) == (True, False)
    assert not fields["email"].known
    assert (profile.plain.birth_month, profile.plain.birth_day, profile.plain.birth_year_band) == (
        5,
        17,
        1985,
    )
    assert (profile.plain.gender, profile.plain.place) == ("f", "SW1")
    assert b"Lovelace" not in profile.SerializeToString()
    assert b"7946" not in profile.SerializeToString()
    for name in ("traits", "decayed", "channels", "browsing", "searched", "noise"):
        assert not len(getattr(basic, name)), name
    assert not basic.data_quality.fields
    # What decisions ask for, and nothing else of it.
    assert (basic.plain.birth_month, basic.plain.birth_day, basic.plain.place) == (5, 17, "SW1")
    assert basic.plain.time_zone == profile.plain.time_zone == "Europe/London"
    assert (basic.plain.birth_year_band, basic.plain.gender) == (0, "")
