"""Whoever follows terms answers as LookUpTerms would, at every moment and for every customer."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise_allocation.core.terms import Window
from fieldwise_allocation.quoting import Quotes
from fieldwise_allocation.telling_terms import MOST_AT_ONCE, follow, periods, reassignments

HOUR = 3_600_000_000_000


class StillQuotes(Quotes):
    """Quotes whose terms a test sets."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # nothing here reads the database

    def set(self, reps: dict[str, str], windows: tuple[Window[PriceSet], ...]) -> None:
        self._reps, self._windows = reps, windows
        for changed in self._followers:
            changed.set()


def window(version: int, start: int, end: int) -> Window[PriceSet]:
    prices = PriceSet(name=f"priceSets/{version}")
    prices.valid_from.FromNanoseconds(start * HOUR)
    prices.valid_until.FromNanoseconds(end * HOUR)
    return Window(version, start * HOUR, end * HOUR, prices)


@pytest.mark.parametrize("seed", range(20))
def test_periods_say_what_a_look_up_says_at_every_moment(seed: int) -> None:
    chance = random.Random(seed)
    windows = []
    for version in range(chance.randrange(6)):
        start = chance.randrange(40)
        windows.append(window(version + 1, start, start + chance.randrange(1, 12)))
    quotes = StillQuotes()
    quotes.set({"customers/a": "reps/x"}, tuple(windows))
    told = periods(windows)
    starts = [period.start_time.ToNanoseconds() for period in told[1:]]
    assert starts == sorted(set(starts))
    for moment in range(-1, 60):
        at = Timestamp()
        at.FromNanoseconds(moment * HOUR)
        said = quotes.look_up(["customers/a"], at)
        period = told[bisect_right(starts, moment * HOUR)]
        said.part.ClearField("age")
        assert (period.part, period.price_set) == (said.part, said.price_set)


def test_assignments_come_whole_however_many_there_are() -> None:
    for count in (0, 1, MOST_AT_ONCE, 2 * MOST_AT_ONCE + 1):
        reps = {f"customers/{n}": f"reps/{n % 7}" for n in range(count)}
        answers = list(reassignments(reps))
        found: dict[str, str] = {}
        for answer in answers:
            found |= answer.reps_by_customer
        assert found == reps
        assert [answer.reassigned for answer in answers] == [True, *[False] * (len(answers) - 1)]
        assert [answer.unfinished for answer in answers] == [*[True] * (len(answers) - 1), False]


async def test_a_follower_hears_at_once_what_changed_and_nothing_else() -> None:
    quotes = StillQuotes()
    quotes.set({"customers/a": "reps/x"}, (window(1, 0, 1),))
    answers = follow(quotes)
    async with asyncio.timeout(1.0):
        first = [await anext(answers) for _ in range(3)]
        quotes.set({"customers/a": "reps/y"}, quotes.windows)  # type: ignore[arg-type]  # the same object
        news = await anext(answers)
    assert (len(first[0].periods), first[0].unfinished) == (3, True)
    assert dict(first[1].reps_by_customer) == {"customers/a": "reps/x"}
    assert first[2].ByteSize() == 0, "a mere sign of life"
    assert (len(news.periods), dict(news.reps_by_customer)) == (0, {"customers/a": "reps/y"})
    await answers.aclose()  # type: ignore[attr-defined]  # it is a generator
