"""A gateway with its HTTP face before a real profile, and what became of the events sent to it; knows no SDK."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc.aio
import httpx

from fieldwise.profile.v1 import consent_pb2, event_pb2, identity_service_pb2, schema_service_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise.profile.v1.schema_service_pb2_grpc import SchemaServiceStub
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.http.server import HttpFace
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.server import start
from fieldwise_runtime.settings import load
from tests.profile.builders import NOW, at, serving

SERVICE = consent_pb2.PURPOSE_SERVICE


@dataclass
class EventWorld:
    """Where to send events, and what to find them with."""

    port: int
    http: httpx.AsyncClient
    profile: grpc.aio.Channel
    folder: Path

    async def events(self, customer: str) -> list[event_pb2.Event]:
        """Everything stored of a customer, oldest first."""
        request = profile_pb.ListEventsRequest(
            name=f"customers/{customer}", purpose=SERVICE, as_of=at(NOW + 1), page_size=1_000
        )
        found = await ProfileServiceStub(self.profile).ListEvents(request)
        return [each.event for each in found.events][::-1]

    async def letters(self) -> list[schema_service_pb2.DeadLetter]:
        """Everything that was refused."""
        request = schema_service_pb2.ListDeadLettersRequest(
            purpose=SERVICE, decision_time=at(NOW), page_size=1_000
        )
        return list((await SchemaServiceStub(self.profile).ListDeadLetters(request)).letters)

    async def replayed(self, customer: str) -> schema_service_pb2.ReplayDeadLettersResponse:
        """What became of a customer's dead letters when they were read again."""
        request = schema_service_pb2.ReplayDeadLettersRequest(
            filter=schema_service_pb2.DeadLetterFilter(customer=customer), decision_time=at(NOW)
        )
        return [each async for each in SchemaServiceStub(self.profile).ReplayDeadLetters(request)][-1]

    async def members(self, customer: str) -> set[str]:
        """All names that are one person with the customer."""
        request = identity_service_pb2.ListLinksRequest(name=f"customers/{customer}")
        return set((await IdentityServiceStub(self.profile).ListLinks(request)).members)

    def stored(self) -> list[tuple[str, str]]:
        """Source and id of every event in the database, doubled ones twice."""
        with closing(sqlite3.connect(self.folder / "profile.sqlite")) as database:
            return list(database.execute("SELECT source, event_id FROM events"))


@asynccontextmanager
async def running(folder: Path, profile_address: str = "", **settings: str) -> AsyncIterator[EventWorld]:
    """The gateway with further settings, and a profile, on the business clock of profile's tests.

    Args:
        profile_address: Where the gateway looks for profile; empty: where it is.
    """
    async with serving(f"sqlite:///{folder / 'profile.sqlite'}") as profile:
        environ = {
            "FIELDWISE_DATA": str(folder),
            "FIELDWISE_GATEWAY_LISTEN": "127.0.0.1:0",
            "FIELDWISE_GATEWAY_HTTP_LISTEN": "127.0.0.1:0",
            "FIELDWISE_GATEWAY_ACCESS": "open",
            "FIELDWISE_CLOCK": f"recorded:{at(NOW).ToJsonString()}",
            "FIELDWISE_PROFILE_ADDRESS": profile_address or profile.address,
            **{f"FIELDWISE_GATEWAY_{name}": value for name, value in settings.items()},
        }
        loaded = load(Settings, environ)
        migrations.migrate(loaded.database_url, gateway_main.PACKAGE)
        service = await gateway_main.wired(loaded, load(Addresses, environ))
        server = await start(service)
        port = cast("HttpFace", service.beside).port
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
                yield EventWorld(port, http, profile.channel, folder)
        finally:
            await server.stop()


@dataclass(frozen=True)
class User:
    """A user of one test, whose messages have ids of their own: tests share a world."""

    id: str

    def message(self, kind: str, message_id: str = "m", **told: Any) -> dict[str, Any]:
        """One message of Segment's, by him, a day ago unless said otherwise."""
        return {
            "type": kind,
            "messageId": f"{self.id}-{message_id}",
            "userId": self.id,
            "timestamp": at(NOW - 86_400).ToJsonString(),
            **told,
        }

    async def stored(self, world: EventWorld) -> list[str]:
        """Ids of his messages of which events are stored, each as often as it is."""
        return [each.event_id.removeprefix(f"{self.id}-") for each in await world.events(self.id)]

    async def refused(self, world: EventWorld) -> list[schema_service_pb2.DeadLetter]:
        """Dead letters that say his id anywhere."""
        return [each for each in await world.letters() if self.id in str(each)]
