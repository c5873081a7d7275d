"""Quiet hours of the local week as stretches of time; knows no customer and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from fieldwise_recommend.core.contact_policy.policy import MINUTES, Quiet
from fieldwise_recommend.core.contact_policy.terms import Span

# A week has free minutes in every channel, so that from any time of the next day on one is found.
_DAYS: Final = 9


def spans(quiet: Iterable[Quiet], moment: int, zone: tzinfo) -> tuple[Span, ...]:
    """What is quiet from a moment (seconds since 1970) on for nine days, by start, stretches that touch in one.

    Local times that a change of the clock leaves out or repeats are taken as the zone gives them: the first of two.
    """
    today = datetime.fromtimestamp(moment, zone).date()
    found: list[Span] = []
    for each in quiet:
        for day in range(-1, _DAYS):
            date = today + timedelta(days=day)
            if each.weekdays and date.isoweekday() not in each.weekdays:
                continue
            midnight = datetime.combine(date, time(), zone)
            start, end = _at(midnight, each.start), _at(midnight, each.start + each.minutes)
            if end > moment:
                found += [Span(channel, start, end) for channel in each.channels or ("",)]
    found.sort(key=lambda span: (span.channel, span.start))
    return tuple(sorted(_joined(found), key=lambda span: span.start))


def _at(midnight: datetime, minute: int) -> int:
    """A minute of a local day, as its clocks show it, in seconds since 1970."""
    days, minutes = divmod(minute, MINUTES)
    local = midnight.replace(tzinfo=None) + timedelta(days=days, minutes=minutes)
    return int(local.replace(tzinfo=midnight.tzinfo).astimezone(UTC).timestamp())


def _joined(ordered: Iterable[Span]) -> Iterator[Span]:
    last: Span | None = None
    for span in ordered:
        if last is not None and last.channel == span.channel and span.start <= last.end:
            last = last._replace(end=max(last.end, span.end))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
