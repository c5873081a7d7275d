"""Policies are learned, stopped and valued through the only door, with the real recommend behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from fieldwise.recommend.v1 import policy_pb2
from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise.recommend.v1.policy_service_pb2_grpc import PolicyServiceStub
from fieldwise_gateway import __main__ as gateway_main
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_recommend.__main__ import catalogue_file, migrate, wired
from fieldwise_runtime import migrations, server
from fieldwise_runtime.errors import from_rpc_error, from_status
from fieldwise_runtime.settings import load
from tests.recommend.recommend_builders import in_file
from tests.recommend.test_policies_are_learned import EXPLORING
from tests.recommend.test_policies_are_valued import LATER, decided

NOWHERE = "127.0.0.1:1"


@dataclass
class Door:
    """Calls at the gateway, and a channel to recommend itself, which decides."""

    policies: Any
    operations: Any
    recommend: grpc.aio.Channel

    async def finished(self, name: str) -> operations_pb2.Operation:
        waiting = operations_pb2.WaitOperationRequest(name=name)
        waiting.timeout.seconds = 60
        done: operations_pb2.Operation = await self.operations.WaitOperation(waiting)
        assert done.done
        return done


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    own = replace(EXPLORING, database_url=in_file(tmp_path))
    migrate(own)
    recommend = await server.start(await wired(own, catalogue_file()))
    environ = {
        "FIELDWISE_DATA": str(tmp_path),
        "FIELDWISE_GATEWAY_LISTEN": "127.0.0.1:0",
        "FIELDWISE_GATEWAY_ACCESS": "open",
        "FIELDWISE_CLOCK": f"recorded:{datetime.fromtimestamp(LATER, UTC).isoformat()}",
        "FIELDWISE_RECOMMEND_ADDRESS": f"127.0.0.1:{recommend.port}",
    } | {f"FIELDWISE_{name}_ADDRESS": NOWHERE for name in ("PROFILE", "FORECAST", "ALLOCATION")}
    settings = load(Settings, environ)
    migrations.migrate(settings.database_url, gateway_main.PACKAGE)
    gateway = await server.start(await gateway_main.wired(settings, load(Addresses, environ)))
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
        grpc.aio.insecure_channel(f"127.0.0.1:{recommend.port}") as direct,
    ):
        yield Door(PolicyServiceStub(channel), OperationsStub(channel), direct)
    await gateway.stop()
    await recommend.stop()


async def test_a_policy_is_stopped_learned_and_valued_through_the_gateway(door: Door) -> None:
    await decided(door.recommend, 400)
    stopped = await door.policies.TrainPolicy(wire.TrainPolicyRequest(request_id="stopped"))
    assert stopped.name.startswith("operations/recommend/")
    await door.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=stopped.name))
    ended = await door.finished(stopped.name)
    assert from_status(ended.error).code == grpc.StatusCode.CANCELLED
    listed = await door.policies.ListPolicyVersions(wire.ListPolicyVersionsRequest())
    assert not listed.policy_versions

    started = await door.policies.TrainPolicy(wire.TrainPolicyRequest(request_id="first"))
    version = policy_pb2.PolicyVersion()
    assert (await door.finished(started.name)).response.Unpack(version)
    assert version.create_time.seconds == LATER  # the gateway's clock
    asked = [policy_pb2.PolicyToEvaluate(version=version.name), policy_pb2.PolicyToEvaluate(as_logged=True)]
    answer = await door.policies.EvaluatePolicy(wire.EvaluatePolicyRequest(policies=asked))
    assert [each.title for each in answer.evaluations] == [version.name, "as logged"]
    # Valued by the very decisions it was learned from, it would be praised for what they taught it.
    assert "LEARNED_FROM" in answer.evaluations[0].refusals
    unknown = wire.EvaluatePolicyRequest(policies=[policy_pb2.PolicyToEvaluate(version="policies/9")])
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await door.policies.EvaluatePolicy(unknown)
    assert from_rpc_error(missing.value).reason == "POLICY_VERSION_NOT_FOUND"
