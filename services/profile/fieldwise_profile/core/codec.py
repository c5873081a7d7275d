"""A state as bytes: the same state always gives the same bytes; knows no table.

Layout, before compression: a version byte, the category names (sorted, as a JSON list), a zero byte, then little-endian
64-bit integers: count, known_at, opt_outs, first, last, hours, the number of days, each day (ascending) with its tally, then each
category: the number of its days, lines, amount, last time, its days (ascending).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Final

from fieldwise_profile.core.fold import KINDS, TALLY, CategoryState, State

# Rises whenever the fold or the layout changes; bytes of another version are not read, the events are folded anew.
VERSION: Final = 2
# JSON writes no zero byte, whatever is in the names.
_END_OF_NAMES: Final = b"\x00"


def encode(state: State) -> bytes:
    """The state's bytes; `decode` gives the state back."""
    names = sorted(state.categories)
    numbers = [state.count, state.known_at, state.opt_outs]
    numbers += [*state.first, *state.last, *state.hours, len(state.days)]
    for day in sorted(state.days):
        numbers.append(day)
        numbers += state.days[day]
    for name in names:
        bought = state.categories[name]
        numbers += (len(bought.days), bought.lines, bought.amount, bought.last)
        numbers += sorted(bought.days)
    head = bytes([VERSION]) + json.dumps(names).encode() + _END_OF_NAMES
    return zlib.compress(head + struct.pack(f"<{len(numbers)}q", *numbers), 1)


def decode(raw: bytes) -> State | None:
    """The state in the bytes; None when they are of another version."""
    plain = zlib.decompress(raw)
    if plain[0] != VERSION:
        return None
    end = plain.index(_END_OF_NAMES, 1)
    names = json.loads(plain[1:end])
    body = memoryview(plain)[end + 1 :]
    return _state(names, struct.unpack(f"<{len(body) // 8}q", body))


def _state(names: Sequence[str], numbers: Sequence[int]) -> State:
    taken = _Taken(numbers)
    state = State()
    state.count, state.known_at, state.opt_outs = taken.next(3)
    state.first = list(taken.next(KINDS))
    state.last = list(taken.next(KINDS))
    state.hours = list(taken.next(len(state.hours)))
    (days,) = taken.next(1)
    for _ in range(days):
        day, *tally = taken.next(1 + TALLY)
        state.days[day] = tally
    for name in names:
        bought = state.categories[name] = CategoryState()
        days, bought.lines, bought.amount, bought.last = taken.next(4)
        bought.days.update(taken.next(days))
    return state


class _Taken:
    """Numbers handed out one stretch after the other."""

    __slots__ = ("_numbers", "_place")

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self._place = 0

    def next(self, count: int) -> Sequence[int]:
        start = self._place
        self._place = start + count
        return self._numbers[start : self._place]
