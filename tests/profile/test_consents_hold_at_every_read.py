"""Consents: the rule against a naive rival, and over a real socket that every read obeys it at once."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.profile.v1 import consent_pb2, event_pb2, privacy_service_pb2, profile_service_pb2
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise_profile.core.consent import (
    CHANNELS,
    Permission,
    Unasked,
    permission,
    refused_channels,
    together,
    word,
)
from fieldwise_profile.core.purposes import Purpose, consent_needed
from fieldwise_profile.settings import Settings
from fieldwise_runtime.errors import from_rpc_error
from fieldwise_runtime.settings import load
from tests.profile.builders import DAY, NOW, Client, at, batch, event, outcome, purchase, serving

ME = "customers/1"
DECISION, TRAINING = consent_pb2.PURPOSE_DECISION, consent_pb2.PURPOSE_TRAINING
PLANNING, REPORTING = consent_pb2.PURPOSE_PLANNING, consent_pb2.PURPOSE_REPORTING
SERVICE, RIGHTS, UPKEEP = consent_pb2.PURPOSE_SERVICE, consent_pb2.PURPOSE_RIGHTS, consent_pb2.PURPOSE_UPKEEP

SAID = st.lists(
    st.tuples(st.sampled_from(["decision", "training", "all", *CHANNELS]), st.integers(1, 5), st.booleans())
)


def naive(said: list[tuple[str, int, bool]], subject: str) -> bool | None:
    """The latest word; among those of one moment a withdrawal if there is any."""
    own = [(time, granted) for about, time, granted in said if about == subject]
    if not own:
        return None
    latest = max(time for time, _ in own)
    return all(granted for time, granted in own if time == latest)


def held(said: list[tuple[str, int, bool]]) -> dict[str, int]:
    return together({subject: word(time, granted=granted)} for subject, time, granted in said)


@settings(max_examples=200, deadline=None)
@given(SAID, st.randoms(use_true_random=False))
def test_the_latest_word_holds_a_withdrawal_wins_ties_and_order_does_not_matter(
    said: list[tuple[str, int, bool]], chance: random.Random
) -> None:
    shuffled = said * 2
    chance.shuffle(shuffled)
    assert held(shuffled) == held(said)
    for purpose in Purpose:
        subject = consent_needed(purpose)
        for unasked in Unasked:
            found = permission(held(said), subject, unasked)
            expected = None if subject is None else naive(said, subject)
            if subject is None:
                assert found is Permission.NEEDLESS
            elif expected is None:
                assert found is (Permission.ASSUMED if unasked is Unasked.ALLOW else Permission.REFUSED)
            else:
                assert found is (Permission.GIVEN if expected else Permission.REFUSED)


@settings(max_examples=150, deadline=None)
@given(SAID)
def test_a_channel_is_refused_by_the_latest_word_on_it_or_on_all(said: list[tuple[str, int, bool]]) -> None:
    for channel in CHANNELS:
        both = [(channel, time, granted) for about, time, granted in said if about in (channel, "all")]
        assert (channel in refused_channels(held(said))) == (naive(both, channel) is False)


def stub(client: Client) -> Any:
    return PrivacyServiceStub(client.channel)


async def says(
    client: Client, granted: bool, seconds: float = NOW, **what: Any
) -> privacy_service_pb2.ConsentState:
    request = privacy_service_pb2.SetConsentRequest(
        name=ME, granted=granted, proof="form 7" if granted else "", decision_time=at(seconds), **what
    )
    state: privacy_service_pb2.ConsentState = await stub(client).SetConsent(request)
    return state


async def read(client: Client, purpose: Any, as_of: float = NOW + 1) -> Any:
    return await client.stub.GetProfile(
        profile_service_pb2.GetProfileRequest(name=ME, as_of=at(as_of), purpose=purpose)
    )


async def test_a_withdrawn_consent_withholds_the_profile_from_the_purposes_that_need_it_only(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a"), purchase("b")]))
        assumed = await read(client, DECISION)
        assert (assumed.withheld, assumed.consent_assumed, assumed.purchase_days) == (False, True, 1)
        state = await says(client, granted=True, purpose=DECISION)
        assert state.refused_purposes == []
        given_ = await read(client, DECISION)
        assert (given_.withheld, given_.consent_assumed) == (False, False)
        state = await says(client, granted=False, seconds=NOW + 0.5, purpose=DECISION)
        assert state.refused_purposes == [DECISION, PLANNING]
        for purpose in (DECISION, PLANNING):
            withheld = await read(client, purpose)
            assert withheld.withheld
            assert (withheld.name, withheld.purchase_days, list(withheld.features.values)) == (ME, 0, [])
            assert not withheld.interests
            assert not withheld.HasField("total_spend")
        for purpose in (SERVICE, RIGHTS, UPKEEP, TRAINING, REPORTING):
            assert not (await read(client, purpose)).withheld


async def test_a_withdrawal_counts_even_for_a_read_as_of_an_earlier_moment(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", seconds=NOW - 30 * DAY)]))
        assert not (await read(client, DECISION, NOW - DAY)).withheld
        await says(client, granted=False, purpose=DECISION)
        assert (await read(client, DECISION, NOW - DAY)).withheld


async def test_who_was_never_asked_is_not_read_unless_the_installation_says_otherwise(
    sqlite_database_url: str,
) -> None:
    as_it_comes = load(Settings, {}).unasked
    async with serving(sqlite_database_url, unasked=as_it_comes) as client:
        await client.ingest(batch([purchase("a")]))
        assert (await read(client, DECISION)).withheld
        assert await client.rows(NOW) == {}
        await says(client, granted=True, purpose=DECISION)
        assert not (await read(client, DECISION)).withheld
        await says(client, granted=True, purpose=TRAINING)
        assert {name for _, name in await client.rows(NOW)} == {ME}


async def test_training_leaves_out_who_has_withdrawn_even_at_cut_offs_before_he_did(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", "1"), purchase("b", "2")]))
        assert {name for _, name in await client.rows(NOW)} == {ME, "customers/2"}
        await says(client, granted=False, purpose=TRAINING)
        assert {name for _, name in await client.rows(NOW)} == {"customers/2"}
        assert {name for _, name in await client.rows(NOW, names=[ME])} == set()


async def test_channels_are_refused_and_opened_again(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a"), outcome("o", kind=event_pb2.OUTCOME_KIND_OPTED_OUT)]))
        profile = await read(client, DECISION)
        assert profile.opted_out
        assert list(profile.refused_channels) == sorted(CHANNELS)
        state = await says(client, granted=True, channel="all")
        assert list(state.refused_channels) == []
        assert not (await read(client, DECISION)).opted_out
        await says(client, granted=False, seconds=NOW + 0.5, channel="email")
        assert list((await read(client, DECISION)).refused_channels) == ["email"]


async def test_a_withdrawal_reaches_another_process_within_a_second(postgres_database_url: str) -> None:
    async with serving(postgres_database_url) as first, serving(postgres_database_url) as second:
        await first.ingest(batch([purchase("a")]))
        await asyncio.sleep(0.5)
        assert not (await read(second, DECISION)).withheld
        await says(first, granted=False, purpose=DECISION)
        for _ in range(19):
            if (await read(second, DECISION)).withheld:
                return
            await asyncio.sleep(0.05)
        pytest.fail("the other process still shows the profile after a second")


async def test_what_holds_and_what_was_said_can_be_read_with_proofs_for_rights_only(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a")]))
        await says(client, granted=True, seconds=NOW - 10, purpose=DECISION, policy_version="3")
        await says(client, granted=False, purpose=DECISION)
        for purpose, proof in ((RIGHTS, "form 7"), (DECISION, "")):
            listed = await stub(client).ListConsents(
                privacy_service_pb2.ListConsentsRequest(name=ME, purpose=purpose, decision_time=at(NOW))
            )
            assert [(each.subject, each.granted) for each in listed.history] == [
                ("decision", True),
                ("decision", False),
            ]
            assert [each.proof for each in listed.history] == [proof, ""]
            assert listed.history[0].policy_version == "3"
            assert [each.granted for each in listed.state.holding] == [False]


async def test_a_consent_without_proof_or_subject_is_refused_naming_the_field(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        request = privacy_service_pb2.SetConsentRequest(name=ME, granted=True, decision_time=at(NOW))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub(client).SetConsent(request)
        fields = {each.field for each in from_rpc_error(raised.value).violations}
        assert {"proof", "purpose"} <= fields


async def test_the_same_request_writes_a_word_once(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await says(client, granted=False, purpose=DECISION, request_id="7")
        await says(client, granted=False, purpose=DECISION, request_id="7")
        listed = await stub(client).ListConsents(
            privacy_service_pb2.ListConsentsRequest(name=ME, purpose=RIGHTS, decision_time=at(NOW))
        )
        assert len(listed.history) == 1


async def test_consents_in_the_table_are_those_of_the_fold(database_url: str) -> None:
    """What all customers said, read at once, is what each one's own events say."""
    chance = random.Random(3)
    said = []
    for number in range(80):
        granted = chance.random() < 0.5
        told = event_pb2.Consent(
            purpose=chance.choice([DECISION, TRAINING]), granted=granted, proof="x" if granted else ""
        )
        seconds = NOW - chance.randrange(5) * 60
        said.append(event(f"c{number}", str(chance.randrange(4)), seconds, consent=told))
    async with serving(database_url) as client:
        for start in range(0, len(said), 9):
            await client.ingest(batch(said[start : start + 9]))
        for customer in range(4):
            name = f"customers/{customer}"
            state = (
                await stub(client).ListConsents(
                    privacy_service_pb2.ListConsentsRequest(name=name, purpose=UPKEEP, decision_time=at(NOW))
                )
            ).state
            profile = await client.stub.GetProfile(
                profile_service_pb2.GetProfileRequest(name=name, as_of=at(NOW + 1), purpose=DECISION)
            )
            assert profile.withheld == (DECISION in state.refused_purposes)
