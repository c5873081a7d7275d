"""The trace of a plan: its stages below the worker, the wait for a turn, and what is left of a search that was cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise_runtime import tracing
from tests.allocation.allocation_servers import (
    Allocation,
    allocation,
    candidate,
    moment,
    plan_of,
    plan_request,
    stream,
    week,
)
from tests.allocation.long_plans import cancelled, long_request, with_a_plan

IN_ORDER = [
    "read question",
    "compile",
    "choose homes",
    "prove possible",
    "prices",
    "first plan",
    "bound",
    "search",
    "describe",
    "verify",
    "write plan",
]


@dataclass
class Receiver(TraceServiceServicer):
    """Takes spans as the trace receiver does, and keeps them."""

    spans: list[Span] = field(default_factory=list)

    async def Export(self, request: otlp.ExportTraceServiceRequest, context: Any) -> Any:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return otlp.ExportTraceServiceResponse()

    async def until(self, holds: Callable[[Span], bool]) -> Span:
        """The first span of which something holds, as soon as it has come."""
        end = time.perf_counter() + 10
        while time.perf_counter() < end:
            for span in self.spans:
                if holds(span):
                    return span
            await asyncio.sleep(0.02)
        raise AssertionError(f"never came; there are {sorted({span.name for span in self.spans})}")

    async def named(self, attribute: str, value: str) -> Span:
        return await self.until(lambda span: text(span, attribute) == value)

    def below(self, parent: Span) -> list[Span]:
        """Children in the order of their start."""
        found = [span for span in self.spans if span.parent_span_id == parent.span_id]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def of(self, trace_id: bytes) -> list[Span]:
        return [span for span in self.spans if span.trace_id == trace_id]


def text(span: Span, attribute: str) -> str:
    return next((each.value.string_value for each in span.attributes if each.key == attribute), "")


def names(spans: list[Span]) -> list[str]:
    return [span.name for span in spans]


@pytest_asyncio.fixture
async def received() -> AsyncIterator[Receiver]:
    receiver, server = Receiver(), grpc.aio.server()
    add_TraceServiceServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    recording = tracing.configure("fieldwise-allocation", f"127.0.0.1:{port}")
    try:
        yield receiver
    finally:
        await asyncio.to_thread(recording.shutdown)
        tracing.configure("fieldwise-test", "")
        await server.stop(0)


@pytest_asyncio.fixture
async def served(received: Receiver, tmp_path: Path) -> AsyncIterator[Allocation]:
    async with allocation(tmp_path) as running:
        yield running


async def test_a_plan_has_its_stages_below_its_worker_and_is_found_by_its_name(
    served: Allocation, received: Receiver
) -> None:
    await served.hire("reps/ada", "reps/bo")
    plan = plan_of(await served.plan(plan_request()))
    keeping = await received.named("fieldwise.plan", plan.name)
    worker = await received.until(lambda span: span.name.startswith("worker "))
    operation = await received.until(lambda span: span.span_id == worker.parent_span_id)
    assert operation.name == "operation allocation"
    assert keeping.parent_span_id == operation.span_id
    assert "wait for a turn" not in names(received.spans)
    stages = received.below(worker)
    assert set(names(stages)) <= {*IN_ORDER, "compare with practice"}
    assert [name for name in IN_ORDER if name in names(stages)] == [
        name for name in names(stages) if name in IN_ORDER
    ]
    assert {"compile", "prove possible", "describe", "verify"} <= set(names(stages))
    assert all(worker.start_time_unix_nano <= stage.start_time_unix_nano for stage in stages)
    assert all(stage.end_time_unix_nano <= worker.end_time_unix_nano for stage in stages)


async def test_waiting_and_a_search_that_was_cut_are_told_without_orphans(
    served: Allocation, received: Receiver
) -> None:
    first = await served.calls.PlanTerritories(long_request())
    await with_a_plan(served, first.name)
    await served.hire("reps/ada", "reps/bo")
    second = await served.calls.PlanTerritories(plan_request(request_id="second"))
    await asyncio.sleep(0.1)
    cut = plan_of(await cancelled(served, first.name))
    waited = plan_of(await served.finished(second))

    after = await received.until(lambda span: text(span, "fieldwise.operation") == second.name)
    waiting = received.below(after)[0]
    assert waiting.name == "wait for a turn"
    assert waiting.end_time_unix_nano - waiting.start_time_unix_nano >= 0.1 * 1e9
    await received.named("fieldwise.plan", waited.name)

    before = await received.until(lambda span: text(span, "fieldwise.operation") == first.name)
    told = names(received.below(before))
    assert {"compile", "prices", "first plan", "describe", "verify", "keep plan"} <= set(told)
    await received.named("fieldwise.plan", cut.name)
    known = {span.span_id for span in received.spans}
    # The call came without a trace of its own, so every span but the call's has a parent.
    assert [span.name for span in received.of(before.trace_id) if span.parent_span_id not in known] == [
        "fieldwise.allocation.v1.AllocationService/PlanTerritories"
    ]


async def test_copies_and_prices_are_found_by_name_and_repeated_calls_are_not(
    served: Allocation, received: Receiver
) -> None:
    await served.hire("reps/ada", "reps/bo")
    plan = plan_of(await served.plan(plan_request()))
    request = plans_pb2.CopyPlanRequest(name=plan.name, request_id="copy", decision_time=moment())
    copy = await served.plans.CopyPlan(request)
    await served.plans.CopyPlan(request)
    await served.calls.SetBudgets(
        service_pb2.SetBudgetsRequest(
            budgets=[price_pb2.Budget(resource="email-slots", unit="1", capacity=1)],
            request_id="budgets",
        )
    )
    offered = service_pb2.SolvePricesRequest(candidates=[candidate("customers/1", 10**6)])
    prices = await served.calls.SolvePrices(stream(week(), offered))
    solve = await received.named("fieldwise.price_set", prices.name)
    assert prices.traceparent.split("-")[1] == solve.trace_id.hex()
    copies = [span for span in received.spans if span.name.endswith("/CopyPlan")]
    assert [text(span, "fieldwise.plan") for span in copies] == [copy.name, ""]
