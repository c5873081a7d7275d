"""How often one caller may call: a bucket of tokens; knows no caller and no clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Fills at ``per_second`` up to ``burst``; each call takes one.

    Args:
        now: Seconds on any steady clock; when it was made, full.
    """

    per_second: float
    burst: int
    now: float
    level: float = -1.0

    def __post_init__(self) -> None:
        if not (self.per_second > 0.0 and self.burst >= 1):
            raise ValueError("a bucket fills at more than 0 a second and holds at least 1")
        if self.level < 0.0:
            self.level = float(self.burst)

    def take(self, now: float) -> float:
        """0 when there was one to take, otherwise the seconds until there is one, and nothing is taken."""
        self.level = min(float(self.burst), self.level + max(0.0, now - self.now) * self.per_second)
        self.now = max(self.now, now)
        if self.level >= 1.0:
            self.level -= 1.0
            return 0.0
        return (1.0 - self.level) / self.per_second
