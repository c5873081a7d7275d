"""The HTTP listener: whom it lets in, TLS with the gateway's certificate, an address that is taken, its end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldwise_client import certificates
from fieldwise_gateway.http.bounds import Patience
from fieldwise_gateway.http.server import HttpFace
from fieldwise_runtime import tls
from fieldwise_runtime.errors import Unavailable
from tests.gateway import http_gateway
from tests.gateway.http_gateway import DECIDE

GUARDED: Any = None  # the application below asks for no handler


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


def _face(listen: str = "127.0.0.1:0") -> HttpFace:
    return HttpFace(listen, lambda _: _echo, Patience(stall_seconds=0.3))


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[tls.Identity]:
    certificates.make(tmp_path)
    found = tls.Identity("gateway", tmp_path)
    tls.adopt(found)
    yield found
    tls.adopt(None)


async def test_it_speaks_tls_with_the_certificate_of_the_process(identity: tls.Identity) -> None:
    face = _face()
    trusting = ssl.create_default_context(cafile=str(identity.authority))
    async with face(GUARDED), httpx.AsyncClient(verify=trusting) as http:
        named = {"sni_hostname": "gateway"}
        answer = await http.get(f"https://127.0.0.1:{face.port}/", extensions=named)
        assert answer.text == "https"
        with pytest.raises(httpx.TransportError):
            await http.get(f"http://127.0.0.1:{face.port}/")


async def test_a_handshake_that_never_comes_is_ended(identity: tls.Identity) -> None:
    face = _face()
    async with face(GUARDED):
        reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_an_address_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=address):
            async with _face(address)(GUARDED):
                pass


async def test_every_answer_has_its_date_and_none_names_the_server() -> None:
    face = _face()
    async with face(GUARDED), httpx.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{face.port}/")
    assert answer.headers["date"].endswith("GMT")
    assert "server" not in answer.headers


async def test_nobody_without_a_key_makes_the_gateway_read_his_request(tmp_path: Path) -> None:
    async with http_gateway.running(tmp_path, ACCESS="keys") as world:
        key = (tmp_path / "access" / "operator.key").read_text().strip()
        for headers in ({}, {"authorization": "Bearer nobody"}):
            # Not told that it is no JSON, nor which methods refuse everybody.
            refused = await world.post(DECIDE, b"no json", **headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        known = await world.post(DECIDE, b"no json", authorization=f"Bearer {key}")
        assert known.status_code == 400
        ask = {"requestId": "a", "customer": "customers/known-1"}
        assert (await world.post(DECIDE, ask, authorization=f"Bearer {key}")).status_code == 200
        for page in ("/healthz", "/readyz", "/openapi.json", "/docs"):
            assert (await world.http.get(page)).status_code == 200
