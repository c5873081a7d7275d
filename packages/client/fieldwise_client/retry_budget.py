"""How many calls may be sent again to a server that has too much to do; knows no call."""

from __future__ import annotations

_MOST = 10.0
# Of all calls at most one in ten is a repetition, however many the server refuses.
_EARNED = 0.1


class RetryBudget:
    """Shared by all calls of one client: each answered call earns a tenth of a repetition, and at most ten are saved up.

    Without it every refused call would come back, and a server with twice its load would be asked three or four times of it.
    Threads may use one together: a repetition too many or too few does no harm.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST

    def answered(self) -> None:
        """A call was answered."""
        self._left = min(_MOST, self._left + _EARNED)

    def take(self) -> bool:
        """Whether one more call may be sent again; it counts as sent."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
