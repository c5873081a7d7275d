"""CloudEvents in all three modes at a real gateway before a real profile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.event_world import EventWorld, User, running
from tests.profile.builders import NOW, at

pytestmark = pytest.mark.asyncio(loop_scope="module")
_numbers = count()
PURCHASE = {
    "product": "p1",
    "category": "tea",
    "quantity": "2",
    "amount": {"currencyCode": "USD", "micros": "38000000"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EventWorld]:
    async with running(tmp_path_factory.mktemp("cloud")) as found:
        yield found


@pytest.fixture
def user() -> User:
    return User(f"c{next(_numbers)}")


def cloud_event(
    user: User, event_id: str = "m", kind: str = "fieldwise.purchase", **told: Any
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{user.id}-{event_id}",
        "source": "https://pos.example/till/7",
        "type": kind,
        "subject": user.id,
        "time": at(NOW - 60).ToJsonString(),
        "data": PURCHASE,
        **told,
    }


async def send(world: EventWorld, body: Any, kind: str = "cloudevents") -> Any:
    headers = {"content-type": f"application/{kind}+json; charset=UTF-8"}
    return await world.http.post("/v1/events", content=json.dumps(body), headers=headers)


async def test_the_structured_mode_carries_one_event_and_a_batch_several(
    world: EventWorld, user: User
) -> None:
    assert (await send(world, cloud_event(user, "one"))).status_code == 200
    several = [cloud_event(user, "two"), cloud_event(user, "three", subject=f"customers/{user.id}")]
    assert (await send(world, several, "cloudevents-batch")).status_code == 200
    assert await user.stored(world) == ["one", "two", "three"]
    bought = (await world.events(user.id))[0]
    assert (bought.purchase.quantity, bought.purchase.amount.micros) == (2, 38_000_000)
    assert bought.event_time == at(NOW - 60)
    assert bought.source.startswith("ce.https-pos.example-till-7-")


async def test_the_binary_mode_carries_attributes_in_headers(world: EventWorld, user: User) -> None:
    event = cloud_event(user, source="pos")
    data = event.pop("data")
    headers = {f"ce-{name}": value for name, value in event.items()}
    # As the Python SDK sends it: no content type.
    told = await world.http.post("/v1/events", content=json.dumps(data), headers=headers)
    assert told.status_code == 200
    (bought,) = await world.events(user.id)
    assert (bought.source, bought.purchase.product) == ("ce.pos", "p1")


async def test_source_and_id_say_which_event_it_is(world: EventWorld, user: User) -> None:
    for source in ("a", "b", "a"):
        await send(world, cloud_event(user, source=source))
    assert await user.stored(world) == ["m", "m"]


async def test_segments_messages_may_travel_as_cloud_events(world: EventWorld, user: User) -> None:
    told = {"event": "Product Viewed", "properties": {"product_id": "p1"}}
    await send(world, cloud_event(user, kind="segment.track", data=told))
    (seen,) = await world.events(user.id)
    assert seen.view.product == "p1"


async def test_refused_events_are_readable(world: EventWorld, user: User) -> None:
    told = await send(
        world,
        [
            cloud_event(user, "good"),
            cloud_event(user, "field", data={"product": "p", "colour": "red"}),
            cloud_event(user, "kind", kind="fieldwise.theft"),
            cloud_event(user, "time", time="noon", subject="customers/ /"),
            cloud_event(user, "own", kind="com.example.trial.started", data={"plan": "pro"}),
            cloud_event(user, "bytes", data_base64="AAAA"),
        ],
    )
    assert (told.status_code, told.headers["fieldwise-refused"]) == (200, "5")
    letters = {each.event_id.removeprefix(f"{user.id}-"): each for each in await user.refused(world)}
    assert {name: list(each.fields) for name, each in letters.items()} == {
        "field": ["purchase"],
        "kind": ["type"],
        "time": ["subject", "time"],
        "own": ["custom.schema"],
        "bytes": ["data_base64"],
    }
    assert '"colour"' in letters["field"].details.field_violations[0].description
    assert letters["own"].event.custom.schema == "eventSchemas/started"


@pytest.mark.parametrize("body", ["", "{", '"text"'], ids=["nothing", "half", "text"])
async def test_what_is_no_event_at_all_is_told_at_once_or_kept(world: EventWorld, body: str) -> None:
    told = await world.http.post("/v1/events", content=body)
    assert told.status_code == (200 if body == '"text"' else 400)
