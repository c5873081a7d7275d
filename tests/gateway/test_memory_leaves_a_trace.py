"""A part answered from memory has a span of its own, linked to the trace that the snapshot came from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise_runtime import tracing
from tests.gateway.backend_fakes import World


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    recording = tracing.configure("fieldwise-gateway", "", spans_to=SimpleSpanProcessor(kept))
    yield kept
    recording.shutdown()
    tracing.configure("fieldwise-gateway", "").shutdown()


@pytest.mark.parametrize("service", ["profile", "allocation"])
async def test_what_stood_in_is_linked_to_where_it_came_from(
    spans: InMemorySpanExporter, world: World, service: str
) -> None:
    async def decide(name: str) -> str:
        request = pb.DecideRequest(request_id=name, customer="customers/known-1")
        return (await world.gateway.Decide(request, timeout=5)).decision.trace_id

    first = await decide("first")
    await world.fakes.kill(service)
    second = await decide("second")
    (memory,) = [span for span in spans.get_finished_spans() if span.name == f"{service} from memory"]
    assert f"{memory.context.trace_id:032x}" == second
    assert [f"{link.context.trace_id:032x}" for link in memory.links] == [first]


async def test_a_decision_is_found_by_the_trace_that_made_it_only(
    spans: InMemorySpanExporter, world: World
) -> None:
    request = pb.DecideRequest(request_id="once", customer="customers/known-1")
    name = (await world.gateway.Decide(request, timeout=5)).decision.name
    await world.gateway.Decide(request, timeout=5)
    noted = [
        (each.attributes.get("fieldwise.decision"), each.attributes.get("fieldwise.repeated_decision"))
        for each in spans.get_finished_spans()
        if each.attributes and "fieldwise.verdict" in each.attributes
    ]
    assert noted == [(name, None), (None, name)]
