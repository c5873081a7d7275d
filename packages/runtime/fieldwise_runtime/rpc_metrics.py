"""Rate, errors and duration of every call, on both sides of it; knows no contract.

What is counted here is counted for every call, so each costs about a microsecond (tests/runtime/test_metrics.py says it).
"""

from __future__ import annotations

import time
from typing import Any, Final

import grpc

from fieldwise_runtime.calls import Call
from fieldwise_runtime.durations import Child, Durations
from fieldwise_runtime.metrics import Few, Watched, counter

_OK: Final = grpc.StatusCode.OK

ANSWERED: Final = Durations(
    "fieldwise_rpc_seconds",
    "Seconds of calls that this process answered; a stream counts when it ends.",
    ("service", "method", "code"),
)
REFUSALS: Final = counter(
    "fieldwise_refusals",
    "Calls that this process answered with an error, by the error's stable reason.",
    "reason",
)
UNKNOWN: Final = counter(
    "fieldwise_rpc_unknown_methods",
    "Calls of methods that this process does not have; they have no other series.",
)


class RpcMetrics:
    """The gatekeeper that stands before all others of a server and refuses nobody."""

    def __init__(self) -> None:
        self.under_way = 0
        self._answered: dict[str, Child] = {}
        self._failed: dict[tuple[str, str], Child] = {}
        self._reasons = Few()

    async def enter(self, call: Call) -> None:
        self.under_way += 1

    async def check(self, call: Call, request: Any) -> None:
        """Every request passes."""

    async def passes(self, call: Call, answer: Any) -> None:
        """Every answer passes."""

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        self.under_way -= 1
        child = self._answered.get(call.path) if code is _OK else None
        if child is None:
            child = self._child(call, code)
        child.observe(time.perf_counter() - call.begun, call.span.get_span_context().trace_id)

    def _child(self, call: Call, code: grpc.StatusCode) -> Child:
        service, _, method = call.path.strip("/").rpartition("/")
        child = ANSWERED.child(service, method, code.name)
        if code is _OK:
            self._answered[call.path] = child
        elif call.reason:
            REFUSALS.labels(self._reasons.of(call.reason)).inc()
        return child


KEEPER: Final = RpcMetrics()
UNDER_WAY: Final = Watched(
    "fieldwise_rpc_under_way",
    "Calls that this process is answering now, streams among them.",
    lambda: KEEPER.under_way,
)


class UnknownMethods(grpc.GenericRpcHandler):
    """Registered last at a server: counts what no other handler knows, and leaves the answer to grpc."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        UNKNOWN.inc()
