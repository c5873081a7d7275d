"""When to carry an action out, in UTC; knows no clock."""

from __future__ import annotations

from typing import Final

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
FIRST_HOUR: Final = 9
LAST_HOUR: Final = 19
_FALLBACK_HOUR: Final = 10


def is_decent(hour: int | None) -> bool:
    """Whether it is known and an hour at which anybody may be reached."""
    return hour is not None and FIRST_HOUR <= hour <= LAST_HOUR


def best_time(now: int, usual_hour: int | None) -> int:
    """The next time it is his usual hour, if that is a decent one (9 to 19 UTC), else 10:00 of the next day.

    Args:
        now: Seconds since 1970 (UTC).
        usual_hour: Hour of the day in which most of his purchases fall; None when not known.
    Returns:
        Seconds since 1970, on the full hour, later than ``now``.
    """
    midnight = now - now % _DAY
    if usual_hour is None or not is_decent(usual_hour):
        return midnight + _DAY + _FALLBACK_HOUR * _HOUR
    today = midnight + usual_hour * _HOUR
    return today if today > now else today + _DAY
