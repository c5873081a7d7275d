"""Learners of one action's added reward from doubly robust contrasts; knows no stacking and no policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import numpy as np

from fieldwise_recommend.core.arrays import Floats

# What a learner has learned: facts, shape (n, facts), to added reward, shape (n,).
Learned = Callable[[Floats], Floats]
# Facts, contrasts of one action (finite) and a seed to what was learned of them.
Learner = Callable[[Floats, Floats, int], Learned]

# Rows that the pull towards no difference between customers is worth: contrasts are noisy, facts have spread 1.
_PULL: Final = 100.0
_BOOSTED: Final[Mapping[str, Any]] = {
    "objective": "reg:squarederror",
    "eta": 0.1,
    "max_depth": 2,
    "min_child_weight": 200.0,
    "subsample": 0.7,
    "max_bin": 64,
    "tree_method": "hist",
    "nthread": 1,
    "base_score": 0.0,
}
_ROUNDS: Final = 20


def straight(facts: Floats, contrasts: Floats, _seed: int = 0) -> Learned:
    """A line in the facts."""
    scale = Scale(facts)
    given = scale(facts)
    mean = float(contrasts.mean())
    left = given.T @ given + _PULL * np.eye(given.shape[1])
    slope = np.linalg.solve(left, given.T @ (contrasts - mean))

    def learned(asked: Floats) -> Floats:
        found: Floats = mean + scale(asked) @ slope
        return found

    return learned


def boosted(facts: Floats, contrasts: Floats, seed: int) -> Learned:
    """Boosted shallow trees (XGBoost)."""
    import xgboost

    trained = xgboost.train(
        dict(_BOOSTED, seed=seed), xgboost.DMatrix(facts, label=contrasts, nthread=1), _ROUNDS
    )

    def learned(given: Floats) -> Floats:
        return cast(Floats, trained.predict(xgboost.DMatrix(given, nthread=1)).astype(np.float64))

    return learned


LEARNERS: Final[tuple[Learner, ...]] = (straight, boosted)


class Scale:
    """Facts to mean 0 and spread 1; what is not known stands at the mean."""

    def __init__(self, facts: Floats) -> None:
        known = np.isfinite(facts)
        counted = np.maximum(known.sum(axis=0), 1)
        self._mean = np.where(known, facts, 0.0).sum(axis=0) / counted
        spread = np.sqrt((np.where(known, facts - self._mean, 0.0) ** 2).sum(axis=0) / counted)
        self._spread = np.where(spread > 0.0, spread, 1.0)

    def __call__(self, facts: Floats) -> Floats:
        scaled: Floats = np.where(np.isfinite(facts), (facts - self._mean) / self._spread, 0.0)
        return scaled
