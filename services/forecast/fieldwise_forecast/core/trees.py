"""A booster's trees as complete binary trees of depth 3 in plain arrays; knows no engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .features import Floats
from .learners import DEPTH

if TYPE_CHECKING:
    from xgboost import Booster

NODES = 2**DEPTH - 1
LEAVES = 2**DEPTH


@dataclass(frozen=True)
class Trees:
    """Trees in heap order: node i has children 2i + 1 (left) and 2i + 2; leaves come after the last node.

    Attributes:
        feature: Column compared at each node, shape (n_trees, 7).
        threshold: A value below it goes left, float32 as in the booster, shape (n_trees, 7).
        unknown_left: Whether NaN goes left, shape (n_trees, 7).
        left_share: Share of training weight that went left, shape (n_trees, 7).
        leaf: Log-odds added, shape (n_trees, 8).
        intercept: Log-odds before any tree.

    A branch that ended early is continued by nodes that send everything left (threshold +inf, share 1), with its
    value in every leaf below.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    unknown_left: NDArray[np.bool_]
    left_share: Floats
    leaf: Floats
    intercept: float


def trees_of(booster: Booster) -> Trees:
    """Read a booster's own JSON, whose numbers are exact (a text dump rounds them)."""
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    grown = [complete(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    columns = [np.array(column) for column in zip(*grown, strict=True)]
    feature, threshold, unknown_left, left_share, leaf = columns
    return Trees(
        feature,
        threshold.astype(np.float32),
        unknown_left,
        left_share,
        leaf,
        float(np.log(base / (1 - base))),
    )


def complete(tree: dict[str, Any]) -> tuple[list[int], list[float], list[bool], list[float], list[float]]:
    """One tree in heap order: (features, thresholds, NaN goes left, share going left) of 7 nodes, values of 8 leaves."""
    feature, threshold, unknown_left, share = [0] * NODES, [np.inf] * NODES, [True] * NODES, [1.0] * NODES
    leaf = [0.0] * LEAVES

    def walk(place: int, node: int) -> None:
        left, right = tree["left_children"][node], tree["right_children"][node]
        if place >= NODES:
            leaf[place - NODES] = tree["split_conditions"][node]
            return
        if left == -1:
            walk(2 * place + 1, node)
            walk(2 * place + 2, node)
            return
        feature[place], threshold[place] = tree["split_indices"][node], tree["split_conditions"][node]
        unknown_left[place] = bool(tree["default_left"][node])
        share[place] = tree["sum_hessian"][left] / tree["sum_hessian"][node]
        walk(2 * place + 1, left)
        walk(2 * place + 2, right)

    walk(0, 0)
    return feature, threshold, unknown_left, share, leaf
