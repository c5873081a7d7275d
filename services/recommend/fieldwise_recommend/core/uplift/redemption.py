"""How likely a customer is to use a coupon he is sent, which is what it costs; knows no coupon and no campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.logistic import fitted
from fieldwise_recommend.core.uplift.learners import Learned, Scale

# Rows of a spread of 1 that the pull towards 0 is worth.
_PULL: Final = 60.0
_BOOSTED: Final[Mapping[str, Any]] = {
    "objective": "binary:logistic",
    "eta": 0.05,
    "max_depth": 2,
    "min_child_weight": 5.0,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "tree_method": "hist",
    "nthread": 1,
}
_ROUNDS: Final = 60


def redemption(facts: Floats, redeemed: Floats, seed: int = 0) -> Learned:
    """Log-odds of using the coupon, the mean of a line's and of boosted trees': they err in different places.

    Args:
        facts: Shape (n, facts); NaN where a fact is not known.
        redeemed: 1 or 0, shape (n,).
    """
    line, trees = logistic(facts, redeemed), boosted(facts, redeemed, seed)

    def learned(asked: Floats) -> Floats:
        odds: Floats = 0.5 * (line(asked) + trees(asked))
        return odds

    return learned


def logistic(facts: Floats, redeemed: Floats) -> Learned:
    """Ridge logistic regression on facts of spread 1."""
    scale = Scale(facts)
    rows = np.column_stack([np.ones(len(facts)), scale(facts)])
    pulls = np.full(rows.shape[1], _PULL)
    pulls[0] = 1e-6
    slope = fitted(rows, redeemed, pulls)

    def learned(asked: Floats) -> Floats:
        odds: Floats = np.column_stack([np.ones(len(asked)), scale(asked)]) @ slope
        return odds

    return learned


def boosted(facts: Floats, redeemed: Floats, seed: int = 0) -> Learned:
    """Boosted shallow trees (XGBoost)."""
    import xgboost

    data = xgboost.DMatrix(facts, label=redeemed, nthread=1)
    trained = xgboost.train(dict(_BOOSTED, seed=seed), data, _ROUNDS)

    def learned(asked: Floats) -> Floats:
        odds = trained.predict(xgboost.DMatrix(asked, nthread=1), output_margin=True)
        return np.asarray(odds, dtype=np.float64)

    return learned
