"""States against brute force over generated lists of events, in any order and with duplicates; beside decay-then-add.

The brute force is `tests/profile/naive.py`: every count, share, weight, feature and consent is computed from the whole list, with
code of its own. It knows the rules of weights and the order of ties from the fold's authors, so it finds faults of folding, not of
the rules. A case is right when everything agrees to a billionth.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from math import exp2
from typing import Final

from benchmarks.report import Row
from fieldwise_profile.core.codec import plain
from fieldwise_profile.core.decay import decayed
from fieldwise_profile.core.event import DAY, Happening
from fieldwise_profile.core.fold import State, fold, merged
from tests.profile.agreement import differences
from tests.profile.random_histories import SPAN, START, history

_EVENTS: Final = 40
_DUPLICATES: Final = 0.1
# The peer's task, as in the notes: three years, a half-life of 30 days, a tenth of the events up to 30 days late.
_PEER_EVENTS: Final = 20_000
_PEER_DAYS: Final = 3 * 365
_HALF_LIFE: Final = 30
_LATE: Final = 0.1


def rows(*, quick: bool) -> Iterator[Row]:
    cases = 2_000 if quick else 100_000
    began = time.process_time()
    wrong = sum(not _is_right(seed) for seed in range(cases))
    yield Row("generated cases that differ from brute force by over 1e-9", wrong, "cases", "must", "<= 0")
    yield Row("generated cases compared", cases, "cases")
    yield Row("time for one case", (time.process_time() - began) / cases * 1e3, "ms")
    ours, peer = late_errors()
    yield Row("largest relative error of a decayed count, 10 % late", ours, "share", "must", "<= 1e-9",
              "decay, then add, in order of arrival", peer)  # fmt: skip


def _is_right(seed: int) -> bool:
    """One list: shuffled, with events sent again, cut into pieces and merged from two names; at a random moment."""
    chance = random.Random(seed)
    moment = START + chance.randrange(SPAN + 400 * DAY)
    events = [each for each in history(seed, _EVENTS) if each.visible_from <= moment]
    sent = list(enumerate(events))
    sent += [each for each in sent if chance.random() < _DUPLICATES]
    chance.shuffle(sent)
    state = fold(_once(sent))
    if differences(state, events, moment):
        return False
    parted = merged([fold(events[::2]), fold(events[1::2])])
    return plain(state) == plain(parted)


def _once(sent: Sequence[tuple[int, Happening]]) -> Iterator[Happening]:
    """Each event once, as the log keeps it."""
    seen: set[int] = set()
    for number, event in sent:
        if number not in seen:
            seen.add(number)
            yield event


def late_errors() -> tuple[float, float]:
    """Largest relative error of a decayed count at the end of three years: ours, and the usual running number's."""
    chance = random.Random(1)
    days = [chance.randrange(_PEER_DAYS) for _ in range(_PEER_EVENTS)]
    days += [_PEER_DAYS - chance.randrange(40) for _ in range(200)]
    arrivals = [(day + (chance.randrange(1, 31) if chance.random() < _LATE else 0), day) for day in days]
    arrivals.sort()
    exact = sum(exp2(-(_PEER_DAYS - day) / _HALF_LIFE) for day in days)
    state = State()
    for _, day in arrivals:
        state.add(day * DAY + 1, day * DAY + 1, 1, "A", 1, 0)
    counts = {day: tally[0] for day, tally in state.days.items()}
    ours = decayed(counts, _PEER_DAYS, _HALF_LIFE)
    return abs(ours - exact) / exact, abs(_decayed_then_added(arrivals) - exact) / exact


def _decayed_then_added(arrivals: Sequence[tuple[int, int]]) -> float:
    """A running number, decayed to each arrival and raised by one: what most stores keep."""
    value, last = 0.0, 0
    for arrived, _ in arrivals:
        value = value * exp2(-(arrived - last) / _HALF_LIFE) + 1
        last = arrived
    return value * exp2(-(_PEER_DAYS - last) / _HALF_LIFE)
