"""TLS between processes over real sockets: who is let in, who is not, what each side says of it, and renewed certificates."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from fieldwise_client import certificates
from fieldwise_runtime import health, tls, tracing
from fieldwise_runtime.channels import connect
from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.peers import Callers
from fieldwise_runtime.server import start
from fieldwise_runtime.settings import SettingsError
from fieldwise_runtime.tls import Identity
from fieldwise_runtime.workers import run_in_process
from tests.runtime.echo import REQUEST, RESPONSE, SERVICE, Echo, echo_service, request

OF_GATEWAY = Callers(frozenset({"gateway"}), of_everybody=frozenset({f"/{SERVICE}/Down"}))
UNARY = f"/{SERVICE}/Unary"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    certificates.make(made)
    return made


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of another authority, whose certificates say the same names."""
    made = tmp_path_factory.mktemp("foreign")
    certificates.make(made)
    return made


@pytest.fixture(autouse=True)
def without_tls() -> Iterator[None]:
    yield
    tls.adopt(None)


@asynccontextmanager
async def served_as(name: str, folder: Path, callers: Callers | None = OF_GATEWAY) -> AsyncIterator[int]:
    """The echo service as process ``name``; its port."""
    tls.configure(name, str(folder))
    server = await start(echo_service(callers=callers))
    try:
        yield server.port
    finally:
        await server.stop()


@asynccontextmanager
async def called_as(name: str | None, folder: Path, port: int, peer: str = "profile") -> AsyncIterator[Echo]:
    """Stubs of a process that calls what it takes for ``peer``."""
    tls.configure(name or "", str(folder) if name else "")
    channel = connect(f"127.0.0.1:{port}", peer)
    try:
        yield Echo(channel, None)  # type: ignore[arg-type]  # the server is not asked through it
    finally:
        await channel.close()


async def refused(echo: Echo) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await echo.unary(request(), timeout=5)
    return caught.value


async def test_a_peer_that_the_design_names_is_answered(folder: Path) -> None:
    async with served_as("profile", folder) as port, called_as("gateway", folder, port) as echo:
        assert (await echo.unary(request(7), timeout=5)).total_size == 7


async def test_another_process_of_the_installation_is_refused_by_name(folder: Path) -> None:
    async with served_as("profile", folder) as port, called_as("recommend", folder, port) as echo:
        error = await refused(echo)
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert reason_of(error) == "PEER_NOT_ALLOWED"
        assert "called by gateway" in (error.details() or "")
        assert "spiffe://fieldwise/recommend" in (error.details() or "")


async def test_what_is_of_everybody_takes_any_certificate(folder: Path) -> None:
    async with served_as("profile", folder) as port, called_as("recommend", folder, port) as echo:
        assert [each.total_size async for each in echo.down(request(2))] == [2, 1]


async def test_a_caller_without_tls_is_refused_and_the_server_says_why(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with served_as("profile", folder) as port, called_as(None, folder, port) as echo:
        assert (await refused(echo)).code() is grpc.StatusCode.UNAVAILABLE
    assert "WRONG_VERSION_NUMBER" in capfd.readouterr().err


async def test_a_caller_without_a_certificate_is_refused_by_a_service_and_taken_at_the_door(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trusting = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
    for callers, is_taken in ((OF_GATEWAY, False), (None, True)):
        async with (
            served_as("gateway", folder, callers) as port,
            grpc.aio.secure_channel(f"localhost:{port}", trusting) as channel,
        ):
            ask = channel.unary_unary(UNARY, REQUEST.SerializeToString, RESPONSE.FromString)
            if is_taken:
                assert (await ask(request(3), timeout=5)).total_size == 3
            else:
                with pytest.raises(grpc.aio.AioRpcError):
                    await ask(request(3), timeout=5)
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in capfd.readouterr().err


async def test_an_authority_of_somebody_else_is_believed_by_neither_side(
    folder: Path, foreign: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with served_as("profile", folder) as port, called_as("gateway", foreign, port) as echo:
        # The caller hears of it first: it does not believe the server.
        assert "certificate" in ((await refused(echo)).details() or "")
    mixed = grpc.ssl_channel_credentials(
        (folder / "ca.pem").read_bytes(),
        (foreign / "gateway-key.pem").read_bytes(),
        (foreign / "gateway.pem").read_bytes(),
    )
    capfd.readouterr()
    async with (
        served_as("profile", folder) as port,
        grpc.aio.secure_channel(f"localhost:{port}", mixed) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(UNARY, REQUEST.SerializeToString)(request(), timeout=5)
    assert "certificate" in capfd.readouterr().err


async def test_a_server_that_is_another_process_than_the_one_called_is_not_believed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with served_as("forecast", folder) as port, called_as("gateway", folder, port) as echo:
        error = await refused(echo)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "Hostname Verification Check failed" in (error.details() or "")
    assert "No match found for server name: profile" in capfd.readouterr().err


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=80)
    certificates.make(tmp_path, days=90, now=long_ago)
    old = (tmp_path / "profile.pem").read_bytes()
    async with served_as("profile", tmp_path) as port:
        assert await shown(port, tmp_path) == old
        # As between the two renames of a renewal: key and certificate do not belong together.
        spare = tmp_path / "spare"
        certificates.make(spare)
        (tmp_path / "profile-key.pem").write_bytes((spare / "profile-key.pem").read_bytes())
        assert await shown(port, tmp_path) == old
        certificates.make(tmp_path)
        renewed = (tmp_path / "profile.pem").read_bytes()
        assert await shown(port, tmp_path) == renewed != old
        async with called_as("gateway", tmp_path, port) as echo:
            assert (await echo.unary(request(1), timeout=5)).total_size == 1


async def shown(port: int, folder: Path) -> bytes:
    """The certificate that the server shows a new caller."""
    import ssl

    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "operator.pem", folder / "operator-key.pem")
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="profile")
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return ssl.DER_cert_to_PEM_cert(found).encode()


async def test_an_expired_certificate_starts_nothing_and_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    certificates.make(tmp_path, days=1, now=datetime.now(UTC) - timedelta(days=3))
    with pytest.raises(SettingsError, match=r"gateway\.pem cannot be used \(certificate has expired\)"):
        tls.configure("gateway", str(tmp_path))
    expired = Identity("gateway", tmp_path).channel_credentials()
    for name in certificates.PROCESSES[2:]:
        (tmp_path / f"{name}.pem").unlink()
    certificates.make(tmp_path)
    async with served_as("profile", tmp_path) as port:
        stale = grpc.aio.secure_channel(f"localhost:{port}", expired)
        with pytest.raises(grpc.aio.AioRpcError):
            await stale.unary_unary(UNARY, REQUEST.SerializeToString)(request(), timeout=5)
        await stale.close()
    assert "certificate has expired" in capfd.readouterr().err


def test_half_a_configuration_names_all_that_is_missing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    with pytest.raises(
        SettingsError, match=r"FIELDWISE_TLS: .* lacks profile\.pem, profile-key\.pem for profile; make"
    ):
        tls.configure("profile", str(tmp_path))
    assert tls.current() is None


def test_the_certificate_of_another_process_is_not_taken_for_ones_own(folder: Path, tmp_path: Path) -> None:
    for kind in (".pem", "-key.pem"):
        (tmp_path / f"profile{kind}").write_bytes((folder / f"gateway{kind}").read_bytes())
    (tmp_path / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    with pytest.raises(SettingsError, match="profile"):
        tls.configure("profile", str(tmp_path))


async def test_health_is_told_to_any_certificate_and_to_nobody_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served_as("profile", folder) as port:
        monkeypatch.setitem(os.environ, "FIELDWISE_TLS", str(folder))
        assert await asyncio.to_thread(health.main, [f"127.0.0.1:{port}"]) == 0
        monkeypatch.delitem(os.environ, "FIELDWISE_TLS")
        assert await asyncio.to_thread(health.main, [f"127.0.0.1:{port}"]) == 1
    assert capsys.readouterr().out.split() == ["SERVING", "UNAVAILABLE"]


async def test_spans_of_a_process_and_of_its_workers_travel_under_tls(folder: Path) -> None:
    names: list[str] = []

    async def export(sent: trace_service_pb2.ExportTraceServiceRequest, _context: object) -> object:
        names.extend(span.name for r in sent.resource_spans for s in r.scope_spans for span in s.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    handler: Any = grpc.unary_unary_rpc_method_handler(
        export,
        trace_service_pb2.ExportTraceServiceRequest.FromString,
        lambda answer: answer.SerializeToString(),
    )
    server = grpc.aio.server()
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Export": handler})])
    receiver = Identity("traces", folder)
    port = server.add_secure_port("127.0.0.1:0", receiver.server_credentials(of_apps=False))
    await server.start()
    tls.configure("gateway", str(folder))
    recording = tracing.configure("fieldwise-gateway", f"127.0.0.1:{port}")
    try:
        with tracing.step("here"):
            assert await run_in_process(pow, 2, 10, timeout=30) == 1024
        await asyncio.to_thread(recording.flush)
        assert "here" in names
        assert any(name.startswith("worker ") for name in names)
    finally:
        recording.shutdown()
        tracing.configure("fieldwise-test", "")
        await server.stop(0)
