"""A rep's minutes on a day, and which days may be asked for; knows no rep's name and no wire."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

DAYS_AHEAD: Final = 13
_WORKING_DAYS: Final = 5
_MINUTES: Final = 60.0


def minutes_on(day: date, hours_per_week: float, share_of_full_time: float) -> float:
    """A fifth of the week's minutes from Monday to Friday, none at weekends.

    Args:
        share_of_full_time: Part of a full post by which his hours count; 0 means 1.
    """
    if day.weekday() >= _WORKING_DAYS:
        return 0.0
    return min(24.0, hours_per_week * (share_of_full_time or 1.0) / _WORKING_DAYS) * _MINUTES


def days_until(today: date, day: date) -> list[date]:
    """Today to ``day``, both included; none when it lies before today or too far off."""
    ahead = (day - today).days
    return [today + timedelta(days=n) for n in range(ahead + 1)] if 0 <= ahead <= DAYS_AHEAD else []
