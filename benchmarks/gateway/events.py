"""Events through three unmodified SDKs over a way that loses, doubles and refuses, to a real gateway before a real profile.

Counted in what profile shows afterwards, not in what anybody was answered: ids in its log, and events in each customer's
profile, which an event that is folded in twice would raise.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from benchmarks.gateway import channels
from benchmarks.gateway.event_sender import CUSTOMERS, events
from benchmarks.gateway.event_servers import World, running
from benchmarks.gateway.faulty_way import Fault, FaultyWay, drawn
from benchmarks.report import Row
from fieldwise.profile.v1 import consent_pb2, schema_service_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise.profile.v1.schema_service_pb2_grpc import SchemaServiceStub

SDKS: Final = ("segment", "rudder", "cloud")
FULL: Final = 1_000_000
QUICK: Final = 20_000
# Of all requests; of six kinds, each as often.
DISTURBED: Final = 0.1
_SERVICE: Final = consent_pb2.PURPOSE_SERVICE
_SECONDS: Final = 3_600.0


@dataclass(frozen=True)
class _Run:
    """What the SDKs did, and what it cost the servers."""

    count: int
    seconds: dict[str, float]
    happened: Counter[Fault]
    given_up: int
    cpu_seconds: dict[str, float]


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    count = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="fieldwise-events-") as folder, running(Path(folder)) as world:
        run = asyncio.run(_sent(world, count))
        yield from _counted(world, run)
        yield from _told(run)
    yield from channels.rows(quick=quick)


def _share(count: int, place: int) -> int:
    """How many of all events one SDK sends."""
    return count // len(SDKS) + (place < count % len(SDKS))


async def _sent(world: World, count: int) -> _Run:
    before = world.cpu_seconds()
    told = await asyncio.gather(
        *(_one(world, sdk, _share(count, place), seed=place) for place, sdk in enumerate(SDKS))
    )
    happened = sum((each[1] for each in told), Counter[Fault]())
    seconds = {sdk: each[0] for sdk, each in zip(SDKS, told, strict=True)}
    cpu = {name: after - before[name] for name, after in world.cpu_seconds().items()}
    return _Run(count, seconds, happened, sum(each[2] for each in told), cpu)


async def _one(world: World, sdk: str, count: int, seed: int) -> tuple[float, Counter[Fault], int]:
    """Seconds it took, what happened to its requests, and whether it gave events up."""
    begun = time.monotonic()
    async with FaultyWay(world.http_port, drawn(seed, DISTURBED)) as way:
        arguments = ("-m", "benchmarks.gateway.event_sender", sdk, str(way.port), str(count))
        sender = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=os.environ | {"FIELDWISE_API_KEY": world.key}
        )
        try:
            code = await asyncio.wait_for(sender.wait(), _SECONDS)
        except TimeoutError:
            sender.kill()
            raise
    return time.monotonic() - begun, way.happened, code


def _counted(world: World, run: _Run) -> Iterator[Row]:
    right: set[str] = set()
    wrong: set[str] = set()
    of_customers: Counter[str] = Counter()
    for place, sdk in enumerate(SDKS):
        for each in events(sdk, _share(run.count, place)):
            (wrong if each.wrong else right).add(each.id)
            of_customers[f"customers/{each.customer}"] += not each.wrong
    stored = Counter(_stored(world.data / "profile.sqlite"))
    shown = _in_profiles(world, sorted(of_customers))
    off = {name: shown.get(name, 0) - wanted for name, wanted in of_customers.items()}
    lost = max(len(right - stored.keys()), -sum(min(0, each) for each in off.values()))
    doubled = max(stored.total() - len(stored), sum(max(0, each) for each in off.values()))
    letters = _letters(world)
    yield Row("events lost", lost, "events", "must", "<= 0")
    yield Row("events doubled", doubled, "events", "must", "<= 0")
    yield Row("events nobody sent", len(stored.keys() - right), "events", "must", "<= 0")
    yield Row("refused events that cannot be read", len(wrong - letters), "events", "must", "<= 0")
    yield Row("refused events that can be read", len(wrong & letters), "events")
    yield Row("SDKs that gave events up", run.given_up, "SDKs", "must", "<= 0")


def _stored(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [event_id for (event_id,) in connection.execute("SELECT event_id FROM events")]


def _in_profiles(world: World, names: Sequence[str]) -> dict[str, int]:
    """Events that each customer's profile counts."""
    found: dict[str, int] = {}
    with grpc.insecure_channel(f"127.0.0.1:{world.profile_port}") as channel:
        stub = ProfileServiceStub(channel)
        for at in range(0, len(names), 500):
            request = profile_pb.BatchGetProfilesRequest(names=names[at : at + 500], purpose=_SERVICE)
            request.as_of.GetCurrentTime()
            told = stub.BatchGetProfiles(request, timeout=120)
            found |= {profile.name: profile.event_count for profile in told.profiles}
    return found


def _letters(world: World) -> set[str]:
    """Ids of refused events that can be read with what was sent and why it was refused."""
    found: set[str] = set()
    with grpc.insecure_channel(f"127.0.0.1:{world.profile_port}") as channel:
        stub = SchemaServiceStub(channel)
        request = schema_service_pb2.ListDeadLettersRequest(purpose=_SERVICE, page_size=1_000)
        while True:
            request.decision_time.GetCurrentTime()
            told = stub.ListDeadLetters(request, timeout=120)
            found |= {
                each.event_id
                for each in told.letters
                if each.details.field_violations and each.event.custom.attributes
            }
            if not told.next_page_token:
                return found
            request.page_token = told.next_page_token


def _told(run: _Run) -> Iterator[Row]:
    requests = run.happened.total()
    disturbed = requests - run.happened[Fault.NONE]
    yield Row("messages sent by the SDKs", run.count, "events")
    yield Row("customers", CUSTOMERS * len(SDKS), "at most")
    yield Row("requests", requests, "requests")
    yield Row("requests disturbed", 100 * disturbed / requests, "%")
    for fault, times in sorted(run.happened.items(), key=lambda each: each[0].value):
        yield Row(f"requests: {fault.value}", times, "requests")
    for place, sdk in enumerate(SDKS):
        yield Row(f"{sdk}: events", _share(run.count, place) / run.seconds[sdk], "per s")
    for name, seconds in run.cpu_seconds.items():
        yield Row(f"CPU of {name}", 1e6 * seconds / run.count, "us/event")
    yield Row("events, gateway and profile together", run.count / sum(run.cpu_seconds.values()), "per CPU-s")
