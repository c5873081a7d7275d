"""Known inputs that are the target itself; knows no forecaster."""

from __future__ import annotations

import numpy as np

from fieldwise_runtime.errors import InvalidRequest, Violation

from ..features import Floats
from .panel import Panel

# Nothing that is known in advance follows sales this closely; a copy, also in another unit, does.
TOO_CLOSE = 0.999
FEWEST = 8


def refuse_leaks(panel: Panel) -> None:
    """Raises InvalidRequest, reason TARGET_LEAK, that names every input which equals the target of the same period."""
    values = panel.known.values
    found = [
        Violation.of(
            f"known.{name}",
            f"correlation {close:.4f} with the values of the same period",
            "leave it out: it is the target itself and is not known in advance",
        )
        for i, name in enumerate(panel.known.names)
        if (close := closeness(panel.values, values[:, : panel.length, i])) >= TOO_CLOSE
    ]
    if found:
        raise InvalidRequest(found, reason="TARGET_LEAK")


def closeness(target: Floats, column: Floats) -> float:
    """Median over series of the absolute correlation with the target; 0 where no series can tell."""
    length = min(target.shape[1], column.shape[1])
    target, column = target[:, :length], column[:, :length]
    both = np.isfinite(target) & np.isfinite(column)
    count = np.maximum(both.sum(axis=1, keepdims=True), 1)
    deviations = []
    for values in (target, column):
        plain = np.where(both, values, 0.0)
        deviations.append(np.where(both, plain - plain.sum(axis=1, keepdims=True) / count, 0.0))
    ours, theirs = deviations
    spread = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    told = (both.sum(axis=1) >= FEWEST) & (spread > 1e-9 * np.maximum(np.abs(target).max(initial=0.0), 1.0))
    if not told.any():
        return 0.0
    return float(np.median(np.abs((ours * theirs).sum(axis=1)[told] / spread[told])))
