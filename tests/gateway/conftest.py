"""A real gateway over real sockets, with fakes behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest_asyncio

from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.server import start
from fieldwise_runtime.settings import load
from tests.gateway import backend_fakes
from tests.gateway.backend_fakes import World


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    fakes = await backend_fakes.started()
    environ = {
        "FIELDWISE_DATA": str(tmp_path),
        "FIELDWISE_GATEWAY_LISTEN": "127.0.0.1:0",
        "FIELDWISE_GATEWAY_ACCESS": "open",
        "FIELDWISE_CLOCK": "recorded:2017-12-25T00:00:00Z",
    } | {f"FIELDWISE_{name.upper()}_ADDRESS": fakes.address(name) for name in fakes.servers}
    settings = load(Settings, environ)
    migrations.migrate(settings.database_url, gateway_main.PACKAGE)
    server = await start(await gateway_main.wired(settings, load(Addresses, environ)))
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
    yield World(gateway_grpc.GatewayServiceStub(channel), channel, fakes, server.port)
    await channel.close()
    await server.stop()
    for each in fakes.servers.values():
        await each.stop()
