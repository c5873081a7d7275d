"""Telling who remembers terms what holds, whole at first and then what changed; knows no database and no solver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from fieldwise.allocation.v1 import price_pb2
from fieldwise.allocation.v1.allocation_service_pb2 import TermsPeriod, WatchTermsResponse
from fieldwise_allocation.core.terms import Window, in_force
from fieldwise_allocation.quoting import Quotes, part_of

# A follower that hears nothing for longer knows that it is not told.
LIFE_SECONDS: Final = 0.5
# Assignments in one answer: about half a megabyte.
MOST_AT_ONCE: Final = 10_000


async def follow(quotes: Quotes) -> AsyncIterator[WatchTermsResponse]:
    """What holds, then every change as it comes, several times a second a sign of life, until it is ended."""
    reps: Mapping[str, str] | None = None
    windows: Sequence[Window[price_pb2.PriceSet]] | None = None
    with quotes.followed() as changed:
        while True:
            changed.clear()
            if quotes.windows is not windows:
                windows = quotes.windows
                yield WatchTermsResponse(periods=periods(windows), unfinished=quotes.reps is not reps)
            if quotes.reps is not reps:
                reps = quotes.reps
                for answer in reassignments(reps):
                    yield answer
            yield WatchTermsResponse()
            with suppress(TimeoutError):
                async with asyncio.timeout(LIFE_SECONDS):
                    await changed.wait()


def periods(windows: Sequence[Window[price_pb2.PriceSet]]) -> list[TermsPeriod]:
    """What holds when: the rule of LookUpTerms, applied to each stretch between two changes of prices."""
    ends = {moment for window in windows for moment in (window.valid_from, window.valid_until)}
    told = [_period(windows, None)]
    told += [_period(windows, moment) for moment in sorted(ends)]
    return told


def _period(windows: Sequence[Window[price_pb2.PriceSet]], start: int | None) -> TermsPeriod:
    before_all = min((window.valid_from for window in windows), default=0) - 1
    window, standing = in_force(windows, before_all if start is None else start)
    period = TermsPeriod(part=part_of(window, standing))
    if window is not None:
        period.price_set.CopyFrom(window.prices)
    if start is not None:
        period.start_time.FromNanoseconds(start)
    return period


def reassignments(reps: Mapping[str, str]) -> Iterator[WatchTermsResponse]:
    """All assignments in answers of a bearable size."""
    items = iter(reps.items())
    some = dict(islice(items, MOST_AT_ONCE))
    begins = True
    while True:
        following = dict(islice(items, MOST_AT_ONCE))
        yield WatchTermsResponse(reassigned=begins, reps_by_customer=some, unfinished=bool(following))
        if not following:
            return
        some, begins = following, False
