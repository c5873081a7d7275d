"""Money expected from a customer who buys: a mean of his own, shrunken towards everybody's; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .features import ACTIVE_WINDOWS, SPEND_WHEN_ACTIVE, FeatureSet, Floats, Snapshot, in_order_of

MICROS = 1_000_000


@dataclass(frozen=True)
class SpendPrior:
    """What is expected of a customer without history, and how many windows of his own weigh as much.

    Attributes:
        mean: Spend in an active 28-day window over all customers, in currency units.
        weight: Windows of history at which his own mean and everybody's count the same.
    """

    mean: float
    weight: float

    def expected_micros(self, own_mean: float, windows: float) -> int:
        """Bühlmann's credibility mean (weight x mean + n x own) / (weight + n), in micros of the currency."""
        if not windows > 0 or np.isnan(own_mean):
            return round(self.mean * MICROS)
        return round((self.weight * self.mean + windows * own_mean) / (self.weight + windows) * MICROS)


# Before any training: Complete Journey's mean active window, rounded, and one window's worth of trust in it.
UNTRAINED = SpendPrior(mean=150.0, weight=1.0)


def spend_prior(columns: FeatureSet, snapshots: Sequence[Snapshot]) -> SpendPrior:
    """Fit mean and weight by the method of moments.

    Neighbouring cut-offs of a customer give the spend of the one window between them: n' = n + 1 windows with the new
    mean, less n with the old one. Its squared distance from the old mean is, on average, sigma^2 (1 + 1/n); the
    variance of the old means is tau^2 + sigma^2 E[1/n]. The weight is sigma^2 / tau^2.

    Source: Bühlmann & Gisler (2005), A Course in Credibility Theory, section 4.8.
    """
    last = snapshots[-1]
    own, windows = last.column(columns, SPEND_WHEN_ACTIVE), last.column(columns, ACTIVE_WINDOWS)
    active = (windows > 0) & ~np.isnan(own)
    if not active.any():
        return UNTRAINED
    mean = float(own[active].mean())
    pairs = [window_pairs(columns, now, later) for now, later in pairwise(snapshots)]
    n, before, between = (
        (np.concatenate(part) for part in zip(*pairs, strict=True)) if pairs else (np.array([]),) * 3
    )
    if len(n) < 2:
        return SpendPrior(mean, UNTRAINED.weight)
    sigma2 = float(np.mean((between - before) ** 2 / (1 + 1 / n)))
    tau2 = float(np.var(before)) - sigma2 * float(np.mean(1 / n))
    # Customers who hardly differ: their own mean says next to nothing. A limit keeps the arithmetic finite.
    return SpendPrior(mean, float(np.clip(sigma2 / max(tau2, sigma2 / 1000), 0.0, 1000.0)) if sigma2 else 0.0)


def window_pairs(columns: FeatureSet, now: Snapshot, later: Snapshot) -> tuple[Floats, Floats, Floats]:
    """Windows so far, their mean spend, and the spend of the next window, of those who bought in between."""
    n, own = now.column(columns, ACTIVE_WINDOWS), now.column(columns, SPEND_WHEN_ACTIVE)
    after = in_order_of(now.customers, later)
    n_after, own_after = after[:, columns.column(ACTIVE_WINDOWS)], after[:, columns.column(SPEND_WHEN_ACTIVE)]
    bought = (n > 0) & (n_after == n + 1)
    return n[bought], own[bought], (n_after * own_after - n * own)[bought]
