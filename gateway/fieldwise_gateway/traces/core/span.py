"""One span as plain values; knows nothing of OTLP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """A timed step of one service.

    Ids are lower-case hex; ``parent_id`` is empty for a root. Times are nanoseconds since 1970 on the wall clock of the
    machine that sent the span.
    """

    span_id: str
    parent_id: str
    name: str
    service: str
    kind: str
    start_ns: int
    end_ns: int
    status: str = ""
    status_message: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    linked_traces: tuple[str, ...] = ()
