"""How far predictions lie off: MSE, MAE, WAPE; knows no learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats


@dataclass(frozen=True)
class Measures:
    """Errors over test rows.

    Attributes:
        mse: Mean of the squared error, in the target's unit squared.
        mae: Mean of the absolute error, in the target's unit.
        wape: Sum of absolute errors by sum of absolute actual values; infinite where those are all 0.
    """

    mse: float
    mae: float
    wape: float


def measured(actual: Floats, predicted: Floats) -> Measures:
    error = actual - predicted
    absolute = float(np.abs(error).sum())
    whole = float(np.abs(actual).sum())
    wape = absolute / whole if whole else np.inf
    return Measures(float(np.mean(error * error)), absolute / len(actual), float(wape))
