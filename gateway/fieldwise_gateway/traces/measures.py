"""What the trace store tells operators of itself; knows no trace."""

from __future__ import annotations

from typing import Final

from fieldwise_runtime.metrics import gauge

STORED_SPANS: Final = gauge("fieldwise_trace_store_spans", "Spans in the trace store.")
STORE_CAPACITY: Final = gauge("fieldwise_trace_store_capacity", "Spans that the trace store holds at most.")


def stored(spans: int, capacity: int) -> None:
    """Says how full the trace store is."""
    STORED_SPANS.set(spans)
    STORE_CAPACITY.set(capacity)
