"""Events, batches and servers for the tests of profile; each builder shows only what matters."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.__main__ import PACKAGE, wired
from fieldwise_profile.settings import Settings
from fieldwise_runtime import migrations, server

DAY = 86_400
NOW = int(datetime(2025, 6, 4, 12, tzinfo=UTC).timestamp())
OPTIONS = [("grpc.max_receive_message_length", 1 << 26), ("grpc.max_send_message_length", 1 << 26)]


def at(seconds: float) -> Timestamp:
    micros = round(seconds * 1_000_000)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def usd(amount: float, currency: str = "USD") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, micros=round(amount * 1_000_000))


def event(
    event_id: str,
    customer: str = "1",
    seconds: float = NOW - DAY,
    known_at: float | None = None,
    **what: Any,
) -> event_pb2.Event:
    """An event known when it happened, unless said otherwise."""
    return event_pb2.Event(
        event_id=event_id,
        source="pos",
        customer=f"customers/{customer}",
        event_time=at(seconds),
        known_at=at(seconds if known_at is None else known_at),
        **what,
    )


def unstated(sent: event_pb2.Event) -> event_pb2.Event:
    """The event from a source that does not say when it knew."""
    sent.ClearField("known_at")
    return sent


def purchase(
    event_id: str,
    customer: str = "1",
    seconds: float = NOW - DAY,
    known_at: float | None = None,
    category: str = "CHEESE",
    amount: float = 2.0,
    discount: float = 0.0,
) -> event_pb2.Event:
    line = event_pb2.Purchase(
        product="p1", category=category, quantity=1, amount=usd(amount), discount=usd(discount), basket="b1"
    )
    return event(event_id, customer, seconds, known_at, purchase=line)


def mailing(
    event_id: str, customer: str = "1", seconds: float = NOW - DAY, known_at: float | None = None
) -> event_pb2.Event:
    return event(event_id, customer, seconds, known_at, mailing=event_pb2.Mailing(campaign="c1"))


def redemption(
    event_id: str, customer: str = "1", seconds: float = NOW - DAY, known_at: float | None = None
) -> event_pb2.Event:
    return event(event_id, customer, seconds, known_at, redemption=event_pb2.Redemption(campaign="c1"))


def contact(
    event_id: str, customer: str = "1", seconds: float = NOW - DAY, known_at: float | None = None
) -> event_pb2.Event:
    return event(event_id, customer, seconds, known_at, contact=event_pb2.Contact(channel="call"))


def outcome(
    event_id: str,
    customer: str = "1",
    seconds: float = NOW - DAY,
    amount: float | None = None,
    kind: event_pb2.OutcomeKind.ValueType = event_pb2.OUTCOME_KIND_PURCHASED,
) -> event_pb2.Event:
    told = event_pb2.Outcome(
        decision="decisions/0197a1b2-0000-7000-8000-000000000001",
        kind=kind,
        amount=None if amount is None else usd(amount),
        reporter="reps/7",
    )
    return event(event_id, customer, seconds, outcome=told)


def batch(
    events: Iterable[event_pb2.Event], number: int = 0, now: float = NOW
) -> profile_service_pb2.IngestEventsRequest:
    return profile_service_pb2.IngestEventsRequest(events=events, batch_number=number, decision_time=at(now))


def settings(url: str, **changed: Any) -> Settings:
    # Tests of something else than consent do not begin with one for each customer; those of consent say what holds.
    return Settings(
        listen="127.0.0.1:0", database_url=url, **{"keys": keys_of(url), "unasked": "allow", **changed}
    )


def keys_of(url: str) -> str:
    """Key file of a database: beside a SQLite file by default, in a temporary folder for PostgreSQL."""
    return "" if url.startswith("sqlite") else str(_temporary_folder() / "profile.keys")


@cache
def _temporary_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="fieldwise-keys-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def migrate(url: str, keys: str = "") -> None:
    """Brings the database to the newest revision, and makes its key file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDWISE_PROFILE_KEYS", keys or keys_of(url))
        migrations.migrate(url, PACKAGE)


class Client:
    """A caller of one server."""

    def __init__(self, channel: grpc.aio.Channel, address: str = "") -> None:
        self.channel = channel
        self.address = address
        self.stub = ProfileServiceStub(channel)

    async def ingest(
        self, *batches: profile_service_pb2.IngestEventsRequest
    ) -> list[profile_service_pb2.IngestEventsResponse]:
        async def requests() -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
            for each in batches:
                yield each

        return [answer async for answer in self.stub.IngestEvents(requests())]

    async def profiles(self, names: Sequence[str], as_of: float = NOW) -> list[profile_pb2.Profile]:
        request = profile_service_pb2.BatchGetProfilesRequest(
            names=names, as_of=at(as_of), purpose=consent_pb2.PURPOSE_DECISION
        )
        return list((await self.stub.BatchGetProfiles(request)).profiles)

    async def profile(self, customer: str = "1", as_of: float = NOW) -> profile_pb2.Profile:
        request = profile_service_pb2.GetProfileRequest(
            name=f"customers/{customer}", as_of=at(as_of), purpose=consent_pb2.PURPOSE_DECISION
        )
        return await self.stub.GetProfile(request)

    async def rows(self, *cutoffs: float, names: Sequence[str] = ()) -> dict[tuple[float, str], list[float]]:
        """Feature rows by cut-off and name."""
        request = profile_service_pb2.StreamFeaturesRequest(
            purpose=consent_pb2.PURPOSE_TRAINING, cutoffs=[at(each) for each in cutoffs], names=names
        )
        found: dict[tuple[float, str], list[float]] = {}
        columns = 0
        async for message in self.stub.StreamFeatures(request):
            columns = columns or len(message.feature_set.columns)
            cutoff = message.cutoff.seconds + message.cutoff.nanos / 1e9
            for index, name in enumerate(message.names):
                found[cutoff, name] = list(message.values[index * columns : (index + 1) * columns])
        return found


@asynccontextmanager
async def serving(url: str, **changed: Any) -> AsyncIterator[Client]:
    """A server in this process on the migrated database, and a caller of it."""
    migrate(url, changed.get("keys", ""))
    running = await server.start(await wired(settings(url, **changed)))
    try:
        address = f"127.0.0.1:{running.port}"
        async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
            yield Client(channel, address)
    finally:
        await running.stop()
