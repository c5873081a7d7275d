"""Loading a simulated world, or the recorded shop of the demo, into a running profile service; knows no measurement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise_client.demo import complete_journey
from fieldwise_client.demo.events import batches
from fieldwise_market.world import World

_BATCH: Final = 2_000
_NAMES: Final = 500


def stamp(seconds: float) -> Timestamp:
    """A moment; finer than a second is cut off."""
    return Timestamp(seconds=int(seconds))


async def load(channel: grpc.aio.Channel, events: Iterator[event_pb2.Event], now: Timestamp) -> int:
    """Sends all events; returns how many were accepted.

    Raises:
        ValueError: The service refuses one.
    """

    async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        while some := list(islice(events, _BATCH)):
            yield profile_service_pb2.IngestEventsRequest(events=some, decision_time=now)

    accepted = 0
    async for answer in ProfileServiceStub(channel).IngestEvents(requests()):
        if answer.rejected:
            raise ValueError(f"the service refuses an event: {answer.rejected[0]}")
        accepted += answer.accepted
    return accepted


async def load_world(channel: grpc.aio.Channel, world: World) -> Timestamp:
    """Loads a world; returns its end."""
    end = stamp(world.end.timestamp())
    await load(channel, world.events(), end)
    return end


async def load_journey(channel: grpc.aio.Channel, *, full: bool) -> Timestamp:
    """Loads Complete Journey (every sixth household, unless ``full``); returns the midnight (UTC) after its last purchase."""
    history = complete_journey.read(full=full)
    end = stamp((int(history.purchases.seconds.max()) // 86_400 + 1) * 86_400)
    await load(channel, (event for each in batches(history) for event in each.events), end)
    return end


async def profiles(
    channel: grpc.aio.Channel, names: list[str], as_of: Timestamp, *, full: bool = False
) -> dict[str, profile_pb2.Profile]:
    """Profiles of those who are known."""
    stub = ProfileServiceStub(channel)
    found: dict[str, profile_pb2.Profile] = {}
    for start in range(0, len(names), _NAMES):
        answer = await stub.BatchGetProfiles(
            profile_service_pb2.BatchGetProfilesRequest(
                names=names[start : start + _NAMES],
                as_of=as_of,
                purpose=consent_pb2.PURPOSE_UPKEEP,
                view=profile_pb2.PROFILE_VIEW_FULL if full else profile_pb2.PROFILE_VIEW_BASIC,
            )
        )
        found |= {each.name: each for each in answer.profiles}
    return found
