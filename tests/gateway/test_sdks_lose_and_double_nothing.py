"""The unmodified SDKs at a real gateway before a real profile, over a way that loses, doubles and refuses."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from benchmarks.gateway.faulty_way import Fault, FaultyWay
from tests.gateway.event_world import EventWorld, User, running
from tests.profile.builders import NOW

COUNT = 40
# Each of five requests meets a fault or two; one after the other they would make RudderStack's SDK wait twice as long each time.
SCRIPT = (
    *(Fault.LOST_ANSWER, Fault.NONE, Fault.ERROR, Fault.DOUBLED, Fault.BUSY, Fault.NONE),
    *(Fault.DROPPED, Fault.NONE, Fault.AWAY),
)


def with_segment(port: int, user: User, given_up: list[Any]) -> None:
    client = SegmentClient(
        "key", host=f"http://127.0.0.1:{port}", upload_size=10, upload_interval=0.02, gzip=True,
        on_error=lambda error, batch: given_up.append((error, batch)),
    )  # fmt: skip
    for number in range(COUNT):
        client.track(user.id, "Product Viewed", {"product_id": "p"}, message_id=f"{user.id}-{number}")
    client.track(user.id, "Order Completed", {"products": []}, message_id=f"{user.id}-wrong")
    client.shutdown()


def with_rudder(port: int, user: User, given_up: list[Any]) -> None:
    client = RudderClient(
        "key", host=f"http://127.0.0.1:{port}", upload_size=10, upload_interval=0.02,
        on_error=lambda error, batch: given_up.append((error, batch)),
    )  # fmt: skip
    for number in range(COUNT):
        client.track(user.id, "Product Viewed", {"product_id": "p"}, message_id=f"{user.id}-{number}")
    client.track(user.id, "Order Completed", {"products": []}, message_id=f"{user.id}-wrong")
    client.shutdown()


def with_cloud_events(port: int, user: User, given_up: list[Any]) -> None:
    """The SDK makes messages and sends none; whoever uses it sends again until he is answered."""
    # An hour before the business clock of the installation, which its SDK does not know.
    attributes: dict[str, Any] = {
        "source": "shop",
        "type": "fieldwise.view",
        "specversion": "1.0",
        "subject": user.id,
    }
    attributes["time"] = datetime.fromtimestamp(NOW - 3600, UTC)
    with httpx.Client() as http:
        for number in range(COUNT // 4):
            made = CloudEvent({**attributes, "id": f"{user.id}-{number}"}, {"product": "p"})
            message = (to_binary if number % 2 else to_structured)(made, JSONFormat())
            for _ in range(9):
                if answered(http, port, message):
                    break
            else:
                given_up.append(number)
        wrong = CloudEvent({**attributes, "id": f"{user.id}-wrong"}, {"colour": "red"})
        assert answered(http, port, to_structured(wrong, JSONFormat()))


def answered(http: httpx.Client, port: int, message: Any) -> bool:
    try:
        told = http.post(
            f"http://127.0.0.1:{port}/v1/events", content=message.body, headers=dict(message.headers)
        )
    except httpx.TransportError:
        return False
    return told.status_code == 200


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the SDKs leave their connections to the interpreter
async def test_every_event_is_stored_once_and_what_is_refused_is_readable(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        senders: list[tuple[Callable[..., None], User, int]] = [
            (with_segment, User("segment"), COUNT),
            (with_rudder, User("rudder"), COUNT),
            (with_cloud_events, User("cloud"), COUNT // 4),
        ]
        await asyncio.gather(*(one_sdk(world, *each) for each in senders))


async def one_sdk(world: EventWorld, send: Callable[..., None], user: User, count: int) -> None:
    given_up: list[Any] = []
    async with FaultyWay(world.port, itertools.chain(SCRIPT)) as way:
        await asyncio.to_thread(send, way.port, user, given_up)
    assert given_up == []
    assert set(way.happened) == set(Fault)
    assert Counter(await user.stored(world)) == Counter(str(number) for number in range(count))
    assert [each.event_id for each in await user.refused(world)] == [f"{user.id}-wrong"]
