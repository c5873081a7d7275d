"""The same calls that go wrong, through our spans and through OpenTelemetry's own interceptors: ours tell the truth of each."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from opentelemetry.instrumentation.grpc import aio_client_interceptors, aio_server_interceptor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fieldwise_runtime import tracing
from tests.runtime.echo import (
    KINDS,
    REQUEST,
    RESPONSE,
    SERVICE,
    Echo,
    add_up,
    count_down,
    echo,
    echo_each,
    echoing,
)
from tests.runtime.fault_suite import CASES, Verdict, judged

# Published without types.
_serving: Any = aio_server_interceptor
_calling: Any = aio_client_interceptors
_RETRIES = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 2,
                    "initialBackoff": "0.02s",
                    "maxBackoff": "0.1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@asynccontextmanager
async def ours(handlers: dict[str, Any], spans: InMemorySpanExporter) -> AsyncIterator[Any]:
    recording = tracing.configure("fieldwise-test", "", spans_to=SimpleSpanProcessor(spans))
    try:
        async with echoing(**handlers) as stubs:
            yield stubs
    finally:
        recording.shutdown()
        tracing.configure("fieldwise-test", "")


@asynccontextmanager
async def contrib(handlers: dict[str, Any], spans: InMemorySpanExporter) -> AsyncIterator[Any]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    server = grpc.aio.server(interceptors=[_serving(tracer_provider=provider)])
    behaviours: dict[str, Any] = {"Unary": echo, "Down": count_down, "Up": add_up, "Both": echo_each}
    methods = {
        name: KINDS[name](behaviour, REQUEST.FromString, RESPONSE.SerializeToString)
        for name, behaviour in (behaviours | handlers).items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(
        f"127.0.0.1:{port}",
        options=[("grpc.service_config", _RETRIES)],
        interceptors=_calling(tracer_provider=provider),
    )
    try:
        yield Echo(channel, server)  # type: ignore[arg-type]  # only its stubs are used
    finally:
        await channel.close()
        await server.stop(0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_call_that_goes_wrong_leaves_whole_spans_that_say_how(case: Any) -> None:
    assert (await judged(ours, case)).faults == []


async def test_opentelemetrys_own_interceptors_leave_wrong_or_lost_spans_in_three_cases_or_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    verdicts = await asyncio.gather(*(judged(contrib, case) for case in CASES))
    faulty = [verdict for verdict in verdicts if verdict.faults]
    # The judge is fair: calls that go well are judged well.
    assert {verdict.case for verdict in faulty}.isdisjoint({"answered", "stream read to its end"})
    assert len(faulty) >= 3, told(verdicts)


def told(verdicts: list[Verdict]) -> str:
    return "\n".join(f"{each.case}: {'; '.join(each.faults) or 'right'}" for each in verdicts)
