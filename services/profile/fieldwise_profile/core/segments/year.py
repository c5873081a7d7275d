"""What a customer did in a year, read from his state; knows no measure and no segment."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import islice
from typing import Final

from fieldwise_profile.core.event import DAY, MICROSECOND, Kind
from fieldwise_profile.core.features import MICROS
from fieldwise_profile.core.fold import AMOUNT, DISCOUNT, LINES, REDEMPTIONS, UNKNOWN_CATEGORY, State
from fieldwise_profile.core.segments.behaviour import WINDOW_DAYS, Year

# Weights are kept in hundredths of an event; looking time in hundredths of a millisecond.
_EVENT: Final = 100
_SECOND: Final = 100 * 1000
_VIEW, _CLICK, _SEARCH, _MESSAGE = int(Kind.VIEW), int(Kind.CLICK), int(Kind.SEARCH), int(Kind.MESSAGE)
_LOOKS: Final = (_VIEW, _CLICK, _SEARCH)
_SENT: Final = "message_sent"


def year_of(state: State, moment: int) -> Year:
    """What he did in the whole UTC days before ``moment`` (microseconds); the state must hold only what was before it."""
    last = (moment - MICROSECOND) // DAY
    before = last - WINDOW_DAYS
    days = sorted(day for day, tally in state.days.items() if day > before and tally[LINES])
    tallies = [state.days[day] for day in days]
    looked = _Looked(state, before)
    first = min(time for time in state.first if time) // DAY if state.count else last
    active = max([*days[-1:], looked.last_day, first, before + 1]) - max(first, before + 1) + 1
    return Year(
        active_days=active,
        purchase_days=days,
        lines=sum(tally[LINES] for tally in tallies),
        spend=sum(tally[AMOUNT] for tally in tallies) / MICROS,
        discount=sum(tally[DISCOUNT] for tally in tallies) / MICROS,
        redemptions=sum(tally[REDEMPTIONS] for day, tally in state.days.items() if day > before),
        views=looked.kinds.get(_VIEW, 0) / _EVENT,
        clicks=looked.kinds.get(_CLICK, 0) / _EVENT,
        searches=looked.kinds.get(_SEARCH, 0) / _EVENT,
        dwell_seconds=looked.dwell / _SECOND,
        bought=_bought(state, before),
        viewed={category: weight / _EVENT for category, weight in looked.viewed.items() if weight},
        channels=_channels(state, looked, before),
        messages_sent=sum(count for day, count in state.counts.get(_SENT, {}).items() if day > before),
        messages_opened=looked.kinds.get(_MESSAGE, 0) / _EVENT,
    )


class _Looked:
    """Sums of browsing after a day, in hundredths. Written flat: it runs when a profile is read."""

    __slots__ = ("channels", "dwell", "kinds", "last_day", "viewed")

    def __init__(self, state: State, before: int) -> None:
        self.kinds = kinds = defaultdict[int, int](int)
        self.viewed = viewed = defaultdict[str, int](int)
        self.channels = channels = defaultdict[str, int](int)
        self.dwell = 0
        self.last_day = 0
        if state.browsing is None:
            return
        browsed = state.browsing.days()
        dwell = 0
        for sums in islice(browsed.values(), bisect_right(list(browsed), before), None):
            for kind, weight in sums.kinds.items():
                kinds[kind] += weight
            for channel, (weight, _) in sums.channels.items():
                channels[channel] += weight
            for category, (views, _, _, looked, _) in sums.categories.items():
                viewed[category] += views
                dwell += looked
        self.dwell = dwell
        self.last_day = max(state.last[kind] for kind in _LOOKS) // DAY


def _bought(state: State, before: int) -> dict[str, int]:
    found = {}
    for category, own in state.categories.items():
        days = sum(1 for day in own.days if day > before)
        if days and category != UNKNOWN_CATEGORY:
            found[category] = days
    return found


def _channels(state: State, looked: _Looked, before: int) -> dict[str, float]:
    found = {channel: weight / _EVENT for channel, weight in looked.channels.items()}
    for channel, days in state.channels.items():
        used = sum(count for day, count in days.items() if day > before)
        found[channel] = found.get(channel, 0.0) + used
    return found
