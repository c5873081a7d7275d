"""What tags are worth for an outcome, on rows that nothing was fitted to; knows no rule and no customer.

Rows are customers at cut-offs. Order and number of the tags kept are chosen on the older rows alone, by leaving customers out;
the newer rows only measure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from fieldwise_profile.core.tags.boosting import log_odds
from fieldwise_profile.core.tags.ranking import (
    COPY,
    Places,
    correlations,
    crossed_curve,
    knee,
    ranked,
)
from fieldwise_profile.core.tags.scores import Array, Ranked, auc, probability, row_losses

# Tags beyond are never kept: nobody could look through them.
MOST_KEPT: Final = 40
_RESAMPLES: Final = 100
_LEVEL: Final = 0.9
# What a tag that is left out must have moved the AUC by at least.
_LEAST_WORTH: Final = 0.0005

# Told at each step: what, done, total.
Told = Callable[[str, int, int], None]


class Target(IntEnum):
    """Outcomes, numbered as on the wire."""

    SILENT_28D = 1
    BUYS_28D = 2


class Point(NamedTuple):
    """A number of tags, the one added at it, and what they reach."""

    tags: int
    tag: str
    auc: float
    log_loss: float


class Between(NamedTuple):
    """A figure with its interval."""

    value: float
    low: float
    high: float


class Worth(NamedTuple):
    """What one tag adds to those kept."""

    tag: str
    share: float
    alone_auc: float
    auc: Between
    log_loss: Between
    kept: bool


class Overlap(NamedTuple):
    """Two tags and their correlation."""

    one: str
    other: str
    phi: float


class Proposal(NamedTuple):
    """A tag to retire, and why: CONSTANT, OVERLAPS (with ``other``) or ADDS_NOTHING."""

    tag: str
    reason: str
    other: str = ""


@dataclass(frozen=True)
class TagReport:
    """What was found; ``as_of`` in microseconds."""

    target: int
    as_of: int
    training_rows: int
    test_rows: int
    base_rate: float
    all_auc: float
    all_log_loss: float
    kept_auc: float
    kept_log_loss: float
    kept: tuple[str, ...]
    knee: int
    curve: tuple[Point, ...]
    tags: tuple[Worth, ...]
    overlaps: tuple[Overlap, ...]
    proposals: tuple[Proposal, ...]


class Rows(NamedTuple):
    """Rows of one side of the split.

    Args:
        tags: 0 or 1, shape (rows, tags).
        outcome: 0 or 1 for each row.
        customers: A number for each customer.
        ages: How many cut-offs before the newest one.
    """

    tags: Array
    outcome: Array
    customers: Places
    ages: Places


def _ignore(step: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def measured(
    names: Sequence[str],
    old: Rows,
    new: Rows,
    occasion: tuple[Target, int, int],
    told: Told = _ignore,
) -> TagReport:
    """The report on tags.

    Args:
        names: Of the tags, in the order of the columns.
        old: Rows to choose and fit on.
        new: Rows to measure on.
        occasion: Target, moment and seed.
    """
    target, as_of, seed = occasion
    chance = np.random.default_rng(seed)
    varied = np.flatnonzero((old.tags.min(axis=0) < 1) & (old.tags.max(axis=0) > 0))
    order = [int(varied[place]) for place in _order(old, varied, told)]
    crossed = crossed_curve(
        old.tags[:, varied],
        old.outcome,
        old.customers,
        len(order),
        chance,
        lambda *done: told("curve", *done),
    )
    kept = order[: knee(crossed)]
    every, chosen = _Model(old, new, list(varied)), _Model(old, new, kept)
    phi = correlations(np.vstack([old.tags, new.tags]))
    worths = _worths(names, old, new, kept, chance, told)
    return TagReport(
        target=int(target),
        as_of=as_of,
        training_rows=len(old.outcome),
        test_rows=len(new.outcome),
        base_rate=float(new.outcome.mean()),
        all_auc=every.auc,
        all_log_loss=every.log_loss,
        kept_auc=chosen.auc,
        kept_log_loss=chosen.log_loss,
        kept=tuple(names[place] for place in kept),
        knee=len(kept),
        curve=_curve(names, old, new, order),
        tags=worths,
        overlaps=_overlaps(names, phi),
        proposals=_proposals(names, frozenset(varied.tolist()), kept, phi, worths),
    )


def _order(old: Rows, varied: Places, told: Told) -> list[int]:
    return ranked(
        old.tags[:, varied],
        old.outcome,
        old.customers,
        MOST_KEPT,
        lambda *done: told("ranking", *done),
    )


class _Model:
    """Some tags, learned on the old rows and measured on the new ones."""

    def __init__(self, old: Rows, new: Rows, places: Sequence[int]) -> None:
        self._outcome = new.outcome
        self.chance = probability(log_odds(old.tags[:, places], old.outcome, new.tags[:, places]))
        self.losses = row_losses(self.chance, new.outcome)
        self.auc = auc(self.chance, new.outcome)
        self.log_loss = float(self.losses.mean())

    def ranked(self) -> Ranked:
        return Ranked(self.chance, self._outcome)


def _curve(names: Sequence[str], old: Rows, new: Rows, order: Sequence[int]) -> tuple[Point, ...]:
    points = []
    for count in range(1, len(order) + 1):
        model = _Model(old, new, order[:count])
        points.append(Point(count, names[order[count - 1]], model.auc, model.log_loss))
    return tuple(points)


def _worths(
    names: Sequence[str], old: Rows, new: Rows, kept: Sequence[int], chance: np.random.Generator, told: Told
) -> tuple[Worth, ...]:
    base = _Model(old, new, kept)
    resamples = _resamples(new.customers, chance)
    base_ranked = base.ranked()
    base_aucs = np.array([base_ranked.auc(weights) for weights in resamples])
    found = []
    for place, name in enumerate(names):
        is_kept = place in kept
        without = [each for each in kept if each != place] if is_kept else [*kept, place]
        other = _Model(old, new, without)
        sign = 1.0 if is_kept else -1.0
        other_ranked = other.ranked()
        aucs = sign * (base_aucs - np.array([other_ranked.auc(weights) for weights in resamples]))
        saved = sign * (other.losses - base.losses)
        losses = np.array([float(weights @ saved / weights.sum()) for weights in resamples])
        alone = auc(new.tags[:, place], new.outcome)
        found.append(
            Worth(
                tag=name,
                share=float(new.tags[:, place].mean()),
                alone_auc=max(alone, 1 - alone),
                auc=_between(sign * (base.auc - other.auc), aucs),
                log_loss=_between(float(saved.mean()), losses),
                kept=is_kept,
            )
        )
        told("worth", place + 1, len(names))
    return tuple(sorted(found))


def _resamples(customers: Places, chance: np.random.Generator) -> list[Array]:
    """How often each row counts when customers are drawn with replacement."""
    names, place = np.unique(customers, return_inverse=True)
    drawn = chance.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_RESAMPLES)
    return [counts[place].astype(np.float64) for counts in drawn]


def _between(value: float, resampled: Array) -> Between:
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return Between(value, value, value)
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Between(value, float(low), float(high))


def _overlaps(names: Sequence[str], phi: Array) -> tuple[Overlap, ...]:
    pairs = [
        Overlap(min(names[one], names[other]), max(names[one], names[other]), float(phi[one, other]))
        for other in range(len(names))
        for one in range(other)
        if abs(phi[one, other]) >= COPY
    ]
    return tuple(sorted(pairs, key=lambda pair: (-abs(pair.phi), pair.one, pair.other)))


def _proposals(
    names: Sequence[str], varied: frozenset[int], kept: Sequence[int], phi: Array, worths: Sequence[Worth]
) -> tuple[Proposal, ...]:
    by_name = {worth.tag: worth for worth in worths}
    found = []
    for place, name in enumerate(names):
        if place in kept:
            continue
        near = max(kept, key=lambda each: abs(phi[place, each]), default=None)
        if place not in varied:
            found.append(Proposal(name, "CONSTANT"))
        elif near is not None and abs(phi[place, near]) >= COPY:
            found.append(Proposal(name, "OVERLAPS", names[near]))
        elif by_name[name].auc.value < _LEAST_WORTH or by_name[name].auc.low <= 0:
            found.append(Proposal(name, "ADDS_NOTHING"))
    return tuple(sorted(found))


def report_to_json(report: TagReport) -> str:
    return json.dumps(asdict(report))


def report_from_json(text: str) -> TagReport:
    read: dict[str, Any] = json.loads(text)
    tags = (
        Worth(tag, share, alone, Between(*own), Between(*loss), kept)
        for tag, share, alone, own, loss, kept in read.pop("tags")
    )
    return TagReport(
        kept=tuple(read.pop("kept")),
        curve=tuple(Point(*each) for each in read.pop("curve")),
        tags=tuple(tags),
        overlaps=tuple(Overlap(*each) for each in read.pop("overlaps")),
        proposals=tuple(Proposal(*each) for each in read.pop("proposals")),
        **read,
    )
