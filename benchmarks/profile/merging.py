"""Merging and un-merging at random: every profile must come back as it was, and no event may get lost."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks.report import Row
from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    identity_service_pb2,
    profile_pb2,
    profile_service_pb2,
)
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise.type.v1 import money_pb2

if TYPE_CHECKING:
    from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceAsyncStub
    from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceAsyncStub

SEQUENCES = 10_000
CUSTOMERS = 300
EVENTS_EACH = 5
AT_ONCE = 20
NOW = Timestamp(seconds=1_749_038_400)


@dataclass
class Counted:
    """What went wrong."""

    differing: int = 0
    wrong_sums: int = 0
    steps: int = 0
    free: list[str] = field(default_factory=list)


def rows(quick: bool) -> Iterator[Row]:
    """Sequences of merges and un-merges through the service."""
    sequences = 500 if quick else SEQUENCES
    counted = asyncio.run(_run(sequences))
    what = f"{sequences:,} random sequences of merges and un-merges ({counted.steps:,} steps)"
    yield Row(f"{what}: profiles that differ after un-merging", counted.differing, "", "must", "<= 0")
    yield Row(
        f"{what}: persons whose events are not the sum of their names'",
        counted.wrong_sums,
        "",
        "must",
        "<= 0",
    )


async def _run(sequences: int) -> Counted:
    from fieldwise_profile.__main__ import PACKAGE, wired
    from fieldwise_profile.settings import Settings
    from fieldwise_runtime import migrations, server

    with tempfile.TemporaryDirectory() as folder:
        url, keys = f"sqlite:///{Path(folder) / 'profile.sqlite'}", str(Path(folder) / "keys")
        os.environ["FIELDWISE_PROFILE_KEYS"] = keys
        migrations.migrate(url, PACKAGE)
        running = await server.start(await wired(Settings(listen="127.0.0.1:0", database_url=url, keys=keys)))
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
                return await _sequences(channel, sequences)
        finally:
            await running.stop()


async def _sequences(channel: grpc.aio.Channel, sequences: int) -> Counted:
    profiles, identity = ProfileServiceStub(channel), IdentityServiceStub(channel)
    names = [f"customers/{number}" for number in range(CUSTOMERS)]
    await _bought(profiles, names)
    counted = Counted(free=names)
    line = iter(range(sequences))

    async def worker() -> None:
        for number in line:
            chance = random.Random(number)
            own = [counted.free.pop(chance.randrange(len(counted.free))) for _ in range(chance.randint(2, 5))]
            await _sequence(profiles, identity, own, chance, counted)
            counted.free.extend(own)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return counted


async def _sequence(
    profiles: ProfileServiceAsyncStub,
    identity: IdentityServiceAsyncStub,
    names: Sequence[str],
    chance: random.Random,
    counted: Counted,
) -> None:
    """Links and unlinks at random, in the end nobody is linked; told apart by what each profile says of its own events."""
    before = await _seen(profiles, names)
    living: dict[str, tuple[str, str]] = {}
    for _ in range(chance.randint(2, 6)):
        counted.steps += 1
        if living and chance.random() < 0.35:
            await _unlink(identity, living, chance.choice(sorted(living)))
        else:
            one, other = chance.sample(list(names), 2)
            link = await identity.LinkCustomers(
                identity_service_pb2.LinkCustomersRequest(
                    name=one, other_name=other, decided_by="bench", decision_time=NOW
                )
            )
            living[link.name] = one, other
    persons = _persons(names, living)
    for seen in await profiles_of(profiles, names):
        counted.wrong_sums += seen.event_count != EVENTS_EACH * len(persons[seen.name])
    for link_name in chance.sample(sorted(living), len(living)):
        counted.steps += 1
        await _unlink(identity, living, link_name)
    after = await _seen(profiles, names)
    counted.differing += sum(one != other for one, other in zip(before, after, strict=True))


async def _unlink(identity: IdentityServiceAsyncStub, living: dict[str, tuple[str, str]], link: str) -> None:
    del living[link]
    await identity.UnlinkCustomers(
        identity_service_pb2.UnlinkCustomersRequest(link=link, decided_by="bench", decision_time=NOW)
    )


async def profiles_of(stub: ProfileServiceAsyncStub, names: Sequence[str]) -> list[profile_pb2.Profile]:
    request = profile_service_pb2.BatchGetProfilesRequest(
        names=names, as_of=NOW, purpose=consent_pb2.PURPOSE_UPKEEP
    )
    return list((await stub.BatchGetProfiles(request)).profiles)


def _persons(names: Sequence[str], living: dict[str, tuple[str, str]]) -> dict[str, set[str]]:
    found = {name: {name} for name in names}
    for one, other in living.values():
        joined = found[one] | found[other]
        for each in joined:
            found[each] = joined
    return found


async def _seen(stub: ProfileServiceAsyncStub, names: Sequence[str]) -> list[bytes]:
    """Profiles as bytes, without what compares a customer with all others."""
    found = []
    for each in await profiles_of(stub, names):
        own = profile_pb2.Profile()
        own.CopyFrom(each)
        own.ClearField("popular_unbought")
        own.further.ClearField("unbought")
        own.further.ClearField("customer_shares")
        found.append(own.SerializeToString(deterministic=True))
    return found


async def _bought(stub: ProfileServiceAsyncStub, names: Sequence[str]) -> None:
    events = [
        event_pb2.Event(
            event_id=f"{name}-{number}",
            source="bench",
            customer=name,
            event_time=Timestamp(seconds=NOW.seconds - 86_400 * (number + 1) * (place % 7 + 1)),
            known_at=Timestamp(seconds=NOW.seconds - 60),
            purchase=event_pb2.Purchase(
                product="p1",
                category=f"c{(place + number) % 5}",
                quantity=1,
                amount=money_pb2.Money(currency_code="USD", micros=1_000_000 + place),
            ),
        )
        for place, name in enumerate(names)
        for number in range(EVENTS_EACH)
    ]

    async def batches() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
        yield profile_service_pb2.IngestEventsRequest(events=events, decision_time=NOW)

    accepted = sum([answer.accepted async for answer in stub.IngestEvents(batches())])
    assert accepted == len(events), accepted
