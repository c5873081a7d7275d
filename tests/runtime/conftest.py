"""What tests of the runtime share: recorded spans."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fieldwise_runtime import deadlines, tracing


@pytest.fixture
def recorded() -> Iterator[InMemorySpanExporter]:
    """Every span that ends while the test runs."""
    exporter = InMemorySpanExporter()
    recording = tracing.configure("fieldwise-test", "", spans_to=SimpleSpanProcessor(exporter))
    yield exporter
    recording.shutdown()
    tracing.configure("fieldwise-test", "")


@pytest.fixture(autouse=True)
def without_deadline() -> None:
    deadlines.begin(None)
