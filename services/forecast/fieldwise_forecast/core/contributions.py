"""Exact SHAP values of depth-3 trees by table look-up, and their grouping for a reader; knows no wire.

A path-dependent SHAP value of a tree depends on the row only through the outcomes of the tree's 7 comparisons. So the
values for all 128 outcomes are worked out once per tree; a row then costs 7 comparisons and one look-up per tree
(37 us against 600 us of ``pred_contribs`` for one row of 25 columns and 200 trees on the shared machine). Equality with ``pred_contribs`` is checked
at every promotion.

Source: Lundberg, Erion, Lee (2018), Consistent Individualized Feature Attribution for Tree Ensembles, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from .features import Floats, Singles
from .learners import DEPTH
from .trees import LEAVES, NODES, Trees

OTHER = "other"
# "other" may hold this share of the absolute weight (agreement "Reasons").
OTHER_AT_MOST = 0.2
PATTERNS = 2**NODES


@dataclass(frozen=True)
class ContributionTable:
    """SHAP values of every tree for every outcome of its comparisons, shape (n_trees, 128, 7), by node."""

    trees: Trees
    values: Floats
    base: float

    def contributions(self, rows: Singles, columns: int) -> Floats:
        """Log-odds added by each column, shape (n_rows, n_columns); with ``base`` they add up to the raw output."""
        patterns = went_left(self.trees, rows)
        by_node = self.values[np.arange(len(self.trees.leaf)), patterns].reshape(len(rows), -1)
        node_column = self.trees.feature.ravel()
        flat = np.arange(len(rows))[:, None] * columns + node_column
        summed = np.bincount(flat.ravel(), weights=by_node.ravel(), minlength=len(rows) * columns)
        return np.asarray(summed.reshape(len(rows), columns), dtype=np.float64)


def went_left(trees: Trees, rows: Singles) -> NDArray[np.uint8]:
    """Outcome of all comparisons as a number of 7 bits per tree, node 0 lowest, shape (n_rows, n_trees)."""
    values = rows[:, trees.feature]
    left = (values < trees.threshold) | (np.isnan(values) & trees.unknown_left)
    packed: NDArray[np.uint8] = np.packbits(left, axis=-1, bitorder="little")[..., 0]
    return packed


def contribution_table(trees: Trees) -> ContributionTable:
    """Work out the SHAP values of each leaf's product game, summed into the nodes of its path."""
    values = np.zeros((len(trees.leaf), PATTERNS, NODES))
    outcomes = (np.arange(PATTERNS)[:, None] >> np.arange(NODES)) & 1
    base = trees.intercept
    for leaf in range(LEAVES):
        path = path_to(leaf)
        nodes = [node for node, _ in path]
        taken = np.stack([outcomes[:, node] == is_left for node, is_left in path], axis=-1).astype(np.float64)
        share = np.stack([share_of(trees, node, is_left) for node, is_left in path], axis=-1)
        base += float((trees.leaf[:, leaf] * share.prod(axis=-1)).sum())
        shapley = product_game(*merged(trees.feature[:, nodes], taken, share))
        values[:, :, nodes] += trees.leaf[:, leaf, None, None] * shapley
    return ContributionTable(trees, values, base)


def path_to(leaf: int) -> list[tuple[int, bool]]:
    """Nodes from the root to a leaf, each with whether the path goes left there."""
    place, path = leaf + NODES, []
    while place:
        parent = (place - 1) // 2
        path.append((parent, place == 2 * parent + 1))
        place = parent
    return path[::-1]


def share_of(trees: Trees, node: int, is_left: bool) -> Floats:
    return trees.left_share[:, node] if is_left else 1 - trees.left_share[:, node]


def merged(feature: NDArray[np.int64], taken: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Make one player of a feature that a path asks twice; the other place becomes a player without effect.

    Returns:
        Whether the row goes each player's way, shape (n_trees, 128, 3); the share that would, shape (n_trees, 1, 3).
    """
    goes = np.broadcast_to(taken, (len(feature), *taken.shape)).copy()
    would = share[:, None, :].copy()
    for later in range(1, DEPTH):
        for first in range(later):
            same = np.flatnonzero(feature[:, first] == feature[:, later])
            for player in (goes, would):
                player[same, :, first] *= player[same, :, later]
                player[same, :, later] = 1.0
    return goes, would


def product_game(goes: Floats, would: Floats) -> Floats:
    """Shapley values of f(S) = product of ``goes`` over S and ``would`` over the rest: the mean over all orders."""
    would = np.broadcast_to(would, goes.shape)
    total = np.zeros(goes.shape)
    orders = list(permutations(range(DEPTH)))
    for order in orders:
        value = would.prod(axis=-1)
        present = would.copy()
        for player in order:
            present[..., player] = goes[..., player]
            joined = present.prod(axis=-1)
            total[..., player] += joined - value
            value = joined
    return total / len(orders)


def largest(contributions: Floats, names: Sequence[str]) -> list[tuple[int | None, str, float]]:
    """Fewest contributions, largest absolute first, that leave at most 20 % of the absolute weight to ``other``.

    Returns:
        (index of the column or None for other, name, log-odds); their sum is the sum of all contributions.
    """
    weight = np.abs(contributions)
    order = np.argsort(-weight, kind="stable")
    held = np.cumsum(weight[order])
    kept = int(np.searchsorted(held, (1 - OTHER_AT_MOST) * held[-1])) + 1 if held[-1] > 0 else 0
    shown = [
        (i, names[i], value)
        for i, value in zip(order[:kept].tolist(), contributions[order[:kept]].tolist(), strict=True)
    ]
    rest = float(contributions[order[kept:]].sum())
    return [*shown, (None, OTHER, rest)] if weight[order[kept:]].any() else shown
