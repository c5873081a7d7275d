"""What a customer does beside buying, read from his state: what he looks at, how he is reached, decayed counts, noise; knows no wire.

Every function takes the day of the last microsecond before the moment asked for; the state holds only what was before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from fieldwise_profile.core.browsing import CLICKS, DWELL, LAST, SEARCHES, VIEWS, DayOfBrowsing
from fieldwise_profile.core.decay import HALF_LIVES_DAYS, decayed, weight
from fieldwise_profile.core.event import KIND_NAMES, Kind
from fieldwise_profile.core.fold import (
    AMOUNT,
    CONTACTS,
    LINES,
    MAILINGS,
    REDEMPTIONS,
    UNKNOWN_CATEGORY,
    State,
)
from fieldwise_profile.core.noise import WHOLE, Reason

MOST_CATEGORIES: Final = 10
MOST_WORDS: Final = 10
CHANNEL_DAYS: Final = 180
INTENT_HALF_LIFE_DAYS: Final = 7
# What one of each says of an intent to buy, in views. Ours, not measured: they order categories.
INTENT: Final = {VIEWS: 1.0, CLICKS: 2.0, SEARCHES: 3.0}
_MS: Final = 1000

_Days = Mapping[int, DayOfBrowsing]


class CategoryLook(NamedTuple):
    """What he looks at in one category; counts are weighted, the last time is in microseconds."""

    category: str
    views: float
    clicks: float
    searches: float
    dwell_seconds: float
    last_time: int
    intent: float


class ChannelUse(NamedTuple):
    """A channel, its share of his weighted events of the last 180 days, and the last time."""

    channel: str
    share: float
    last_time: int
    events: float


class SearchedWord(NamedTuple):
    """A word, how often he searched for it, and when last."""

    word: str
    times: int
    last_time: int


class Decayed(NamedTuple):
    """Decayed count and money of one kind; money in micros, rounded."""

    kind: str
    half_life_days: int
    events: float
    amount: int


class Noise(NamedTuple):
    """Events of one reason, and what they count for together."""

    reason: Reason
    events: int
    weight: float


def browsing_days(state: State) -> _Days:
    """The sums of each day with browsing."""
    return state.browsing.days() if state.browsing is not None else {}


def category_looks(state: State, today: int) -> list[CategoryLook]:
    """Categories he looks at, strongest intent first; at most ten. ``unknown`` is none."""
    sums: dict[str, list[int]] = {}
    intents: dict[str, float] = {}
    for day, browsed in browsing_days(state).items():
        fading = weight(today - day, INTENT_HALF_LIFE_DAYS)
        for category, own in browsed.categories.items():
            so_far = sums.get(category)
            if so_far is None:
                sums[category] = list(own)
            else:
                for place in (VIEWS, CLICKS, SEARCHES, DWELL):
                    so_far[place] += own[place]
                so_far[LAST] = max(so_far[LAST], own[LAST])
            said = sum(worth * own[place] for place, worth in INTENT.items())
            intents[category] = intents.get(category, 0.0) + said * fading / WHOLE
    sums.pop(UNKNOWN_CATEGORY, None)
    looks = [_look(category, own, intents[category]) for category, own in sums.items()]
    looks.sort(key=lambda look: (-look.intent, look.category))
    return looks[:MOST_CATEGORIES]


def _look(category: str, own: list[int], intent: float) -> CategoryLook:
    return CategoryLook(
        category,
        own[VIEWS] / WHOLE,
        own[CLICKS] / WHOLE,
        own[SEARCHES] / WHOLE,
        own[DWELL] / WHOLE / _MS,
        own[LAST],
        intent,
    )


def channel_uses(state: State, today: int) -> list[ChannelUse]:
    """How he is reached and how he comes, most used first; channels of the last 180 days."""
    since = today - CHANNEL_DAYS
    used: dict[str, int] = {}
    last = dict(state.channel_last)
    for channel, days in state.channels.items():
        used[channel] = WHOLE * sum(count for day, count in days.items() if day > since)
    for day, browsed in browsing_days(state).items():
        for channel, (count, time) in browsed.channels.items():
            last[channel] = max(last.get(channel, 0), time)
            if day > since:
                used[channel] = used.get(channel, 0) + count
    total = sum(used.values())
    uses = [
        ChannelUse(channel, count / total, last[channel], count / WHOLE)
        for channel, count in used.items()
        if count
    ]
    return sorted(uses, key=lambda use: (-use.share, use.channel))


def searched_words(state: State) -> list[SearchedWord]:
    """Words he searched for, most often first, then latest; at most ten."""
    words: dict[str, list[int]] = {}
    for browsed in browsing_days(state).values():
        for word, (count, time) in browsed.words.items():
            own = words.setdefault(word, [0, 0])
            own[0] += count
            own[1] = max(own[1], time)
    found = [SearchedWord(word, count, time) for word, (count, time) in words.items()]
    found.sort(key=lambda each: (-each.times, -each.last_time, each.word))
    return found[:MOST_WORDS]


def noise_of(state: State) -> list[Noise]:
    """Browsing events that count less than whole, by reason."""
    sums: dict[Reason, list[int]] = {}
    for browsed in browsing_days(state).values():
        for reason, (count, counted) in browsed.noise.items():
            own = sums.setdefault(reason, [0, 0])
            own[0] += count
            own[1] += counted
    return [Noise(reason, sums[reason][0], sums[reason][1] / WHOLE) for reason in sorted(sums)]


def decayed_tallies(state: State, today: int) -> list[Decayed]:
    """Decayed counts of every kind that there was, and the money of purchases, at each half-life; kinds ascending."""
    return [
        Decayed(
            kind,
            half_life,
            decayed(days, today, half_life),
            round(decayed(_money(state), today, half_life)) if kind == _PURCHASE else 0,
        )
        for kind, days in sorted(daily_counts(state).items())
        for half_life in HALF_LIVES_DAYS
    ]


def daily_counts(state: State) -> dict[str, dict[int, float]]:
    """Weighted events by kind and day; kinds without any are left out."""
    found: dict[str, dict[int, float]] = {name: dict(days) for name, days in state.counts.items()}
    for name, place in _TALLIED.items():
        days: dict[int, float] = {day: tally[place] for day, tally in state.days.items() if tally[place]}
        if days:
            found[name] = days
    for day, browsed in browsing_days(state).items():
        for kind, counted in browsed.kinds.items():
            found.setdefault(_WEIGHED[kind], {})[day] = counted / WHOLE
    return found


def _money(state: State) -> Iterator[tuple[int, float]]:
    return ((day, tally[AMOUNT]) for day, tally in state.days.items() if tally[LINES])


_PURCHASE: Final = KIND_NAMES[Kind.PURCHASE]
_TALLIED: Final = {
    _PURCHASE: LINES,
    KIND_NAMES[Kind.MAILING]: MAILINGS,
    KIND_NAMES[Kind.REDEMPTION]: REDEMPTIONS,
    KIND_NAMES[Kind.CONTACT]: CONTACTS,
}
_WEIGHED: Final = {
    int(Kind.VIEW): KIND_NAMES[Kind.VIEW],
    int(Kind.CLICK): KIND_NAMES[Kind.CLICK],
    int(Kind.SEARCH): KIND_NAMES[Kind.SEARCH],
    int(Kind.MESSAGE): "message_opened",
}
