"""Ranking what a customer may buy next: candidates, the learned chance of each, the best of both kinds; knows no store.

Trained on what customers bought in the weeks after earlier days. Things bought before and new things have a model each: what tells
habits apart says nothing about discoveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.whole_history.signs import Signs, Things, signs_at, things_at
from fieldwise_recommend.core.arrays import Ints
from fieldwise_recommend.core.next_purchase.history import History, Table

CANDIDATES: Final = 100
_SEED: Final = 20_170_101


@dataclass(frozen=True, slots=True)
class Learning:
    """How a model is learned.

    Args:
        window: Days in which what is bought counts.
        cutoffs: Training windows, one before the other.
        trees, depth, rate: Of the boosting.
    """

    window: int = 28
    cutoffs: int = 3
    trees: int = 150
    depth: int = 5
    rate: float = 0.08


@dataclass(frozen=True)
class Candidates:
    """Pairs of customer and thing, and their inputs, by customer."""

    customer: Ints
    thing: Ints
    inputs: Table


def repeats(signs: Signs, most: int = CANDIDATES) -> Candidates:
    """Each customer's things by how often and how lately he bought them."""
    scores = np.where(signs.owned, signs.tables["faded"] + 1e-3 * signs.tables["own_10000d"], -np.inf)
    return _best(signs, scores, most)


def discoveries(signs: Signs, most: int = CANDIDATES) -> Candidates:
    """Things that are new to each customer, half of them by what he bought, half by what everybody buys."""
    new = ~signs.owned
    guess = signs.tables["ease"] + signs.tables["popular_28d"]
    return _best(signs, np.where(new, guess, -np.inf), most)


def _best(signs: Signs, scores: Table, most: int) -> Candidates:
    most = min(most, scores.shape[1])
    thing = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    customer = np.repeat(np.arange(len(scores)), most)
    flat = thing.ravel()
    real = np.isfinite(scores[customer, flat])
    customer, flat = customer[real], flat[real]
    return Candidates(customer, flat, signs.rows(customer, flat))


@dataclass(frozen=True)
class Ranker:
    """Both models, and what is known of things."""

    things: Things
    repeat: Any
    new: Any

    def repeats(self, signs: Signs) -> tuple[Candidates, NDArray[np.float32]]:
        """Things bought before with the chance that each is bought in the window."""
        found = repeats(signs)
        return found, self.repeat.inplace_predict(found.inputs)

    def discoveries(self, signs: Signs) -> tuple[Candidates, NDArray[np.float32]]:
        """New things with the chance of each."""
        found = discoveries(signs)
        return found, self.new.inplace_predict(found.inputs)


def learn(history: History, day: int, learning: Learning) -> Ranker:
    """A ranker from the purchases before a day."""
    parts: dict[str, list[tuple[Table, NDArray[np.bool_]]]] = {"repeat": [], "new": []}
    for number in range(1, learning.cutoffs + 1):
        cutoff = day - number * learning.window
        things = things_at(history, cutoff)
        signs = signs_at(history, things, cutoff)
        bought = history.between(cutoff, cutoff + learning.window).table() > 0
        buying = np.flatnonzero(bought.any(axis=1) & signs.owned.any(axis=1))
        for name, found in (("repeat", repeats(signs)), ("new", discoveries(signs))):
            mine = np.isin(found.customer, buying)
            labels = bought[found.customer[mine], found.thing[mine]]
            parts[name].append((found.inputs[mine], labels))
    return Ranker(things_at(history, day), *(_boosted(parts[name], learning) for name in ("repeat", "new")))


def _boosted(parts: list[tuple[Table, NDArray[np.bool_]]], learning: Learning) -> Any:
    import xgboost  # needed to train, never to serve other calls

    inputs = np.concatenate([part for part, _ in parts])
    labels = np.concatenate([part for _, part in parts])
    parameters = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": learning.depth, "eta": learning.rate,
        "min_child_weight": 20, "subsample": 0.8, "colsample_bytree": 0.7, "nthread": 1, "seed": _SEED, "max_bin": 64,
    }  # fmt: skip
    return xgboost.train(
        parameters, xgboost.QuantileDMatrix(inputs, labels, max_bin=64, nthread=1), learning.trees
    )
