"""The deadline of the call being served; knows no call, no peer and no business clock."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Final

# Left to the caller to make an answer of what it has when a peer does not answer in time.
MARGIN_SECONDS: Final = 0.01

_deadline: ContextVar[float | None] = ContextVar("fieldwise_deadline", default=None)


def begin(seconds: float | None) -> None:
    """States that the current task must answer within ``seconds``; None lifts the limit (background work)."""
    _deadline.set(None if seconds is None else time.monotonic() + seconds)


def remaining() -> float | None:
    """Seconds left of the call being served; None without a deadline, 0 or less when it has passed."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


def budget(cap: float) -> float:
    """Seconds a downstream call may take: at most ``cap`` and a margin less than what is left. May be negative."""
    left = remaining()
    return cap if left is None else min(left - MARGIN_SECONDS, cap)
