"""The Theta method and its optimised kin for many series; knows no season.

Every one of them is smoothing plus a line: the one-step forecast is linear in the first level and in the line's weight,
so that for a smoothing constant the best of both is plain least squares, and only the constant is searched for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats
from .histories import Histories, straight_lines
from .search import minimum

# Bounds of the smoothing constant, as in the peers.
LOWEST, HIGHEST = 0.1, 0.99
GRID = np.arange(0.1, 1.0, 0.1)[None]
# The first errors only say how well the first level was guessed.
BURN_IN = 3
# The line's weight, 1 - 1 / theta: 1/2 is the classical theta of 2.
CLASSICAL = 0.5
HEAVIEST = 1.0
RIDGE = 1e-9


@dataclass(frozen=True)
class Lines:
    """Straight line known before each period: value at the series' first period and slope, shape (n_periods + 1, n)."""

    starts: Floats
    slopes: Floats


@dataclass(frozen=True)
class Fit:
    """Least squares for smoothing constants, each of shape (k, n): first level, the line's weight, loss, last level."""

    first: Floats
    weight: Floats
    loss: Floats
    level: Floats


def static_lines(histories: Histories) -> Lines:
    """The line through the whole history, before every period."""
    start, slope = straight_lines(histories)
    rows = (histories.length + 1, 1)
    return Lines(np.tile(start, rows), np.tile(slope, rows))


def dynamic_lines(histories: Histories) -> Lines:
    """Before each period the line through what came before it.

    Source: Fiorucci et al. (2016), Models for optimising the theta method, equations 13 to 15.
    """
    shape = (histories.length + 1, histories.size)
    starts, slopes, mean, slope = np.zeros(shape), np.zeros(shape), np.zeros(shape[1]), np.zeros(shape[1])
    for period, (value, age) in enumerate(zip(histories.values.T, histories.ages.T, strict=True)):
        count = np.maximum(age + 1, 1)
        grown = ((count - 2) * slope + 6 * (value - mean) / count) / (count + 1)
        slope = np.where(age >= 1, grown, 0.0)
        mean = np.where(age >= 0, mean + (value - mean) / count, 0.0)
        starts[period + 1], slopes[period + 1] = mean - slope * (count + 1) / 2, slope
    return Lines(starts, slopes)


def fitted(histories: Histories, lines: Lines, alpha: Floats, weight: float | None) -> Fit:
    """Best first level and weight for smoothing constants of shape (k, n); a given ``weight`` is kept."""
    kept = 1 - alpha
    level, decay = np.zeros_like(alpha), np.ones_like(alpha)
    pp, pq, qq, pr, qr, rr = (np.zeros_like(alpha) for _ in range(6))
    for period, (value, age) in enumerate(zip(histories.values.T, histories.ages.T, strict=True)):
        begun = age >= 0
        if begun.any():
            line = decay * lines.starts[period] + (1 - decay * kept) / alpha * lines.slopes[period]
            rest = value - level
            counted = (age >= BURN_IN).astype(np.float64)
            p, q, r = decay * counted, line * counted, rest * counted
            pp, pq, qq = pp + p * decay, pq + p * line, qq + q * line
            pr, qr, rr = pr + p * rest, qr + q * rest, rr + r * rest
            level = np.where(begun, level + alpha * rest, 0.0)
            decay = np.where(begun, decay * kept, 1.0)
    return solved(histories, (pp, pq, qq, pr, qr, rr), level, decay, weight)


def solved(
    histories: Histories, sums: tuple[Floats, ...], level: Floats, decay: Floats, weight: float | None
) -> Fit:
    """Solve for the first level and the weight within its bounds; short histories keep their first value."""
    pp, pq, qq, pr, qr, rr = sums
    pp, pr = pp + RIDGE, pr + RIDGE * histories.values[:, 0]
    if weight is None:
        steady = RIDGE * (1 + qq)
        free = (qr + steady * CLASSICAL - pq * pr / pp) / (qq + steady - pq * pq / pp + 1e-300)
        chosen = np.clip(free, 0.0, HEAVIEST)
    else:
        chosen = np.full_like(pp, weight)
    start = (pr - chosen * pq) / pp
    loss = rr - 2 * (start * pr + chosen * qr) + start**2 * pp + 2 * start * chosen * pq + chosen**2 * qq
    return Fit(start, chosen, loss, level + decay * start)


def forecast(histories: Histories, horizon: int, *, dynamic: bool, weight: float | None) -> Floats:
    """Smoothing plus ``weight`` times a line, shape (n_series, horizon); the weight is fitted where it is None.

    Histories with fewer than two errors to fit to repeat their last value.
    """
    lines = dynamic_lines(histories) if dynamic else static_lines(histories)

    def loss(points: Floats) -> Floats:
        return fitted(histories, lines, points[0], weight).loss

    alpha = minimum(loss, GRID, np.array([LOWEST]), np.array([HIGHEST]), histories.size)
    best = fitted(histories, lines, alpha, weight)
    short = histories.lengths[:, None] < BURN_IN + 2
    return np.where(
        short, histories.values[:, -1:], projected(histories, lines, alpha[0], best, horizon, dynamic)
    )


def projected(
    histories: Histories, lines: Lines, alpha: Floats, best: Fit, horizon: int, dynamic: bool
) -> Floats:
    """Go on from the last level, feeding forecasts back; dynamic lines are bent by them too."""
    count = histories.lengths.astype(np.float64)
    start, slope, level, weight = lines.starts[-1], lines.slopes[-1], best.level[0], best.weight[0]
    mean = start + slope * (count + 1) / 2
    out = np.empty((histories.size, horizon))
    for step in range(horizon):
        decay = (1 - alpha) ** count
        value = level + weight * (decay * start + (1 - decay * (1 - alpha)) / alpha * slope)
        out[:, step] = value
        level = level + alpha * (value - level)
        count = count + 1
        if dynamic:
            slope = ((count - 2) * slope + 6 * (value - mean) / count) / (count + 1)
            mean = mean + (value - mean) / count
            start = mean - slope * (count + 1) / 2
    return out


def theta(histories: Histories, horizon: int) -> Floats:
    """The classical method: smoothing plus half the slope of the whole history.

    Source: Assimakopoulos & Nikolopoulos (2000); as a model: Hyndman & Billah (2003), Unmasking the theta method.
    """
    return forecast(histories, horizon, dynamic=False, weight=CLASSICAL)


def optimised_theta(histories: Histories, horizon: int) -> Floats:
    """The line through the whole history, with the weight that fits best (OTM)."""
    return forecast(histories, horizon, dynamic=False, weight=None)


def dynamic_theta(histories: Histories, horizon: int) -> Floats:
    """The line known at each period, with the weight that fits best (DOTM).

    Source: Fiorucci et al. (2016), Models for optimising the theta method and their relationship to state space models.
    """
    return forecast(histories, horizon, dynamic=True, weight=None)
