"""Holidays as inputs known in advance, by day, week, month or quarter; a pure function of dates, knows no sales."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np

from ..features import Floats
from .panel import Frequency
from .periods import begin_of, number_of

# How far a holiday throws its shadow: people stock up the week before.
DAYS_BEFORE = 7
# Where the feasts of the lunar calendar move sales.
LUNAR = ("CN", "HK", "MO", "SG", "TW")
_SAME_FEAST = re.compile(r"\s*\((observed|estimated).*?\)|^Day off.*", re.IGNORECASE)


@dataclass(frozen=True)
class Feast:
    """A feast of the lunar calendar: it moves by up to a month from year to year, and trade moves with it.

    Attributes:
        words: What the holidays library calls its day.
        before: Days of preparation that end the day before it.
        days: The feast itself, its first day included.
        after: Days that follow it.
    """

    name: str
    words: str
    before: int
    days: int
    after: int


FEASTS = (
    Feast("spring_festival", "Chinese New Year (Spring Festival)", before=21, days=7, after=14),
    Feast("dragon_boat", "Dragon Boat Festival", before=10, days=3, after=4),
    Feast("mid_autumn", "Mid-Autumn Festival", before=21, days=3, after=4),
)


@dataclass(frozen=True)
class CalendarInputs:
    """Days that a window of the calendar has in each period, such as 3 days of Spring Festival in a week.

    Attributes:
        names: One per input.
        values: Shape (n_periods, n_inputs), whole days.
    """

    names: tuple[str, ...]
    values: Floats


def supported_countries() -> frozenset[str]:
    """Codes of the countries whose holidays are known."""
    import holidays  # not at the start of a server: a second of imports

    return frozenset(code for code in holidays.list_supported_countries() if len(code) == 2)


def calendar_inputs(
    frequency: Frequency, start: datetime, periods: int, countries: Sequence[str]
) -> CalendarInputs:
    """Days off, days before them, and the windows of the lunar feasts, in each of the periods from ``start`` on.

    Inputs: ``holidays_cn`` and ``before_holidays_cn`` for each country; ``spring_festival_before``, ``spring_festival``,
    ``spring_festival_after`` and so on where a country keeps the lunar feasts.

    Source: Bell & Hillmer (1983), Modeling time series with calendar variation, section 2.2: windows around a feast.
    """
    if not countries:
        return CalendarInputs((), np.zeros((periods, 0)))
    edges = _edges(frequency, start, periods)
    years = _years(edges)
    windows: dict[str, set[date]] = {}
    for country in countries:
        off = set(_holidays(country, years))
        windows[f"holidays_{country.lower()}"] = off
        windows[f"before_holidays_{country.lower()}"] = shifted(off, range(-DAYS_BEFORE, 0)) - off
    if set(countries) & set(LUNAR):
        windows |= _lunar_windows(years)
    return _counted(windows, edges)


def named_holidays(
    frequency: Frequency, start: datetime, periods: int, countries: Sequence[str]
) -> CalendarInputs:
    """Days of each holiday by its name in each of the periods, for telling what it adds; lunar feasts in their windows."""
    edges = _edges(frequency, start, periods)
    years = _years(edges)
    lunar = _lunar_windows(years) if set(countries) & set(LUNAR) else {}
    taken = [feast.words for feast in FEASTS] if lunar else []
    windows: dict[str, set[date]] = {}
    for country in countries:
        for day, words in _holidays(country, years).items():
            if not any(feast in words for feast in (*taken, *(["Chinese New Year"] if lunar else []))):
                windows.setdefault(_name_of(words), set()).add(day)
    counted = _counted(windows | lunar, edges)
    acts = counted.values.any(axis=0)
    return CalendarInputs(
        tuple(np.array(counted.names)[acts].tolist()) if counted.names else (), counted.values[:, acts]
    )


def _name_of(words: str) -> str:
    """One name for a holiday and for the day off given for it."""
    return _SAME_FEAST.sub("", words.split(";", maxsplit=1)[0]).strip() or "Bridging day off"


def feast_days(feast: Feast, years: Iterable[int]) -> list[date]:
    """The first day of a lunar feast in each of the years, as China keeps it."""
    named = _holidays("CN", tuple(years))
    first: dict[int, date] = {}
    for day in sorted(named):
        if feast.words in re.sub(r"[^;]*\((observed|substituted)[^;]*", "", named[day]):
            first.setdefault(day.year, day)
    return list(first.values())


def _lunar_windows(years: Sequence[int]) -> dict[str, set[date]]:
    windows: dict[str, set[date]] = {}
    for feast in FEASTS:
        days = feast_days(feast, (years[0] - 1, *years, years[-1] + 1))
        windows[f"{feast.name}_before"] = shifted(days, range(-feast.before, 0))
        windows[feast.name] = shifted(days, range(feast.days))
        windows[f"{feast.name}_after"] = shifted(days, range(feast.days, feast.days + feast.after))
    return windows


def shifted(days: Iterable[date], offsets: Iterable[int]) -> set[date]:
    """Every day moved by every offset."""
    moves = [timedelta(days=offset) for offset in offsets]
    return {day + move for day in days for move in moves}


def _edges(frequency: Frequency, start: datetime, periods: int) -> list[int]:
    """Ordinals of the days on which the periods begin, and of the end."""
    first = number_of(frequency, start)
    return [begin_of(frequency, number).toordinal() for number in range(first, first + periods + 1)]


def _years(edges: Sequence[int]) -> tuple[int, ...]:
    """The years of the periods and the next one, whose first days already throw their shadow."""
    return tuple(range(date.fromordinal(edges[0]).year, date.fromordinal(edges[-1]).year + 2))


@cache
def _holidays(country: str, years: tuple[int, ...]) -> dict[date, str]:
    """Public holidays with their English names, days off given for them included."""
    import holidays  # not at the start of a server: a second of imports

    found: Callable[..., dict[date, str]] = holidays.country_holidays
    try:
        return dict(found(country, years=years, language="en_US"))
    except NotImplementedError:
        return {}


def _counted(windows: dict[str, set[date]], edges: Sequence[int]) -> CalendarInputs:
    columns = [
        np.histogram([day.toordinal() + 0.5 for day in days], bins=edges)[0] for days in windows.values()
    ]
    values = np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((len(edges) - 1, 0))
    return CalendarInputs(tuple(windows), values)
