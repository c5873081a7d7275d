"""Curves fitted to observations of effort and value, robustly; knows no budget."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fieldwise_allocation.core.resources.curves import Curve, Curves, Family, Support
from fieldwise_allocation.core.resources.programme import Floats

# Huber's constant: 95 % as precise as least squares where errors are normal.
HUBER = 1.345
REWEIGHTINGS = 4
ZOOMS = 3
# Fewer different levels than this say nothing of a curve's form.
LEAST_LEVELS = 3
SHAPES = (0.25, 6.0)


def fit(level: Floats, value: Floats) -> Curve:
    """The curve of least robust error that does not fall; the family by the corrected Akaike criterion.

    For each half level and shape on a grid the two ends follow by weighted least squares in closed form; the grid then
    zooms in on the best, so that no start value and no local minimum of an iteration matters.

    Args:
        level: Effort per period, >= 0, shape (k,); 3 different ones at least.
        value: What the period brought, shape (k,).
    """
    best = min((_fitted(family, level, value) for family in Family), key=lambda one: one[0])
    return best[1]


def _fitted(family: Family, level: Floats, value: Floats) -> tuple[float, Curve]:
    """(criterion, curve) of a family."""
    weight = np.ones_like(value)
    half, shape, scale = 1.0, 1.0, 0.0
    for _ in range(REWEIGHTINGS):
        half, shape = _form(family, level, value, weight)
        off = value - _line(family, level, value, weight, half, shape)[2]
        scale = 1.4826 * float(np.median(np.abs(off))) + 1e-9 * max(float(np.abs(value).max()), 1e-12)
        weight = 1.0 / np.maximum(1.0, np.abs(off) / (HUBER * scale))
    low, reach, fitted = _line(family, level, value, weight, half, shape)
    free = 2 + (1 if family == Family.EXPONENTIAL else 2)
    error = float(weight @ (value - fitted) ** 2)
    # The middle of the errors, not their squares: one wholesale order is no noise of every period.
    noise = scale * (len(level) / max(len(level) - free, 1.0)) ** 0.5
    curve = Curve(
        family=family,
        lowest=low,
        highest=low + reach,
        half=half,
        shape=shape,
        noise=noise,
        support=Support(float(level.min()), float(level.max()), len(level)),
    )
    return _criterion(error, len(level), free), _with_spread(curve, level, weight)


def _criterion(error: float, observations: int, free: int) -> float:
    room = max(observations - free - 2, 0.5)
    return float(
        observations * np.log(error / observations + 1e-300) + 2 * (free + 1) * (observations / room)
    )


def _form(family: Family, level: Floats, value: Floats, weight: Floats) -> tuple[float, float]:
    """(half level, shape) of least error."""
    top = float(level.max())
    halves, shapes = _logs(top / 50, top * 4), _logs(*SHAPES)
    if family == Family.POWER:
        halves, shapes = _logs(top, top), _logs(0.05, 1.0)
    elif family == Family.EXPONENTIAL:
        shapes = _logs(1.0, 1.0)
    half = shape = 0.0
    for _ in range(ZOOMS):
        grid_half = np.linspace(*halves, 1 if halves[0] == halves[1] else 25)
        grid_shape = np.linspace(*shapes, 1 if shapes[0] == shapes[1] else 25)
        at_half, at_shape = (mesh.ravel() for mesh in np.meshgrid(grid_half, grid_shape, indexing="ij"))
        best = int(_errors(family, level, value, weight, np.exp(at_half), np.exp(at_shape)).argmin())
        half, shape = float(at_half[best]), float(at_shape[best])
        halves, shapes = _around(half, halves), _around(shape, shapes)
    return float(np.exp(half)), float(np.exp(shape))


def _logs(low: float, high: float) -> tuple[float, float]:
    return math.log(low), math.log(high)


def _around(best: float, ends: tuple[float, float]) -> tuple[float, float]:
    step = (ends[1] - ends[0]) / 12
    return max(ends[0], best - step), min(ends[1], best + step)


def _errors(
    family: Family, level: Floats, value: Floats, weight: Floats, half: Floats, shape: Floats
) -> Floats:
    """Weighted squared error of the best line through each form, shape (forms,)."""
    grown = _grown(family, level, half, shape)
    total = weight.sum()
    mean_g, mean_v = grown @ weight / total, value @ weight / total
    centred = grown - mean_g[:, None]
    variance = centred**2 @ weight
    slope = np.maximum(0.0, (centred * (value - mean_v)) @ weight / np.maximum(variance, 1e-300))
    fitted = mean_v + slope[:, None] * centred
    return np.asarray((value - fitted) ** 2 @ weight)


def _grown(family: Family, level: Floats, half: Floats, shape: Floats) -> Floats:
    ones = np.ones_like(half)
    curves = Curves(np.full(len(half), family, dtype=np.int64), 0 * ones, ones, half, shape)
    return curves.grown(np.broadcast_to(level, (len(half), len(level))))


def _line(
    family: Family, level: Floats, value: Floats, weight: Floats, half: float, shape: float
) -> tuple[float, float, Floats]:
    """(lowest value, reach, fitted values) of one form."""
    grown = _grown(family, level, np.array([half]), np.array([shape]))[0]
    mean_g, mean_v = float(grown @ weight / weight.sum()), float(value @ weight / weight.sum())
    centred = grown - mean_g
    reach = max(0.0, float((centred * (value - mean_v)) @ weight) / max(float(centred**2 @ weight), 1e-300))
    return mean_v - reach * mean_g, reach, mean_v + reach * centred


def _with_spread(curve: Curve, level: Floats, weight: Floats) -> Curve:
    """The curve with the standard deviation of what it brings, by the delta method, as a mean share over its levels."""
    slopes = np.stack(list(_slopes(curve, level)))
    information = (slopes * weight) @ slopes.T
    ridge = 1e-9 * np.trace(information) * np.eye(len(slopes))
    covariance = curve.noise**2 * np.linalg.pinv(information + ridge)
    # What is asked is the worth of effort, value above no effort: the first slope is of the lowest value.
    gain = slopes.copy()
    gain[0] = 0.0
    deviation = np.sqrt(np.einsum("pk,pq,qk->k", gain, covariance, gain))
    brought = Curves.of([curve]).values(level[None, :])[0] - curve.lowest
    share = float(np.sqrt(np.mean(deviation**2) / max(float(np.mean(brought**2)), 1e-300)))
    return replace(curve, spread=min(share, 1.0))


def _slopes(curve: Curve, level: Floats) -> Iterator[Floats]:
    """How the value at each level moves with each parameter: lowest, reach, log half level, log shape."""
    one = Curves.of([curve])
    grown = one.grown(level[None, :])[0]
    yield np.ones_like(level)
    yield grown
    small = 1e-4
    for name in ("half",) if curve.family == Family.EXPONENTIAL else ("half", "shape"):
        moved = (
            replace(curve, half=curve.half * (1 + small))
            if name == "half"
            else replace(curve, shape=curve.shape * (1 + small))
        )
        yield (Curves.of([moved]).grown(level[None, :])[0] - grown) * one.reach / small
