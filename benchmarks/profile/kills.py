"""kill -9 of the service during ingest, merges and erasures: what was acknowledged is there, once, and nothing half done."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import grpc
import grpc.aio

from benchmarks.profile.server import Server, serving
from benchmarks.profile.stream import DAY, NOW, batch, moment
from benchmarks.report import Row
from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    identity_service_pb2,
    identity_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    profile_service_pb2,
    profile_service_pb2_grpc,
)
from fieldwise.type.v1 import money_pb2

_CUSTOMERS = 40
_EVENTS_A_BATCH = 50


@dataclass
class Known:
    """What the service has said yes to, and what is not known of because its answer never came."""

    acknowledged: set[str] = field(default_factory=set)
    owner: dict[str, str] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    maybe_erased: set[str] = field(default_factory=set)
    linked: list[tuple[str, str]] = field(default_factory=list)


def rows(*, quick: bool) -> Iterator[Row]:
    kills = 10 if quick else 100
    known = Known()
    chance = random.Random(3)
    with serving() as server:
        for number in range(kills):
            asyncio.run(_killed(server, known, number, chance))
            server.start()
        lost, doubled, returned = asyncio.run(_checked(server, known))
    yield Row(
        f"{kills} kills during ingest, merge and erase: acknowledged events lost",
        lost,
        "events",
        "must",
        "<= 0",
    )
    yield Row("events counted that are not stored, or stored twice", doubled, "events", "must", "<= 0")
    yield Row("erased customers that came back", returned, "customers", "must", "<= 0")
    yield Row("events acknowledged", len(known.acknowledged), "events")
    yield Row("erasures acknowledged", len(known.erased), "customers")
    yield Row("merges acknowledged", len(known.linked), "links")


async def _killed(server: Server, known: Known, number: int, chance: random.Random) -> None:
    """Ingest, merges and erasures go on side by side until the process is gone."""
    async with server.channel() as channel:
        work = [
            asyncio.create_task(_ingesting(channel, known, number, chance)),
            asyncio.create_task(_merging(channel, known, chance)),
            asyncio.create_task(_erasing(channel, known, number)),
        ]
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        server.kill()
        for ended in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(ended, grpc.aio.AioRpcError):
                continue
            if isinstance(ended, BaseException):
                raise ended


async def _ingesting(channel: grpc.aio.Channel, known: Known, number: int, chance: random.Random) -> None:
    sent: list[list[event_pb2.Event]] = []

    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        for place in range(10_000):
            sent.append(_events(number, place, chance))
            yield batch(sent[-1], place)

    async for answer in profile_service_pb2_grpc.ProfileServiceStub(channel).IngestEvents(requests()):
        refused = {rejection.event_id for rejection in answer.rejected}
        for event in sent[answer.batch_number]:
            if event.event_id not in refused:
                known.acknowledged.add(event.event_id)
                known.owner[event.event_id] = event.customer


def _events(number: int, place: int, chance: random.Random) -> list[event_pb2.Event]:
    return [
        event_pb2.Event(
            event_id=f"{number}-{place}-{index}",
            source="shop",
            customer=f"customers/{chance.randrange(_CUSTOMERS)}",
            event_time=moment(NOW - chance.uniform(0, 60 * DAY)),
            known_at=moment(NOW),
            purchase=event_pb2.Purchase(
                product="p",
                category=f"C{chance.randrange(5)}",
                quantity=1,
                amount=money_pb2.Money(currency_code="USD", micros=1_000_000),
            ),
        )
        for index in range(_EVENTS_A_BATCH)
    ] + [
        # One of his own each round, to be erased.
        event_pb2.Event(
            event_id=f"{number}-{place}-brief",
            source="shop",
            customer=f"customers/brief{number}",
            event_time=moment(NOW),
            known_at=moment(NOW),
            search=event_pb2.Search(query="something personal"),
        )
    ]


async def _merging(channel: grpc.aio.Channel, known: Known, chance: random.Random) -> None:
    stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
    while True:
        one, other = chance.sample(range(_CUSTOMERS), 2)
        a, b = f"customers/{one}", f"customers/{other}"
        try:
            link = await stub.LinkCustomers(
                identity_service_pb2.LinkCustomersRequest(
                    name=a, other_name=b, decided_by="benchmark", decision_time=moment(NOW + DAY)
                )
            )
            known.linked.append((a, b))
            await stub.UnlinkCustomers(
                identity_service_pb2.UnlinkCustomersRequest(
                    link=link.name, decided_by="benchmark", decision_time=moment(NOW + DAY)
                )
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise
        await asyncio.sleep(0.005)


async def _erasing(channel: grpc.aio.Channel, known: Known, number: int) -> None:
    await asyncio.sleep(0.03)
    name = f"customers/brief{number}"
    known.maybe_erased.add(name)
    try:
        await privacy_service_pb2_grpc.PrivacyServiceStub(channel).EraseCustomer(
            privacy_service_pb2.EraseCustomerRequest(
                name=name, request_id=f"erase-{number}", decision_time=moment(NOW + DAY)
            )
        )
        known.erased.add(name)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        known.maybe_erased.discard(name)


async def _checked(server: Server, known: Known) -> tuple[int, int, int]:
    """Every customer has what was acknowledged of him, each event once, unless he was erased."""
    lost = returned = 0
    gone = known.erased | known.maybe_erased
    async with server.channel() as channel:
        await _all_parted(channel)
        stub: profile_service_pb2_grpc.ProfileServiceAsyncStub = profile_service_pb2_grpc.ProfileServiceStub(
            channel
        )
        counts: dict[str, int] = {}
        for event_id in known.acknowledged:
            counts[known.owner[event_id]] = counts.get(known.owner[event_id], 0) + 1
        doubled = 0
        for customer, count in sorted(counts.items()):
            found = await _count(stub, customer)
            if customer in known.erased:
                returned += found > 0
            elif customer not in gone:
                lost += max(0, count - found)
                doubled += max(0, found - await _rows(stub, customer))
    return lost, doubled, returned


async def _all_parted(channel: grpc.aio.Channel) -> None:
    """Takes back the merges that a kill left standing: each customer is to be counted by himself."""
    stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
    listed = await stub.ListLinks(identity_service_pb2.ListLinksRequest(page_size=1_000))
    for link in listed.links:
        await stub.UnlinkCustomers(
            identity_service_pb2.UnlinkCustomersRequest(
                link=link.name, decided_by="benchmark", decision_time=moment(NOW + DAY)
            )
        )


async def _count(stub: profile_service_pb2_grpc.ProfileServiceAsyncStub, customer: str) -> int:
    request = profile_service_pb2.BatchGetProfilesRequest(
        names=[customer], as_of=moment(NOW + DAY), purpose=consent_pb2.PURPOSE_SERVICE
    )
    found = await stub.BatchGetProfiles(request)
    return found.profiles[0].event_count if found.profiles else 0


async def _rows(stub: profile_service_pb2_grpc.ProfileServiceAsyncStub, customer: str) -> int:
    """His events one by one, each id once."""
    ids: set[tuple[str, str]] = set()
    token = ""
    while True:
        page = await stub.ListEvents(
            profile_service_pb2.ListEventsRequest(
                name=customer,
                purpose=consent_pb2.PURPOSE_SERVICE,
                as_of=moment(NOW + DAY),
                page_size=1_000,
                page_token=token,
            )
        )
        ids.update((each.event.source, each.event.event_id) for each in page.events)
        token = page.next_page_token
        if not token:
            return len(ids)
