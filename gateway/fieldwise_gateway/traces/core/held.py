"""Traces that are not yet quiet: their spans, and what is needed to judge each. Bounded by whoever holds them; knows no OTLP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fieldwise_gateway.traces.core.summary import Summary, joined

_NO_TIME: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Told:
    """What a span's attributes say that its trace is found or judged by."""

    names: tuple[str, ...] = ()
    terms: frozenset[bytes] = frozenset()
    degraded: bool = False


NOTHING: Final = Told()


class Held:
    """The spans of one trace that have come and are not settled.

    Attributes:
        bodies: Bytes of each span by its id, by the bytes of who sent it.
        names: What was made in it, and its customers.
        spans: How many.
        first_at, last_at: When the first and the last of them came, on any clock that only goes on.
        first_export: Position of the first export with a span of it.
    """

    __slots__ = (
        "bodies", "degraded", "end_ns", "error", "first_at", "first_export", "is_root", "last_at", "names",
        "root", "root_service", "root_start_ns", "spans", "start_ns", "terms",
    )  # fmt: skip

    def __init__(self, at: float, export: int) -> None:
        self.bodies: dict[tuple[bytes, bytes], dict[bytes, bytes]] = {}
        self.names: set[str] = set()
        self.terms: set[bytes] = set()
        self.spans = 0
        self.error = self.degraded = False
        self.root = self.root_service = ""
        self.is_root = False
        self.root_start_ns = self.start_ns = _NO_TIME
        self.end_ns = 0
        self.first_at = self.last_at = at
        self.first_export = export

    def seen(self, service: str, name: str, start_ns: int, end_ns: int, *, parent: bool, error: bool) -> None:
        """Take what every span says of its trace."""
        if start_ns < self.start_ns:
            self.start_ns = start_ns
        if end_ns > self.end_ns:
            self.end_ns = end_ns
        if error:
            self.error = True
        if (not parent and not self.is_root) or (parent != self.is_root and start_ns < self.root_start_ns):
            self.root, self.root_service, self.root_start_ns = name, service, start_ns
            self.is_root = not parent

    def told(self, told: Told) -> None:
        """Take what a span's attributes say of its trace."""
        self.names.update(told.names)
        self.terms |= told.terms
        self.degraded = self.degraded or told.degraded

    def joined(self, newer: Held) -> Held:
        """This with what came later."""
        for head, bodies in newer.bodies.items():
            self.bodies.setdefault(head, {}).update(bodies)
        self.names |= newer.names
        self.terms |= newer.terms
        self.spans += newer.spans
        self.error, self.degraded = self.error or newer.error, self.degraded or newer.degraded
        self.start_ns, self.end_ns = min(self.start_ns, newer.start_ns), max(self.end_ns, newer.end_ns)
        if (not newer.is_root, newer.root_start_ns) < (not self.is_root, self.root_start_ns):
            self.root, self.root_service = newer.root, newer.root_service
            self.is_root, self.root_start_ns = newer.is_root, newer.root_start_ns
        self.last_at = newer.last_at
        return self

    def summary(self) -> Summary:
        """The line of what is held."""
        return Summary(
            root=self.root,
            root_service=self.root_service,
            is_root=self.is_root,
            root_start_ns=self.root_start_ns,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            error=self.error,
            degraded=self.degraded,
            spans=self.spans,
            terms=joined(self.terms),
        )


def quiet(
    held: Mapping[bytes, Held], now: float, quiet_seconds: float, longest_seconds: float
) -> list[bytes]:
    """Traces of which nothing came for a while, and those that are held too long already."""
    return [
        trace_id
        for trace_id, each in held.items()
        if now - each.last_at >= quiet_seconds or now - each.first_at >= longest_seconds
    ]
