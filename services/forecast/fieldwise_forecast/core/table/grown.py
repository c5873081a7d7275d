"""Decision trees and forests of scikit-learn as plain arrays: predicted, written and read without pickle."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..features import Floats

LEAF = -1


@dataclass(frozen=True)
class Grown:
    """Trees one after another; a node's children are counted within its own tree.

    Attributes:
        first: Place of the root of each tree.
        feature: Column compared at each node; -1 at a leaf.
        threshold: A value not above it, compared in float32 as scikit-learn does, goes left.
        value: Prediction at each node.
    """

    first: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats

    def predict(self, rows: Floats) -> Floats:
        """The mean of the trees, summed in their order."""
        singles = rows.astype(np.float32)
        total = np.zeros(len(rows))
        for first in self.first:
            total += self.value[first + self._leaves(int(first), singles)]
        return total / len(self.first)

    def _leaves(self, first: int, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """The leaf each row falls into, counted within the tree."""
        place = np.zeros(len(rows), dtype=np.int64)
        walking = np.arange(len(rows))
        while len(walking):
            node = first + place[walking]
            feature = self.feature[node]
            inner = feature != LEAF
            walking, node, feature = walking[inner], node[inner], feature[inner]
            goes_left = rows[walking, feature] <= self.threshold[node]
            place[walking] = np.where(goes_left, self.left[node], self.right[node])
        return place

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            first=self.first,
            feature=self.feature,
            threshold=self.threshold,
            left=self.left,
            right=self.right,
            value=self.value,
        )
        return buffer.getvalue()


def from_bytes(content: bytes) -> Grown:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Grown(**{name: arrays[name] for name in arrays.files})


def grown(estimators: Sequence[Any]) -> Grown:
    """The arrays of fitted DecisionTreeRegressors."""
    trees = [estimator.tree_ for estimator in estimators]
    feature = np.concatenate([tree.feature for tree in trees]).astype(np.int32)
    leaf = np.concatenate([tree.children_left for tree in trees]) == LEAF
    return Grown(
        first=np.cumsum([0, *(tree.node_count for tree in trees[:-1])]).astype(np.int64),
        feature=np.where(leaf, LEAF, feature).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=np.concatenate([tree.children_left for tree in trees]).astype(np.int32),
        right=np.concatenate([tree.children_right for tree in trees]).astype(np.int32),
        value=np.concatenate([tree.value[:, 0, 0] for tree in trees]),
    )
