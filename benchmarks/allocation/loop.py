"""How long the event loop of a real server is held while it reads, compares and overrides large plans and takes prices in.

While it is held no decision gets its terms. A ticker in the server's process turns every 5 ms. What is told is how late it came, or
the CPU time that the whole process spent meanwhile where that is less: on a busy machine a ticker is late for others' work too.
Terms are looked up from outside all the while; their latency is wall time and has no target on a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import numpy as np
from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2

from benchmarks.allocation.accounts_world import world
from benchmarks.allocation.prices import price_message
from benchmarks.allocation.served import LARGEST, NOW, migrated, request_of
from benchmarks.report import Row
from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import account_service_pb2_grpc as accounts_grpc
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2, price_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise.allocation.v1 import plan_service_pb2_grpc as plans_grpc
from fieldwise_allocation import measuring, plan_records
from fieldwise_allocation.__main__ import TURN_SECONDS, wire_up
from fieldwise_allocation.measuring import Bench
from fieldwise_allocation.plan_records import Origin
from fieldwise_allocation.settings import Settings
from fieldwise_runtime import loops, server
from fieldwise_runtime.database import Database

ACCOUNTS, REPS, BAND = 50_000, 40, 0.2
EVERY = 0.005
PLAN_SECONDS = 300.0
# A busy machine may find no plan so soon; what the loop has to do with the request is done by then.
FIRST_SECONDS = 45.0
MOST_MS = 50.0

Call = Callable[[], Awaitable[Any]]


def rows(*, quick: bool) -> Iterator[Row]:
    """The longest and the 99.9 % hold of each kind of call; a quick run takes fewer accounts."""
    yield from asyncio.run(_all(ACCOUNTS // 5 if quick else ACCOUNTS, 2 if quick else 5))


async def _all(accounts: int, repeats: int) -> list[Row]:
    return [row async for row in _measured(accounts, repeats)]


# ---- the server ---------------------------------------------------------------------------------------------------


@dataclass
class _Ticker:
    """Seconds that each turn of the loop came late, since it was last asked."""

    late: list[float] = field(default_factory=list)

    async def turn(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            spent, due = time.process_time(), loop.time() + EVERY
            await asyncio.sleep(EVERY)
            self.late.append(min(loop.time() - due, time.process_time() - spent))

    async def answer(self, lines: asyncio.StreamReader) -> None:
        """A line on stdin asks for what was measured, and begins anew."""
        while await lines.readline():
            told, self.late = self.late, []
            print(json.dumps([round(1000 * each, 3) for each in told]), flush=True)


async def _served(known: Settings) -> None:
    ticker = _Ticker()
    ticking = asyncio.create_task(ticker.turn())
    stop = asyncio.Event()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    serving = asyncio.create_task(server.serve(await wire_up(known), stop=stop))
    await ticker.answer(lines)
    stop.set()
    await serving
    ticking.cancel()


def serve_ticking(folder: str, listen: str) -> None:
    """What the server's process does."""
    environ = {"FIELDWISE_DATA": folder, "FIELDWISE_ALLOCATION_LISTEN": listen}
    from fieldwise_runtime import settings

    sys.setswitchinterval(TURN_SECONDS)
    loops.run(_served(settings.load(Settings, environ)))


# ---- the calls ----------------------------------------------------------------------------------------------------


class _Unread:
    """A channel whose answers stay bytes: reading them here would delay the terms that are looked up."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def unary_unary(
        self, path: str, request_serializer: Any, response_deserializer: Any, **known: Any
    ) -> Any:
        return self._channel.unary_unary(path, request_serializer, **known)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


@dataclass(frozen=True)
class _Server:
    """A ticking server in a process of its own, and stubs of it."""

    process: asyncio.subprocess.Process
    calls: Any
    plans: Any
    accounts: Any
    operations: Any
    answers: _Unread

    @classmethod
    @asynccontextmanager
    async def started(cls, folder: str) -> AsyncIterator[_Server]:
        listen = f"127.0.0.1:{_free_port()}"
        program = (
            f"from benchmarks.allocation.loop import serve_ticking; serve_ticking({folder!r}, {listen!r})"
        )
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=pipe, stdout=pipe, limit=LARGEST
        )
        options = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]
        async with grpc.aio.insecure_channel(listen, options=options) as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
            yield cls(
                process,
                service_grpc.AllocationServiceStub(channel),
                plans_grpc.PlanServiceStub(channel),
                accounts_grpc.AccountServiceStub(channel),
                operations_pb2.OperationsStub(channel),
                _Unread(channel),
            )
        process.stdin.close()  # type: ignore[union-attr]  # it was asked for
        await process.wait()

    async def late(self) -> list[float]:
        """Milliseconds late of each turn since the last question."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        told: list[float] = json.loads(await self.process.stdout.readline())
        return told

    async def looking_up(self, found: list[float]) -> None:
        """Asks for terms every 5 ms, and keeps the milliseconds of each answer."""
        request = service_pb2.LookUpTermsRequest(customers=["customers/0000001"], decision_time=NOW)
        while True:
            began = time.perf_counter()
            await self.calls.LookUpTerms(request)
            found.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(EVERY)

    async def held(self, name: str, calls: list[Call]) -> Iterator[Row]:
        """Rows of one kind of call, made one after the other."""
        terms: list[float] = []
        looking = asyncio.create_task(self.looking_up(terms))
        await asyncio.sleep(0.1)
        await self.late()
        for call in calls:
            await call()
            await asyncio.sleep(5 * EVERY)
        late = await self.late()
        looking.cancel()
        return iter(
            (
                Row(f"{name}: loop held, 99.9 %", float(np.quantile(late, 0.999)), "ms", "must", f"<= {MOST_MS:g}"),
                Row("  longest", max(late), "ms"),
                Row("  terms looked up meanwhile, 99 %, wall", float(np.quantile(terms, 0.99)), "ms"),
            )
        )  # fmt: skip


async def _measured(accounts: int, repeats: int, only: str = "") -> AsyncIterator[Row]:
    asked = request_of(world(accounts, REPS, band=BAND, seed=11), request_id="asked", seconds=PLAN_SECONDS)
    with TemporaryDirectory() as folder:
        plan = await _kept(Path(folder), asked)
        async with _Server.started(folder) as served:
            for name, calls in _kinds(served, plan, asked, repeats):
                if only in name:
                    for row in await served.held(name, calls):
                        yield row


async def _kept(folder: Path, asked: service_pb2.PlanTerritoriesRequest) -> str:
    """A plan that leaves every account with its incumbent: what is measured does not depend on how good it is."""
    bench = Bench.of(asked, "USD")
    seats = bench.seats({each.name: each.incumbent for each in asked.accounts})
    audit = bench.audit(seats)
    plan = plan_pb2.TerritoryPlan(name=f"plans/{uuid.uuid4()}", create_time=NOW, breaches_accepted=True)
    measuring.fill(plan, bench, seats, audit)
    plan.assignments.extend(measuring.assignments(bench, seats, audit, ["INCUMBENT"] * len(seats)))
    db = Database.open(migrated(folder).database_url)
    try:
        await db.write(lambda connection: plan_records.keep(connection, plan, asked, Origin()))
    finally:
        await db.close()
    return plan.name


def _kinds(
    served: _Server, plan: str, asked: service_pb2.PlanTerritoriesRequest, repeats: int
) -> Iterator[tuple[str, list[Call]]]:
    """Name and calls of each kind."""
    unread: Any = served.answers
    calls, plans = service_grpc.AllocationServiceStub(unread), plans_grpc.PlanServiceStub(unread)

    def many(method: Any, request: Any) -> list[Call]:
        return [partial(method, request)] * repeats

    def each(method: Any, request: Callable[[int], Any]) -> list[Call]:
        return [partial(method, request(k)) for k in range(repeats)]

    yield "GetPlan", many(calls.GetPlan, service_pb2.GetPlanRequest(name=plan))
    yield (
        "ListAssignments, one page",
        many(
            calls.ListAssignments,
            service_pb2.ListAssignmentsRequest(plan=plan, page_size=50_000),
        ),
    )
    yield (
        "ListPlanAccounts, one page",
        many(
            plans.ListPlanAccounts,
            plans_pb2.ListPlanAccountsRequest(plan=plan, page_size=50_000),
        ),
    )
    yield (
        "ComparePlans with today",
        many(plans.ComparePlans, plans_pb2.ComparePlansRequest(plan=plan, most_moves=50_000)),
    )
    yield (
        "ComparePlans of two",
        many(
            plans.ComparePlans,
            plans_pb2.ComparePlansRequest(plan=plan, base=plan, most_moves=50_000),
        ),
    )
    yield "OverridePlan", each(plans.OverridePlan, lambda k: _override(plan, asked, k))
    yield "ImportPlan", each(plans.ImportPlan, lambda k: _practice(plan, asked, k))
    yield (
        "CopyPlan",
        each(
            plans.CopyPlan,
            lambda k: plans_pb2.CopyPlanRequest(name=plan, request_id=f"copy {k}", decision_time=NOW),
        ),
    )
    yield (
        "ListPlans",
        many(plans.ListPlans, plans_pb2.ListPlansRequest()),
    )
    yield (
        "CreateRep and ApplyPlan",
        [
            *(partial(served.calls.CreateRep, _rep(rep)) for rep in asked.reps),
            partial(
                served.calls.ApplyPlan,
                service_pb2.ApplyPlanRequest(name=plan, request_id="apply", decision_time=NOW),
            ),
        ],
    )
    yield "AppendAccounts", [partial(_uploaded, served, asked)]
    yield (
        f"a plan of {len(asked.accounts):,} accounts asked for, cancelled at its first plan or after {FIRST_SECONDS:g} s",
        [partial(_planned, served, asked)],
    )
    yield "ReplanTerritories", [partial(_again, served, plan)]
    for size in (10_000, 100_000):
        yield f"SolvePrices, messages of {size:,} candidates", [partial(_priced, served, size)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _rep(rep: Any) -> service_pb2.CreateRepRequest:
    return service_pb2.CreateRepRequest(rep=rep, request_id=rep.name)


def _override(plan: str, asked: service_pb2.PlanTerritoriesRequest, k: int) -> plans_pb2.OverridePlanRequest:
    wish = [
        plan_life_pb2.HandAssignment(account=each.name, rep=asked.reps[(j + k) % REPS].name)
        for j, each in enumerate(asked.accounts[:3])
    ]
    return plans_pb2.OverridePlanRequest(
        name=plan, request_id=f"wish {k}", decision_time=NOW, assignments=wish, accept_broken_rules=True
    )


def _practice(plan: str, asked: service_pb2.PlanTerritoriesRequest, k: int) -> plans_pb2.ImportPlanRequest:
    had = [plan_life_pb2.HandAssignment(account=each.name, rep=each.incumbent) for each in asked.accounts]
    return plans_pb2.ImportPlanRequest(
        parent=plan, request_id=f"practice {k}", decision_time=NOW, assignments=had
    )


async def _planned(served: _Server, asked: service_pb2.PlanTerritoriesRequest) -> None:
    name = (await served.calls.PlanTerritories(asked)).name
    with suppress(TimeoutError):
        async with asyncio.timeout(FIRST_SECONDS):
            async for news in served.calls.WatchPlan(service_pb2.WatchPlanRequest(name=name)):
                if news.progress.HasField("objective"):
                    break
    await served.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
    await served.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))


async def _again(served: _Server, plan: str) -> None:
    request = plans_pb2.ReplanTerritoriesRequest(parent=plan, request_id="again", decision_time=NOW)
    name = (await served.plans.ReplanTerritories(request)).name
    await asyncio.sleep(3)
    await served.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))


async def _uploaded(served: _Server, asked: service_pb2.PlanTerritoriesRequest) -> None:
    created = await served.accounts.CreateAccountSet(
        accounts_pb2.CreateAccountSetRequest(request_id="set", decision_time=NOW)
    )
    await served.accounts.AppendAccounts(
        accounts_pb2.AppendAccountsRequest(
            account_set=created.name, sequence=0, accounts=asked.accounts[:10_000]
        )
    )


async def _priced(served: _Server, size: int) -> None:
    budgets = [
        price_pb2.Budget(resource=name, capacity=1e4, unit="1") for name in ("coupon-money", "email-slots")
    ]
    await served.calls.SetBudgets(service_pb2.SetBudgetsRequest(budgets=budgets, request_id="budgets"))
    period = service_pb2.PricePeriod(request_id=f"period {size}")
    period.valid_from.CopyFrom(NOW)
    period.valid_until.CopyFrom(timestamp_pb2.Timestamp(seconds=NOW.seconds + 86_400))

    async def stream() -> AsyncIterator[service_pb2.SolvePricesRequest]:
        yield service_pb2.SolvePricesRequest(period=period)
        for first in range(0, 200_000, size):
            yield service_pb2.SolvePricesRequest.FromString(price_message(first, size))

    await served.calls.SolvePrices(stream())
