"""`fieldwise certificates` and clients that use what it makes: what is written, renewed, refused, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import typer
from cryptography import x509
from typer.testing import CliRunner

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise_client import AsyncClient, Client, certificates
from fieldwise_client.commands import certificates as command
from fieldwise_client.credentials import trust
from fieldwise_client.errors import InvalidRequest, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def names(file: Path) -> list[str]:
    found = x509.load_pem_x509_certificate(file.read_bytes())
    san = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(each.value) for each in san]


def test_every_process_gets_a_certificate_that_names_it_and_keys_are_nobody_elses(tmp_path: Path) -> None:
    made = certificates.make(tmp_path, ["gate.example.com", "10.0.0.7"])
    assert made.authority
    assert made.written == (*certificates.PROCESSES, "operator")
    here = ["localhost", "127.0.0.1", "::1"]
    assert names(tmp_path / "profile.pem") == [
        "spiffe://fieldwise/profile", "profile", *here, "gate.example.com", "10.0.0.7"
    ]  # fmt: skip
    keys = list(tmp_path.glob("*-key.pem"))
    assert len(keys) == 9
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert not list(tmp_path.glob("*.new"))


def test_a_second_run_leaves_what_is_good(tmp_path: Path) -> None:
    certificates.make(tmp_path, now=NOW)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    made = certificates.make(tmp_path, now=NOW + timedelta(days=59))
    assert not made.authority
    assert not made.written
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_what_is_soon_over_or_lacks_a_host_is_made_anew_by_the_same_authority(tmp_path: Path) -> None:
    certificates.make(tmp_path, now=NOW)
    authority = (tmp_path / "ca.pem").read_bytes()
    assert len(certificates.make(tmp_path, now=NOW + timedelta(days=61)).written) == 8
    assert len(certificates.make(tmp_path, ["gate"], now=NOW + timedelta(days=61)).written) == 8
    (tmp_path / "jobs-key.pem").unlink()
    assert certificates.make(tmp_path, ["gate"], now=NOW + timedelta(days=61)).written == ("jobs",)
    assert (tmp_path / "ca.pem").read_bytes() == authority


def test_an_authority_without_its_key_is_told(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    (tmp_path / "ca-key.pem").unlink()
    with pytest.raises(ValueError, match=r"has no ca-key\.pem beside it"):
        certificates.make(tmp_path)


def test_the_command_says_what_to_set(tmp_path: Path) -> None:
    app = typer.Typer()
    command.register(app)
    told = CliRunner().invoke(app, [str(tmp_path / "tls"), "--host", "gate"])
    assert told.exit_code == 0, told.output
    assert f"export FIELDWISE_TLS={tmp_path / 'tls'}" in told.output
    assert f"export FIELDWISE_CA={tmp_path / 'tls' / 'ca.pem'}" in told.output
    (tmp_path / "tls" / "ca-key.pem").unlink()
    assert CliRunner().invoke(app, [str(tmp_path / "tls")]).exit_code == 1


@asynccontextmanager
async def clocked(credentials: grpc.ServerCredentials | None) -> AsyncIterator[str]:
    """A gateway that knows the time; its address."""

    async def clock(_request: Any, _context: Any) -> pb.Clock:
        return pb.Clock(recorded=True)

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        clock, pb.GetClockRequest.FromString, pb.Clock.SerializeToString
    )
    service = grpc.method_handlers_generic_handler(
        "fieldwise.gateway.v1.GatewayService", {"GetClock": handler}
    )
    server.add_generic_rpc_handlers([service])
    port = (
        server.add_secure_port("127.0.0.1:0", credentials)
        if credentials
        else server.add_insecure_port("127.0.0.1:0")
    )
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def of_gateway(folder: Path) -> grpc.ServerCredentials:
    pair = (folder / "gateway-key.pem").read_bytes(), (folder / "gateway.pem").read_bytes()
    return grpc.ssl_server_credentials([pair])


async def test_both_clients_believe_the_authority_they_are_given(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    ca = tmp_path / "ca.pem"
    async with clocked(of_gateway(tmp_path)) as address:
        async with AsyncClient(address, ca=ca) as client:
            assert (await client.clock()).recorded
        with Client(address, ca=str(ca)) as client:
            assert (await asyncio.to_thread(client.clock)).recorded


async def test_a_client_says_what_to_set_when_tls_is_the_reason(tmp_path: Path) -> None:
    certificates.make(tmp_path / "own")
    certificates.make(tmp_path / "other")
    cases = [
        (of_gateway(tmp_path / "own"), None, "set FIELDWISE_CA to its ca.pem"),
        (
            of_gateway(tmp_path / "own"),
            tmp_path / "other" / "ca.pem",
            "not signed by the authority in FIELDWISE_CA",
        ),
        (None, tmp_path / "own" / "ca.pem", "it speaks no TLS: unset FIELDWISE_CA"),
    ]
    for server, ca, remedy in cases:
        async with clocked(server) as address, AsyncClient(address, ca=ca, retries=0) as client:
            with pytest.raises(Unavailable, match=remedy):
                await client.clock()


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        Client("127.0.0.1:1", ca=tmp_path / "none.pem") as client,
        pytest.raises(InvalidRequest, match="FIELDWISE_CA"),
    ):
        client.clock()


def test_a_folder_of_certificates_stands_in_for_the_file(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    found = trust(environ={"FIELDWISE_TLS": str(tmp_path)})
    assert found is not None
    assert (found.authority, found.key) == (tmp_path / "ca.pem", tmp_path / "operator-key.pem")
    (tmp_path / "operator-key.pem").unlink()
    found = trust(environ={"FIELDWISE_TLS": str(tmp_path)})
    assert found is not None
    assert found.key is None
    assert trust(environ={}) is None
