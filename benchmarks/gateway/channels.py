"""One customer in many channels: hand-entered rows of the market sent by five doors, and who is found to be who; knows no scorer.

Each row is a customer of its own, as a channel that knows nothing of the others makes one. Every fifth row goes by the same door:
Segment's SDK, RudderStack's, the path of browsers, CloudEvents' SDK, gRPC. The truth is read here only.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
import httpx
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from benchmarks.gateway.event_servers import World, running
from benchmarks.profile.identity_scores import Score, components, grouped
from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1.gateway_service_pb2_grpc import GatewayServiceStub
from fieldwise.profile.v1 import consent_pb2, event_pb2, identity_service_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise_market.registry import Row as Entry
from fieldwise_market.registry import make_registry

# Not one of the seeds that the delivered weights were learned from.
SEED: Final = 11
PERSONS: Final = 3_000
QUICK_PERSONS: Final = 150
_TRAITS: Final = {
    "full_name": "name",
    "given_name": "firstName",
    "family_name": "lastName",
    "birth_date": "birthday",
    "number": "loyalty_number",
    "time_zone": "timezone",
}
_OF_ADDRESS: Final = {"address": "street", "city": "city", "postcode": "postalCode", "region": "state"}


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    registry = make_registry(SEED, QUICK_PERSONS if quick else PERSONS, "mixed")
    truth = [int(person) for person in registry.truth]
    with tempfile.TemporaryDirectory(prefix="fieldwise-channels-") as folder, running(Path(folder)) as world:
        for place, door in enumerate(DOORS):
            door(world, registry.rows[place :: len(DOORS)])
        changed = _changed_on_the_way(world, registry.rows)
        automatic, reviewed = _found(world, registry.rows, truth)
    what = f"{len(truth):,} rows of {len(set(truth)):,} persons by {len(DOORS)} channels"
    yield Row(f"{what}: changed on the way", changed, "rows", "must", "<= 0")
    yield Row("the same customer merged across channels, pair F1, automatic", automatic.f1, "")
    yield Row("the same: precision of pairs", automatic.precision, "", "must", ">= 0.99")
    yield Row("the same: recall of pairs", automatic.recall, "")
    what = "the same customer merged across channels, pair F1, queued pairs decided"
    yield Row(what, reviewed.f1, "", "must", ">= 0.9")


# ---- doors ----------------------------------------------------------------------------------------------------------


def traits_of(stated: event_pb2.Identification) -> dict[str, Any]:
    """What a row states, by the names that Segment's specification gives it."""
    fields = {field.name: value for field, value in stated.ListFields()}
    address = {_OF_ADDRESS[name]: value for name, value in fields.items() if name in _OF_ADDRESS}
    rest = {_TRAITS.get(name, name): value for name, value in fields.items() if name not in _OF_ADDRESS}
    return {**rest, **({"address": address} if address else {})}


def _user(entry: Entry) -> str:
    return entry.customer.removeprefix("customers/")


def _by_segment(world: World, entries: Sequence[Entry]) -> None:
    client = SegmentClient(world.key, host=f"http://127.0.0.1:{world.http_port}", upload_interval=0.05)
    for entry in entries:
        client.identify(_user(entry), traits_of(entry.identification), timestamp=entry.entered)
    client.shutdown()


def _by_rudder(world: World, entries: Sequence[Entry]) -> None:
    client = RudderClient(world.key, host=f"http://127.0.0.1:{world.http_port}", upload_interval=0.05)
    for entry in entries:
        client.identify(_user(entry), traits_of(entry.identification), timestamp=entry.entered)
    client.shutdown()


def _by_browser(world: World, entries: Sequence[Entry]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{world.http_port}") as http:
        for entry in entries:
            told = {
                "type": "identify",
                "messageId": f"browser-{_user(entry)}",
                "userId": _user(entry),
                "anonymousId": f"browser-of-{_user(entry)}",
                "traits": traits_of(entry.identification),
                "timestamp": entry.entered.isoformat(),
                "sentAt": datetime.now(UTC).isoformat(),
                "writeKey": world.key,
            }
            http.post("/v1/i", content=json.dumps(told)).raise_for_status()


def _by_cloud_events(world: World, entries: Sequence[Entry]) -> None:
    headers = {"authorization": f"Bearer {world.key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{world.http_port}", headers=headers) as http:
        for entry in entries:
            attributes = {
                "id": _user(entry),
                "source": f"https://{entry.department}.example",
                "type": "fieldwise.identification",
                "specversion": "1.0",
                "subject": entry.customer,
                "time": entry.entered,
            }
            made = CloudEvent(attributes, json_format.MessageToDict(entry.identification))
            message = to_structured(made, JSONFormat())
            http.post("/v1/events", content=message.body, headers=dict(message.headers)).raise_for_status()


def _by_grpc(world: World, entries: Sequence[Entry]) -> None:
    events = [
        event_pb2.Event(
            event_id=_user(entry),
            source=entry.department,
            customer=entry.customer,
            event_time=Timestamp(seconds=int(entry.entered.timestamp())),
            identification=entry.identification,
        )
        for entry in entries
    ]
    with grpc.insecure_channel(f"127.0.0.1:{world.gateway_port}") as channel:
        call = GatewayServiceStub(channel).IngestEvents(
            iter([gateway_pb.IngestEventsRequest(events=events)]),
            metadata=(("authorization", f"Bearer {world.key}"),),
        )
        (answer,) = call
        if answer.accepted != len(events):
            raise RuntimeError(f"{len(events) - answer.accepted} rows were not accepted by gRPC")


DOORS: Final[Sequence[Callable[[World, Sequence[Entry]], None]]] = (
    _by_segment,
    _by_rudder,
    _by_browser,
    _by_cloud_events,
    _by_grpc,
)


# ---- what was found -------------------------------------------------------------------------------------------------


def _changed_on_the_way(world: World, entries: Sequence[Entry]) -> int:
    """Rows that profile does not state as they were entered."""
    changed = 0
    with grpc.insecure_channel(f"127.0.0.1:{world.profile_port}") as channel:
        stub = ProfileServiceStub(channel)
        for entry in entries:
            request = profile_pb.ListEventsRequest(
                name=entry.customer, purpose=consent_pb2.PURPOSE_SERVICE, kinds=["identification"]
            )
            request.as_of.GetCurrentTime()
            found = stub.ListEvents(request).events
            # Those who are found to be one person meanwhile are shown together.
            changed += entry.identification not in [each.event.identification for each in found]
    return changed


def _found(world: World, entries: Sequence[Entry], truth: Sequence[int]) -> tuple[Score, Score]:
    """Pairs merged by evidence alone, and with the queued pairs decided by somebody who knows."""
    place_of = {entry.customer: place for place, entry in enumerate(entries)}
    with grpc.insecure_channel(f"127.0.0.1:{world.profile_port}") as channel:
        stub = IdentityServiceStub(channel)
        request = identity_service_pb2.ResolveIdentitiesRequest(learn_weights=True)
        request.decision_time.GetCurrentTime()
        for _ in stub.ResolveIdentities(request):
            pass
        links = [(each.customer, each.other) for each in _pages(stub.ListLinks, "links")]
        queued = [(each.customer, each.other) for each in _pages(stub.ListReviews, "reviews")]
    merged = _places(links, place_of)
    decided = [(one, other) for one, other in _places(queued, place_of) if truth[one] == truth[other]]
    return grouped(components(merged), truth), grouped(components([*merged, *decided]), truth)


def _pages(call: Any, name: str) -> Iterator[Any]:
    kind = {
        "links": identity_service_pb2.ListLinksRequest,
        "reviews": identity_service_pb2.ListReviewsRequest,
    }
    request: Any = kind[name](page_size=1_000)
    while True:
        answer = call(request)
        yield from getattr(answer, name)
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _places(pairs: Sequence[tuple[str, str]], place_of: Mapping[str, int]) -> list[tuple[int, int]]:
    """Pairs of rows; links to visitors, of whom there is no row, are none."""
    return [(place_of[one], place_of[other]) for one, other in pairs if one in place_of and other in place_of]
