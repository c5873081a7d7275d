"""`python -m benchmarks.gateway.event_sender SDK PORT EVENTS`: one SDK, unmodified, that sends numbered events; knows no server.

Event number n of an SDK is the same whenever it is asked for, so that whoever counts knows what there must be. The key is in
FIELDWISE_API_KEY. Prints nothing; the exit code is 1 when the SDK gave events up.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import httpx
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

CUSTOMERS: Final = 20_000
AT_ONCE: Final = 100
# One of so many is an order without lines, or a purchase without an amount.
WRONG_EVERY: Final = 1_000
_MOST_QUEUED: Final = 5_000
_TRIES: Final = 20
_WAIT_SECONDS: Final = 0.25


class Sent(NamedTuple):
    """One event: its id and customer, the name and the properties that Segment gives it."""

    id: str
    customer: str
    name: str
    properties: Mapping[str, Any]
    wrong: bool


def event(sdk: str, number: int) -> Sent:
    """Event ``number``; customers are skewed as those of a shop are."""
    # Weyl's sequence: even, and the same everywhere.
    share = number * 0.618033988749895 % 1.0
    customer = f"{sdk}-{int(share * share * CUSTOMERS)}"
    product = {"product_id": f"p{number % 997}", "category": f"c{number % 13}", "price": 3 + number % 50}
    wrong = number % WRONG_EVERY == WRONG_EVERY - 1
    kind = number % 10
    name, properties = "Product Viewed", product
    if wrong or kind == 0:
        lines = [] if wrong else [{**product, "quantity": 1 + number % 3}]
        name, properties = "Order Completed", {"order_id": f"o{number}", "products": lines}
    elif kind == 1:
        name, properties = "Products Searched", {"query": f"tea {number % 311}"}
    elif kind in (2, 3):
        name = "Product Added"
    return Sent(f"{sdk}-{number}", customer, name, properties, wrong)


def events(sdk: str, count: int) -> Iterator[Sent]:
    """The first of an SDK's events."""
    return (event(sdk, number) for number in range(count))


def with_queue(client: Any, sdk: str, count: int) -> None:
    """Segment's and RudderStack's SDKs put messages into a queue of 10,000, which their user must not fill.

    Segment's (2.4.0) puts a batch that was answered with Retry-After back into the queue, and drops it where that is full: of 1,000,000
    events sent into a full queue it dropped 4,572 before any server saw them.
    """
    for each in events(sdk, count):
        while client.queue.qsize() > _MOST_QUEUED:
            time.sleep(0.02)
        queued, _ = client.track(each.customer, each.name, dict(each.properties), message_id=each.id)
        if not queued:
            raise RuntimeError(f"the queue of {sdk} is full with {client.queue.qsize()} messages")
    client.shutdown()


def with_segment(port: int, key: str, count: int) -> bool:
    given_up: list[Any] = []
    address = f"http://127.0.0.1:{port}"
    client = SegmentClient(key, host=address, on_error=lambda _, batch: given_up.append(batch))
    with_queue(client, "segment", count)
    return not given_up


def with_rudder(port: int, key: str, count: int) -> bool:
    given_up: list[Any] = []
    address = f"http://127.0.0.1:{port}"
    client = RudderClient(key, host=address, on_error=lambda _, batch: given_up.append(batch))
    with_queue(client, "rudder", count)
    return not given_up


def with_cloud_events(port: int, key: str, count: int) -> bool:
    """The SDK makes messages and sends none; sending again until it is answered is its user's part."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/cloudevents-batch+json"}
    form, batch, all_sent = JSONFormat(), [], True
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=15) as http:
        for number, each in enumerate(events("cloud", count), 1):
            batch.append(form.write(_cloud_event(each)))
            if len(batch) == AT_ONCE or number == count:
                all_sent &= _posted(http, b"[" + b",".join(batch) + b"]")
                batch.clear()
    return all_sent


def _cloud_event(each: Sent) -> CloudEvent:
    attributes = {
        "id": each.id,
        "source": "shop",
        "type": "segment.track",
        "specversion": "1.0",
        "subject": each.customer,
        "time": datetime.now(UTC),
    }
    return CloudEvent(attributes, {"event": each.name, "properties": each.properties})


def _posted(http: httpx.Client, body: bytes) -> bool:
    for _ in range(_TRIES):
        try:
            if http.post("/v1/events", content=body).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(_WAIT_SECONDS)
    return False


SENDERS: Final[Mapping[str, Callable[[int, str, int], bool]]] = {
    "segment": with_segment,
    "rudder": with_rudder,
    "cloud": with_cloud_events,
}


if __name__ == "__main__":
    told, port_told, count_told = sys.argv[1:]
    sys.exit(not SENDERS[told](int(port_told), os.environ["FIELDWISE_API_KEY"], int(count_told)))
