"""Admission of calls at the door: what cannot be answered in good time is refused at once, before anything of it is read.

Calls of different kinds have limits of their own, so that none of them keeps another out. What ends work (google.longrunning) is
never refused, and health and reflection do not come by here at all. Knows no request and no answer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from fieldwise_gateway.core.admission import Bounds, Limit
from fieldwise_runtime.calls import Call, turned_away
from fieldwise_runtime.errors import Overloaded
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.metrics import counter, gauge

log = get_logger(__name__)

UNDER_WAY: Final = gauge(
    "fieldwise_admitted_calls", "Calls under way that admission counts, by class.", "calls"
)
LIMIT: Final = gauge("fieldwise_admission_limit", "Calls of a class that may be under way at once.", "calls")
REFUSED: Final = counter(
    "fieldwise_admission_refused", "Calls refused because too many of their class were under way.", "calls"
)

DECISIONS: Final = "decisions"
SHORT: Final = "short"
WORK: Final = "work"
STREAMS: Final = "streams"
_DECIDE: Final = "/fieldwise.gateway.v1.GatewayService/Decide"
# Each of them holds many questions, or learns something from everything.
_MUCH: Final = frozenset({"BatchDecide", "ListNextActions"})
_MUCH_VERBS: Final = ("Allocate", "Evaluate", "Fit", "Forecast", "Learn", "Measure", "Reach", "Size")
_ENDS_WORK: Final = "/google.longrunning.Operations/"
_OPERATION: Final = "google.longrunning.Operation"

# Refusals of one class share prepared answers, which differ in when to come back: callers should not come back together.
_PREPARED: Final = 16
_PREPARED_SECONDS: Final = 0.5
_EARLIEST, _LATEST = 0.5, 1.5
_RECORDED_EVERY_SECONDS: Final = 0.1
_LOG_EVERY_SECONDS: Final = 10.0


def limits(patience: float) -> dict[str, Bounds]:
    """The bounds of every class; decisions that take no longer than ``patience`` seconds never lower theirs."""
    return {
        # At the least as many as a busy shop asks for at once; how many more is found out.
        DECISIONS: Bounds(least=32, most=1024, patience=patience),
        SHORT: Bounds(least=64, most=512, patience=max(patience, 0.25)),
        WORK: Bounds.fixed(32),
        STREAMS: Bounds.fixed(512),
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """One class of calls as it stands: its name, calls under way, how many may be, and those refused since the start."""

    name: str
    under_way: int
    limit: int
    refused: int


def class_of(path: str) -> str:
    """The class of a method by its path; empty for what is never refused."""
    if path == _DECIDE:
        return DECISIONS
    if path.startswith(_ENDS_WORK):
        return ""
    method = _described(path)
    name = path.rpartition("/")[2]
    # What SDKs send waits for its commit as streams of events do, and must not take seats of who reads.
    waits = name.startswith("Watch") or name == "CaptureEvents"
    if waits or (method is not None and method.client_streaming):
        return STREAMS
    if name in _MUCH or name.startswith(_MUCH_VERBS):
        return WORK
    if method is not None and (method.server_streaming or method.output_type.full_name == _OPERATION):
        return WORK
    return SHORT


class Admission:
    """A gatekeeper that admits as many calls as are answered in good time.

    Args:
        bounds: By class; calls of a class without bounds are all admitted.
        clock: Seconds; that of `Call.begun`.
    """

    def __init__(self, bounds: Mapping[str, Bounds], clock: Callable[[], float] = time.perf_counter) -> None:
        now = clock()
        self._clock = clock
        self._classes = {name: _Class(name, Limit(each, now)) for name, each in bounds.items()}
        for name, each in self._classes.items():
            UNDER_WAY.labels(name).set_function(partial(_under_way, each.limit))
            LIMIT.labels(name).set_function(partial(_allowed, each.limit))
        self._by_path: dict[str, _Class | None] = {}

    def door(self, path: str) -> Any:
        """What refuses a call of this method at once; None when it may enter, and for the few refusals that have a span."""
        found = self._class(path)
        if found is None or found.limit.has_room:
            return None
        return found.turned_away(self._clock())

    async def enter(self, call: Call) -> None:
        """Admits the call or refuses it.

        Raises:
            Overloaded: With the seconds after which to come back.
        """
        found = self._class(call.path)
        if found is None:
            return
        now = call.begun
        if not found.limit.enter(now, call.context.time_remaining()):
            raise found.refusal(now)
        call.seat = found

    async def check(self, call: Call, request: Any) -> None:
        """Nothing: who was admitted is answered."""

    async def passes(self, call: Call, answer: Any) -> None:
        """Nothing: who was admitted is answered."""

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        """Frees the call's seat, if it has one."""
        seat, call.seat = call.seat, None
        if seat is not None:
            now = self._clock()
            seat.limit.leave(call.path, now - call.begun, now, answered=code is grpc.StatusCode.OK)

    def _class(self, path: str) -> _Class | None:
        try:
            return self._by_path[path]
        except KeyError:
            found = self._by_path[path] = self._classes.get(class_of(path))
            return found

    def standings(self) -> list[Standing]:
        """Every class as it stands now."""
        return [
            Standing(each.name, each.limit.under_way, each.limit.limit, each.limit.refused)
            for each in self._classes.values()
        ]


def _under_way(limit: Limit) -> float:
    return limit.under_way


def _allowed(limit: Limit) -> float:
    return limit.limit


class _Class:
    """One class of calls: its limit, and how refusals are told."""

    __slots__ = (
        "_log_due",
        "_logged",
        "_next",
        "_prepared",
        "_prepared_due",
        "_recorded_due",
        "_refused",
        "limit",
        "name",
    )

    def __init__(self, name: str, limit: Limit) -> None:
        self.name = name
        self.limit = limit
        self._prepared: list[tuple[Overloaded, Any]] = []
        self._refused = REFUSED.labels(name)
        self._prepared_due = self._recorded_due = self._log_due = 0.0
        self._next = self._logged = 0

    def turned_away(self, now: float) -> Any:
        """What refuses a call, and counts it; None when this call shall have a span, and be refused where it has one."""
        if now >= self._recorded_due:
            return None
        self.limit.refuse(now)
        return self._told(now)[1]

    def refusal(self, now: float) -> Overloaded:
        """The error of one refused call."""
        error, _ = self._told(now)
        is_recorded = now >= self._recorded_due
        if is_recorded:
            self._recorded_due = now + _RECORDED_EVERY_SECONDS
        return Overloaded(
            error.message, error.retry_after_seconds or 0.0, wire=error.prepared(), is_recorded=is_recorded
        )

    def _told(self, now: float) -> tuple[Overloaded, Any]:
        if now >= self._prepared_due:
            self._prepare()
            self._prepared_due = now + _PREPARED_SECONDS
        if now >= self._log_due:
            self._say()
            self._log_due = now + _LOG_EVERY_SECONDS
        self._refused.inc()
        self._next = (self._next + 1) % _PREPARED
        return self._prepared[self._next]

    def _prepare(self) -> None:
        middle = self.limit.retry_seconds
        shares = [(place + random.random()) / _PREPARED for place in range(_PREPARED)]
        random.shuffle(shares)
        errors = [self._error(middle * (_EARLIEST + (_LATEST - _EARLIEST) * share)) for share in shares]
        self._prepared = [(error, turned_away(error)) for error in errors]

    def _error(self, seconds: float) -> Overloaded:
        message = (
            f"got more calls of class {self.name} than are answered in good time ({self.limit.limit} at once); "
            f"send the same request again in {seconds:.3g} s"
        )
        return Overloaded(message, seconds, wire=Overloaded(message, seconds).prepared())

    def _say(self) -> None:
        refused, self._logged = self.limit.refused - self._logged, self.limit.refused
        log.warning(
            "calls refused",
            calls=self.name,
            refused=refused,
            limit=self.limit.limit,
            retry_seconds=round(self.limit.retry_seconds, 3),
        )


def _described(path: str) -> MethodDescriptor | None:
    try:
        return descriptor_pool.Default().FindMethodByName(path.strip("/").replace("/", "."))
    except KeyError:
        return None
