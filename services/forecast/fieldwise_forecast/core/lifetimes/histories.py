"""When customers bought again, as models of lifetimes read it; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import InvalidRequest, Violation

from ..features import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """One row per customer; all times in one unit, of the caller's choice, since his first purchase.

    Attributes:
        repeats: Purchases after the first, shape (n,); several on one day are one.
        recency: Time of the last purchase; 0 without repeats.
        age: Time until now.
        times: Times of all repeats, customer after customer, ascending, shape (repeats.sum(),); None where only the summary is
            known.
        weights: How many customers share the row.
    """

    repeats: Floats
    recency: Floats
    age: Floats
    times: Floats | None = None
    weights: Floats = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        if not len(self.weights):
            object.__setattr__(self, "weights", np.ones(len(self.repeats)))
        faults = list(faults_of(self))
        if faults:
            raise InvalidRequest(faults)

    def __len__(self) -> int:
        return len(self.repeats)

    def scaled(self, factor: float) -> Histories:
        """The same in another unit of time: each time multiplied by ``factor``."""
        times = None if self.times is None else self.times * factor
        return replace(self, recency=self.recency * factor, age=self.age * factor, times=times)

    def summary(self) -> Histories:
        """Rows that are equal made one, the times of single repeats forgotten."""
        rows = np.column_stack([self.repeats, self.recency, self.age])
        found, place = np.unique(rows, axis=0, return_inverse=True)
        weights = np.bincount(place.ravel(), weights=self.weights, minlength=len(found)).astype(np.float64)
        return Histories(found[:, 0], found[:, 1], found[:, 2], weights=weights)

    def shortened(self) -> Histories:
        """Customers of one age without repeats made one row; the others keep their times."""
        never = self.repeats == 0
        ages, place = np.unique(self.age[never], return_inverse=True)
        weights = np.bincount(place.ravel(), weights=self.weights[never], minlength=len(ages)).astype(
            np.float64
        )
        nothing = np.zeros(len(ages))
        return Histories(
            np.concatenate([nothing, self.repeats[~never]]),
            np.concatenate([nothing, self.recency[~never]]),
            np.concatenate([ages, self.age[~never]]),
            self.times,
            np.concatenate([weights, self.weights[~never]]),
        )

    def before(self, back: float) -> tuple[Histories, NDArray[np.bool_]]:
        """The histories as they were ``back`` ago, and which rows had begun by then. They must have times."""
        assert self.times is not None
        owner = np.repeat(np.arange(len(self)), self.repeats.astype(np.int64))
        begun = self.age >= back
        seen = begun[owner] & (self.times <= self.age[owner] - back)
        repeats = np.bincount(owner[seen], minlength=len(self)).astype(np.float64)
        recency = np.zeros(len(self))
        # Times ascend: the last one written is the latest.
        recency[owner[seen]] = self.times[seen]
        then = Histories(
            repeats[begun], recency[begun], self.age[begun] - back, self.times[seen], self.weights[begun]
        )
        return then, begun


def faults_of(histories: Histories) -> Sequence[Violation]:
    """Everything wrong with the rows, told by the first row of each kind."""
    repeats, recency, age = histories.repeats, histories.recency, histories.age
    if not len(repeats) == len(recency) == len(age) == len(histories.weights):
        lengths = f"{len(repeats)}, {len(recency)}, {len(age)}"
        return [Violation.of("histories", lengths, "give repeats, recency and age of every customer")]
    checks = (
        ("repeats", repeats, (repeats >= 0) & (repeats == np.floor(repeats)), "count purchases: 0, 1, 2 ..."),
        (
            "age",
            age,
            np.isfinite(age) & (age >= recency),
            "a finite time, at least that of the last purchase",
        ),
        ("recency", recency, (recency > 0) == (repeats > 0), "0 without repeats, above 0 with them"),
    )
    found = []
    for name, values, good, remedy in checks:
        if not good.all():
            first = int(np.argmin(good))
            found.append(Violation.of(f"{name}[{first}]", float(values[first]), remedy))
    if histories.times is not None and len(histories.times) != repeats.sum():
        found.append(Violation.of("times", len(histories.times), "give the time of every repeat"))
    return found


def histories_of(customer: Ints, time: Floats, now: float) -> Histories:
    """From single purchases, in any order, those up to ``now``; customers ascending.

    Args:
        customer: Whose purchase, shape (n,).
        time: When, in the unit wanted; equal times of a customer are one purchase.
    """
    seen = time <= now
    rows = np.unique(np.column_stack([customer[seen], time[seen]]), axis=0)
    _, first, count = np.unique(rows[:, 0], return_index=True, return_counts=True)
    since = rows[:, 1] - np.repeat(rows[first, 1], count)
    is_repeat = np.ones(len(rows), dtype=bool)
    is_repeat[first] = False
    return Histories(
        (count - 1).astype(np.float64), since[first + count - 1], now - rows[first, 1], since[is_repeat]
    )
