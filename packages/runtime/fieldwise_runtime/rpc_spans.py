"""Light spans for calls: what the SDK's span does for a call, at a third of its cost; knows no method.

Every hop of a decision has two of them, so their cost is a decision's. They go to the SDK's processor like any other span.
Left out is what a call's span never needs: limits, samplers, locks (a call's span is used by one task only).
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes, AttributeValue

_UNSET: Final = Status(StatusCode.UNSET)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("fieldwise")


class RpcSpan(trace.Span):
    """The span of one call, on either side.

    Args:
        parent: Context of the span above; None starts a trace.
        attributes: Shared by all calls of the method; not changed.
        processor: Gets the span when it ends; None records nothing, and the trace still goes on through it.
    """

    def __init__(
        self,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Mapping[str, AttributeValue],
        resource: Resource,
        processor: SpanProcessor | None,
    ) -> None:
        self._name = name
        self._parent = parent
        self._kind = kind
        self._attributes = attributes
        self._resource = resource
        self._processor = processor
        if parent is None:
            trace_id, flags = random.getrandbits(128), _SAMPLED
        else:
            trace_id, flags = parent.trace_id, parent.trace_flags
        self._context = SpanContext(trace_id, random.getrandbits(64), is_remote=False, trace_flags=flags)
        self._own: dict[str, Any] = {}
        self._events: list[Event] = []
        self._links: list[trace.Link] = []
        self._status = _UNSET
        self._ended = False
        self._start = time.time_ns()

    def get_span_context(self) -> SpanContext:
        return self._context

    @property
    def shared(self) -> Mapping[str, AttributeValue]:
        """The attributes that all calls of the method have."""
        return self._attributes

    @property
    def start_ns(self) -> int:
        """When it began, in nanoseconds since 1970."""
        return self._start

    def is_recording(self) -> bool:
        return not self._ended

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self._own[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        self._own.update(attributes)

    def update_name(self, name: str) -> None:
        self._name = name

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        self._events.append(Event(name, attributes, timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        self._links.append(trace.Link(context, attributes))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        self._status = status if isinstance(status, Status) else Status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        # The message may hold personal data; type and place are enough to find the fault, the log has the rest.
        place = traceback.extract_tb(exception.__traceback__)[-1:]
        where = "".join(f"{frame.name} at line {frame.lineno}" for frame in place)
        told = {
            "exception.type": type(exception).__name__,
            "exception.stacktrace": where,
            **(attributes or {}),
        }
        self.add_event("exception", told, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        if self._processor is None:
            return
        self._processor.on_end(
            ReadableSpan(
                name=self._name,
                context=self._context,
                parent=self._parent,
                resource=self._resource,
                attributes={**self._attributes, **self._own},
                events=self._events,
                links=self._links,
                kind=self._kind,
                status=self._status,
                start_time=self._start,
                end_time=end_time or time.time_ns(),
                instrumentation_scope=_SCOPE,
            )
        )
