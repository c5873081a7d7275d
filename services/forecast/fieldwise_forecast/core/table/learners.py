"""The learners that compete on a table, each with a form of file without pickle; knows no column and no split."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..features import Floats
from ..light_xgboost import xgb
from . import grown
from .splitting import SEED

if TYPE_CHECKING:
    from xgboost import Booster

TREES = 100
LEAST_LEAF, FOREST_LEAF = 5, 2
DEEPEST = 12
# Rows a tree of the forest is grown on: a hundred trees on hundreds of thousands of rows would take many minutes.
FOREST_ROWS = 10_000
ROUNDS = 300
BOOSTING = {
    "objective": "reg:squarederror",
    "max_depth": 5,
    "eta": 0.05,
    "subsample": 0.8,
    "min_child_weight": 3,
    "tree_method": "hist",
    "nthread": 1,
    "seed": SEED,
}
BASE = "base"


class Predictor(Protocol):
    """A fitted learner."""

    def predict(self, rows: Floats) -> Floats:
        """A prediction per row of features, shape (rows,)."""
        ...

    def to_bytes(self) -> bytes:
        """What the learner's ``load`` makes the same predictor of."""
        ...


@dataclass(frozen=True)
class Learner:
    """A way to fit features (rows, features) to targets (rows,), and to read back what was fitted.

    ``foreign`` learners come from other people's packages: they may fail without the others failing.
    """

    name: str
    fit: Callable[[Floats, Floats], Predictor]
    load: Callable[[bytes], Predictor]
    foreign: bool = False


@dataclass(frozen=True)
class Linear:
    """intercept + rows @ coefficients; without coefficients the same for all."""

    intercept: float
    coefficients: tuple[float, ...] = ()

    def predict(self, rows: Floats) -> Floats:
        if not self.coefficients:
            return np.full(len(rows), self.intercept)
        return np.asarray(rows @ np.array(self.coefficients) + self.intercept)

    def to_bytes(self) -> bytes:
        return json.dumps({"intercept": self.intercept, "coefficients": self.coefficients}).encode()

    @staticmethod
    def load(content: bytes) -> Linear:
        told = json.loads(content)
        return Linear(told["intercept"], tuple(told["coefficients"]))


@dataclass(frozen=True)
class Boosted:
    """Boosted trees of XGBoost."""

    booster: Booster

    def predict(self, rows: Floats) -> Floats:
        found = self.booster.inplace_predict(np.ascontiguousarray(rows, dtype=np.float32))
        return np.asarray(found, dtype=np.float64)

    def to_bytes(self) -> bytes:
        return bytes(self.booster.save_raw("ubj"))

    @staticmethod
    def load(content: bytes) -> Boosted:
        return Boosted(xgb.Booster({"nthread": 1}, model_file=bytearray(content)))


def warm() -> None:
    """Imports what the learners fit with, so that the first of them is not charged for it."""
    for part in ("linear_model", "tree", "ensemble"):
        import_module(f"sklearn.{part}")


def mean(_: Floats, targets: Floats) -> Linear:
    """What everyone has to beat: the mean of the training rows."""
    return Linear(float(targets.mean()))


def linear(rows: Floats, targets: Floats) -> Linear:
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(rows, targets)
    return Linear(float(fitted.intercept_), tuple(fitted.coef_.tolist()))


def tree(rows: Floats, targets: Floats) -> grown.Grown:
    return grown.grown([decision_tree().fit(rows, targets)])


def forest(rows: Floats, targets: Floats) -> grown.Grown:
    return grown.grown(random_forest(len(rows)).fit(rows, targets).estimators_)


def decision_tree() -> Any:
    """The decision tree as scikit-learn has it, not fitted yet."""
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(min_samples_leaf=LEAST_LEAF, max_depth=DEEPEST, random_state=SEED)


def random_forest(rows: int) -> Any:
    """The forest as scikit-learn has it, for so many rows, not fitted yet."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(
        n_estimators=TREES,
        min_samples_leaf=FOREST_LEAF,
        max_samples=FOREST_ROWS if rows > FOREST_ROWS else None,
        random_state=SEED,
        n_jobs=1,
    )


def boosted(rows: Floats, targets: Floats) -> Boosted:
    data = xgb.QuantileDMatrix(rows.astype(np.float32), targets, nthread=1)
    return Boosted(xgb.train(BOOSTING, data, ROUNDS))


BUILT_IN = (
    Learner(BASE, mean, Linear.load),
    Learner("linear-regression", linear, Linear.load),
    Learner("decision-tree", tree, grown.from_bytes),
    Learner("random-forest", forest, grown.from_bytes),
    Learner("xgboost", boosted, Boosted.load),
)
# The same on every row of a file that has more rows than one process gets; it is fitted elsewhere, in pieces.
ALL_ROWS = Learner("xgboost-all-rows", boosted, Boosted.load)
