"""The questions that are put to each customer, and how later features answer them; knows no learner.

A label is read from the features at the end of the question's window, so a model needs no source but profile's feature sets,
and training and serving see the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from .features import DAYS_SINCE_PURCHASE, SILENCE_AFTER_DAYS, FeatureSet, Floats, Mask, Snapshot, in_order_of

# Every window is a whole number of steps, so that one set of cut-offs answers all questions.
STEP = timedelta(days=7)
# A year of steps; profile reads at most 60 cut-offs at once.
MOST_CUTOFFS = 53
# Without a purchase for longer, a customer without a rhythm counts as dormant.
DORMANT_DAYS = 28


@dataclass(frozen=True)
class Question:
    """One yes-or-no question: of whom it is asked at t, and what says yes at t + ``window``.

    ``prior`` is the probability before any training: rates of Complete Journey (2,464 households, last cut-off that the
    data answers), rounded; the first training replaces them. ``lifetime_sign`` is 1 where BG/NBD's probability of a purchase
    is an answer, -1 where that of none is, 0 where neither.
    """

    model: str
    window: timedelta
    prior: float
    population: Callable[[FeatureSet, Floats], Mask]
    answer: Callable[[FeatureSet, Floats, Floats, int], Mask]
    lifetime_sign: int = 1


@dataclass(frozen=True)
class Rows:
    """Labelled rows of one cut-off: features at t, shape (n, n_columns), and answers at the window's end, shape (n,)."""

    cutoff: datetime
    features: Floats
    labels: Floats


def everyone(_: FeatureSet, now: Floats) -> Mask:
    return np.ones(len(now), dtype=bool)


def within_rhythm(columns: FeatureSet, now: Floats) -> Mask:
    """Has a rhythm and has not passed it; a NaN threshold (below three purchase days) compares as false."""
    since, threshold = now[:, columns.column(DAYS_SINCE_PURCHASE)], now[:, columns.column(SILENCE_AFTER_DAYS)]
    return np.asarray(since <= threshold)


def active(columns: FeatureSet, now: Floats) -> Mask:
    """Has bought, and is neither past his rhythm nor, without one, dormant."""
    bought = ~np.isnan(now[:, columns.column(DAYS_SINCE_PURCHASE)])
    return np.asarray(bought & ~away(columns, now))


def away(columns: FeatureSet, now: Floats) -> Mask:
    """Is past his rhythm, or has not bought for more than 28 days."""
    since, threshold = now[:, columns.column(DAYS_SINCE_PURCHASE)], now[:, columns.column(SILENCE_AFTER_DAYS)]
    return np.asarray((since > threshold) | (since > DORMANT_DAYS))


def bought(columns: FeatureSet, _: Floats, later: Floats, days: int) -> Mask:
    """Bought within the window: seen from its end, the last purchase is at most that many days back."""
    return np.asarray(later[:, columns.column(DAYS_SINCE_PURCHASE)] <= days)


def stayed_away(columns: FeatureSet, now: Floats, later: Floats, days: int) -> Mask:
    """Did not buy within the window."""
    return ~bought(columns, now, later, days)


def fell_silent(columns: FeatureSet, now: Floats, later: Floats, _: int) -> Mask:
    """At the window's end the last purchase is further back than the rhythm known at its start allows."""
    since, threshold = (
        later[:, columns.column(DAYS_SINCE_PURCHASE)],
        now[:, columns.column(SILENCE_AFTER_DAYS)],
    )
    return np.asarray(since > threshold)


def weeks(count: int) -> timedelta:
    return count * STEP


BUYS = Question("buys-28d", weeks(4), 0.8, everyone, bought)
BUYS_IN_14_DAYS = Question("buys-14d", weeks(2), 0.7, everyone, bought)
BUYS_IN_7_DAYS = Question("buys-7d", weeks(1), 0.6, everyone, bought)
SILENT = Question("silent-28d", weeks(4), 0.1, within_rhythm, fell_silent, lifetime_sign=0)
CHURN = Question("churn-84d", weeks(12), 0.02, active, stayed_away, lifetime_sign=-1)
RETURNS = Question("returns-28d", weeks(4), 0.5, away, bought)
QUESTIONS = (BUYS, SILENT, BUYS_IN_7_DAYS, BUYS_IN_14_DAYS, CHURN, RETURNS)


def cutoffs(decision_time: datetime) -> list[datetime]:
    """Cut-offs to read, ascending, the last at the decision: it only answers."""
    return [decision_time - k * STEP for k in range(MOST_CUTOFFS - 1, -1, -1)]


def labelled(question: Question, columns: FeatureSet, snapshots: Sequence[Snapshot]) -> list[Rows]:
    """Rows of every cut-off whose window ends at another cut-off, oldest first."""
    at = {snapshot.cutoff: snapshot for snapshot in snapshots}
    pairs = ((now, at.get(now.cutoff + question.window)) for now in snapshots)
    return [rows_of(question, columns, now, later) for now, later in pairs if later is not None]


def rows_of(question: Question, columns: FeatureSet, now: Snapshot, later: Snapshot) -> Rows:
    asked = question.population(columns, now.values)
    features = now.values[asked]
    names = [name for name, is_asked in zip(now.customers, asked, strict=True) if is_asked]
    answers = question.answer(columns, features, in_order_of(names, later), question.window.days)
    return Rows(now.cutoff, features, answers.astype(np.float64))
