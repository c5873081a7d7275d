"""How long to wait before a process is started again: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits double from ``first`` to ``longest`` seconds, and begin anew after ``healthy`` seconds of life."""

    first: float = 0.05
    longest: float = 10.0
    healthy: float = 30.0

    def wait(self, failures: int) -> float:
        """Seconds before the next start, after ``failures`` deaths in a row (1 or more)."""
        # The exponent is bounded, as a float is: a process may die a thousand times over a weekend.
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 16))

    def failures_after(self, failures: int, lived: float) -> int:
        """Deaths in a row, after one more death of a process that lived ``lived`` seconds."""
        return 1 if lived >= self.healthy else failures + 1
