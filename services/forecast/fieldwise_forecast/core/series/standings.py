"""Which forecaster serves each level, and with what weight: decided on earlier origins only; knows no forecaster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats, Mask
from .backtests import Backtest, known_at, sums_by_series

ENSEMBLE = "ensemble"
# The level of all series together.
ALL = ""
# A single forecaster has to beat the ensemble by this much: windows of neighbouring origins overlap, so that six say hardly
# more than two, and what was better by a twentieth was worse afterwards (Complete Journey without its plan).
MARGIN = 0.1
# Weights fall with this power of the error. Bates and Granger have 2; overlapping windows say half as much as they seem to.
POWER = 1.0


@dataclass(frozen=True)
class Standing:
    """How a forecaster did on the backtest of a level.

    Attributes:
        level: Label of the level; empty for all series.
        wape: Sum of absolute errors over sum of absolute actuals.
        smape: Mean of 2 |error| / (|actual| + |forecast|), in [0, 2].
        rmsse: Mean over series of the root of the mean squared error over that of naive one step ahead.
        cpu_seconds: To fit and forecast at all origins.
        weight: Its share of the ensemble; 0 when it is no part of it.
    """

    level: str
    learner: str
    wape: float
    smape: float
    rmsse: float
    cpu_seconds: float
    weight: float


@dataclass(frozen=True)
class Choice:
    """Who forecasts a level.

    Attributes:
        learner: Name of a forecaster, or "ensemble".
        weights: Of the ensemble's members, adding up to 1.
    """

    learner: str
    weights: Mapping[str, float]

    def shares(self) -> Mapping[str, float]:
        """By member: what it gives to the forecast."""
        return self.weights if self.learner == ENSEMBLE else {self.learner: 1.0}


def choice_at(tests: Mapping[str, Backtest], rows: Mask, members: Sequence[str], moment: int) -> Choice:
    """The choice for the series in ``rows``, as it was made when ``moment`` periods were known.

    The ensemble of the members stays unless a single forecaster beats it by MARGIN. Weights fall as errors
    rise, without regard to correlations, which so few origins cannot tell.

    Source: Bates & Granger (1969), The combination of forecasts, section 3.
    """
    errors = {name: wape_of(test, rows, moment) for name, test in tests.items()}
    weights = combined({name: errors[name] for name in members if name in tests})
    best = min(errors, key=lambda name: (errors[name], name))
    if not weights:
        return Choice(best, {})
    together = wape_of(blended(tests, weights), rows, moment)
    single = np.isfinite(errors[best]) and errors[best] < together * (1 - MARGIN)
    return Choice(best if single else ENSEMBLE, weights)


def combined(errors: Mapping[str, float]) -> dict[str, float]:
    """Weights of members by their errors; equal where nothing is known yet."""
    if not all(np.isfinite(error) for error in errors.values()):
        return {name: 1 / len(errors) for name in errors}
    merits = {name: max(error, 1e-6) ** -POWER for name, error in errors.items()}
    return {name: merit / sum(merits.values()) for name, merit in merits.items()}


def blended(tests: Mapping[str, Backtest], shares: Mapping[str, float]) -> Backtest:
    """The backtest of a weighted mean."""
    first = tests[next(iter(shares))]
    forecast = np.zeros_like(first.forecast)
    for name, share in shares.items():
        forecast += share * tests[name].forecast
    return Backtest(first.origins, first.actual, forecast)


def wape_of(test: Backtest, rows: Mask, moment: int) -> float:
    """Over the cells that were known at a moment; infinite where none was."""
    missed, actual = sums_by_series(test, known_at(test.origins, test.actual.shape[2], moment))[:, rows].sum(
        axis=1
    )
    return float(missed / actual) if actual > 0 else float("inf")


def honest(tests: Mapping[str, Backtest], levels: Sequence[str], members: Sequence[str]) -> Backtest:
    """What the choice of each origin would have forecast: weights and champion see only what was known then."""
    first = next(iter(tests.values()))
    forecast = np.empty_like(first.forecast)
    labels = np.array(levels)
    for place, origin in enumerate(first.origins):
        for level in dict.fromkeys(levels):
            rows = labels == level
            shares = choice_at(tests, rows, members, origin).shares()
            forecast[place, rows] = sum(
                share * tests[name].forecast[place, rows] for name, share in shares.items()
            )
    return Backtest(first.origins, first.actual, forecast)


def standing(
    level: str, learner: str, test: Backtest, rows: Mask, steps: Floats, cpu_seconds: float, weight: float
) -> Standing:
    """Args:
    steps: Mean squared step of each series from one period to the next, what RMSSE is measured by.
    """
    actual, forecast = test.actual[:, rows], test.forecast[:, rows]
    usable = np.isfinite(actual) & np.isfinite(forecast)
    missed = np.where(usable, np.abs(actual - forecast), 0.0)
    size = np.where(usable, np.abs(actual) + np.abs(forecast), 0.0)
    count = np.maximum(usable.sum(axis=(0, 2)), 1)
    scaled = np.sqrt((missed**2).sum(axis=(0, 2)) / count / np.maximum(steps[rows], 1e-12))
    moves = (usable.any(axis=(0, 2))) & (steps[rows] > 0)
    return Standing(
        level=level,
        learner=learner,
        wape=float(missed.sum() / max(float(np.where(usable, np.abs(actual), 0.0).sum()), 1e-12)),
        smape=float((2 * missed / np.maximum(size, 1e-12)).sum() / max(int(usable.sum()), 1)),
        rmsse=float(scaled[moves].mean()) if moves.any() else 0.0,
        cpu_seconds=cpu_seconds,
        weight=weight,
    )


def squared_steps(values: Floats) -> Floats:
    """Mean squared step from one period to the next of each series, shape (n_series,)."""
    moves = np.diff(values, axis=1) ** 2
    known = np.isfinite(moves)
    return np.asarray(np.where(known, moves, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
