"""Segment's HTTP contract at a real gateway before a real profile: what is stored, what is refused, what is answered."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from benchmarks.processes import free_port
from tests.gateway.event_world import EventWorld, User, running

SUCCESS = b'{"success":true}'


pytestmark = pytest.mark.asyncio(loop_scope="module")
_numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EventWorld]:
    async with running(tmp_path_factory.mktemp("events")) as found:
        yield found


@pytest.fixture
def user() -> User:
    return User(f"u{next(_numbers)}")


async def batch(world: EventWorld, *messages: Any, **more: Any) -> httpx.Response:
    return await world.http.post("/v1/batch", content=json.dumps({"batch": messages, **more}))


async def test_each_call_becomes_what_profile_understands(world: EventWorld, user: User) -> None:
    line = {"product_id": "p1", "category": "tea", "price": 19, "quantity": 1}
    other = {"sku": 7, "price": "3.00", "quantity": 2}
    order = {"order_id": "o1", "currency": "usd", "discount": 2.5, "products": [line, other]}
    told = await batch(
        world,
        user.message("track", "order", event="Order Completed", properties=order),
        user.message(
            "track", "seen", event="Product Viewed", properties={"product_id": "p1", "category": "tea"}
        ),
        user.message("track", "sought", event="Products Searched", properties={"query": "green tea"}),
        user.message("track", "put", event="Product Added", properties={"product_id": "p1"}),
        user.message("page", "home", category="teas", context={"userAgent": "Mozilla/5.0"}),
        user.message("screen", "start"),
        user.message(
            "identify", "who", context={"traits": {"name": "Wang Li"}}, traits={"email": "w@example.com"}
        ),
        user.message("group", "firm", groupId="g1", traits={"name": "Tea House"}),
    )
    assert (told.status_code, told.content) == (200, SUCCESS)
    assert "fieldwise-refused" not in told.headers
    found = dict(zip(await user.stored(world), await world.events(user.id), strict=True))
    assert set(found) == {"order", "order/1", "seen", "sought", "put", "home", "start", "who", "firm"}
    first, second = found["order"].purchase, found["order/1"].purchase
    assert (first.product, first.category, first.quantity, first.basket) == ("p1", "tea", 1, "o1")
    assert (second.product, second.category, second.quantity) == ("7", "unknown", 2)
    # 2.50 off 25.00, a tenth of each line.
    assert (first.amount.micros, first.discount.micros) == (17_100_000, 1_900_000)
    assert (second.amount.micros, second.discount.micros) == (5_400_000, 600_000)
    assert (found["seen"].view.product, found["seen"].view.channel) == ("p1", "web")
    assert found["sought"].search.query == "green tea"
    assert (found["put"].click.target, found["put"].click.product) == ("product added", "p1")
    assert (found["home"].view.category, found["start"].view.channel) == ("teas", "app")
    stated = found["who"].identification
    assert (stated.full_name, stated.email) == ("Wang Li", "w@example.com")
    assert found["firm"].identification.company == "Tea House"


async def test_the_browsers_short_paths_take_text_with_the_key_in_the_body(
    world: EventWorld, user: User
) -> None:
    for path, kind in (("t", "track"), ("p", "page"), ("i", "identify"), ("g", "group"), ("s", "screen")):
        sent = user.message(kind, f"m-{path}", event="Product Viewed", traits={"name": "Li"}, writeKey="k")
        told = await world.http.post(
            f"/v1/{path}", content=json.dumps(sent), headers={"content-type": "text/plain"}
        )
        assert (told.status_code, told.headers["access-control-allow-origin"]) == (200, "*")
        assert "access-control-allow-credentials" not in told.headers
    assert set(await user.stored(world)) == {"m-t", "m-p", "m-i", "m-g", "m-s"}


async def test_any_page_may_ask_whether_it_may_send(world: EventWorld) -> None:
    told = await world.http.options("/v1/t", headers={"origin": "https://shop.example"})
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (204, "*")
    assert "authorization" in told.headers["access-control-allow-headers"]


async def test_gzip_is_known_by_its_bytes_whatever_the_headers_say(world: EventWorld, user: User) -> None:
    body = gzip.compress(json.dumps({"batch": [user.message("page")]}).encode())
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await world.http.post("/v1/batch", content=body, headers=form)).status_code == 200
    plain = json.dumps({"batch": [user.message("page", "m2")]})
    wrong = {"content-encoding": "gzip", "content-type": "application/json"}
    assert (await world.http.post("/v1/batch", content=plain, headers=wrong)).status_code == 200
    assert await user.stored(world) == ["m", "m2"]


async def test_a_message_sent_again_changes_nothing(world: EventWorld, user: User) -> None:
    for _ in range(3):
        assert (await batch(world, user.message("page"), user.message("page"))).status_code == 200
    assert await user.stored(world) == ["m"]


async def test_refused_messages_are_readable_and_the_others_pass(world: EventWorld, user: User) -> None:
    nothing_bought = user.message("track", "empty", event="Order Completed", properties={"order_id": "o"})
    told = await batch(
        world,
        user.message("page", "good"),
        user.message("page", messageId=""),
        user.message("track", "nameless"),
        user.message("page", "nobody", userId=None),
        user.message("sing", "type"),
        user.message("page", "late", timestamp="yesterday"),
        nothing_bought,
        user.message("track", "own", event="Trial Started", properties={"plan": "pro"}),
        f"not a message of {user.id}",
        user.message("track", "half \ud800", event="Product Viewed"),
    )
    assert (told.status_code, told.content, told.headers["fieldwise-refused"]) == (200, SUCCESS, "9")
    assert await user.stored(world) == ["good"]
    letters = await user.refused(world)
    told_of = {(each.event_id.removeprefix(f"{user.id}-"), *each.fields) for each in letters}
    assert told_of == {
        ("", "messageId"),
        ("", "(message)"),
        ("nameless", "event"),
        ("nobody", "userId"),
        ("type", "type"),
        ("late", "timestamp"),
        ("empty", "properties.products"),
        ("own", "custom.schema"),
        ("half ?", "view"),
    }
    (late,) = [each for each in letters if each.event_id == f"{user.id}-late"]
    assert "got 'yesterday'; send a time such as" in late.details.field_violations[0].description
    assert json.loads(late.event.custom.attributes[0].text)["timestamp"] == "yesterday"


async def test_a_refused_message_sent_again_is_the_same_letter(world: EventWorld, user: User) -> None:
    for _ in range(3):
        await batch(world, user.message("page", "late", timestamp="yesterday"))
    (letter,) = await user.refused(world)
    assert letter.times == 3


async def test_replaying_what_was_never_an_event_leaves_its_reasons(world: EventWorld, user: User) -> None:
    await batch(world, user.message("page", "late", timestamp="yesterday"))
    told = await world.replayed(f"customers/{user.id}")
    assert (told.total, told.still_refused, told.accepted) == (1, 1, 0)
    (letter,) = await user.refused(world)
    assert list(letter.fields) == ["timestamp"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe{}",
        b'{"batch": {}}',
        b"{}",
        gzip.compress(b'{"batch": []}')[:-4],
        b"\x1f\x8b nonsense",
        b"[" * 200_000,
        b'{"batch": [' + b"9" * 5000 + b"]}",
        json.dumps({"batch": [{}] * 2_501}).encode(),
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_a_body_that_can_never_be_read_is_a_400(world: EventWorld, body: bytes) -> None:
    told = await world.http.post("/v1/batch", content=body)
    assert told.status_code == 400
    assert "retry-after" not in told.headers


async def test_a_gzip_bomb_is_refused_as_soon_as_it_is_too_large(world: EventWorld) -> None:
    bomb = gzip.compress(b" " * (64 << 20), 9)
    told = await world.http.post("/v1/batch", content=bomb)
    assert told.status_code == 400
    assert told.json()["message"].startswith("body: got more than")


async def test_a_visitor_is_the_user_he_is_identified_as_and_no_other(world: EventWorld, user: User) -> None:
    anonymous = f"anon-{user.id}"
    person = {f"customers/{user.id}", f"customers/visitor~{anonymous}"}
    await batch(world, user.message("page", "before", userId=None, anonymousId=anonymous))
    await batch(world, user.message("identify", "first", anonymousId=anonymous, traits={"name": "Li"}))
    assert await world.members(user.id) == person
    other = user.message("identify", "other", userId="somebody", anonymousId=anonymous, traits={"name": "Wu"})
    await batch(world, other)
    assert await world.members(user.id) == person


async def test_an_alias_joins_the_old_name_and_one_that_nobody_knows_is_readable(
    world: EventWorld, user: User
) -> None:
    old = f"old-{user.id}"
    await batch(world, user.message("page", "a", userId=old), user.message("page", "b"))
    told = await batch(
        world,
        user.message("alias", "known", previousId=old),
        user.message("alias", "lost", previousId="never seen"),
    )
    assert told.headers["fieldwise-refused"] == "1"
    assert await world.members(user.id) == {f"customers/{user.id}", f"customers/{old}"}
    assert [each.event_id for each in await user.refused(world)] == [f"{user.id}-lost"]


async def test_consents_are_taken_by_the_names_of_our_purposes_and_channels(
    world: EventWorld, user: User
) -> None:
    chosen = {"decision": True, "email": False, "Advertising": True}
    told = user.message(
        "track",
        event="Segment Consent Preference Updated",
        context={"consent": {"categoryPreferences": chosen}},
    )
    await batch(world, told)
    found = [each.consent for each in await world.events(user.id)]
    assert {(each.purpose, each.channel, each.granted) for each in found} == {
        (1, "", True),
        (0, "email", False),
    }


async def test_only_a_key_for_events_is_let_in_and_it_is_the_source(tmp_path: Path, user: User) -> None:
    async with running(tmp_path, ACCESS="keys") as world:
        key = (tmp_path / "access" / "operator.key").read_text().strip()
        body = {"batch": [user.message("page")]}
        for headers in ({}, {"authorization": basic("fw_wrong")}, {"authorization": "Basic %"}):
            told = await world.http.post("/v1/batch", json=body, headers=headers)
            assert told.status_code == 401
            assert "retry-after" not in told.headers
        assert world.stored() == []
        told = await world.http.post("/v1/batch", json=body, headers={"authorization": basic(key)})
        assert told.status_code == 200
        in_body = await world.http.post("/v1/b", content=json.dumps({**body, "writeKey": key}))
        assert in_body.status_code == 200
        assert world.stored() == [(f"sdk.apikeys.{key.split('_')[1]}", f"{user.id}-m")]


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


async def test_an_outage_of_profile_is_a_503_with_whole_seconds(tmp_path: Path, user: User) -> None:
    async with running(tmp_path, profile_address=f"127.0.0.1:{free_port()}") as world:
        for sent in (user.message("page"), user.message("page", "late", timestamp="yesterday")):
            told = await batch(world, sent)
            assert told.status_code == 503
            assert int(told.headers["retry-after"]) >= 1
