"""The feature set ``customer-behaviour``: a state at one moment as numbers, for training and serving alike.

A window of n days before moment t counts whole UTC days: the day of the last microsecond before t, and the n - 1 days before
it. At midnight these are exactly the n days before t; at noon they are the running day and n - 1 whole ones. "Days since"
use the exact times. The state must hold only events that happened before t and were known by then.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import nan
from typing import Final, NamedTuple

from fieldwise_profile.core.browsing import DWELL
from fieldwise_profile.core.event import DAY, MICROSECOND, SECOND, Kind
from fieldwise_profile.core.fold import AMOUNT, DISCOUNT, LINES, MAILINGS, REDEMPTIONS, State
from fieldwise_profile.core.noise import WHOLE
from fieldwise_profile.core.rhythm import gaps, quantile, silence_after_days, spread


class Column(NamedTuple):
    """One feature: its name, its unit (UCUM; ``{currency}`` is the installation's) and what NaN means."""

    name: str
    unit: str
    null_rule: str


FEATURE_SET_ID: Final = "customer-behaviour"
# Rises whenever a name, an order, a unit or a formula changes.
FEATURE_SET_VERSION: Final = 2
MICROS: Final = 1_000_000

_NO_PURCHASE: Final = "no purchase yet"
_NO_GAP: Final = "fewer than 2 purchase days"
_NO_RHYTHM: Final = "fewer than 3 purchase days"
_NO_MAILING: Final = "no mailing yet"
_NO_VIEW: Final = "no page viewed yet"

RECENT_GAPS: Final = 3
_FADING_DAYS: Final = 30

COLUMNS: Final = (
    Column("days_since_purchase", "d", _NO_PURCHASE),
    Column("days_since_first_purchase", "d", _NO_PURCHASE),
    Column("purchase_days", "1", ""),
    Column("purchase_days_7d", "1", ""),
    Column("purchase_days_14d", "1", ""),
    Column("purchase_days_28d", "1", ""),
    Column("purchase_days_56d", "1", ""),
    Column("purchase_days_84d", "1", ""),
    Column("spend_total", "{currency}", ""),
    Column("spend_28d", "{currency}", ""),
    Column("spend_84d", "{currency}", ""),
    Column("spend_per_purchase_day", "{currency}", _NO_PURCHASE),
    Column("spend_trend_28d", "1", "nothing spent in the last 56 days"),
    Column("gap_mean", "d", _NO_GAP),
    Column("gap_median", "d", _NO_GAP),
    Column("gap_std", "d", _NO_RHYTHM),
    Column("gap_q90", "d", _NO_GAP),
    Column("silence_after_days", "d", _NO_RHYTHM),
    Column("silence_ratio", "1", _NO_RHYTHM),
    Column("categories", "1", ""),
    Column("categories_56d", "1", ""),
    Column("discount_share", "1", "nothing spent yet"),
    Column("weekend_share", "1", _NO_PURCHASE),
    Column("spend_28d_when_active", "{currency}", _NO_PURCHASE),
    Column("active_28d_windows", "1", ""),
    Column("mailings_84d", "1", ""),
    Column("redemptions_84d", "1", ""),
    Column("days_since_mailing", "d", _NO_MAILING),
    Column("purchase_days_faded_30d", "1", ""),
    Column("purchase_weeks_12w", "1", ""),
    Column("active_28d_share", "1", _NO_PURCHASE),
    Column("gap_recent_mean", "d", _NO_GAP),
    Column("gap_longest", "d", _NO_GAP),
    Column("gaps_as_long_share", "1", _NO_GAP),
    Column("gaps_ending_28d_share", "1", _NO_GAP),
    Column("spend_14d", "{currency}", ""),
    Column("spend_last_day", "{currency}", _NO_PURCHASE),
    Column("mailings_28d", "1", ""),
    Column("redemptions_28d", "1", ""),
    Column("views_7d", "1", ""),
    Column("views_28d", "1", ""),
    Column("clicks_28d", "1", ""),
    Column("searches_28d", "1", ""),
    Column("dwell_28d", "s", ""),
    Column("days_since_view", "d", _NO_VIEW),
)


class Purchases:
    """Purchase days of a state, ascending, with what a window before ``moment`` needs."""

    __slots__ = ("ascending_gaps", "days", "gaps", "last_day", "moment", "spent")

    def __init__(self, state: State, moment: int) -> None:
        self.moment = moment
        self.last_day = (moment - MICROSECOND) // DAY
        self.days = sorted([day for day, tally in state.days.items() if tally[LINES]])
        self.spent = [0, *accumulate([state.days[day][AMOUNT] for day in self.days])]
        self.gaps = gaps(self.days)
        self.ascending_gaps = sorted(self.gaps)

    def before(self, window_days: int) -> int:
        """How many purchase days lie before the window of so many days."""
        return bisect_right(self.days, self.last_day - window_days)

    def within(self, window_days: int) -> int:
        """How many purchase days lie in the window."""
        return len(self.days) - self.before(window_days)

    def spend(self, window_days: int) -> int:
        """Money of the window, in micros."""
        return self.spent[-1] - self.spent[self.before(window_days)]


def features(state: State, moment: int) -> list[float]:
    """The numbers of `COLUMNS` at ``moment`` (microseconds since 1970)."""
    return features_of(state, Purchases(state, moment))


def features_of(state: State, bought: Purchases) -> list[float]:
    """The same from purchases that are at hand."""
    since = _days_since(state.last[Kind.PURCHASE], bought.moment)
    active = _active_windows(bought)
    return [
        since,
        _days_since(state.first[Kind.PURCHASE], bought.moment),
        *_days_bought(bought),
        *_money(bought),
        *_rhythm(bought, since),
        *_variety(state, bought),
        *active,
        *_mailings(state, bought),
        *_steadiness(bought, active_windows=active[1]),
        *_gaps_beside_now(bought),
        bought.spend(14) / MICROS,
        (bought.spent[-1] - bought.spent[-2]) / MICROS if bought.days else nan,
        *_mailed_lately(state, bought),
        *_browsing(state, bought),
        _days_since(state.last[Kind.VIEW], bought.moment),
    ]


def _days_since(time: int, moment: int) -> float:
    return (moment - time) / DAY if time else nan


def _days_bought(bought: Purchases) -> tuple[float, ...]:
    windows = (7, 14, 28, 56, 84)
    return (float(len(bought.days)), *(float(bought.within(window)) for window in windows))


def _money(bought: Purchases) -> tuple[float, ...]:
    total, last_28, last_84 = bought.spent[-1], bought.spend(28), bought.spend(84)
    last_56 = bought.spend(56)
    return (
        total / MICROS,
        last_28 / MICROS,
        last_84 / MICROS,
        total / MICROS / len(bought.days) if bought.days else nan,
        # From -1 (stopped) to 1 (new): the change between the two halves, as a share of both.
        (2 * last_28 - last_56) / last_56 if last_56 else nan,
    )


def _rhythm(bought: Purchases, since: float) -> tuple[float, ...]:
    ascending = bought.ascending_gaps
    if not ascending:
        return (nan,) * 6
    silence = silence_after_days(ascending)
    return (
        sum(ascending) / len(ascending),
        quantile(ascending, 0.5),
        spread(ascending) if silence else nan,
        quantile(ascending, 0.9),
        silence or nan,
        since / silence if silence else nan,
    )


def _variety(state: State, bought: Purchases) -> tuple[float, ...]:
    start = (bought.last_day - 56 + 1) * DAY
    recent = sum(1 for category in state.categories.values() if category.last >= start)
    discount = sum(state.days[day][DISCOUNT] for day in bought.days)
    full_price = bought.spent[-1] + discount
    # 1970-01-01 was a Thursday: day 2 was a Saturday.
    weekend = sum(1 for day in bought.days if (day - 2) % 7 < 2)
    return (
        float(len(state.categories)),
        float(recent),
        discount / full_price if full_price else nan,
        weekend / len(bought.days) if bought.days else nan,
    )


def _active_windows(bought: Purchases) -> tuple[float, float]:
    """Mean spend of the 28-day windows, counted back from the moment, in which he bought; and how many they are."""
    windows = len({(bought.last_day - day) // 28 for day in bought.days})
    return (bought.spent[-1] / MICROS / windows if windows else nan, float(windows))


def _mailings(state: State, bought: Purchases) -> tuple[float, ...]:
    start = bought.last_day - 84
    recent = [tally for day, tally in state.days.items() if day > start]
    return (
        float(sum(tally[MAILINGS] for tally in recent)),
        float(sum(tally[REDEMPTIONS] for tally in recent)),
        _days_since(state.last[Kind.MAILING], bought.moment),
    )


def _steadiness(bought: Purchases, active_windows: float) -> tuple[float, float, float]:
    """Purchase days, each halved every 30 days; weeks of the last 12 with one; share of his 28-day windows with one."""
    days, last_day = bought.days, bought.last_day
    if not days:
        return 0.0, 0.0, nan
    weeks = {(last_day - day) // 7 for day in days[bought.before(84) :]}
    return (
        sum([_FADED[last_day - day] for day in days[bought.before(len(_FADED)) :]]),
        float(len(weeks)),
        active_windows / ((last_day - days[0]) // 28 + 1),
    )


def _gaps_beside_now(bought: Purchases) -> tuple[float, ...]:
    """Mean of his last three gaps and the longest; how many of his gaps were as long as the one that runs, and of those, how
    many ended within 28 more days. Both shares count one gap of each answer more, so that few gaps say little.
    """
    ascending = bought.ascending_gaps
    if not ascending:
        return (nan,) * 4
    recent = bought.gaps[-RECENT_GAPS:]
    running = bought.last_day + 1 - bought.days[-1]
    shorter = bisect_left(ascending, running)
    ended = bisect_left(ascending, running + 28) - shorter
    as_long = len(ascending) - shorter
    return (
        sum(recent) / len(recent),
        float(ascending[-1]),
        (as_long + 1) / (len(ascending) + 2),
        (ended + 1) / (as_long + 2),
    )


def _mailed_lately(state: State, bought: Purchases) -> tuple[float, float]:
    tallies = [state.days.get(day) for day in range(bought.last_day - 27, bought.last_day + 1)]
    found = [tally for tally in tallies if tally]
    return float(sum([tally[MAILINGS] for tally in found])), float(
        sum([tally[REDEMPTIONS] for tally in found])
    )


def _browsing(state: State, bought: Purchases) -> tuple[float, ...]:
    """Views of 7 days; views, clicks, searches and seconds of 28 days. Noise counts less (`noise`)."""
    if state.browsing is None:
        return (0.0,) * 5
    browsed = state.browsing.days()
    week = views = clicks = searches = dwell = 0
    for day in range(bought.last_day - 27, bought.last_day + 1):
        sums = browsed.get(day)
        if sums is None:
            continue
        seen = sums.kinds.get(_VIEW, 0)
        views += seen
        week += seen if day > bought.last_day - 7 else 0
        clicks += sums.kinds.get(_CLICK, 0)
        searches += sums.kinds.get(_SEARCH, 0)
        dwell += sum([own[DWELL] for own in sums.categories.values()])
    return week / WHOLE, views / WHOLE, clicks / WHOLE, searches / WHOLE, dwell / WHOLE / _MS


_VIEW, _CLICK, _SEARCH = int(Kind.VIEW), int(Kind.CLICK), int(Kind.SEARCH)
_MS: Final = 1000
# Beyond a year a purchase day weighs next to nothing: it is left out.
_FADED: Final = tuple(0.5 ** (age / _FADING_DAYS) for age in range(360))


def moment_of(seconds: int, nanos: int) -> int:
    """Microseconds since 1970; finer parts are cut off."""
    return seconds * SECOND + nanos // 1000
