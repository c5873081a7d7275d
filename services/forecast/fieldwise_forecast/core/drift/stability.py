"""Population stability: how far a distribution has moved since training; knows no feature and no model."""

from __future__ import annotations

import numpy as np

from ..features import Floats

BINS = 10
# The custom of credit scoring: below .1 nothing has moved, from .2 on it has.
MOVED = 0.2
# Half a row in an empty bin: a logarithm needs a share above 0.
SMOOTHING = 0.5


def stability(reference: Floats, current: Floats) -> float:
    """Population stability index over tenths of the reference; NaN (unknown) is a bin of its own.

    Source: Siddiqi (2006), Credit Risk Scorecards, chapter 8: sum (current - reference) ln(current / reference).
    """
    known = reference[np.isfinite(reference)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
    before, now = (shares(values, edges) for values in (reference, current))
    return float(((now - before) * np.log(now / before)).sum())


def shares(values: Floats, edges: Floats) -> Floats:
    bins = len(edges) + 2
    place = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), bins - 1)
    counts = np.bincount(place, minlength=bins) + SMOOTHING
    return np.asarray(counts / counts.sum())
