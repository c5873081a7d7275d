"""Making probabilities honest: a rising curve from raw log-odds to log-odds; knows no learner and no customer.

Beta calibration is a ln p - b ln(1 - p) + c with a, b >= 0. Platt's is its case a = b, and no calibration a = b = 1, c = 0.
Isotonic is the best rising step function, drawn as straight lines between the middles of its steps.

Source: Kull, Silva Filho & Flach (2017), Beta calibration, AISTATS, section 3; Platt (1999); Zadrozny & Elkan (2002).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .features import Floats
from .measures import log_loss_of_log_odds

NONE, PLATT, BETA, ISOTONIC = "none", "platt", "beta", "isotonic"
# A calibrator has to save this much log loss on windows it was not fitted on: less is chance on a few thousand rows.
WORTHWHILE = 0.0003
# Rows that one step of the isotonic curve holds at least; fewer make steps of single customers.
STEP_ROWS = 50
# Beside the base a difference quotient would divide by next to nothing.
NEAR = 1e-3


@dataclass(frozen=True)
class Calibration:
    """A curve. ``knots`` and ``heights`` are log-odds, of the isotonic one only."""

    kind: str = NONE
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    knots: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()

    def applied(self, raw: Floats) -> Floats:
        """Calibrated log-odds."""
        if self.kind == NONE:
            return raw
        if self.kind == PLATT:
            return self.a * raw + self.c
        if self.kind == ISOTONIC:
            return np.interp(raw, self.knots, self.heights)
        return np.asarray(beta_curve((self.a, self.b, self.c), raw))

    def applied_to_one(self, raw: float) -> float:
        """The same of one customer, in plain numbers."""
        if self.kind == NONE:
            return raw
        if self.kind == PLATT:
            return self.a * raw + self.c
        if self.kind == ISOTONIC:
            return self.between_knots(raw)
        soft = math.log1p(math.exp(-abs(raw)))
        return -self.a * (max(-raw, 0.0) + soft) + self.b * (max(raw, 0.0) + soft) + self.c

    def between_knots(self, raw: float) -> float:
        """What ``np.interp`` gives, which would turn all knots into an array first."""
        right = bisect_right(self.knots, raw)
        if right in (0, len(self.knots)):
            return self.heights[0 if right == 0 else -1]
        left = right - 1
        share = (raw - self.knots[left]) / (self.knots[right] - self.knots[left])
        return self.heights[left] + share * (self.heights[right] - self.heights[left])

    def slope_from(self, base: float, raw: Floats) -> Floats:
        """Calibrated difference to the base over raw difference: what one unit of a contribution becomes, shape (n,)."""
        if self.kind == NONE:
            return np.ones(len(raw))
        apart = np.abs(raw - base) > NEAR
        ends = np.where(apart, raw, base + NEAR)
        return np.asarray((self.applied(ends) - self.applied(np.array([base]))) / (ends - base))


def beta_curve(parameters: Sequence[float] | Floats, raw: Floats) -> Floats:
    a, b, c = parameters
    return np.asarray(-a * np.logaddexp(0, -raw) + b * np.logaddexp(0, raw) + c)


def uncalibrated(_: Floats, __: Floats) -> Calibration:
    return Calibration()


def platt(raw: Floats, labels: Floats) -> Calibration:
    """The best a = b >= 0 and c."""
    a, c = most_likely(lambda p: beta_curve((p[0], p[0], p[1]), raw), labels, [(0.0, 10.0), (None, None)])
    return Calibration(PLATT, a, a, c)


def beta(raw: Floats, labels: Floats) -> Calibration:
    """The best a, b >= 0 and c."""
    bounds = [(0.0, 10.0), (0.0, 10.0), (None, None)]
    a, b, c = most_likely(lambda p: beta_curve(p, raw), labels, bounds)
    return Calibration(BETA, a, b, c)


def most_likely(
    curve: Callable[[Floats], Floats], labels: Floats, bounds: Sequence[tuple[float | None, float | None]]
) -> list[float]:
    from scipy.optimize import minimize  # needed to train, never to serve

    start = np.array([1.0] * (len(bounds) - 1) + [0.0])
    found = minimize(
        lambda p: log_loss_of_log_odds(labels, curve(p)), start, bounds=bounds, method="L-BFGS-B"
    )
    return [float(x) for x in found.x]


def isotonic(raw: Floats, labels: Floats) -> Calibration:
    """Steps of at least 50 rows, each shrunken by half a row of either answer."""
    order = np.argsort(raw, kind="stable")
    groups = np.array_split(order, max(len(raw) // STEP_ROWS, 1))
    blocks = [(float(labels[rows].sum()), len(rows), float(raw[rows].sum())) for rows in groups]
    merged: list[tuple[float, int, float]] = []
    for block in blocks:
        merged.append(block)
        while len(merged) > 1 and share(merged[-2]) >= share(merged[-1]):
            last, before = merged.pop(), merged.pop()
            merged.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    knots = tuple(total / rows for _, rows, total in merged)
    heights = tuple(float(np.log((yes + 0.5) / (rows - yes + 0.5))) for yes, rows, _ in merged)
    return Calibration(ISOTONIC, knots=knots, heights=heights)


def share(block: tuple[float, int, float]) -> float:
    return block[0] / block[1]


CALIBRATORS: dict[str, Callable[[Floats, Floats], Calibration]] = {
    NONE: uncalibrated,
    PLATT: platt,
    BETA: beta,
    ISOTONIC: isotonic,
}


def chosen(windows: Sequence[tuple[Floats, Floats]]) -> Calibration:
    """The calibrator that does best on each window when fitted on the others, fitted on all of them.

    Args:
        windows: Raw log-odds and labels of each window; predicted by a learner that had not seen it.
    """
    if len(windows) < 2:
        return Calibration()
    losses = {kind: held_out_loss(fit, windows) for kind, fit in CALIBRATORS.items()}
    best = min(losses, key=lambda kind: losses[kind])
    if losses[best] > losses[NONE] - WORTHWHILE:
        return Calibration()
    return CALIBRATORS[best](*pooled(windows))


def held_out_loss(
    fit: Callable[[Floats, Floats], Calibration], windows: Sequence[tuple[Floats, Floats]]
) -> float:
    """Log loss over all windows, each calibrated by the others."""
    found = []
    for i, (raw, _) in enumerate(windows):
        others = [window for j, window in enumerate(windows) if j != i]
        found.append(fit(*pooled(others)).applied(raw))
    return log_loss_of_log_odds(pooled(windows)[1], np.concatenate(found))


def pooled(windows: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    raw, labels = zip(*windows, strict=True)
    return np.concatenate(raw), np.concatenate(labels)
