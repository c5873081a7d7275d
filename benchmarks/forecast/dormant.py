"""Customers who have not bought for more than 28 days: who comes back, beside BG/NBD; Complete Journey, six cut-offs pooled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.customer_cutoffs import OURS, rolled
from benchmarks.report import Row
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.measures import auc, debiased_ece, log_loss

PEER = "BG/NBD (lifetimes)"
SEED = 12
DRAWS = 1000


def rows(*, quick: bool) -> Iterator[Row]:
    found = rolled(4 if quick else 1)
    away = found.dormant
    labels = found.labels[away]
    ours, theirs, forest = (found.said[name].probabilities[away] for name in (OURS, PEER, "random forest"))
    own, other = auc(labels, ours), auc(labels, theirs)
    low, high = gain_interval(found.customers[away], labels, ours, theirs)
    yield Row(f"dormant, {len(labels)} rows: AUC", own, "", peer=PEER, peer_value=other)
    yield Row("dormant: AUC of the random forest", auc(labels, forest), "")
    yield Row("dormant: AUC gain over BG/NBD", own - other, "", "must", ">= 0.02")
    yield Row("dormant: AUC gain (stretch)", own - other, "", "stretch", ">= 0.04")
    yield Row("dormant: 95 % interval of the gain, lower end", low, "", "must", "> 0")
    yield Row("dormant: 95 % interval of the gain, upper end", high, "")
    yield Row(
        "dormant: log loss", log_loss(labels, ours), "nats", peer=PEER, peer_value=log_loss(labels, theirs)
    )
    rng = np.random.default_rng(SEED)
    gap, their_gap = debiased_ece(labels, ours, rng), debiased_ece(labels, theirs, rng)
    yield Row("dormant: debiased calibration error", gap, "", "must", "<= 0.05", PEER, their_gap)
    yield Row("dormant: debiased calibration error (stretch)", gap, "", "stretch", "<= 0.03")


def gain_interval(
    customers: NDArray[np.str_], labels: Floats, ours: Floats, theirs: Floats
) -> tuple[float, float]:
    """Paired bootstrap over customers: the rows of one customer are not independent."""
    rng = np.random.default_rng(SEED)
    _, who = np.unique(customers, return_inverse=True)
    rows = [np.flatnonzero(who == each) for each in range(who.max() + 1)]
    gains = []
    for _ in range(DRAWS):
        some = np.concatenate([rows[each] for each in rng.integers(0, len(rows), len(rows))])
        gains.append(auc(labels[some], ours[some]) - auc(labels[some], theirs[some]))
    low, high = np.quantile(gains, [0.025, 0.975])
    return float(low), float(high)
