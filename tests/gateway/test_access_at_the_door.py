"""Access over real sockets: who shows what is let in, refused and told, on gRPC and on the channels beside it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from fieldwise.gateway.v1 import access_service_pb2 as access_pb
from fieldwise.gateway.v1 import access_service_pb2_grpc as access_grpc
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.profile.v1 import event_pb2
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.gate import OPERATOR_KEY
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.errors import from_rpc_error
from fieldwise_runtime.server import start
from fieldwise_runtime.settings import SettingsError, load
from tests.gateway import backend_fakes
from tests.gateway.backend_fakes import KNOWN, Fakes

# The fake allocation gives every customer to him.
HIS_REP, ANOTHER = "reps/wang", "reps/li"


@dataclass
class Door:
    """A gateway that asks for keys, and its first operator's key."""

    channel: grpc.aio.Channel
    gateway: Any
    access: Any
    fakes: Fakes
    operator: str

    async def key(self, role: str, **fields: Any) -> str:
        request = access_pb.CreateApiKeyRequest(request_id=str(uuid.uuid4()), role=role, **fields)
        made = await self.access.CreateApiKey(request, metadata=shown(self.operator))
        return str(made.secret)

    async def decide(self, customer: str, secret: str) -> decision_pb2.Decision:
        request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
        answer = await self.gateway.Decide(request, metadata=shown(secret), timeout=10)
        decision: decision_pb2.Decision = answer.decision
        return decision


def shown(secret: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {secret}"),) if secret else ()


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "FIELDWISE_DATA": str(folder),
        "FIELDWISE_GATEWAY_LISTEN": "127.0.0.1:0",
        "FIELDWISE_CLOCK": "recorded:2017-12-25T00:00:00Z",
        **more,
    }


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    fakes = await backend_fakes.started()
    addresses = {f"FIELDWISE_{name.upper()}_ADDRESS": fakes.address(name) for name in fakes.servers}
    settings = load(Settings, environment(tmp_path) | addresses)
    migrations.migrate(settings.database_url, gateway_main.PACKAGE)
    server = await start(await gateway_main.wired(settings, load(Addresses, addresses)))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Door(
            channel,
            gateway_grpc.GatewayServiceStub(channel),
            access_grpc.AccessServiceStub(channel),
            fakes,
            (tmp_path / OPERATOR_KEY).read_text().strip(),
        )
    await server.stop()
    for each in fakes.servers.values():
        await each.stop()


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    fault = from_rpc_error(error.value)
    return fault.code, fault.reason


async def test_without_a_key_nothing_but_health_and_reflection_answers(door: Door) -> None:
    assert await refused(door.decide(KNOWN[0], "")) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "NO_CREDENTIALS",
    )
    health = await health_pb2_grpc.HealthStub(door.channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    channel: Any = door.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    listed = [each async for each in stub.ServerReflectionInfo(asked)]
    names = {each.name for each in listed[0].list_services_response.service}
    assert "fieldwise.gateway.v1.AccessService" in names


async def test_a_rep_decides_for_his_own_customers_and_learns_nothing_of_others(door: Door) -> None:
    his = await door.key("rep", reps=[HIS_REP])
    others = await door.key("rep", reps=[ANOTHER])
    decision = await door.decide(KNOWN[0], his)
    wanted = (grpc.StatusCode.PERMISSION_DENIED, "NOT_YOUR_TERRITORY")
    assert await refused(door.decide(KNOWN[0], others)) == wanted
    assert await refused(door.decide("customers/nobody", others)) == wanted

    get = pb.GetDecisionRequest(name=decision.name)
    assert (await door.gateway.GetDecision(get, metadata=shown(his))).decision.name == decision.name
    assert await refused(door.gateway.GetDecision(get, metadata=shown(others))) == wanted


async def test_an_outcome_of_anothers_customer_is_refused_before_anything_is_written(door: Door) -> None:
    decision = await door.decide(KNOWN[0], door.operator)
    outcome = pb.RecordOutcomeRequest(
        request_id="o-1", decision=decision.name, kind=event_pb2.OUTCOME_KIND_ACTED
    )
    others = await door.key("manager", reps=[ANOTHER])
    assert await refused(door.gateway.RecordOutcome(outcome, metadata=shown(others))) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "NOT_YOUR_TERRITORY",
    )
    assert door.fakes.profile.batches == []
    his = await door.key("manager", reps=[HIS_REP])
    assert (await door.gateway.RecordOutcome(outcome, metadata=shown(his))).event.customer == KNOWN[0]


async def test_when_nobody_knows_whose_customer_it_is_no_rep_is_let_in(door: Door) -> None:
    his = await door.key("rep", reps=[HIS_REP])
    door.fakes.mood("allocation").code = grpc.StatusCode.UNAVAILABLE
    assert await refused(door.decide(KNOWN[1], his)) == (
        grpc.StatusCode.UNAVAILABLE,
        "ASSIGNMENTS_UNKNOWN",
    )
    # Others are decided for as ever.
    assert (await door.decide(KNOWN[1], door.operator)).name


async def test_a_limit_is_told_with_the_time_to_wait(door: Door) -> None:
    slow = await door.key("app", calls_per_second=0.5, burst=1)
    clock = pb.GetClockRequest()
    await door.gateway.GetClock(clock, metadata=shown(slow))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await door.gateway.GetClock(clock, metadata=shown(slow))
    failed: Any = error.value
    status = rpc_status.from_call(failed)
    assert status is not None
    waits = error_details_pb2.RetryInfo()
    assert [each for each in status.details if each.Unpack(waits)]
    assert 1.0 < waits.retry_delay.ToTimedelta().total_seconds() <= 2.0


async def test_a_caller_learns_who_he_is_and_a_revoked_one_nothing_more(door: Door) -> None:
    secret = await door.key("manager", reps=[HIS_REP], label="sales lead")
    caller = await door.access.GetCaller(access_pb.GetCallerRequest(), metadata=shown(secret))
    assert (list(caller.roles), list(caller.reps)) == (["manager"], [HIS_REP])
    assert "reports.read" in caller.confined_scopes
    listed = await door.access.ListApiKeys(access_pb.ListApiKeysRequest(), metadata=shown(door.operator))
    assert [each.label for each in listed.api_keys] == ["sales lead", "first key of this installation"]
    ending = access_pb.RevokeApiKeyRequest(name=caller.name)
    await door.access.RevokeApiKey(ending, metadata=shown(door.operator))
    asked = door.access.GetCaller(access_pb.GetCallerRequest(), metadata=shown(secret))
    assert await refused(asked) == (grpc.StatusCode.UNAUTHENTICATED, "REVOKED_CREDENTIALS")
    listed = await door.access.ListApiKeys(access_pb.ListApiKeysRequest(), metadata=shown(door.operator))
    assert len(listed.api_keys) == 1


def test_an_open_gateway_listens_to_its_own_machine_only(tmp_path: Path) -> None:
    for name in ("FIELDWISE_GATEWAY_LISTEN", "FIELDWISE_GATEWAY_HTTP_LISTEN"):
        environ = environment(tmp_path, FIELDWISE_GATEWAY_ACCESS="open") | {name: "0.0.0.0:50050"}
        with pytest.raises(SettingsError, match="while listening on"):
            gateway_main.rules_of(load(Settings, environ))
    alone = environment(tmp_path, FIELDWISE_GATEWAY_TOKEN_ISSUER="https://login.example")
    with pytest.raises(SettingsError, match="FIELDWISE_GATEWAY_TOKEN_KEYS"):
        gateway_main.rules_of(load(Settings, alone))
    plain = environment(tmp_path, FIELDWISE_GATEWAY_TOKEN_KEYS="http://login.example/keys")
    with pytest.raises(SettingsError, match="https"):
        load(Settings, plain)


async def test_an_open_gateway_says_so_when_it_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = load(Settings, environment(tmp_path, FIELDWISE_GATEWAY_ACCESS="open"))
    migrations.migrate(settings.database_url, gateway_main.PACKAGE)
    server = await start(await gateway_main.wired(settings, load(Addresses, {})))
    await server.stop()
    assert "access is open" in caplog.text
    assert not (tmp_path / OPERATOR_KEY).exists()
