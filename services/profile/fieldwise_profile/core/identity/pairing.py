"""All pairs of many records that share a key, each once; knows no weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from fieldwise_profile.core.identity.blocking import MOST_SHARING, keys_of
from fieldwise_profile.core.identity.record import Record


def blocks(records: Sequence[Record], most_sharing: int = MOST_SHARING) -> list[list[int]]:
    """Places of the records that share a key, for each key that two or more and not too many share."""
    found: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        if not record.is_empty:
            for key in keys_of(record):
                found.setdefault(key, []).append(place)
    return [places for places in found.values() if 2 <= len(places) <= most_sharing]


def pairs(blocked: Sequence[Sequence[int]], size: int) -> Iterator[tuple[int, int]]:
    """Pairs of places, the lower first."""
    seen: set[int] = set()
    for places in blocked:
        for one, other in combinations(places, 2):
            # One number a pair: tuples would take four times the memory.
            number = one * size + other
            if number not in seen:
                seen.add(number)
                yield one, other
