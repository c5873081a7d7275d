"""From an event to the profile that shows it: under a steady stream over many customers, and for one hot customer."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.profile.server import Server, serving
from benchmarks.profile.stream import DAY, NOW, Stream, batch, moment
from benchmarks.report import Row
from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub

if TYPE_CHECKING:
    from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceAsyncStub

# A source sends what it has every twentieth of a second.
_TICK: Final = 0.05
# Profiles that are asked for over and over, to see when an event of theirs shows.
_WATCHED: Final = 20


@dataclass
class Seen:
    """Seconds from sending to seeing, an entry per watched event; and how far the sender fell behind."""

    seconds: list[float] = field(default_factory=list)
    sent: int = 0
    took: float = 0.0


def rows(*, quick: bool) -> Iterator[Row]:
    seconds = 5.0 if quick else 20.0
    with serving() as server:
        asyncio.run(_warm(server))
        spread = asyncio.run(_streamed(server, 2_000, seconds, hot=False))
        yield from _told("event to visible profile at 2,000 events/s", spread, 2_000)
        hot: dict[int, Seen] = {}
        for rate in (500, 1_000):
            hot[rate] = asyncio.run(_streamed(server, rate, seconds, hot=True))
    for level, rate in (("must", 500), ("stretch", 1_000)):
        p99 = statistics.quantiles(hot[rate].seconds, n=100)[-1]
        kept = hot[rate].sent / hot[rate].took
        name = f"one hot customer at {rate} events/s of which half are views, p99 to visible"
        yield Row(name, p99, "s", level, "<= 1", "Segment takes 25 events/s per profile", None)
        yield Row(
            f"one hot customer, events taken at {rate}/s", kept, "events/s", level, f">= {rate * 0.98:g}"
        )


def _told(name: str, seen: Seen, rate: int) -> Iterator[Row]:
    yield Row(f"{name}, p99", statistics.quantiles(seen.seconds, n=100)[-1], "s", "must", "<= 1")
    yield Row(f"{name}, median", statistics.median(seen.seconds), "s")
    yield Row(f"{name}, taken", seen.sent / seen.took, "events/s", "must", f">= {rate * 0.98:g}")


async def _warm(server: Server) -> None:
    async with server.channel() as channel:
        async for _ in ProfileServiceStub(channel).IngestEvents(_of(Stream(seed=7).batches(20_000))):
            pass


async def _of(
    batches: list[profile_service_pb2.IngestEventsRequest],
) -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
    for each in batches:
        yield each


async def _streamed(server: Server, rate: int, seconds: float, *, hot: bool) -> Seen:
    """Sends at a steady rate; beside it, events of watched customers are sent one by one and waited for."""
    seen = Seen()
    over = asyncio.Event()
    async with server.channel() as channel:
        stub: ProfileServiceAsyncStub = ProfileServiceStub(channel)
        watched = [f"customers/hot{rate}"] if hot else [f"customers/seen{n}" for n in range(_WATCHED)]
        probing = [asyncio.create_task(_probed(stub, name, seen, over)) for name in watched]
        await _steady(stub, rate, seconds, watched[0] if hot else "", seen)
        over.set()
        await asyncio.gather(*probing)
    return seen


async def _steady(stub: ProfileServiceAsyncStub, rate: int, seconds: float, hot: str, seen: Seen) -> None:
    size = round(rate * _TICK)
    ticks = round(seconds / _TICK)
    stream = Stream(seed=rate + bool(hot))
    prepared = [_renamed(list(stream.events(size)), hot) for _ in range(ticks)]

    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        begun = time.monotonic()
        for number, events in enumerate(prepared):
            await asyncio.sleep(max(0.0, begun + number * _TICK - time.monotonic()))
            yield batch(events, number)

    begun = time.monotonic()
    async for _ in stub.IngestEvents(requests()):
        seen.sent += size
    seen.took = max(time.monotonic() - begun, seconds)


def _renamed(events: list[event_pb2.Event], hot: str) -> list[event_pb2.Event]:
    if not hot:
        return events
    renamed = []
    for event in events:
        copy = event_pb2.Event()
        copy.CopyFrom(event)
        copy.customer = hot
        renamed.append(copy)
    return renamed


async def _probed(stub: ProfileServiceAsyncStub, name: str, seen: Seen, over: asyncio.Event) -> None:
    """Sends an event known later than all others, and asks until the profile is as fresh as it."""
    number = 0
    while not over.is_set():
        number += 1
        known_at = NOW + number
        event = event_pb2.Event(
            event_id=f"probe-{name}-{number}",
            source="probe",
            customer=name,
            event_time=moment(NOW),
            known_at=moment(known_at),
            mailing=event_pb2.Mailing(campaign="probe"),
        )
        begun = time.monotonic()
        sending = asyncio.create_task(_send(stub, event))
        while await _fresh_at(stub, name) < known_at:  # noqa: ASYNC110  # it is in another process
            await asyncio.sleep(0.005)  # asked as an app would ask
        seen.seconds.append(time.monotonic() - begun)
        await sending
        await asyncio.sleep(0.05)


async def _send(stub: ProfileServiceAsyncStub, event: event_pb2.Event) -> None:
    async for _ in stub.IngestEvents(_of([batch([event])])):
        pass


async def _fresh_at(stub: ProfileServiceAsyncStub, name: str) -> int:
    request = profile_service_pb2.BatchGetProfilesRequest(
        names=[name], as_of=moment(NOW + DAY), purpose=consent_pb2.PURPOSE_SERVICE
    )
    found = await stub.BatchGetProfiles(request)
    return found.profiles[0].fresh_at.seconds if found.profiles else 0
