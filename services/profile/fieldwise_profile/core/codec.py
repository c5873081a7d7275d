"""A state as bytes: the same state always gives the same bytes; knows no table.

Layout, before compression: a version byte; one line of JSON with sorted keys: the category names (sorted), and the parts that are
small; then little-endian 64-bit integers: count, known_at, opt_outs, first, last, hours, the number of days, each day (ascending)
with its tally, each category (the number of its days, lines, amount, last time, its days ascending), the number of hours of
browsing, and each hour (ascending) with the length of its text; then those texts, one after the other.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from fieldwise_profile.core.browsing import BrowsingHours
from fieldwise_profile.core.fold import KINDS, TALLY, CategoryState, State

# Rises whenever the fold or the layout changes; bytes of another version are not read, the events are folded anew.
VERSION: Final = 3
# JSON writes no zero byte, whatever is in the names.
_END_OF_HEAD: Final = b"\x00"
_INTEGER: Final = 8
# Of 64 bits with a sign.
LARGEST: Final = (1 << 63) - 1


def encode(state: State) -> bytes:
    """The state's bytes; `decode` gives the state back."""
    return zlib.compress(plain(state), 1)


def plain(state: State) -> bytes:
    """The bytes before compression: equal for equal states, whatever the version of zlib."""
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
    hours = [] if state.browsing is None else state.browsing.packed()
    texts = [text.encode() for _, text in hours]
    numbers.append(len(hours))
    numbers += chain.from_iterable((hour, len(text)) for (hour, _), text in zip(hours, texts, strict=True))
    head = json.dumps([names, _small(state)], sort_keys=True, separators=(",", ":")).encode()
    return b"".join((bytes([VERSION]), head, _END_OF_HEAD, _packed([len(numbers), *numbers]), *texts))


def _packed(numbers: Sequence[int]) -> bytes:
    form = f"<{len(numbers)}q"
    try:
        return struct.pack(form, *numbers)
    except struct.error:
        # Only a broken source sells one customer so much. Sums that stop at the largest stop there in any order.
        return struct.pack(form, *(min(number, LARGEST) for number in numbers))


def decode(raw: bytes) -> State | None:
    """The state in the bytes; None when they are of another version."""
    text = zlib.decompress(raw)
    if text[0] != VERSION:
        return None
    end = text.index(_END_OF_HEAD, 1)
    names, small = json.loads(text[1:end])
    start = end + 1 + _INTEGER
    (count,) = struct.unpack("<q", text[end + 1 : start])
    texts = start + count * _INTEGER
    return _state(names, small, struct.unpack(f"<{count}q", text[start:texts]), text[texts:])


def _small(state: State) -> dict[str, Any]:
    """The parts that most customers have little of, as JSON can say them; empty ones are left out."""
    parts = {
        "cases": state.cases,
        "channel_last": state.channel_last,
        "channels": _listed(state.channels),
        "consents": state.consents,
        "counts": _listed(state.counts),
        "facts": state.facts,
        "scores": state.scores,
        "words": state.has_words,
    }
    return {name: part for name, part in parts.items() if part}


def _listed(days_by_name: Mapping[str, dict[int, int]]) -> dict[str, list[int]]:
    """Days and counts by turns: numbers can be no keys of JSON."""
    return {name: list(chain.from_iterable(sorted(days.items()))) for name, days in days_by_name.items()}


def _by_day(listed: dict[str, list[int]]) -> dict[str, dict[int, int]]:
    return {name: dict(zip(flat[::2], flat[1::2], strict=True)) for name, flat in listed.items()}


def _state(names: Sequence[str], small: dict[str, Any], numbers: Sequence[int], texts: bytes) -> State:
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
    state.counts, state.channels = _by_day(small.get("counts", {})), _by_day(small.get("channels", {}))
    state.channel_last = small.get("channel_last", {})
    state.consents = small.get("consents", {})
    state.cases = {name: tuple(said) for name, said in small.get("cases", {}).items()}
    state.facts = {name: tuple(stated) for name, stated in small.get("facts", {}).items()}
    state.scores = {name: tuple(score) for name, score in small.get("scores", {}).items()}
    (hours,) = taken.next(1)
    if hours:
        state.browsing = _browsing(taken.next(2 * hours), texts, bool(small.get("words")))
    return state


def _browsing(lengths: Sequence[int], texts: bytes, has_words: bool) -> BrowsingHours:
    hours = []
    start = 0
    for hour, length in zip(lengths[::2], lengths[1::2], strict=True):
        hours.append((hour, texts[start : start + length].decode()))
        start += length
    return BrowsingHours.unpacked(hours, has_words)


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
