"""How things go with each other, learned from who bought what: tables of things by things; knows no day.

Source: Steck (2019), Embarrassingly shallow autoencoders for sparse data, equation 8; BM25 as Robertson and Zaragoza (2009), The
probabilistic relevance framework, section 3.4, with customers for documents.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldwise_recommend.core.next_purchase.history import Table

_RIDGE: Final = 1_000.0
_BM25_K: Final = 1.2
_BM25_B: Final = 0.75
_NEIGHBOURS: Final = 100


def ease(bought: Table, ridge: float = _RIDGE) -> Table:
    """Weights of the things bought in each thing's score; none of a thing in its own.

    Args:
        bought: 1 where a customer bought a thing, else 0.
    """
    gram = (bought.T @ bought).astype(np.float64)
    gram[np.diag_indices_from(gram)] += ridge
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)


def neighbours(days: Table, most: int = _NEIGHBOURS) -> Table:
    """Likeness of each thing to its nearest ones, 0 to the others: cosine of BM25 weights.

    Args:
        days: On how many days a customer bought a thing.
    """
    length = days.sum(axis=1, keepdims=True)
    share = (days > 0).sum(axis=0)
    rarity = np.log1p((len(days) - share + 0.5) / (share + 0.5)).astype(np.float32)
    scale = _BM25_K * (1 - _BM25_B + _BM25_B * length / max(float(length.mean()), 1e-9))
    weights = days * (_BM25_K + 1) / (days + scale) * rarity
    weights /= np.maximum(np.linalg.norm(weights, axis=0), 1e-9)
    likeness: Table = (weights.T @ weights).astype(np.float32)
    np.fill_diagonal(likeness, 0.0)
    if likeness.shape[1] > most:
        limit = np.partition(likeness, -most, axis=0)[-most]
        likeness[likeness < limit] = 0.0
    return likeness


def together(bought: Table, lift_at_least: float = 1.5) -> Table:
    """Share of customers with the row's thing who bought the column's too, where that is more than chance, else 0."""
    both = bought.T @ bought
    single = np.maximum(np.diag(both), 1.0)
    lift = both * len(bought) / np.outer(single, single)
    confidence = both / single[:, None]
    confidence[(lift < lift_at_least) | (both < 5)] = 0.0
    np.fill_diagonal(confidence, 0.0)
    shares: Table = confidence.astype(np.float32)
    return shares
