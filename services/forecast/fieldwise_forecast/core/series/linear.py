"""Linear regression on rows of series; knows no series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..features import Floats, Singles

# Worth this share of the rows as evidence for no effect.
RIDGE = 0.01


@dataclass(frozen=True)
class Linear:
    """Weights of standardised columns; NaN counts as the column's mean.

    Attributes:
        mean, spread, weights: Shape (n_features,).
    """

    mean: Floats
    spread: Floats
    weights: Floats
    intercept: float

    @classmethod
    def fitted(cls, features: Singles, targets: Floats) -> Linear:
        """Ridge regression.

        Source: Hoerl & Kennard (1970), Ridge regression, equation 2.1.
        """
        rows = features.astype(np.float64)
        known = np.isfinite(rows)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, rows, 0.0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (rows - mean) ** 2, 0.0).sum(axis=0) / count) + 1e-9
        standard = np.where(known, (rows - mean) / spread, 0.0)
        intercept = float(targets.mean())
        ridge = RIDGE * len(rows) * np.eye(rows.shape[1])
        moments = standard.T @ (targets - intercept)
        weights: Floats = np.asarray(
            np.linalg.solve(standard.T @ standard + ridge, moments), dtype=np.float64
        )
        return cls(mean, spread, weights, intercept)

    def __call__(self, features: Singles) -> Floats:
        standard = np.nan_to_num((features - self.mean) / self.spread, nan=0.0)
        return np.asarray(standard @ self.weights + self.intercept)

    def to_plain(self) -> dict[str, list[float] | float]:
        arrays = {"mean": self.mean, "spread": self.spread, "weights": self.weights}
        return {name: array.tolist() for name, array in arrays.items()} | {"intercept": self.intercept}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Linear:
        mean, spread, weights = (
            np.array(plain[name], dtype=np.float64) for name in ("mean", "spread", "weights")
        )
        return cls(mean, spread, weights, float(plain["intercept"]))
