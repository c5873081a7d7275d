"""The HTTP listener by itself: TLS with the gateway's certificate, an address that is taken, its end."""

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
