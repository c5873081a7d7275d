"""A gateway with its HTTP face over real sockets, fakes behind it; and requests of any form to it. Knows no test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import httpx

from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.http.server import HttpFace
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.server import start
from fieldwise_runtime.settings import load
from tests.gateway import backend_fakes
from tests.gateway.backend_fakes import Fakes

DECIDE = "/fieldwise.gateway.v1.GatewayService/Decide"
INGEST = "/fieldwise.gateway.v1.GatewayService/IngestEvents"
WATCH = "/fieldwise.profile.v1.ProfileService/WatchProfiles"
CLOCK = "/fieldwise.gateway.v1.GatewayService/GetClock"
JSON = {"content-type": "application/json"}


@dataclass
class HttpWorld:
    """A gateway with both faces and the fakes behind it."""

    gateway: gateway_grpc.GatewayServiceAsyncStub
    channel: grpc.aio.Channel
    fakes: Fakes
    http: httpx.AsyncClient
    port: int
    service_names: list[str]

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """A plain POST of JSON; bytes and text go as they are."""
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=content, headers=JSON | named)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which nothing was said."""
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def running(folder: Path, **settings: str) -> AsyncIterator[HttpWorld]:
    """The gateway with further settings, such as ``HTTP_STALL_SECONDS="0.2"``."""
    fakes = await backend_fakes.started()
    environ = {
        "FIELDWISE_DATA": str(folder),
        "FIELDWISE_GATEWAY_LISTEN": "127.0.0.1:0",
        "FIELDWISE_GATEWAY_HTTP_LISTEN": "127.0.0.1:0",
        "FIELDWISE_GATEWAY_ACCESS": "open",
        "FIELDWISE_CLOCK": "recorded:2017-12-25T00:00:00Z",
    } | {f"FIELDWISE_{name.upper()}_ADDRESS": fakes.address(name) for name in fakes.servers}
    environ |= {f"FIELDWISE_GATEWAY_{name}": value for name, value in settings.items()}
    loaded = load(Settings, environ)
    migrations.migrate(loaded.database_url, gateway_main.PACKAGE)
    service = await gateway_main.wired(loaded, load(Addresses, environ))
    server = await start(service)
    port = cast("HttpFace", service.beside).port
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        stub = gateway_grpc.GatewayServiceStub(channel)
        yield HttpWorld(stub, channel, fakes, http, port, list(service.service_names))
    await channel.close()
    await server.stop()
    for each in fakes.servers.values():
        await each.stop()


def frame(payload: bytes, flags: int = 0) -> bytes:
    """One message as Connect's streams and gRPC-Web carry it."""
    return bytes((flags,)) + len(payload).to_bytes(4, "big") + payload


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """The frames of an answer: flags and payload."""
    found = []
    while body:
        length = int.from_bytes(body[1:5], "big")
        found.append((body[0], body[5 : 5 + length]))
        body = body[5 + length :]
    return found
