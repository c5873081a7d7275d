"""The questions that are put to each customer, and how later features answer them; knows no learner.

A label is read from the features 28 days later, so a model needs no source but profile's feature sets, and training
and serving see the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from .features import DAYS_SINCE_PURCHASE, SILENCE_AFTER_DAYS, FeatureSet, Floats, Mask, Snapshot, in_order_of

WINDOW = timedelta(days=28)
MOST_TRAINING_CUTOFFS = 7


@dataclass(frozen=True)
class Question:
    """One yes-or-no question: of whom it is asked at t, and what says yes at t + 28 days.

    ``prior`` is the probability before any training: rates of Complete Journey (2,464 households, cut-off
    2017-11-27), rounded; the first training replaces them.
    """

    model: str
    prior: float
    population: Callable[[FeatureSet, Floats], Mask]
    answer: Callable[[FeatureSet, Floats, Floats], Mask]


@dataclass(frozen=True)
class Rows:
    """Labelled rows of one cut-off: features at t, shape (n, n_columns), and answers at t + 28 days, shape (n,)."""

    cutoff: datetime
    features: Floats
    labels: Floats


def everyone(_: FeatureSet, now: Floats) -> Mask:
    return np.ones(len(now), dtype=bool)


def bought(columns: FeatureSet, _: Floats, later: Floats) -> Mask:
    """Bought within the window: seen from its end, the last purchase is at most 28 days back."""
    return np.asarray(later[:, columns.column(DAYS_SINCE_PURCHASE)] <= WINDOW.days)


def within_rhythm(columns: FeatureSet, now: Floats) -> Mask:
    """Has a rhythm and has not passed it; a NaN threshold (below three purchase days) compares as false."""
    since, threshold = now[:, columns.column(DAYS_SINCE_PURCHASE)], now[:, columns.column(SILENCE_AFTER_DAYS)]
    return np.asarray(since <= threshold)


def fell_silent(columns: FeatureSet, now: Floats, later: Floats) -> Mask:
    """At the window's end the last purchase is further back than the rhythm known at its start allows."""
    since, threshold = (
        later[:, columns.column(DAYS_SINCE_PURCHASE)],
        now[:, columns.column(SILENCE_AFTER_DAYS)],
    )
    return np.asarray(since > threshold)


BUYS = Question("buys-28d", 0.8, everyone, bought)
SILENT = Question("silent-28d", 0.1, within_rhythm, fell_silent)
QUESTIONS = (BUYS, SILENT)


def cutoffs(decision_time: datetime) -> list[datetime]:
    """Cut-offs to read, ascending. The last only answers; the one before it is the test, all earlier ones train."""
    return [decision_time - k * WINDOW for k in range(MOST_TRAINING_CUTOFFS + 1, -1, -1)]


def labelled(question: Question, columns: FeatureSet, snapshots: Sequence[Snapshot]) -> list[Rows]:
    """Rows of every cut-off whose window has ended: one ``Rows`` for each neighbouring pair, oldest first."""
    return [rows_of(question, columns, now, later) for now, later in pairwise(snapshots)]


def rows_of(question: Question, columns: FeatureSet, now: Snapshot, later: Snapshot) -> Rows:
    asked = question.population(columns, now.values)
    features = now.values[asked]
    names = [name for name, is_asked in zip(now.customers, asked, strict=True) if is_asked]
    answers = question.answer(columns, features, in_order_of(names, later))
    return Rows(now.cutoff, features, answers.astype(np.float64))
