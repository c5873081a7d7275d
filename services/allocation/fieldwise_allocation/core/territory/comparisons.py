"""What stands beside a plan: today, the nearest rep, K-means; measured by the audit, without a solver."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory.audit import audited
from fieldwise_allocation.core.territory.k_means import k_means, nearest
from fieldwise_allocation.core.territory.ledger import Floats, Indices, Ledger
from fieldwise_allocation.core.territory.plan import Compared, Measure

# Pairs of account and rep up to which K-means and the nearest rep are worked out: seconds, not minutes.
MOST_PAIRS = 30_000_000


def compared(ledger: Ledger) -> Compared:
    """Everything that stands beside a plan of the ledger's question; needs no plan.

    The nearest rep has the skills; K-means looks at places only, which is usual practice. Both ignore workload and locks.
    """
    question = ledger.question
    today = measure(ledger, np.maximum(ledger.incumbent, -1)) if (ledger.incumbent >= 0).any() else None
    pairs = len(question.accounts) * len(question.reps)
    if not question.travels or pairs > MOST_PAIRS:
        return Compared(today)
    clusters = k_means(on_sphere(ledger.degrees), on_sphere(ledger.homes))
    near = None if np.isnan(ledger.homes).all() else measure(ledger, _nearest_able(ledger))
    return Compared(today, near, measure(ledger, clusters), clusters.astype(np.int32))


def measure(ledger: Ledger, rep_of: npt.NDArray[np.integer]) -> Measure:
    """An assignment measured without regard to rules; -1 for accounts without a rep."""
    found = audited(ledger, rep_of)
    broken = tuple(found.counts().items())
    return Measure(found.objective, found.travel_km, found.worst_deviation, found.moves, broken)


def on_sphere(degrees: Floats) -> Floats:
    """Unit vectors, shape (n, 3)."""
    latitude, longitude = np.radians(degrees).T
    ring = np.cos(latitude)
    return np.stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)], axis=1)


def _nearest_able(ledger: Ledger) -> Indices:
    """For each kind of needs the able rep with the nearest home; without any able rep the nearest of all."""
    kinds, which = ledger.needs
    place, home = on_sphere(ledger.degrees), on_sphere(ledger.homes)
    settled = ~np.isnan(home[:, 0])
    rep_of = np.zeros(len(place), dtype=np.int64)
    for kind in range(len(kinds)):
        able = np.flatnonzero(ledger.able[kind] & settled)
        reps = able if len(able) else np.flatnonzero(settled)
        rows = np.flatnonzero(which == kind)
        rep_of[rows] = reps[nearest(place[rows], home[reps])]
    return rep_of
