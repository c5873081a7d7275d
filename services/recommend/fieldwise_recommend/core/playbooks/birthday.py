"""How far off a birthday is where the customer lives; knows no year of birth and no clock.

Who was born on 29 February has his birthday on 28 February in other years: it is then told in the month in which he was born, and never late.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Final

_LEAP_DAY: Final = (2, 29)
# A leap year: every day of the year exists in it.
_ANY_YEAR: Final = 2024


def local_date(moment: int, zone: tzinfo) -> date:
    """The date where the customer is, at a moment in seconds since 1970."""
    return datetime.fromtimestamp(moment, zone).date()


def is_day(month: int, day: int) -> bool:
    """Whether some year has this day."""
    try:
        date(_ANY_YEAR, month, day)
    except ValueError:
        return False
    return True


def days_to_birthday(today: date, month: int, day: int) -> int:
    """Days until the next birthday, 0 on it; ``is_day(month, day)`` holds."""
    this_year = _in_year(today.year, month, day)
    coming = this_year if this_year >= today else _in_year(today.year + 1, month, day)
    return (coming - today).days


def _in_year(year: int, month: int, day: int) -> date:
    if (month, day) == _LEAP_DAY:
        return date(year, 3, 1) - timedelta(days=1)
    return date(year, month, day)
