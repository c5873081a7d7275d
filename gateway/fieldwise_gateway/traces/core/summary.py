"""A trace in one line: what it is listed, searched and judged by. Lines of its parts add up; knows no OTLP."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_TERM_BYTES: Final = 4
# A trace with more distinct services, names and values than this is found by the first of them only.
_MOST_TERMS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Summary:
    """One trace, or a part of it.

    Attributes:
        root: Name of the span that began it; of the earliest without a parent here while that one has not come.
        is_root: The span named by ``root`` has no parent at all.
        root_start_ns: When that span began.
        terms: What it is searched by (`term`), each once, joined.
    """

    root: str
    root_service: str
    is_root: bool
    root_start_ns: int
    start_ns: int
    end_ns: int
    error: bool
    degraded: bool
    spans: int
    terms: bytes

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end."""
        return max(0, self.end_ns - self.start_ns)

    def merged(self, other: Summary) -> Summary:
        """The line of both parts together."""
        first = min(self, other, key=lambda each: (not each.is_root, each.root_start_ns))
        return Summary(
            root=first.root,
            root_service=first.root_service,
            is_root=first.is_root,
            root_start_ns=first.root_start_ns,
            start_ns=min(self.start_ns, other.start_ns),
            end_ns=max(self.end_ns, other.end_ns),
            error=self.error or other.error,
            degraded=self.degraded or other.degraded,
            spans=self.spans + other.spans,
            terms=joined(split(self.terms) | split(other.terms)),
        )


@lru_cache(maxsize=4096)
def term(kind: str, value: str) -> bytes:
    """Four bytes that stand for a service, the name of a span or an attribute's value.

    Two may collide, once in four thousand million: a search then shows a trace too many.
    """
    return zlib.crc32(f"{kind}\0{value}".encode()).to_bytes(_TERM_BYTES)


def joined(terms: set[bytes]) -> bytes:
    """Terms as they are stored."""
    return b"".join(sorted(terms)[:_MOST_TERMS])


def split(terms: bytes) -> set[bytes]:
    """Stored terms, one by one."""
    return {terms[at : at + _TERM_BYTES] for at in range(0, len(terms), _TERM_BYTES)}
