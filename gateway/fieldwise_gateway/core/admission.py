"""How many calls of one class may be under way: a limit that follows their latency; knows no call, no clock and no wire.

A batch server answers n waiting calls in a + b n seconds, so its throughput n / (a + b n) still grows with n when its latency
does: it stands at 1 - 1/k of its peak where a call takes k times the least it can take. The limit is therefore moved to where
calls take ``tolerance`` times their own least: more calls would wait longer and hardly more would be answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Seconds between two looks at the limit, and answers without which there is nothing to look at.
LOOK_SECONDS: Final = 0.1
_LEAST_ANSWERS: Final = 8
_MOST_LOOK_SECONDS: Final = 2.0
# One look lowers the limit by this much at most: a pause of the machine looks like an overload for a moment.
_LOWEST_STEP: Final = 0.7
# Least latencies are those of the last one or two of these, so that one lucky answer is not the measure for ever.
_FLOOR_SECONDS: Final = 30.0
# While calls queue nobody sees an idle server; its floor is let rise slowly, for the server may have become slower.
_FLOOR_RISES: Final = 1.1
# A limit starts at so many times its least, and counts as reached when it is nearly.
_START: Final = 4
_NEARLY: Final = 0.9
# A rate is the average of about so many looks.
_RATE_WEIGHT: Final = 0.2
LEAST_RETRY_SECONDS: Final = 0.05
MOST_RETRY_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a limit may stand.

    Attributes:
        least: Calls that are always admitted; a limit stands there when calls have become slow.
        most: Calls that are admitted however fast they are.
        patience: Seconds; calls that take no longer than that never lower the limit.
        tolerance: Times their own least latency that calls may take before the limit is lowered.
    """

    least: int
    most: int
    patience: float = 0.1
    tolerance: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"least {self.least}, most {self.most}: give 1 <= least <= most")

    @classmethod
    def fixed(cls, calls: int) -> Bounds:
        """A limit that does not move: for work of which every piece takes another time."""
        return cls(calls, calls)


class Limit:
    """Calls of one class under way, and how many may be. Times are seconds of one clock that only goes forward.

    Attributes:
        under_way: Calls that were admitted and have not left.
        refused: Calls refused since the start.
        retry_seconds: After how long the calls refused of late could all have been answered.
    """

    __slots__ = (
        "_admitted_at_most",
        "_answered",
        "_bounds",
        "_drained",
        "_due",
        "_floors",
        "_limit",
        "_looked",
        "_refused_before",
        "_refusing",
        "_seconds",
        "_seconds_least",
        "_usual",
        "_was_full",
        "refused",
        "retry_seconds",
        "under_way",
    )

    def __init__(self, bounds: Bounds, now: float) -> None:
        self._bounds = bounds
        # Low enough that a rush on a server that has just started makes no long queue; it is raised when it is full.
        self._limit = float(min(_START * bounds.least, bounds.most))
        self._floors: dict[str, _Floor] = {}
        self._looked, self._due = now, now + LOOK_SECONDS
        self._answered, self._seconds, self._seconds_least = 0, 0.0, 0.0
        self._admitted_at_most, self._was_full = 0, False
        self._usual = 0.0
        self._drained, self._refusing, self._refused_before = 0.0, 0.0, 0
        self.under_way = 0
        self.refused = 0
        self.retry_seconds = LEAST_RETRY_SECONDS

    @property
    def limit(self) -> int:
        """Calls that may be under way now."""
        return int(self._limit)

    @property
    def has_room(self) -> bool:
        """Whether one more call would be admitted, whatever its deadline."""
        return self.under_way < self._limit

    def refuse(self, now: float) -> None:
        """Counts a call that was refused because there is no room."""
        if now >= self._due:
            self.look(now)
        self.refused += 1
        self._was_full = True

    def enter(self, now: float, left: float | None = None) -> bool:
        """Admits a call or refuses it.

        Args:
            left: Seconds until its deadline; None without one. A call that is usually not answered by then is refused when
                it would only take the place of others.
        """
        if now >= self._due:
            self.look(now)
        if self.under_way >= self._limit or (
            left is not None and left < self._usual and 2 * self.under_way > self._limit
        ):
            self.refused += 1
            self._was_full = True
            return False
        self.under_way += 1
        self._admitted_at_most = max(self._admitted_at_most, self.under_way)
        return True

    def leave(self, method: str, seconds: float, now: float, *, answered: bool) -> None:
        """A call that was admitted is over.

        Args:
            method: What was called: only calls of the same method are measured by the same least latency.
            seconds: It took.
            answered: False for calls that failed, whose latency says nothing of how fast answers can be.
        """
        self.under_way -= 1
        floor = self._floors.get(method)
        if floor is None:
            floor = self._floors[method] = _Floor(now)
        if answered:
            floor.take(seconds)
        if answered or seconds > self._bounds.patience:
            least = min(floor.seconds, seconds)
            self._answered += 1
            self._seconds += seconds
            self._seconds_least += least
        if now >= self._due:
            self.look(now)

    def look(self, now: float) -> None:
        """Moves the limit by what was seen since the last look, if enough was."""
        passed = max(now - self._looked, 1e-6)
        if self._answered < _LEAST_ANSWERS and passed < _MOST_LOOK_SECONDS:
            self._due = now + LOOK_SECONDS
            return
        self._rates(passed)
        if self._answered:
            self._move()
        is_idle = 2 * self._admitted_at_most < self._limit
        for floor in self._floors.values():
            floor.age(now, seen_idle=is_idle)
        self._answered, self._seconds, self._seconds_least = 0, 0.0, 0.0
        self._admitted_at_most, self._was_full = self.under_way, False
        self._looked, self._due = now, now + LOOK_SECONDS

    def _move(self) -> None:
        mean, least = self._seconds / self._answered, self._seconds_least / self._answered
        self._usual = mean
        allowed = max(self._bounds.patience, self._bounds.tolerance * least)
        if not self._was_full and self._admitted_at_most < _NEARLY * self._limit:
            # It kept nobody out, so slow calls are not its doing (the machine paused, a peer was slow), and fast ones do not say
            # that it should be higher. It goes back to where it began, slowly.
            wanted = max(self._limit, min(self._limit + 1.0, _START * self._bounds.least))
        elif mean > allowed:
            # As much lower as calls are too slow: latency grows with the calls under way.
            wanted = self._limit * max(_LOWEST_STEP, allowed / mean)
        else:
            wanted = self._limit + max(1.0, self._limit**0.5 * (1.0 - mean / allowed))
        self._limit = min(max(wanted, float(self._bounds.least)), float(self._bounds.most))

    def _rates(self, passed: float) -> None:
        refused, self._refused_before = self.refused - self._refused_before, self.refused
        self._drained += _RATE_WEIGHT * (self._answered / passed - self._drained)
        self._refusing += _RATE_WEIGHT * (refused / passed - self._refusing)
        if self._refusing < 0.5:
            self._refusing = 0.0
        # Those who were refused within a second come back spread over the time in which they can be answered.
        wanted = self._refusing / self._drained if self._drained > 0.0 else MOST_RETRY_SECONDS
        self.retry_seconds = min(max(wanted, LEAST_RETRY_SECONDS), MOST_RETRY_SECONDS)


class _Floor:
    """The least latency of one method in the last one or two windows."""

    __slots__ = ("_before", "_began", "_idle", "_now")

    def __init__(self, now: float) -> None:
        self._before = self._now = float("inf")
        self._began, self._idle = now, False

    @property
    def seconds(self) -> float:
        return min(self._before, self._now)

    def take(self, seconds: float) -> None:
        self._now = min(self._now, seconds)

    def age(self, now: float, *, seen_idle: bool) -> None:
        self._idle = self._idle or seen_idle
        if now - self._began < _FLOOR_SECONDS or self._now == float("inf"):
            return
        self._before = self._now if self._idle else _FLOOR_RISES * self.seconds
        self._now, self._began, self._idle = float("inf"), now, False
