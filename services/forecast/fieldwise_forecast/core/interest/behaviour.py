"""What customers did, in columns; knows no wire and no model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..features import Floats

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
# Index of "no category" and "no product" among the words.
NONE = 0


class Deed(IntEnum):
    """Kinds of deed, by the numbers of profile's contract."""

    PURCHASE = 0
    VIEW = 1
    CLICK = 2
    SEARCH = 3
    MESSAGE = 4


@dataclass(frozen=True)
class Behaviour:
    """One row per deed, of each customer by time.

    Attributes:
        customers: Names.
        words: Categories and products; the first is empty and means none.
        customer: Index in ``customers``, ascending, shape (n,).
        time: Microseconds since 1970, UTC.
        kind: A ``Deed``; of messages only those he opened or answered.
        category: Index in ``words``.
        product: Index in ``words``.
        dwell: Milliseconds of a view; -1 where not measured.
        weight: What it counts, in [0, 1].
    """

    customers: tuple[str, ...]
    words: tuple[str, ...]
    customer: Ints
    time: Ints
    kind: Ints
    category: Ints
    product: Ints
    dwell: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.time)

    def where(self, mask: Mask) -> Behaviour:
        """Only some rows; customers and words stay."""
        return Behaviour(
            self.customers,
            self.words,
            self.customer[mask],
            self.time[mask],
            self.kind[mask],
            self.category[mask],
            self.product[mask],
            self.dwell[mask],
            self.weight[mask],
        )

    def is_kind(self, *kinds: Deed) -> Mask:
        return np.isin(self.kind, kinds)

    def before(self, moment: int) -> Behaviour:
        """What was done before a moment."""
        return self.where(self.time < moment)

    @cached_property
    def bought_categories(self) -> tuple[str, ...]:
        """Categories with a purchase, by name."""
        found = np.unique(self.category[self.is_kind(Deed.PURCHASE) & (self.category != NONE)])
        return tuple(sorted(self.words[word] for word in found))


def joined(parts: list[Behaviour]) -> Behaviour:
    """Several parts, none of which shares a customer, as one with one list of words."""
    words: dict[str, int] = {"": NONE}
    for part in parts:
        for word in part.words:
            words.setdefault(word, len(words))
    place = [np.array([words[word] for word in part.words] or [NONE]) for part in parts]
    first = np.cumsum([0] + [len(part.customers) for part in parts])
    pairs = list(zip(parts, place, strict=True))
    return Behaviour(
        tuple(name for part in parts for name in part.customers),
        tuple(words),
        _column([part.customer + start for part, start in zip(parts, first, strict=False)]),
        _column([part.time for part in parts]),
        _column([part.kind for part in parts]),
        _column([where[part.category] for part, where in pairs]),
        _column([where[part.product] for part, where in pairs]),
        _column([part.dwell for part in parts]),
        np.concatenate([np.empty(0), *(part.weight for part in parts)]),
    )


def _column(parts: list[Ints]) -> Ints:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts]).astype(np.int64)
