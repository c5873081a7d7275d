"""Rolling cut-offs of "buys within 28 days" on Complete Journey: our training and the peers', pooled; knows no report.

At each of the last six cut-offs, 28 days apart, everybody trains on windows that ended by then and answers for the next one. Ours
goes the way of a training in the service: weekly rows, weights and calibration chosen on windows before the test. Peers get
the same columns, at cut-offs 28 days apart, as such a model is usually stacked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.customer_peers import PEERS, Fit
from benchmarks.forecast.journey_features import JOURNEY_COLUMNS, journey_snapshots
from fieldwise_forecast.core import fitting
from fieldwise_forecast.core.features import Floats, Mask, Snapshot
from fieldwise_forecast.core.probability import from_file, probability
from fieldwise_forecast.core.questions import BUYS, Rows, labelled

CUTOFFS = 6
APART = timedelta(days=28)
OURS = "ours"


@dataclass
class Pooled:
    """Answers of one forecaster over all cut-offs, and its CPU seconds."""

    parts: list[Floats] = field(default_factory=list)
    cpu_seconds: float = 0.0

    @property
    def probabilities(self) -> Floats:
        return np.concatenate(self.parts)


@dataclass(frozen=True)
class Rolled:
    """What came, and what each forecaster had said.

    Attributes:
        recency: Days since the last purchase; NaN without one.
        customers: Name of each row's customer, who stands in it once for each cut-off.
        learners: What served at each cut-off, with its calibration.
    """

    labels: Floats
    recency: Floats
    customers: NDArray[np.str_]
    said: dict[str, Pooled]
    learners: list[str]

    @property
    def dormant(self) -> Mask:
        return np.asarray(self.recency > 28)


@cache
def rolled(every: int) -> Rolled:
    """All cut-offs, of every so-manieth household. Kept: two parts of the benchmark read the same run."""
    snapshots = journey_snapshots(every)
    tests = [snapshots[-1].cutoff - (k + 1) * APART for k in range(CUTOFFS - 1, -1, -1)]
    said = {name: Pooled() for name in (OURS, *PEERS)}
    labels, recency, learners, customers = [], [], [], []
    for cutoff in tests:
        seen = [snapshot for snapshot in snapshots if snapshot.cutoff <= cutoff + APART]
        test = labelled(BUYS, JOURNEY_COLUMNS, seen)[-1]
        labels.append(test.labels)
        recency.append(test.features[:, JOURNEY_COLUMNS.column("days_since_purchase")])
        customers.append(next(each.customers for each in seen if each.cutoff == cutoff))
        learners.append(ours(seen, test, said[OURS]))
        for name in PEERS:
            theirs(PEERS[name], seen, test, said[name])
    names = np.concatenate([np.array(own) for own in customers])
    return Rolled(np.concatenate(labels), np.concatenate(recency), names, said, learners)


def ours(seen: Sequence[Snapshot], test: Rows, into: Pooled) -> str:
    begun = time.process_time()
    trained = fitting.fit(BUYS, JOURNEY_COLUMNS, seen, None, time.process_time, lambda _: None)
    assert trained.report.test_cutoff == test.cutoff
    model = from_file(trained.file)
    into.parts.append(probability(model.log_odds(test.features.astype(np.float32))))
    into.cpu_seconds += time.process_time() - begun
    return f"{trained.report.learner}, {trained.report.calibration}"


def theirs(fit: Fit, seen: Sequence[Snapshot], test: Rows, into: Pooled) -> None:
    """A peer answers for the test's rows; it is trained on everybody, 28 days apart."""
    begun = time.process_time()
    train = [
        rows
        for rows in labelled(BUYS, JOURNEY_COLUMNS, seen)
        if rows.cutoff + BUYS.window <= test.cutoff and not (test.cutoff - rows.cutoff) % APART
    ]
    features = np.concatenate([rows.features for rows in train])
    answers = np.concatenate([rows.labels for rows in train])
    into.parts.append(fit(JOURNEY_COLUMNS, features, answers, test.features))
    into.cpu_seconds += time.process_time() - begun
