"""Boosted trees on columns of bits, and what each column gave to them; knows no tag.

The one learner that judges every set of tags: small trees see tags that matter only together, which a sum of bits does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fieldwise_profile.core.tags.scores import Array

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

# Chosen for what ALL tags reach on the older rows of Complete Journey (`docs/methods/tags.md`), never for a part of them.
TREES: Final = 100
DEPTH: Final = 3
RATE: Final = 0.05
# Share of the columns that a split looks at: tags that say the same take turns.
LOOKED_AT: Final = 0.3
RIDGE: Final = 1.0
FEWEST_IN_LEAF: Final = 20


def log_odds(columns: Array, outcome: Array, others: Array) -> Array:
    """Log odds of the outcome for other rows, after learning from these; without columns all are alike.

    Args:
        columns: 0 or 1, shape (rows, columns).
        outcome: 0 or 1 for each row; both occur.
        others: Rows of the same columns.
    """
    if not columns.shape[1]:
        share = float(outcome.mean())
        return np.full(len(others), np.log(share / (1 - share)))
    found: Array = _learned(columns, outcome).decision_function(_bits(others))
    return found


def gains(columns: Array, outcome: Array, counts: Array, seed: int) -> Array:
    """How much the splits at each column lowered the loss.

    Args:
        counts: How often each row counts; both outcomes occur among those that count.
        seed: Of which columns each split looks at.
    """
    some = counts > 0
    model = _learned(columns[some], outcome[some], counts[some], seed)
    found = np.zeros(columns.shape[1])
    for (tree,) in model._predictors:  # in no public place
        splits = tree.nodes[tree.nodes["is_leaf"] == 0]
        np.add.at(found, splits["feature_idx"], splits["gain"])
    return found


def _learned(
    columns: Array, outcome: Array, counts: Array | None = None, seed: int = 0
) -> HistGradientBoostingClassifier:
    # Slow to load, and needed in worker processes only.
    from sklearn.ensemble import HistGradientBoostingClassifier

    learner = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_depth=DEPTH,
        learning_rate=RATE,
        max_features=LOOKED_AT,
        l2_regularization=RIDGE,
        min_samples_leaf=FEWEST_IN_LEAF,
        early_stopping=False,
        random_state=seed,
    )
    return learner.fit(_bits(columns), outcome, sample_weight=counts)


def _bits(columns: Array) -> Array:
    # A quarter of the memory and the time of doubles; 0 and 1 are exact in either.
    found: Array = columns.astype(np.float32)
    return found
