"""Where customers stand in their lifecycle, and where they will stand four weeks later; knows no table.

A customer's place is his stage and, within it, how far he has come: `NEW` by purchase days, `ACTIVE` and `SILENT` by his silence in
units of his own threshold. Four weeks on, the places of all customers are counted as stages: the transition matrix.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isnan, sqrt
from typing import Final, NamedTuple

from fieldwise_profile.core.portrait import Stage

STEP_DAYS: Final = 28
STAGES: Final = tuple(Stage)
# A row is drawn towards its stage's row, and that towards "stays", as if so many customers had been seen to do so.
PRIOR_CUSTOMERS: Final = 2.0
# 95 %, two-sided, of the normal distribution.
_NORMAL_95: Final = 1.959964
# Bounds of the silence in units of the threshold at which a place begins.
_SILENCE_PLACES: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)


class Place(NamedTuple):
    """A stage and how far the customer has come in it.

    Attributes:
        stage: The stage.
        part: For PROSPECT 0, for NEW the purchase days (1 or 2), else the place of the silence among `_SILENCE_PLACES`.
    """

    stage: Stage
    part: int


class Step(NamedTuple):
    """One customer's place, and his stage four weeks later."""

    customer: str
    before: Place
    after: Stage


@dataclass(frozen=True)
class Cell:
    """How many went from one stage to another.

    Attributes:
        count: Steps counted.
        probability: Their share of the stage's steps; 0 when there are none.
        low, high: 95 % interval of the share.
    """

    before: Stage
    after: Stage
    count: int
    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Matrix:
    """The steps of all customers, counted.

    Attributes:
        as_of: The moment at which the last steps ended, microseconds.
        periods: How many periods of four weeks were counted.
        customers: Customers counted.
        cells: One for each pair of stages, in order.
        places: Next stages counted for each place, as counts for `STAGES`.
    """

    as_of: int
    periods: int
    customers: int
    cells: tuple[Cell, ...]
    places: dict[Place, tuple[int, ...]]

    def next_stage(self, place: Place) -> tuple[float, ...]:
        """Probability of each of `STAGES` four weeks from now; they sum to 1."""
        stays = tuple(float(stage == place.stage) for stage in STAGES)
        whole = [cell.count for cell in self.cells if cell.before == place.stage]
        return _drawn(self.places.get(place, (0,) * len(STAGES)), _drawn(whole, stays))


def _drawn(counts: Sequence[int], towards: Sequence[float]) -> tuple[float, ...]:
    total = sum(counts) + PRIOR_CUSTOMERS
    return tuple(
        (count + PRIOR_CUSTOMERS * other) / total for count, other in zip(counts, towards, strict=True)
    )


def place_of(purchase_days: float, silence_ratio: float) -> Place:
    """The place that the features of the same names say; ``silence_ratio`` is NaN without a rhythm."""
    if not purchase_days:
        return Place(Stage.PROSPECT, 0)
    if isnan(silence_ratio):
        return Place(Stage.NEW, min(int(purchase_days), 2))
    part = sum(silence_ratio > bound for bound in _SILENCE_PLACES[1:])
    return Place(Stage.SILENT if silence_ratio > 1 else Stage.ACTIVE, part)


def steps(customer: str, places: Iterable[Place | None]) -> Iterable[Step]:
    """One customer's steps, from his places every four weeks; None where he was not known yet."""
    for before, after in pairwise(places):
        if before is not None and after is not None:
            yield Step(customer, before, after.stage)


def matrix(counted: Sequence[Step], as_of: int, periods: int) -> Matrix:
    """The matrix of these steps."""
    places: dict[Place, list[int]] = {}
    for step in counted:
        places.setdefault(step.before, [0] * len(STAGES))[STAGES.index(step.after)] += 1
    return Matrix(
        as_of=as_of,
        periods=periods,
        customers=len({step.customer for step in counted}),
        cells=tuple(cell for before in STAGES for cell in _row(counted, before)),
        places={place: tuple(counts) for place, counts in sorted(places.items())},
    )


def _row(counted: Sequence[Step], before: Stage) -> Iterable[Cell]:
    by_customer: dict[str, list[int]] = {}
    for step in counted:
        if step.before.stage == before:
            by_customer.setdefault(step.customer, [0] * len(STAGES))[STAGES.index(step.after)] += 1
    for column, after in enumerate(STAGES):
        own = [(counts[column], sum(counts)) for counts in by_customer.values()]
        yield Cell(before, after, sum(hits for hits, _ in own), *share_with_interval(own))


def share_with_interval(own: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    """Share of hits with a 95 % interval, from each customer's own hits and tries.

    A customer's steps resemble each other, so many steps of few customers say less than their number: the interval is Wilson's
    with as many tries as would vary like the shares of customers do.

    Source: Wilson (1927), Probable inference; Kish (1965), Survey sampling, for the effective number.
    """
    tries = sum(each for _, each in own)
    if not tries:
        return 0.0, 0.0, 1.0
    share = sum(hits for hits, _ in own) / tries
    variance = sum((hits - share * each) ** 2 for hits, each in own) / tries**2
    # Never more than the tries themselves, nor fewer than one.
    effective = (
        min(tries, max(1.0, share * (1 - share) / variance)) if variance else float(min(tries, len(own)))
    )
    low, high = _wilson(share, effective)
    # Rounding must not leave the share outside.
    return share, min(low, share), max(high, share)


def _wilson(share: float, tries: float) -> tuple[float, float]:
    square = _NORMAL_95**2
    middle = (share + square / (2 * tries)) / (1 + square / tries)
    half = _NORMAL_95 / (1 + square / tries) * sqrt(share * (1 - share) / tries + square / (4 * tries**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def matrix_to_json(counted: Matrix) -> str:
    """The matrix as text; `matrix_from_json` gives it back."""
    places = [[place.stage, place.part, *after] for place, after in counted.places.items()]
    cells = [asdict(cell) for cell in counted.cells]
    return json.dumps(
        {
            "as_of": counted.as_of,
            "periods": counted.periods,
            "customers": counted.customers,
            "cells": cells,
            "places": places,
        }
    )


def matrix_from_json(text: str) -> Matrix:
    """The matrix in the text."""
    read = json.loads(text)
    cells = [
        Cell(**{**cell, "before": Stage(cell["before"]), "after": Stage(cell["after"])})
        for cell in read.pop("cells")
    ]
    places = {Place(Stage(stage), part): tuple(after) for stage, part, *after in read.pop("places")}
    return Matrix(**read, cells=tuple(cells), places=places)
