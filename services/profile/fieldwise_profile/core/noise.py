"""What each browsing event of one customer and UTC hour counts, and why less than whole; knows no customer and no wire.

The weight is a function of the set of events of the hour: neither their order of arrival nor the events of other hours change
it. Nothing is thrown away: an event of weight 0 stays in the log and is shown with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple

from fieldwise_profile.core.event import HOUR, SECOND, Kind

# Whole weight. Weights are whole hundredths, so that sums of them are exact.
WHOLE: Final = 100


class Browsing(NamedTuple):
    """A browsing event.

    Args:
        at: Microseconds since its UTC hour began.
        kind: Its `Kind`.
        key: What was looked at or clicked.
        measure: A view's dwell in ms, a search's results; -1 when the source does not say.
        robot: 1 when its agent names a program.
        words: What was searched for, the words apart by spaces.
    """

    at: int
    kind: int
    key: str
    category: str
    channel: str
    measure: int
    robot: int
    words: str


# The same as a plain tuple: millions of them are kept, and a collector of garbage that meets a class looks into each.
Raw = tuple[int, int, str, str, str, int, int, str]


class Reason(IntEnum):
    """Why an event counts less than whole; the strongest one is told."""

    NONE = 0
    ROBOT = 1  # its agent names a program
    RATE = 2  # more at once than a person can
    METRONOME = 3  # at even distances, as programs come
    DOUBLE = 4  # the same again, sooner than a person means it
    MISCLICK = 5  # left before anything could be seen


# What an event counts with its reason, in hundredths. A double adds nothing to what it doubles. The others are judgements: a
# person with a fast page can be taken for a misclick, so that one keeps a little.
WEIGHTS: Final = {
    Reason.NONE: WHOLE,
    Reason.ROBOT: 0,
    Reason.RATE: 0,
    Reason.METRONOME: 5,
    Reason.DOUBLE: 0,
    Reason.MISCLICK: 10,
}

# The same target again within this is a double: people need longer to mean it (the usual double-click time is half a second).
DOUBLE_WITHIN: Final = 1 * SECOND
# Less can't be seen, let alone understood.
MISCLICK_BELOW_MS: Final = 300
# So many within so long is no person.
RATE_EVENTS: Final = 8
RATE_WITHIN: Final = 8 * SECOND
# So many in a row whose gaps differ by no more than the share of the shortest (or the least that clocks allow) are a program's.
METRONOME_EVENTS: Final = 6
METRONOME_SHARE: Final = 0.05
METRONOME_SLACK: Final = SECOND // 20
# Beyond one event a second the whole hour is a program's, and is only counted.
MOST_PER_HOUR: Final = HOUR // SECOND

_VIEW: Final = int(Kind.VIEW)


def weigh(events: Sequence[Browsing]) -> list[Reason]:
    """The reason of each event of one hour, in the order given, which must be ascending."""
    if len(events) > MOST_PER_HOUR:
        return [Reason.RATE] * len(events)
    reasons = [_alone(event) for event in events]
    if len(events) > 1:
        _mark_doubles(events, reasons)
        _mark_rates(events, reasons)
        _mark_metronomes(events, reasons)
    return reasons


def _alone(event: Browsing) -> Reason:
    if event.robot:
        return Reason.ROBOT
    if event.kind == _VIEW and 0 <= event.measure < MISCLICK_BELOW_MS:
        return Reason.MISCLICK
    return Reason.NONE


def _mark_doubles(events: Sequence[Browsing], reasons: list[Reason]) -> None:
    last: dict[tuple[int, str, str], int] = {}
    for place, event in enumerate(events):
        what = (event.kind, event.key, event.category)
        before = last.get(what)
        if before is not None and event.at - before < DOUBLE_WITHIN and not reasons[place]:
            reasons[place] = Reason.DOUBLE
        last[what] = event.at


def _mark_rates(events: Sequence[Browsing], reasons: list[Reason]) -> None:
    # A double is a person's slip, no sign of a program: it is left out of the count.
    counted = [place for place, reason in enumerate(reasons) if reason is not Reason.DOUBLE]
    for first, last in zip(counted, counted[RATE_EVENTS - 1 :], strict=False):
        if events[last].at - events[first].at <= RATE_WITHIN:
            for place in range(first, last + 1):
                reasons[place] = min(reasons[place] or Reason.RATE, Reason.RATE)


def _mark_metronomes(events: Sequence[Browsing], reasons: list[Reason]) -> None:
    counted = [place for place, reason in enumerate(reasons) if reason in _STEADY]
    gaps = [events[later].at - events[earlier].at for earlier, later in pairwise(counted)]
    for first in range(len(gaps) - METRONOME_EVENTS + 2):
        some = gaps[first : first + METRONOME_EVENTS - 1]
        if max(some) - min(some) <= max(METRONOME_SLACK, METRONOME_SHARE * min(some)):
            for place in counted[first : first + METRONOME_EVENTS]:
                reasons[place] = Reason.METRONOME


_STEADY: Final = frozenset({Reason.NONE, Reason.MISCLICK})
