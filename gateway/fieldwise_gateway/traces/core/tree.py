"""The spans of one trace as a tree: order, depth, orphans and the services that are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fieldwise_gateway.traces.core.span import Span

# Callers come in by these; every other span has its parent among ours.
_DOORS = frozenset({"fieldwise-gateway", "fieldwise-jobs"})
# Two servers of the gateway's contract are processes of their own; every other service is named by its package.
_OWN_PROCESSES = {"JobsService": "fieldwise-jobs", "TracesService": "fieldwise-traces"}


@dataclass(frozen=True)
class Branch:
    """A span and its depth in the tree, 0 for a root."""

    span: Span
    depth: int


@dataclass(frozen=True)
class Tree:
    """A trace: parents before children, siblings by start.

    ``missing_services`` were called and sent no span for the call; ``orphans`` counts the spans whose parent is not
    here, which stand at depth 0 so that nothing received is hidden.
    """

    branches: tuple[Branch, ...]
    missing_services: tuple[str, ...]
    orphans: int


def grow(spans: Sequence[Span]) -> Tree:
    """The tree of the spans of one trace, whatever order they came in."""
    known = {span.span_id for span in spans}
    children = _by_parent(spans)
    roots = [span for span in spans if span.parent_id not in known]
    return Tree(
        branches=tuple(_walk(sorted(roots, key=_by_start), children)),
        missing_services=missing_services(spans, children),
        orphans=sum(1 for span in roots if span.parent_id and not _continues(span, roots)),
    )


def _continues(span: Span, roots: Sequence[Span]) -> bool:
    """Whether the span goes on with a trace that the caller began: his own span is in his records, not here."""
    at_the_door = span.kind == "SERVER" and span.service in _DOORS
    return at_the_door and all(root.parent_id == span.parent_id for root in roots)


def missing_services(spans: Sequence[Span], children: Mapping[str, Sequence[Span]]) -> tuple[str, ...]:
    """Services to which a call was made that none of their spans answers, by name."""
    calls = (span for span in spans if span.kind == "CLIENT")
    unanswered = (call for call in calls if not _answered(call, children.get(call.span_id, ())))
    return tuple(sorted({called_service(call) for call in unanswered} - {""}))


def called_service(call: Span) -> str:
    """The ``service.name`` a client span calls; empty when it does not say.

    The peer that the caller names comes first; ``fieldwise.profile.v1.ProfileService`` tells ``fieldwise-profile``.
    """
    peer = call.attributes.get("peer.service", "")
    if peer:
        return peer if "-" in peer else f"fieldwise-{peer}"
    parts = call.attributes.get("rpc.service", "").split(".")
    if parts[-1] in _OWN_PROCESSES:
        return _OWN_PROCESSES[parts[-1]]
    return f"fieldwise-{parts[1]}" if parts[0] == "fieldwise" and len(parts) > 1 else ".".join(parts)


def _answered(call: Span, children: Sequence[Span]) -> bool:
    return any(child.kind == "SERVER" and child.service != call.service for child in children)


def _by_parent(spans: Sequence[Span]) -> Mapping[str, list[Span]]:
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=_by_start):
        children[span.parent_id].append(span)
    return children


def _by_start(span: Span) -> tuple[int, str]:
    return span.start_ns, span.span_id


def _walk(roots: Sequence[Span], children: Mapping[str, Sequence[Span]]) -> Iterator[Branch]:
    # A stack of our own: a trace may be deeper than Python's recursion goes.
    stack = [Branch(span, 0) for span in reversed(roots)]
    while stack:
        branch = stack.pop()
        yield branch
        below = children.get(branch.span.span_id, ())
        stack += [Branch(span, branch.depth + 1) for span in reversed(below)]
