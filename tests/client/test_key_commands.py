"""Which key a client shows, and the commands about keys; over real gRPC."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
import typer
import typer.testing

import fieldwise_client as fw
from fieldwise.gateway.v1 import access_service_pb2 as pb
from fieldwise.gateway.v1 import access_service_pb2_grpc as access_grpc
from fieldwise_client.api_keys import ApiKey, is_local
from fieldwise_client.commands import keys

Run = Callable[..., Any]
SECRET = "fw_abcdefghabcdefgh_" + "s" * 43
KEY = pb.ApiKey(
    name="apiKeys/abcdefghabcdefgh", role="app", label="shop", scopes=["caller.read", "events.write"]
)


class FakeAccess(access_grpc.AccessServiceServicer):
    """Keeps what it is asked, and with which header."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.headers: list[str] = []

    def GetCaller(self, request: Any, context: Any) -> pb.Caller:
        self._keep(request, context)
        return pb.Caller(
            name="apiKeys/abcdefghabcdefgh",
            roles=["rep"],
            scopes=["clock.read", "decisions.write"],
            confined_scopes=["decisions.write"],
            reps=["reps/wang"],
        )

    def CreateApiKey(self, request: Any, context: Any) -> pb.CreateApiKeyResponse:
        self._keep(request, context)
        return pb.CreateApiKeyResponse(api_key=KEY, secret=SECRET)

    def ListApiKeys(self, request: Any, context: Any) -> pb.ListApiKeysResponse:
        self._keep(request, context)
        return pb.ListApiKeysResponse(api_keys=[KEY])

    def RotateApiKey(self, request: Any, context: Any) -> pb.RotateApiKeyResponse:
        self._keep(request, context)
        context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
        raise AssertionError("abort raises")

    def RevokeApiKey(self, request: Any, context: Any) -> pb.ApiKey:
        self._keep(request, context)
        return KEY

    def _keep(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self.headers.append(dict(context.invocation_metadata()).get("authorization", ""))


@pytest.fixture
def access() -> FakeAccess:
    return FakeAccess()


@pytest.fixture
def address(access: FakeAccess, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    access_grpc.add_AccessServiceServicer_to_server(access, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", f"127.0.0.1:{port}")
    yield f"127.0.0.1:{port}"
    server.stop(None)


@pytest.fixture
def run(address: str, tmp_path: Path) -> Run:
    """Runs the command on an installation whose operator's key is in its folder."""
    (tmp_path / "access").mkdir()
    (tmp_path / "access" / "operator.key").write_text("fw_operator\n")
    app = typer.Typer()
    keys.register(app)
    app.callback()(lambda: None)
    return lambda *words: typer.testing.CliRunner().invoke(app, [*words, "--data", str(tmp_path)])


def test_a_key_is_looked_for_where_it_is_said_to_be_and_the_operators_stays_on_this_machine(
    tmp_path: Path,
) -> None:
    (tmp_path / "access").mkdir()
    (tmp_path / "access" / "operator.key").write_text("fw_operator\n")
    (tmp_path / "app.key").write_text(" fw_file ")
    file = {"FIELDWISE_API_KEY_FILE": str(tmp_path / "app.key")}
    here, there = "127.0.0.1:50050", "gateway.example:50050"

    def shown(given: str | None = None, address: str = here, **environ: str) -> str:
        metadata = ApiKey(given, address=address, data=tmp_path, environ=environ).metadata()
        return dict(metadata).get("authorization", "")

    assert shown("fw_given", FIELDWISE_API_KEY="fw_env", **file) == "Bearer fw_given"
    assert shown(FIELDWISE_API_KEY="fw_env", **file) == "Bearer fw_env"
    assert shown(**file) == "Bearer fw_file"
    assert shown() == "Bearer fw_operator"
    assert shown(address=there) == ""
    assert shown(address=f"{here},{there}") == ""
    assert shown("fw_given", address=there) == "Bearer fw_given"
    assert is_local("[::1]:50050,localhost:1")


def test_a_key_that_appears_later_is_found_by_the_next_call(tmp_path: Path) -> None:
    key = ApiKey(address="127.0.0.1:1", data=tmp_path, environ={})
    assert key.metadata() == ()
    (tmp_path / "access").mkdir()
    (tmp_path / "access" / "operator.key").write_text("fw_late")
    assert key.metadata() == (("authorization", "Bearer fw_late"),)


@pytest.mark.parametrize("bad", ["fw_\n_x", "fw x", "fw_\u00e4"])
def test_what_no_header_can_carry_is_refused_without_being_told(bad: str) -> None:
    with pytest.raises(fw.InvalidRequest) as refused:
        ApiKey(bad, environ={}).metadata()
    assert bad not in str(refused.value)
    assert bad not in repr(ApiKey(bad, environ={}))


def test_a_file_of_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(fw.InvalidRequest, match="FIELDWISE_API_KEY_FILE"):
        ApiKey(environ={"FIELDWISE_API_KEY_FILE": str(tmp_path / "none")}).metadata()


def test_both_clients_show_the_key_with_every_call(access: FakeAccess, address: str) -> None:
    async def led() -> str:
        async with fw.AsyncClient(address, api_key="fw_async") as client:
            return (await client.whoami()).name

    with fw.Client(address, api_key="fw_sync") as client:
        assert client.whoami().name == asyncio.run(led())
        assert [key.label for key in client.api_keys()] == ["shop"]
    assert access.headers == ["Bearer fw_sync", "Bearer fw_async", "Bearer fw_sync"]


def test_a_rotation_whose_answer_was_lost_is_not_made_again_by_itself(
    access: FakeAccess, address: str
) -> None:
    with fw.Client(address) as client, pytest.raises(fw.Unavailable):
        client.rotate_key("abcdefghabcdefgh")
    assert len(access.requests) == 1


def test_a_new_key_stands_alone_on_standard_output(access: FakeAccess, run: Run) -> None:
    made = run("keys", "create", "rep", "--rep", "wang", "--scope", "decisions.write", "--for", "tablet")
    assert made.stdout == f"{SECRET}\n"
    assert "apiKeys/abcdefghabcdefgh" in made.stderr
    (request,) = access.requests
    assert list(request.reps) == ["reps/wang"]
    assert (request.role, list(request.scopes), request.label) == ("rep", ["decisions.write"], "tablet")
    assert access.headers == ["Bearer fw_operator"]


def test_keys_are_listed_and_ended_and_the_caller_is_told_what_he_may_do(run: Run) -> None:
    assert run("keys", "list").stdout.splitlines() == [
        "id                role  for   reps  last used  ends   scopes",
        "abcdefghabcdefgh  app   shop        never      never  events.write",
    ]
    assert json.loads(run("keys", "list", "--json").stdout)["label"] == "shop"
    assert "never works again" in run("keys", "revoke", "abcdefghabcdefgh").stdout
    assert run("keys", "whoami").stdout.splitlines() == [
        "apiKeys/abcdefghabcdefgh: rep",
        "acts for reps/wang",
        "no limit of calls",
        "  clock.read",
        "  decisions.write (own customers only)",
    ]
