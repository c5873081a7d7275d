"""The allocation service killed with -9 in the midst of uploads, plans and re-plans, and a thousand plans in one server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_runtime import health
from fieldwise_runtime.errors import from_status
from tests.allocation.allocation_servers import Allocation, allocation, moment, plan_of, plan_request, stubs
from tests.allocation.long_plans import long_request, with_a_plan
from tests.allocation.plan_builders import asked
from tests.profile.test_profile_survives import free_port

__all__ = ["free_port"]


class Process:
    """`python -m fieldwise_allocation` on a database of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._environ = os.environ | {
            "FIELDWISE_DATA": str(folder),
            "FIELDWISE_ALLOCATION_LISTEN": self.address,
        }
        self._running: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        subprocess.run([*_command(), "migrate"], env=self._environ, check=True)

    async def start(self) -> None:
        self._running = subprocess.Popen(_command(), env=self._environ)
        async with asyncio.timeout(60):
            while await asyncio.to_thread(health.probe, self.address) != "SERVING":  # noqa: ASYNC110  # a process, which sets no event
                await asyncio.sleep(0.05)

    async def kill(self) -> int:
        """With -9; whatever it had started has to end by itself. Gives how many processes that were."""
        assert self._running is not None
        started = psutil.Process(self._running.pid).children(recursive=True)
        self._running.kill()
        self._running.wait()
        _, orphans = await asyncio.to_thread(psutil.wait_procs, started, timeout=20)
        assert orphans == []
        return len(started)

    @asynccontextmanager
    async def calls(self) -> AsyncIterator[Allocation]:
        async with grpc.aio.insecure_channel(self.address) as channel:
            yield stubs(channel)


def _command() -> list[str]:
    return [sys.executable, "-m", "fieldwise_allocation"]


def chunk(account_set: str, sequence: int) -> accounts_pb2.AppendAccountsRequest:
    accounts = [plan_pb2.Account(name=f"customers/{sequence}-{j}", workload_hours=1) for j in range(50)]
    return accounts_pb2.AppendAccountsRequest(account_set=account_set, sequence=sequence, accounts=accounts)


async def uploading(calls: Allocation, account_set: str, acknowledged: list[int]) -> None:
    """Chunk after chunk until the server is gone."""
    while True:
        try:
            await calls.accounts.AppendAccounts(chunk(account_set, len(acknowledged)))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return
        acknowledged.append(len(acknowledged))


async def known(calls: Allocation, name: str) -> operations_pb2.Operation:
    request = operations_pb2.GetOperationRequest(name=name)
    found: operations_pb2.Operation = await calls.operations.GetOperation(request)
    return found


async def assignments(calls: Allocation, plan: str) -> service_pb2.ListAssignmentsResponse:
    listed: service_pb2.ListAssignmentsResponse = await calls.calls.ListAssignments(
        service_pb2.ListAssignmentsRequest(plan=plan)
    )
    return listed


async def test_what_was_acknowledged_outlives_kills_and_what_ran_is_said_to_be_interrupted(
    tmp_path: Path, free_port: int
) -> None:
    server = Process(tmp_path, free_port)
    await asyncio.to_thread(server.migrate)
    await server.start()
    sent: list[int] = []
    async with server.calls() as calls:
        made = plan_of(await calls.plan(asked()))
        before = await assignments(calls, made.name)
        creating = accounts_pb2.CreateAccountSetRequest(request_id="set", decision_time=moment())
        account_set = (await calls.accounts.CreateAccountSet(creating)).name
        running = await calls.calls.PlanTerritories(long_request())
        await with_a_plan(calls, running.name)
        replan = plans_pb2.ReplanTerritoriesRequest(
            parent=made.name, request_id="what if", decision_time=moment()
        )
        waiting = await calls.plans.ReplanTerritories(replan)
        upload = asyncio.create_task(uploading(calls, account_set, sent))
        async with asyncio.timeout(20):
            while len(sent) < 5:  # noqa: ASYNC110  # it is looked at in passing
                await asyncio.sleep(0.001)
        assert await server.kill() > 1, "what stands by, and the worker that it made"
        await upload
    await server.start()
    async with server.calls() as calls:
        kept = await calls.accounts.GetAccountSet(accounts_pb2.GetAccountSetRequest(name=account_set))
        # The last one may have been stored without its answer getting through.
        assert len(sent) <= kept.next_sequence <= len(sent) + 1
        assert kept.accounts == 50 * kept.next_sequence
        grown = await calls.accounts.AppendAccounts(chunk(account_set, kept.next_sequence))
        assert grown.accounts == kept.accounts + 50
        assert await assignments(calls, made.name) == before
        for operation in (running, waiting):
            ended = await known(calls, operation.name)
            assert ended.done
            assert from_status(ended.error).reason == "OPERATION_INTERRUPTED"
        assert plan_of(await calls.plan(asked())).name == made.name
    await server.kill()


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_thousand_plans_in_one_server_take_no_more_memory_than_a_hundred(tmp_path: Path) -> None:
    async with allocation(tmp_path) as served:
        taken = []
        for number in range(1000):
            request = plan_request(30, request_id=f"plan {number}", reps=asked(reps=3).reps)
            plan_of(await served.plan(request))
            if number % 100 == 99:
                taken.append(_memory())
    assert taken[-1] < taken[0] + 50 * 2**20


def _memory() -> int:
    """Resident bytes of this process and of all that it started."""
    me = psutil.Process()
    return sum(each.memory_info().rss for each in (me, *me.children(recursive=True)))
