"""How good probabilities are: log loss, AUC, Brier score, calibration error; knows no learner."""

from __future__ import annotations

import numpy as np

from .features import Floats

# Keeps one confident mistake from making the mean infinite; far below any probability our learners give.
TINY = 1e-12
BINS = 15
# The standard error of their mean is about a seventh of one draw's spread, which is itself about a third of the mean.
DRAWS = 50


def log_loss(labels: Floats, probabilities: Floats) -> float:
    p = np.clip(probabilities, TINY, 1 - TINY)
    return float(-np.mean(labels * np.log(p) + (1 - labels) * np.log1p(-p)))


def log_loss_of_log_odds(labels: Floats, log_odds: Floats) -> float:
    """The same from log-odds, exact where a probability would round to 0 or 1."""
    return float(np.mean(np.logaddexp(0, log_odds) - labels * log_odds))


def brier(labels: Floats, probabilities: Floats) -> float:
    return float(np.mean((labels - probabilities) ** 2))


def auc(labels: Floats, probabilities: Floats) -> float:
    """Chance that a random positive scores above a random negative, ties counted half; 0.5 without both kinds."""
    positives = labels.sum()
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    _, place, count = np.unique(probabilities, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    return float((mean_rank[place] @ labels - positives * (positives + 1) / 2) / (positives * negatives))


def ece(labels: Floats, probabilities: Floats) -> float:
    """Expected calibration error over 15 bins of equal width: |mean label - mean probability|, weighted by rows."""
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=labels - probabilities, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def chance_ece(probabilities: Floats, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """Mean calibration error of labels drawn from the very probabilities: what chance alone shows."""
    drawn = [
        ece((rng.random(len(probabilities)) < probabilities).astype(np.float64), probabilities)
        for _ in range(draws)
    ]
    return float(np.mean(drawn))


def debiased_ece(labels: Floats, probabilities: Floats, rng: np.random.Generator) -> float:
    """Calibration error beyond what chance alone shows, at least 0: ece of the labels - mean ece of drawn labels."""
    return max(0.0, ece(labels, probabilities) - chance_ece(probabilities, rng))


def measures(labels: Floats, probabilities: Floats) -> dict[str, float]:
    return {
        "log_loss": log_loss(labels, probabilities),
        "auc": auc(labels, probabilities),
        "brier": brier(labels, probabilities),
        "ece": ece(labels, probabilities),
    }
