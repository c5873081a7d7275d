"""The calendars of series: where periods begin and how they are counted; knows no values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .panel import Frequency

DAY = timedelta(days=1)
WORDS = {
    Frequency.DAY: "a day, 00:00 UTC",
    Frequency.WEEK: "a Monday, 00:00 UTC",
    Frequency.MONTH: "the first of a month, 00:00 UTC",
    Frequency.QUARTER: "the first of January, April, July or October, 00:00 UTC",
}
_MONTHS = {Frequency.MONTH: 1, Frequency.QUARTER: 3}
# A Monday.
_ORIGIN = datetime(1970, 1, 5, tzinfo=UTC)


def number_of(frequency: Frequency, moment: datetime) -> int:
    """The number of the period that holds a moment; the next period has the next number."""
    if months := _MONTHS.get(frequency):
        return (moment.year * 12 + moment.month - 1) // months
    return (moment - _ORIGIN) // (7 * DAY if frequency is Frequency.WEEK else DAY)


def begin_of(frequency: Frequency, number: int) -> datetime:
    """When the period with this number begins, UTC."""
    if months := _MONTHS.get(frequency):
        year, month = divmod(number * months, 12)
        return datetime(year, month + 1, 1, tzinfo=UTC)
    return _ORIGIN + number * (7 * DAY if frequency is Frequency.WEEK else DAY)


def is_begin(frequency: Frequency, moment: datetime) -> bool:
    """Whether a period begins at this very moment."""
    return begin_of(frequency, number_of(frequency, moment)) == moment
