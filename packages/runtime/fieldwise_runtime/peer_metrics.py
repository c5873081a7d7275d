"""Calls that this process makes to others: how long, and how they ended; knows no peer."""

from __future__ import annotations

import time
from typing import Final

import grpc

from fieldwise_runtime.durations import Child, Durations
from fieldwise_runtime.rpc_spans import RpcSpan

CALLED: Final = Durations(
    "fieldwise_client_seconds",
    "Seconds of calls that this process made, by peer and final code; retries are inside.",
    ("peer", "code"),
)
_children: Final[dict[tuple[str, int], Child]] = {}


def called(span: RpcSpan, code: grpc.StatusCode) -> None:
    """Counts the call of a client span that ends now."""
    peer = str(span.shared.get("peer.service", ""))
    key = (peer, id(code))  # an enum's own hash is computed in Python each time
    child = _children.get(key)
    if child is None:
        child = _children[key] = CALLED.child(peer, code.name)
    seconds = (time.time_ns() - span.start_ns) / 1e9
    child.observe(max(0.0, seconds), span.get_span_context().trace_id)
