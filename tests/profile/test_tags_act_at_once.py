"""Tags through the service: live, versioned, for a purpose, and the same for one customer as for all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2, tag_service_pb2
from fieldwise.profile.v1.tag_service_pb2_grpc import TagServiceStub
from fieldwise_profile.__main__ import wired
from fieldwise_runtime import server
from fieldwise_runtime.errors import RpcFault, from_rpc_error
from tests.profile.builders import DAY, NOW, OPTIONS, Client, at, batch, event, purchase, serving, settings

if TYPE_CHECKING:
    from fieldwise.profile.v1.tag_service_pb2_grpc import TagServiceAsyncStub

DECISION = consent_pb2.PURPOSE_DECISION
SERVICE = consent_pb2.PURPOSE_SERVICE
RIGHTS = consent_pb2.PURPOSE_RIGHTS
T = tag_service_pb2


def stub(client: Client) -> TagServiceAsyncStub:
    return TagServiceStub(client.channel)


def creation(
    tag_id: str, expression: str, *purposes: consent_pb2.Purpose.ValueType, **more: Any
) -> T.CreateTagRequest:
    tag = T.Tag(expression=expression, purposes=purposes or [DECISION], **more)
    return T.CreateTagRequest(tag_id=tag_id, tag=tag, decision_time=at(NOW))


async def create(
    client: Client, tag_id: str, expression: str, *purposes: consent_pb2.Purpose.ValueType
) -> T.Tag:
    return await stub(client).CreateTag(creation(tag_id, expression, *purposes))


async def fault_of(call: Awaitable[object]) -> RpcFault:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


async def tags_of(
    client: Client, customer: str = "1", purpose: consent_pb2.Purpose.ValueType = DECISION, as_of: float = NOW
) -> list[str]:
    request = profile_service_pb2.GetProfileRequest(
        name=f"customers/{customer}", as_of=at(as_of), purpose=purpose
    )
    return list((await client.stub.GetProfile(request)).tags)


async def test_a_tag_shows_in_the_next_profile_until_it_is_retired_and_again_when_restored(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("a", amount=30.0)]))
        assert await tags_of(client) == []
        made = await create(client, "big", "features.spend_28d > 20.0")
        assert (made.name, made.version, made.state) == ("tags/big", 1, T.TAG_STATE_ACTIVE)
        assert list(made.fields) == ["features.spend_28d"]
        assert await tags_of(client) == ["tags/big"]
        await create(client, "almost", "features.spend_28d > 40.0")
        assert await tags_of(client) == ["tags/big"]
        await client.ingest(batch([purchase("b", amount=15.0)]))
        assert await tags_of(client) == ["tags/almost", "tags/big"]
        gone = await stub(client).RetireTag(
            T.RetireTagRequest(name="tags/big", note="old", decision_time=at(NOW))
        )
        assert (gone.state, gone.version, gone.note) == (T.TAG_STATE_RETIRED, 2, "old")
        assert await tags_of(client) == ["tags/almost"]
        await stub(client).RestoreTag(T.RestoreTagRequest(name="tags/big", decision_time=at(NOW)))
        assert await tags_of(client) == ["tags/almost", "tags/big"]
    async with serving(database_url) as client:
        assert await tags_of(client) == ["tags/almost", "tags/big"]


async def test_every_version_can_be_taken_up_again(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", amount=30.0)]))
        await create(client, "x", "features.spend_28d > 20.0")
        changed = await stub(client).UpdateTag(
            T.UpdateTagRequest(
                tag=T.Tag(name="tags/x", expression="features.spend_28d > 90.0", version=1),
                decision_time=at(NOW),
            )
        )
        assert (changed.version, list(changed.purposes)) == (2, [DECISION])
        assert await tags_of(client) == []
        stale = T.UpdateTagRequest(
            tag=T.Tag(name="tags/x", description="y", version=1), decision_time=at(NOW)
        )
        assert (await fault_of(stub(client).UpdateTag(stale))).reason == "TAG_CHANGED"
        back = await stub(client).RestoreTag(
            T.RestoreTagRequest(name="tags/x", version=1, decision_time=at(NOW))
        )
        assert (back.version, back.expression) == (3, "features.spend_28d > 20.0")
        assert await tags_of(client) == ["tags/x"]
        unchanged = await stub(client).RestoreTag(T.RestoreTagRequest(name="tags/x", decision_time=at(NOW)))
        assert unchanged.version == 3
        listed = await stub(client).ListTagVersions(T.ListTagVersionsRequest(name="tags/x", page_size=2))
        rest = await stub(client).ListTagVersions(
            T.ListTagVersionsRequest(name="tags/x", page_size=2, page_token=listed.next_page_token)
        )
        assert [tag.version for tag in (*listed.versions, *rest.versions)] == [3, 2, 1]
        assert not rest.next_page_token
        missing = T.RestoreTagRequest(name="tags/x", version=9, decision_time=at(NOW))
        assert (await fault_of(stub(client).RestoreTag(missing))).reason == "TAG_VERSION_NOT_FOUND"
        nobody = T.RetireTagRequest(name="tags/nobody", decision_time=at(NOW))
        assert (await fault_of(stub(client).RetireTag(nobody))).reason == "TAG_NOT_FOUND"


async def test_an_id_is_given_once_and_the_same_tag_again_is_given_back(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        first = await create(client, "x", "now > now")
        assert await create(client, "x", "now > now") == first
        other = await fault_of(create(client, "x", "now < now"))
        assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "TAG_EXISTS")
        for number in range(5):
            await create(client, f"y{number}", "true")
        pages, token = [], ""
        while True:
            answer = await stub(client).ListTags(T.ListTagsRequest(page_size=2, page_token=token))
            pages.append([tag.name for tag in answer.tags])
            token = answer.next_page_token
            if not token:
                break
        assert pages == [["tags/x", "tags/y0"], ["tags/y1", "tags/y2"], ["tags/y3", "tags/y4"]]


async def test_a_rule_that_is_wrong_is_refused_with_its_place(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        fault = await fault_of(
            create(client, "x", "features.spend_28d > 1.0 &&\n  profile.phone == '1' && now")
        )
        assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RULE_INVALID")
        assert fault.metadata["line"] == "2"
        assert [violation.field for violation in fault.violations] == ["expression", "expression"]
        assert "sealed" in fault.violations[0].remedy
        deep = "profile.interests.all(a, profile.interests.all(b, profile.interests.all(c, profile.interests.all(d, a == d))))"
        assert (await fault_of(create(client, "x", deep))).reason == "RULE_TOO_EXPENSIVE"
        purposeless = T.CreateTagRequest(tag_id="x", tag=T.Tag(expression="true"), decision_time=at(NOW))
        fault = await fault_of(stub(client).CreateTag(purposeless))
        assert fault.violations[0].field == "tag.purposes"
        assert not (await stub(client).ListTags(T.ListTagsRequest())).tags


async def test_a_tag_is_shown_for_its_purposes_and_for_the_rights_of_the_customer(
    sqlite_database_url: str,
) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a")]))
        await create(client, "marketing", "true", DECISION)
        await create(client, "support", "true", SERVICE)
        assert await tags_of(client, purpose=DECISION) == ["tags/marketing"]
        assert await tags_of(client, purpose=SERVICE) == ["tags/support"]
        assert await tags_of(client, purpose=RIGHTS) == ["tags/marketing", "tags/support"]
        asked = T.ListTaggedCustomersRequest(name="tags/marketing", purpose=SERVICE, as_of=at(NOW))
        assert (await fault_of(stub(client).ListTaggedCustomers(asked))).reason == "TAG_NOT_FOR_PURPOSE"


async def test_who_does_not_consent_has_no_tags(sqlite_database_url: str) -> None:
    refused = event_pb2.Consent(purpose=DECISION, granted=False, policy_version="1")
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", "1"), purchase("b", "2"), event("c", "2", consent=refused)]))
        await create(client, "all", "true")
        assert await tags_of(client, "1") == ["tags/all"]
        assert await tags_of(client, "2") == []
        asked = T.ListTaggedCustomersRequest(name="tags/all", purpose=DECISION, as_of=at(NOW))
        assert list((await stub(client).ListTaggedCustomers(asked)).customers) == ["customers/1"]
        tried = T.TestTagRequest(
            expression="true",
            customers=["customers/1", "customers/2", "customers/3"],
            purpose=DECISION,
            as_of=at(NOW),
        )
        verdicts = (await stub(client).TestTag(tried)).verdicts
        assert [(v.holds, v.no_value, v.reason) for v in verdicts] == [
            (True, False, ""),
            (False, True, "CONSENT_MISSING"),
            (False, True, "CUSTOMER_NOT_FOUND"),
        ]
        several = T.TagCustomersRequest(
            customers=[T.ScoredCustomer(customer=f"customers/{n}") for n in (1, 2, 3)],
            purpose=DECISION,
            as_of=at(NOW),
        )
        answer = await stub(client).TagCustomers(several)
        assert [each.customer for each in answer.customers] == ["customers/1"]


async def test_trying_a_rule_keeps_nothing_and_says_what_is_missing(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(
            batch([purchase("a", "1"), *(purchase(f"b{n}", "2", NOW - n * DAY) for n in range(1, 9))])
        )
        tried = await stub(client).TestTag(
            T.TestTagRequest(
                expression="features.gap_mean < 2.0 && features.spend_28d > 0.0",
                customers=["customers/1", "customers/2"],
                purpose=DECISION,
                as_of=at(NOW),
            )
        )
        assert list(tried.fields) == ["features.gap_mean", "features.spend_28d"]
        assert [(v.holds, v.no_value, list(v.missing)) for v in tried.verdicts] == [
            (False, True, ["features.gap_mean"]),
            (True, False, []),
        ]
        assert not (await stub(client).ListTags(T.ListTagsRequest(show_retired=True))).tags


async def test_scores_of_models_are_read_where_the_caller_passes_them(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a", "1"), purchase("b", "2")]))
        await create(client, "likely", 'scores["buys-28d"] > 0.6')
        await create(client, "shopper", "profile.purchase_days > 0")
        assert await tags_of(client) == ["tags/shopper"]
        asked = T.TagCustomersRequest(
            customers=[
                T.ScoredCustomer(customer="customers/1", scores={"buys-28d": 0.7}),
                T.ScoredCustomer(customer="customers/2", scores={"buys-28d": 0.5}),
            ],
            purpose=DECISION,
            as_of=at(NOW),
        )
        answer = await stub(client).TagCustomers(asked)
        assert [list(each.tags) for each in answer.customers] == [
            ["tags/likely", "tags/shopper"],
            ["tags/shopper"],
        ]


RULES = {
    "spender": "features.spend_28d > 10.0",
    "rhythm": "features.gap_mean < 20.0 && !(features.spend_trend_28d > 0.0)",
    "cheese": '"CHEESE" in profile.interests || profile.stage == "new"',
    "recent": 'now - profile.last_purchase_time < duration("480h")',
    "unknown": "has(features.gap_std) ? features.gap_std > 3.0 : true",
    "changed": "profile.changed || profile.usual_hour >= 12",
}


async def test_what_holds_for_one_customer_when_he_is_read_holds_when_all_are_read(database_url: str) -> None:
    chance = random.Random(11)
    events = [
        purchase(
            f"e{number}",
            str(chance.randrange(40)),
            NOW - chance.uniform(0, 120 * DAY),
            category=chance.choice(["CHEESE", "BEER", "MILK"]),
            amount=chance.randrange(1, 9),
        )
        for number in range(400)
    ]
    async with serving(database_url) as client:
        await client.ingest(batch(events))
        for name, rule in RULES.items():
            await create(client, name, rule)
        everybody = sorted({each.customer for each in events})
        for as_of in (NOW, NOW - 30 * DAY):
            online = {p.name: set(p.tags) for p in await client.profiles(everybody, as_of)}
            for name in RULES:
                found: list[str] = []
                token = ""
                while True:
                    answer = await stub(client).ListTaggedCustomers(
                        T.ListTaggedCustomersRequest(
                            name=f"tags/{name}",
                            purpose=DECISION,
                            as_of=at(as_of),
                            page_size=7,
                            page_token=token,
                        )
                    )
                    found += answer.customers
                    token = answer.next_page_token
                    if not token:
                        break
                assert found == [who for who in sorted(online) if f"tags/{name}" in online[who]], name
                assert 0 < len(found) < len(online) or name == "unknown"


async def test_another_process_has_a_tag_within_a_second(postgres_database_url: str) -> None:
    async with serving(postgres_database_url) as client:
        await client.ingest(batch([purchase("a")]))
        other = await server.start(await wired(settings(postgres_database_url)))
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{other.port}", options=OPTIONS) as channel:
                second = Client(channel)
                assert await tags_of(second) == []
                await create(client, "x", "true")
                async with asyncio.timeout(1.0):
                    while await tags_of(second) != ["tags/x"]:  # noqa: ASYNC110  # the event is in another process's memory
                        await asyncio.sleep(0.05)
        finally:
            await other.stop()


async def test_the_fields_of_rules_are_told_and_hold_nothing_personal(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        fields = (await stub(client).ListTagFields(T.ListTagFieldsRequest())).fields
        first = await stub(client).ListTagFields(T.ListTagFieldsRequest(page_size=20))
        rest = await stub(client).ListTagFields(T.ListTagFieldsRequest(page_token=first.next_page_token))
        assert [*first.fields, *rest.fields] == list(fields)
    paths = {field.path: field for field in fields}
    assert paths["features.spend_28d"].type == "double"
    assert paths["profile.interests"].type == "list(string)"
    assert paths["features.gap_std"].optional
    assert all(field.meaning for field in fields)
    ends = {path.rpartition(".")[2] for path in paths}
    assert not ends & {
        "name",
        "phone",
        "email",
        "address",
        "birth_date",
        "number",
        "searched",
        "text",
        "note",
    }


async def test_plain_facts_are_fields_and_what_is_sealed_is_not(sqlite_database_url: str) -> None:
    person = event_pb2.Identification(
        full_name="Ada Byron", phone="+1 555 0100", birth_date="1985-05-17", gender="f", postcode="12345"
    )
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([purchase("a"), event("b", identification=person)]))
        rule = (
            'profile.birth_month == 5 && profile.birth_day == 17 && profile.birth_year_band == 1985 && profile.gender == "f" '
            '&& profile.place == "123"'
        )
        await create(client, "may", rule)
        assert await tags_of(client) == ["tags/may"]
