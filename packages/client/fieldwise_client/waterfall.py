"""A trace as text: one line per span over a common time axis. Knows the contract's message and no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fieldwise.gateway.v1.traces_service_pb2 import Span, Trace
from fieldwise_client.wording.terminal import columns, cut

_MS_WIDTH = 9
_LEAST_BAR = 12
# A part that is held has a span of this name, after that of its service.
_FROM_MEMORY = " from memory"


@dataclass(frozen=True)
class _Axis:
    """The trace's time, laid over ``width`` columns."""

    start_ns: int
    length_ns: int
    width: int

    def bar(self, span: Span) -> str:
        """The span's place on the axis: at least one mark, so that nothing short is lost."""
        begun = span.start_time.ToNanoseconds() - self.start_ns
        first = min(self.width - 1, begun * self.width // self.length_ns)
        marks = max(1, round(span.duration.ToNanoseconds() * self.width / self.length_ns))
        return (" " * first + "━" * min(marks, self.width - first)).ljust(self.width)


def render_waterfall(trace: Trace, width: int = 100) -> str:
    """The trace, parents before children: name, service, bar, milliseconds; faults, missing services and links last.

    A service is named where it changes: lines of the same service follow each other without repeating it.
    """
    if not trace.spans:
        return f"{trace.name}: no spans"
    names = [_name(span) for span in trace.spans]
    services = [span.service.removeprefix("fieldwise-") for span in trace.spans]
    name_width = min(max(map(columns, names)), width // 2)
    service_width = max(len("service"), *map(len, services))
    axis = _axis(trace, max(_LEAST_BAR, width - name_width - service_width - _MS_WIDTH - 6))
    total_ms = axis.length_ns / 1e6
    lines = [
        _heading(trace, total_ms),
        _row("span", "service", _ticks(axis, total_ms), "ms", name_width, service_width),
    ]
    for span, name, service in zip(trace.spans, names, services, strict=True):
        milliseconds = f"{span.duration.ToNanoseconds() / 1e6:,.2f}"
        lines.append(_row(name, service, axis.bar(span), milliseconds, name_width, service_width))
        lines += _fault(span, width)
    return "\n".join([*lines, *_remarks(trace)])


def is_complete(trace: Trace) -> bool:
    """Whether every span hangs on its parent and every service that was called has sent its spans."""
    return bool(trace.spans) and not trace.missing_services and not trace.orphans


def accounted_services(trace: Trace) -> set[str]:
    """Services with a span in the trace, and those whose answer was held: their span is linked to the trace it was given in."""
    held = {
        f"fieldwise-{span.name.removesuffix(_FROM_MEMORY)}"
        for span in trace.spans
        if span.name.endswith(_FROM_MEMORY) and span.linked_traces
    }
    return {span.service for span in trace.spans} | held


def _axis(trace: Trace, width: int) -> _Axis:
    starts = [span.start_time.ToNanoseconds() for span in trace.spans]
    ends = [start + span.duration.ToNanoseconds() for start, span in zip(starts, trace.spans, strict=True)]
    return _Axis(min(starts), max(1, max(ends) - min(starts)), width)


def _heading(trace: Trace, total_ms: float) -> str:
    services = len({span.service for span in trace.spans})
    return f"{trace.name} · {len(trace.spans)} spans of {services} services · {total_ms:,.2f} ms"


def _name(span: Span) -> str:
    # `fieldwise.profile.v1.ProfileService/GetProfile` is called in full on the wire; the method tells a reader enough.
    arrow = "→ " if span.kind == "CLIENT" else ""
    return "  " * span.depth + arrow + span.name.rpartition("/")[2]


def _ticks(axis: _Axis, total_ms: float) -> str:
    last = f"{total_ms:,.1f}"
    return "0" + last.rjust(axis.width - 1)


def _row(name: str, service: str, bar: str, milliseconds: str, name_width: int, service_width: int) -> str:
    name = cut(name, name_width)
    padded = name + " " * (name_width - columns(name))
    return f"{padded}  {service:<{service_width}}  {bar}  {milliseconds:>{_MS_WIDTH}}"


def _fault(span: Span, width: int) -> Iterator[str]:
    if span.status == "ERROR":
        yield cut(f"{'  ' * span.depth}! {span.status_message or 'ERROR'}", width)


def _remarks(trace: Trace) -> Iterator[str]:
    if trace.missing_services:
        yield f"missing: {', '.join(trace.missing_services)} (called, but sent no span)"
    if trace.orphans:
        yield f"orphans: {trace.orphans} (their parent is not in the trace)"
    own = trace.name.removeprefix("traces/")
    linked = dict.fromkeys(each for span in trace.spans for each in span.linked_traces if each != own)
    for each in linked:
        yield f"linked: traces/{each}"
