"""The learners that compete on one time split; each is fitted on rows and then gives probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .features import Floats
from .light_xgboost import xgb

if TYPE_CHECKING:
    from xgboost import Booster

SEED = 20170101
TREES = 200
# Depth 3 loses nothing on Complete Journey, and makes exact contributions a table look-up (contributions.py).
DEPTH = 3
# Chosen by log loss on the demo's windows that end before 2017-07-10, where nothing near them mattered (differences below .001).
BOOSTING = {
    "objective": "binary:logistic",
    "max_depth": DEPTH,
    "eta": 0.04,
    "subsample": 0.8,
    "colsample_bynode": 0.3,
    "min_child_weight": 5,
    "tree_method": "hist",
    "nthread": 1,  # two threads on two busy cores cost up to seven times as much
    "seed": SEED,
}
# A forest is there to be compared with, not to serve: more rows would cost more than all else of a training.
FOREST_ROWS = 4_000
FOREST_TREES = 60

Predict = Callable[[Floats], Floats]


def boost(features: Floats, labels: Floats) -> Booster:
    """Trees whose log-odds add up. NaN goes the way the tree learned for unknown values."""
    rows = xgb.QuantileDMatrix(features.astype(np.float32), labels, nthread=1)
    booster: Booster = xgb.train(BOOSTING, rows, TREES)
    return booster


def forest(features: Floats, labels: Floats) -> Predict:
    """A random forest on at most 4,000 rows, drawn evenly over time."""
    from sklearn.ensemble import RandomForestClassifier

    rows = np.linspace(0, len(labels) - 1, min(len(labels), FOREST_ROWS)).astype(np.int64)
    learner = RandomForestClassifier(FOREST_TREES, min_samples_leaf=20, n_jobs=1, random_state=SEED)
    learner.fit(features[rows].astype(np.float32), labels[rows])
    if len(learner.classes_) < 2:
        return base_rate(features, labels[rows])
    return lambda some: np.asarray(learner.predict_proba(some.astype(np.float32))[:, 1], dtype=np.float64)


def base_rate(_: Floats, labels: Floats) -> Predict:
    """The rival that everyone has to beat: the same probability for all."""
    rate = float(labels.mean())
    return lambda rows: np.full(len(rows), rate)


# Beside the parts that may serve (parts.py).
RIVALS: dict[str, Callable[[Floats, Floats], Predict]] = {
    "random-forest": forest,
    "base-rate": base_rate,
}
