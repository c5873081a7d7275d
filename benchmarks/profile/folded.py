"""A simulated world as the service folds it, in this process: read, checked and folded by its own code; knows no measurement."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import profile_service_pb2
from fieldwise_market.world import World, make_world
from fieldwise_profile.core.event import DAY, SECOND, Event, happening
from fieldwise_profile.core.fold import State
from fieldwise_profile.reading import Reader

CUSTOMERS: Final = 1_500
_BATCH: Final = 5_000


def end_of(world: World) -> int:
    """The world's end, microseconds."""
    return int(world.end.timestamp()) * SECOND


def events_of(world: World) -> Iterator[Event]:
    """The events as the service accepts them, by time.

    Raises:
        ValueError: The service refuses one.
    """
    reader = Reader(world.currency)
    now = Timestamp(seconds=int(world.end.timestamp()))
    every = world.events()
    while some := list(islice(every, _BATCH)):
        batch = reader.read(profile_service_pb2.IngestEventsRequest(events=some, decision_time=now))
        if batch.rejected:
            raise ValueError(f"the service refuses an event of the world: {batch.rejected[0]}")
        yield from batch.events


def states_at(world: World, *days_before_end: int) -> list[dict[str, State]]:
    """The state of every customer who was known so many days before the end, for each number of days (descending)."""
    found: list[dict[str, State]] = [{} for _ in days_before_end]
    moments = [end_of(world) - days * DAY for days in days_before_end]
    for event in events_of(world):
        for states, moment in zip(found, moments, strict=True):
            if event.event_time < moment:
                states.setdefault(event.customer, State()).add(*happening(event))
    return found


def world_of(seed: int) -> World:
    """A year of `CUSTOMERS` customers."""
    return make_world(seed, CUSTOMERS, 365)
