"""The learners that compete on one time split; each is fitted on rows and then gives probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .features import Floats
from .light_xgboost import xgb

if TYPE_CHECKING:
    from xgboost import Booster

SEED = 20170101
TREES = 200
# Depth 3 loses nothing on Complete Journey, and makes exact contributions a table look-up (contributions.py).
DEPTH = 3
# Chosen by log loss on the windows before the test, where nothing near them mattered (differences below .002).
BOOSTING = {
    "objective": "binary:logistic",
    "max_depth": DEPTH,
    "eta": 0.03,
    "subsample": 0.8,
    "min_child_weight": 5,
    "tree_method": "hist",
    "nthread": 1,  # two threads on two busy cores cost up to seven times as much
    "seed": SEED,
}

Predict = Callable[[Floats], Floats]


def boost(features: Floats, labels: Floats) -> Booster:
    """The learner that serves. NaN goes the way the tree learned for unknown values."""
    rows = xgb.QuantileDMatrix(features.astype(np.float32), labels, nthread=1)
    booster: Booster = xgb.train(BOOSTING, rows, TREES)
    return booster


def signed_log(values: Floats) -> Floats:
    """log(1 + |x|) with the sign of x: counts, days and money all span orders of magnitude."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def logistic(features: Floats, labels: Floats) -> Predict:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    steps = (
        FunctionTransformer(signed_log),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=500),
    )
    return positive_class(make_pipeline(*steps).fit(features, labels))


def forest(features: Floats, labels: Floats) -> Predict:
    from sklearn.ensemble import RandomForestClassifier

    learner = RandomForestClassifier(n_estimators=100, min_samples_leaf=20, n_jobs=1, random_state=SEED)
    return positive_class(learner.fit(features.astype(np.float32), labels))


def base_rate(_: Floats, labels: Floats) -> Predict:
    """The rival that everyone has to beat: the same probability for all."""
    rate = float(labels.mean())
    return lambda rows: np.full(len(rows), rate)


def positive_class(fitted: Any) -> Predict:
    return lambda rows: np.asarray(fitted.predict_proba(rows)[:, 1], dtype=np.float64)


RIVALS: dict[str, Callable[[Floats, Floats], Predict]] = {
    "logistic-regression": logistic,
    "random-forest": forest,
    "base-rate": base_rate,
}
