"""Trials of a question about customers: its boosted trees and simpler learners on windows by time; knows no grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ..features import SPEND_WHEN_ACTIVE, FeatureSet, Floats, Snapshot
from ..fitting import FEWEST_TEST_ROWS, FEWEST_TRAINING_ROWS, not_enough, thinned
from ..learners import BOOSTING, RIVALS, SEED, TREES
from ..light_xgboost import xgb
from ..linear import logistic
from ..measures import log_loss
from ..probability import probability
from ..questions import Question, Rows, labelled
from .trials import Result, Trial

if TYPE_CHECKING:
    from xgboost import Booster

ORIGINS = 3
APART = timedelta(days=28)
# A training may take more; a curve takes some sixty of them.
MOST_ROWS = 15_000
LOGISTIC, FOREST, BASE_RATE = "logistic", "random-forest", "base-rate"
LEARNERS = (BASE_RATE, LOGISTIC, FOREST)
# Trees that rank the columns before the best of them are taken.
RANKING_TREES = 20
# Share of the customers that can be contacted in one window.
CAPACITY = 0.2


@dataclass(frozen=True)
class Customers:
    """Labelled rows of every answered cut-off, oldest first.

    Attributes:
        window: Length of the question's window.
        spend: Column of what a customer spends in four weeks in which he buys.
    """

    rows: tuple[Rows, ...]
    window: timedelta
    spend: int

    @property
    def origins(self) -> list[datetime]:
        """Cut-offs of the tests, oldest first."""
        newest = self.rows[-1].cutoff
        wanted = [newest - back * APART for back in range(ORIGINS - 1, -1, -1)]
        there = {part.cutoff for part in self.rows}
        return [cutoff for cutoff in wanted if cutoff in there and learnable(self.before(cutoff, 0))]

    def before(self, origin: datetime, age_days: int) -> list[Rows]:
        """Rows whose windows had ended so many days before the origin."""
        known = origin - timedelta(days=age_days)
        train = [part for part in self.rows if part.cutoff + self.window <= known]
        return thinned(train, MOST_ROWS) if train else []


def customers_of(question: Question, columns: FeatureSet, snapshots: Sequence[Snapshot]) -> Customers:
    """What the trials of a question need.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    rows = tuple(
        part for part in labelled(question, columns, snapshots) if len(part.labels) >= FEWEST_TEST_ROWS
    )
    found = Customers(rows, question.window, columns.column(SPEND_WHEN_ACTIVE))
    if not rows or not found.origins:
        raise not_enough(question, "no cut-off has answered windows before it to learn from")
    return found


def learnable(train: Sequence[Rows]) -> bool:
    labels = np.concatenate([part.labels for part in train]) if train else np.empty(0)
    return len(labels) >= FEWEST_TRAINING_ROWS and bool(labels.min() < labels.max())


def tried(customers: Customers, cpu_seconds: Callable[[], float], trial: Trial) -> Result:
    """Train as the trial says and test on the window after its origin."""
    origin = customers.origins[trial.origin]
    test = next(part for part in customers.rows if part.cutoff == origin)
    train = customers.before(origin, trial.age_days)
    if not learnable(train):
        return Result(np.nan, np.nan, 0, 0, 0, 0.0)
    features = np.concatenate([part.features for part in train])
    labels = np.concatenate([part.labels for part in train])
    chosen = drawn(len(labels), trial.rows)
    begun = cpu_seconds()
    said, columns, trees = answers(trial, features[chosen], labels[chosen], test.features)
    spent = cpu_seconds() - begun
    rate = np.full(len(test.labels), labels.mean())
    value = held(said, test, customers.spend)
    return Result(
        log_loss(test.labels, said), log_loss(test.labels, rate), len(chosen), columns, trees, spent, value
    )


def drawn(count: int, share: float) -> np.ndarray:
    """Rows at random, the same for the same share; at least the fewest that are learned from."""
    wanted = min(count, max(FEWEST_TRAINING_ROWS, round(share * count)))
    return np.sort(np.random.default_rng(SEED).permutation(count)[:wanted])


def answers(trial: Trial, features: Floats, labels: Floats, asked: Floats) -> tuple[Floats, int, int]:
    """Probabilities, and how many columns and trees gave them."""
    width = features.shape[1]
    if trial.learner == LOGISTIC:
        return probability(logistic(features, labels).log_odds(asked.astype(np.float32))), width, 0
    if trial.learner:
        return RIVALS[trial.learner](features, labels)(asked), width, 0
    best = best_columns(features, labels, max(1, round(trial.columns * width)))
    trees = max(1, round(TREES * trial.trees))
    booster = boosted(features[:, best], labels, trees)
    said = booster.inplace_predict(asked[:, best].astype(np.float32))
    return np.asarray(said, dtype=np.float64), len(best), trees


def boosted(features: Floats, labels: Floats, trees: int) -> Booster:
    rows = xgb.QuantileDMatrix(features.astype(np.float32), labels, nthread=1)
    booster: Booster = xgb.train(BOOSTING, rows, trees)
    return booster


def best_columns(features: Floats, labels: Floats, count: int) -> np.ndarray:
    """The columns that a few trees gain most from, in their own order; all where all are wanted."""
    width = features.shape[1]
    if count >= width:
        return np.arange(width)
    gains = boosted(features, labels, RANKING_TREES).get_score(importance_type="total_gain")
    gain = np.array([gains.get(f"f{i}", 0.0) for i in range(width)])
    return np.sort(np.argsort(-gain, kind="stable")[:count])


def held(said: Floats, test: Rows, spend: int) -> float:
    """Usual four-week spend of those customers who were contacted and are what was asked for."""
    count = max(1, round(CAPACITY * len(said)))
    contacted = np.argsort(-said, kind="stable")[:count]
    return float(np.nansum(test.labels[contacted] * test.features[contacted, spend]))
