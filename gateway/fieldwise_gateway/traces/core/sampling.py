"""Which traces stay, decided when a trace is quiet: errors, slow ones, degraded decisions and what was asked for, and a share of the rest."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

_SHARE_BITS: Final = 56
# Of each root method: enough for a 99 % quantile to rest on a handful of traces, few enough to follow a change of load.
_REMEMBERED: Final = 512
_AT_LEAST: Final = 100
# A threshold is computed anew after so many traces of its method: sorting for each would cost more than keeping it.
_EVERY: Final = 64
_METHODS: Final = 500


@dataclass(frozen=True)
class Policy:
    """What is kept.

    Attributes:
        share: Of ordinary traces, from 0 to 1.
        slow_quantile: A trace slower than this quantile of the last ones that began with the same method is slow; 1 for none.
        slow_seconds: A trace that takes at least so long is slow, whatever its method; 0 for no such limit.
    """

    share: float = 1.0
    slow_quantile: float = 0.99
    slow_seconds: float = 0.0


def verdict(policy: Policy, trace_id: bytes, *, error: bool, slow: bool, degraded: bool, asked: bool) -> str:
    """Why a trace is kept: `asked`, `error`, `degraded`, `slow` or `share`; empty when it is given up.

    The share is drawn from the trace's own id: whoever looks at the same trace comes to the same answer.
    """
    if asked:
        return "asked"
    if error:
        return "error"
    if degraded:
        return "degraded"
    if slow:
        return "slow"
    drawn = int.from_bytes(trace_id[-_SHARE_BITS // 8 :], "big")
    return "share" if drawn < policy.share * (1 << _SHARE_BITS) else ""


class Durations:
    """How long traces of each root method take, as far as needed to call one slow. Bounded."""

    def __init__(self, quantile: float, limit_ns: int = 0) -> None:
        self._quantile = quantile
        self._limit_ns = limit_ns
        self._methods: OrderedDict[str, _Method] = OrderedDict()

    def is_slow(self, method: str, duration_ns: int) -> bool:
        """Whether the trace is slow beside those before it; it then counts itself. Never by quantile among the first hundred."""
        known = self._methods.get(method)
        if known is None:
            known = self._methods[method] = _Method(self._quantile)
            if len(self._methods) > _METHODS:
                self._methods.popitem(last=False)
        beyond = known.is_beyond(duration_ns)
        known.add(duration_ns)
        return beyond or (0 < self._limit_ns <= duration_ns)


class _Method:
    """The last durations of one method and the threshold they give."""

    __slots__ = ("_last", "_quantile", "_since", "_threshold")

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._last: deque[int] = deque(maxlen=_REMEMBERED)
        self._since = 0
        self._threshold: int | None = None

    def is_beyond(self, duration_ns: int) -> bool:
        return self._threshold is not None and duration_ns > self._threshold

    def add(self, duration_ns: int) -> None:
        self._last.append(duration_ns)
        self._since += 1
        if self._quantile < 1 and self._since >= _EVERY and len(self._last) >= _AT_LEAST:
            ordered = sorted(self._last)
            self._threshold = ordered[min(len(ordered) - 1, int(self._quantile * len(ordered)))]
            self._since = 0
