"""Identity over a real socket: found, linked, queued, undone; no event is ever lost, and what is undone leaves nothing behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    identity_service_pb2,
    privacy_service_pb2,
    profile_pb2,
    profile_service_pb2,
)
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise_profile.linking import linked_by_evidence
from fieldwise_profile.store import links
from fieldwise_profile.store.links import Wanted
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving

if TYPE_CHECKING:
    from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceAsyncStub

SECONDS = 10.0
JANE = {
    "full_name": "Jane Quartermain",
    "phone": "614-608-0753",
    "email": "jane.q@example.com",
    "birth_date": "1985-05-17",
    "address": "12 High Street",
    "city": "Columbus",
    "postcode": "43210",
}
JANE_AGAIN = {
    "given_name": "Jayne",
    "family_name": "QUARTERMAIN",
    "phone": "+1 (614) 608 0753",
    "email": "jane.q@example.com",
    "birth_date": "17 May 1985",
}
WANG = {"full_name": "王小明", "phone": "13800138000", "birth_date": "1990-01-02", "email": "wangxm@qq.com"}
WANG_IN_LETTERS = {"full_name": "Wang Xiaoming", "phone": "+86 138-0013-8000", "birth_date": "1990年1月2日"}
TOM = {"full_name": "Thomas Ashworth", "phone": "216 555 2322", "birth_date": "1961-07-05"}


def identification(event_id: str, customer: str, **stated: str) -> event_pb2.Event:
    return event(event_id, customer, identification=event_pb2.Identification(**stated))


def identity(client: Client) -> IdentityServiceAsyncStub:
    return IdentityServiceStub(client.channel)


async def linked(client: Client, one: str, other: str) -> identity_service_pb2.IdentityLink:
    return await identity(client).LinkCustomers(
        identity_service_pb2.LinkCustomersRequest(
            name=f"customers/{one}",
            other_name=f"customers/{other}",
            decided_by="reps/7",
            decision_time=at(NOW),
        )
    )


async def unlinked(client: Client, link: str) -> identity_service_pb2.IdentityLink:
    return await identity(client).UnlinkCustomers(
        identity_service_pb2.UnlinkCustomersRequest(link=link, decided_by="reps/7", decision_time=at(NOW))
    )


async def duplicates(client: Client, **stated: str) -> list[identity_service_pb2.DuplicateCandidate]:
    answer = await identity(client).FindDuplicates(
        identity_service_pb2.FindDuplicatesRequest(
            record=event_pb2.Identification(**stated),
            decision_time=at(NOW),
            purpose=consent_pb2.PURPOSE_UPKEEP,
        )
    )
    return list(answer.candidates)


async def members(client: Client, customer: str) -> list[str]:
    answer = await identity(client).ListLinks(
        identity_service_pb2.ListLinksRequest(name=f"customers/{customer}")
    )
    return list(answer.members)


async def reviews(
    client: Client, state: identity_service_pb2.ReviewState.ValueType = identity_service_pb2.REVIEW_STATE_OPEN
) -> list[identity_service_pb2.IdentityReview]:
    return list(
        (await identity(client).ListReviews(identity_service_pb2.ListReviewsRequest(state=state))).reviews
    )


async def decided(client: Client, review: str, same: bool) -> identity_service_pb2.IdentityReview:
    states = identity_service_pb2.REVIEW_STATE_SAME, identity_service_pb2.REVIEW_STATE_DIFFERENT
    return await identity(client).DecideReview(
        identity_service_pb2.DecideReviewRequest(
            review=review,
            decision=states[0] if same else states[1],
            decided_by="reps/7",
            decision_time=at(NOW),
        )
    )


async def until(condition: Any) -> None:
    """Waits until the condition holds; the background has ten seconds."""
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 what happens in the background tells nobody
            await asyncio.sleep(0.05)


async def full(client: Client, customer: str) -> profile_pb2.Profile:
    """All that is told of a customer, but for what compares him with all others: that changes with them."""
    seen = await client.stub.GetProfile(
        profile_service_pb2.GetProfileRequest(
            name=f"customers/{customer}",
            as_of=at(NOW),
            purpose=consent_pb2.PURPOSE_UPKEEP,
            view=profile_pb2.PROFILE_VIEW_FULL,
        )
    )
    seen.ClearField("popular_unbought")
    own = [each for each in seen.traits if each.name != "value_tier"]
    del seen.traits[:]
    seen.traits.extend(own)
    return seen


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[Client]:
    async with serving(database_url) as client:
        yield client


async def test_a_record_finds_its_person_and_says_by_what(client: Client) -> None:
    await client.ingest(batch([identification("1", "jane", **JANE), identification("2", "tom", **TOM)]))
    (found,) = await duplicates(client, **JANE_AGAIN)
    assert found.name == "customers/jane"
    assert found.probability > 0.99
    said = {each.field: each.agreement for each in found.evidence}
    assert said["phone"] == "EQUAL"
    assert said["family_name"] == "EQUAL"
    assert "quartermain" not in str(found).lower()
    assert await duplicates(client, full_name="Somebody Else", phone="713 760 3161") == []


async def test_a_record_that_says_too_little_is_told_so(client: Client) -> None:
    answer = await identity(client).FindDuplicates(
        identity_service_pb2.FindDuplicatesRequest(
            record=event_pb2.Identification(city="Columbus"),
            decision_time=at(NOW),
            purpose=consent_pb2.PURPOSE_SERVICE,
        )
    )
    assert answer.too_little
    assert not answer.candidates


async def test_what_is_the_same_is_linked_without_asking(client: Client) -> None:
    await client.ingest(
        batch(
            [
                identification("1", "jane", **JANE),
                purchase("2", "jane", amount=2.0),
                purchase("3", "jane2", amount=3.0),
            ]
        )
    )
    await client.ingest(
        batch([identification("4", "jane2", **JANE_AGAIN), identification("5", "tom", **TOM)])
    )

    async def are_one() -> bool:
        return await members(client, "jane2") == ["customers/jane", "customers/jane2"]

    await until(are_one)
    seen = await client.profile("jane2")
    assert seen.canonical == "customers/jane"
    assert seen.total_spend.micros == 5_000_000
    assert await members(client, "tom") == ["customers/tom"]
    (link,) = (
        await identity(client).ListLinks(identity_service_pb2.ListLinksRequest(name="customers/jane"))
    ).links
    assert link.source == identity_service_pb2.LINK_SOURCE_AUTO
    assert link.probability >= 0.99


async def test_one_name_in_two_scripts_is_one_person(client: Client) -> None:
    await client.ingest(
        batch([identification("1", "w1", **WANG), identification("2", "w2", **WANG_IN_LETTERS)])
    )

    async def are_one() -> bool:
        return await members(client, "w2") == ["customers/w1", "customers/w2"]

    await until(are_one)


async def test_numbers_that_contradict_are_asked_about_and_never_linked(client: Client) -> None:
    await client.ingest(
        batch(
            [
                identification("1", "a", **JANE, number="11010519491231002X"),
                identification("2", "b", **JANE, number="440524188001010014"),
            ]
        )
    )

    async def is_asked() -> bool:
        return bool(await reviews(client))

    await until(is_asked)
    (review,) = await reviews(client)
    assert list(review.reasons) == ["DIFFERENT_NUMBERS"]
    assert await members(client, "a") == ["customers/a"]
    answer = await decided(client, review.name, same=True)
    assert answer.state == identity_service_pb2.REVIEW_STATE_SAME
    assert await members(client, "a") == ["customers/a", "customers/b"]
    assert await reviews(client) == []


async def test_what_a_person_parted_is_not_linked_again(client: Client) -> None:
    await client.ingest(
        batch([identification("1", "jane", **JANE), identification("2", "jane2", **JANE_AGAIN)])
    )

    async def are_one() -> bool:
        return len(await members(client, "jane")) == 2

    await until(are_one)
    (link,) = (await identity(client).ListLinks(identity_service_pb2.ListLinksRequest())).links
    await unlinked(client, link.name)
    assert await members(client, "jane") == ["customers/jane"]
    await client.ingest(batch([identification("3", "jane2", **JANE)]))
    last = [each async for each in resolving(client)][-1]
    assert last.done
    assert last.linked == 0
    await asyncio.sleep(0.6)
    assert await members(client, "jane") == ["customers/jane"]
    (history,) = (
        await identity(client).ListLinks(
            identity_service_pb2.ListLinksRequest(name="customers/jane", show_revoked=True)
        )
    ).links
    assert history.revoked_by == "reps/7"
    # Somebody who says otherwise is obeyed.
    await linked(client, "jane", "jane2")
    assert len(await members(client, "jane")) == 2


async def resolving(
    client: Client, **asked: Any
) -> AsyncIterator[identity_service_pb2.ResolveIdentitiesResponse]:
    request = identity_service_pb2.ResolveIdentitiesRequest(decision_time=at(NOW), **asked)
    async for progress in identity(client).ResolveIdentities(request):
        yield progress


async def test_comparing_all_finds_what_was_said_and_again_changes_nothing(client: Client) -> None:
    persons = [
        {
            **TOM,
            "full_name": f"{given} {family}",
            "phone": f"216555{number:04}",
            "birth_date": f"19{60 + number}-07-05",
        }
        for number, (given, family) in enumerate(
            [("Thomas", "Ashworth"), ("Linda", "Brightwater"), ("Peter", "Carmody"), ("Alice", "Dunsany")]
        )
    ]
    rows = [
        identification(f"{copy}{n}", f"p{n}{copy}", **stated)
        for n, stated in enumerate(persons)
        for copy in "ab"
    ]
    await client.ingest(batch(rows))
    dry = [each async for each in resolving(client, dry_run=True)][-1]
    assert dry.records == 8
    assert dry.done

    async def all_linked() -> bool:
        return all([len(await members(client, f"p{n}b")) == 2 for n in range(4)])

    await until(all_linked)
    again = [each async for each in resolving(client)][-1]
    assert (again.linked, again.done) == (0, True)


async def test_un_merging_gives_back_every_byte_and_no_event_is_lost(client: Client) -> None:
    """Some hundred merges and un-merges at random, with purchases between them; a person is always the sum of his names."""
    chance = random.Random(3)
    names = [f"c{number}" for number in range(6)]
    spent = dict.fromkeys(names, 0)
    for name in names:
        await client.ingest(batch([purchase(f"first-{name}", name, seconds=NOW - 9 * DAY)]))
        spent[name] += 2
    living: dict[str, tuple[str, str]] = {}
    for step in range(120):
        draw = chance.random()
        if draw < 0.45:
            one, other = chance.sample(names, 2)
            before = [await full(client, name) for name in names]
            link = await linked(client, one, other)
            if link.name not in living:
                await unlinked(client, link.name)
                after = [await full(client, name) for name in names]
                assert [each.SerializeToString(deterministic=True) for each in after] == [
                    each.SerializeToString(deterministic=True) for each in before
                ]
                living[(await linked(client, one, other)).name] = one, other
        elif draw < 0.75 and living:
            name = chance.choice(sorted(living))
            del living[name]
            await unlinked(client, name)
        else:
            name = chance.choice(names)
            await client.ingest(batch([purchase(f"e{step}", name, seconds=NOW - DAY * chance.randint(1, 8))]))
            spent[name] += 2
        if step % 10 == 0:
            await check_sums(client, names, spent, living)
    await check_sums(client, names, spent, living)
    for name in sorted(living):
        await unlinked(client, name)
    await check_sums(client, names, spent, {})


async def check_sums(
    client: Client, names: list[str], spent: dict[str, int], living: dict[str, tuple[str, str]]
) -> None:
    persons = {name: {name} for name in names}
    for one, other in living.values():
        joined = persons[one] | persons[other]
        for each in joined:
            persons[each] = joined
    for name in names:
        seen = await client.profile(name)
        assert seen.total_spend.micros == 1_000_000 * sum(spent[each] for each in persons[name])
        assert set(seen.members or [f"customers/{name}"]) == {f"customers/{each}" for each in persons[name]}


async def test_links_outlive_the_process(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("1", "a"), purchase("2", "b")]))
        link = await linked(client, "a", "b")
    async with serving(database_url) as client:
        assert await members(client, "b") == ["customers/a", "customers/b"]
        await unlinked(client, link.name)
    async with serving(database_url) as client:
        assert await members(client, "b") == ["customers/b"]


async def test_another_process_sees_a_link_within_a_second(postgres_database_url: str) -> None:
    async with serving(postgres_database_url) as one, serving(postgres_database_url) as other:
        await one.ingest(batch([purchase("1", "a"), purchase("2", "b")]))
        link = await linked(one, "a", "b")

        async def is_seen() -> bool:
            return len(await members(other, "b")) == 2 and list((await full(other, "b")).members) != []

        async with asyncio.timeout(1.0):
            await until(is_seen)
        await unlinked(one, link.name)

        async def is_gone() -> bool:
            return await members(other, "b") == ["customers/b"]

        async with asyncio.timeout(1.0):
            await until(is_gone)


async def test_what_is_erased_is_found_no_more(client: Client) -> None:
    await client.ingest(
        batch([identification("1", "jane", **JANE), identification("2", "jane2", **JANE_AGAIN)])
    )

    async def are_one() -> bool:
        return len(await members(client, "jane")) == 2

    await until(are_one)
    assert await duplicates(client, **JANE)
    await PrivacyServiceStub(client.channel).EraseCustomer(
        privacy_service_pb2.EraseCustomerRequest(
            name="customers/jane", request_id="e1", decision_time=at(NOW)
        )
    )
    assert await duplicates(client, **JANE) == []
    assert not (
        await identity(client).ListLinks(identity_service_pb2.ListLinksRequest(show_revoked=True))
    ).links


async def test_who_was_erased_while_he_was_compared_is_neither_linked_nor_queued(database_url: str) -> None:
    async with serving(database_url, identity_lookup="off") as client:
        await client.ingest(batch([purchase("1", "gone"), purchase("2", "a"), purchase("3", "b")]))
        await PrivacyServiceStub(client.channel).EraseCustomer(
            privacy_service_pb2.EraseCustomerRequest(
                name="customers/gone", request_id="e1", decision_time=at(NOW)
            )
        )

        def pair(one: str, other: str) -> Wanted:
            return Wanted(f"customers/{one}", f"customers/{other}", 0.9, links.AUTO, 0, "auto")

        # What was found out just before the erasure.
        database = Database.open(database_url)
        try:
            changed = await database.write(
                lambda connection: linked_by_evidence(
                    connection, [pair("a", "gone"), pair("a", "b")], [(pair("gone", "b"), ("CHAIN",))]
                )
            )
        finally:
            await database.close()
        assert [(link.a, link.b) for link in changed.links] == [("customers/a", "customers/b")]
        assert await reviews(client) == []


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [("a", "a", "INVALID_REQUEST"), ("a", "nobody", "CUSTOMER_NOT_FOUND")],
)
async def test_a_link_that_cannot_be_is_refused(client: Client, one: str, other: str, reason: str) -> None:
    await client.ingest(batch([purchase("1", "a")]))
    with pytest.raises(grpc.RpcError) as refused:
        await linked(client, one, other)
    assert from_rpc_error(refused.value).reason == reason


async def test_names_that_do_not_exist_are_told(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as no_link:
        await unlinked(client, "identityLinks/99")
    assert from_rpc_error(no_link.value).reason == "LINK_NOT_FOUND"
    with pytest.raises(grpc.RpcError) as no_review:
        await decided(client, "identityReviews/99", same=True)
    assert from_rpc_error(no_review.value).reason == "REVIEW_NOT_FOUND"
    with pytest.raises(grpc.RpcError) as nobody:
        await identity(client).FindDuplicates(
            identity_service_pb2.FindDuplicatesRequest(
                name="customers/nobody", decision_time=at(NOW), purpose=consent_pb2.PURPOSE_UPKEEP
            )
        )
    assert from_rpc_error(nobody.value).reason == "CUSTOMER_NOT_FOUND"
