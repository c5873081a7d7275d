"""A curve of sales against accuracy whose gain per point never increases, from a user's own points; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats

# Slopes closer than this are one piece; a point this close to the curve lies on it.
SAME = 1e-9


@dataclass(frozen=True)
class Piece:
    """A straight piece: from and to in percent of accuracy, gain in percent of sales per point."""

    begin: float
    end: float
    gain: float


@dataclass(frozen=True)
class Curve:
    """Attributes:
    pieces: By accuracy; gains fall from one to the next and are never below 0.
    misfit: Largest distance of a point from the curve, in percent of sales.
    """

    pieces: tuple[Piece, ...]
    misfit: float

    def stop(self, cost: float) -> float | None:
        """Accuracy from which one more point brings less than it costs; None where every measured point pays."""
        return next((piece.begin for piece in self.pieces if not pays(piece.gain, cost)), None)


def pays(gain: float, cost: float) -> bool:
    """Rounding in the fit must not turn a gain that equals its cost into a loss."""
    return gain >= cost - SAME


def curve_through(accuracy: Sequence[float], sales: Sequence[float]) -> Curve:
    """The concave, never falling curve nearest to the points in least squares.

    Such a curve with knots at the points is a constant and a sum of ramps min(x, knot), none with a negative share: the
    fit is a non-negative least squares problem, and exact.

    Args:
        accuracy: In percent, in any order, at least two different ones; points of the same accuracy are averaged.
        sales: In percent against any one base.
    Source: Hildreth (1954), Point Estimates of Ordinates of Concave Functions; Lawson and Hanson (1974), chapter 23.
    """
    from scipy.optimize import nnls

    x, place, count = np.unique(np.asarray(accuracy, dtype=float), return_inverse=True, return_counts=True)
    y = np.bincount(place, sales) / count
    slopes = np.diff(y) / np.diff(x)
    if len(x) == len(place) and (slopes >= 0).all() and (np.diff(slopes) <= 0).all():
        return Curve(joined(x, slopes), 0.0)
    weight = count / count.sum()
    reach = x[-1] - x[0]
    ramps = np.minimum(x[:, None], x[None, 1:]) - x[0]
    centred = ramps - weight @ ramps
    root = np.sqrt(weight)[:, None]
    shares, _ = nnls(centred * root / reach, (y - weight @ y) * root[:, 0], maxiter=50 * len(x))
    shares = shares / reach
    fitted = centred @ shares + weight @ y
    gains = np.cumsum(shares[::-1])[::-1]
    misfit = float(np.abs(np.asarray(sales) - fitted[place]).max())
    # The scale of the figures sets how far rounding goes.
    rounding = SAME * max(1.0, float(np.abs(y).max()))
    return Curve(joined(x, gains), misfit if misfit > rounding else 0.0)


def joined(x: Floats, gains: Floats) -> tuple[Piece, ...]:
    """Pieces between neighbouring points, one where the gain stays the same."""
    pieces = [Piece(float(x[0]), float(x[1]), float(gains[0]))]
    for begin, end, gain in zip(x[1:], x[2:], gains[1:], strict=False):
        last = pieces[-1]
        if last.gain - gain <= SAME * max(1.0, last.gain):
            pieces[-1] = Piece(last.begin, float(end), last.gain)
        else:
            pieces.append(Piece(float(begin), float(end), float(gain)))
    return tuple(pieces)


def verdict(curve: Curve, cost: float | None) -> str:
    """Where it pays to go, in words."""
    gains = ", then ".join(f"{piece.gain:.2f} ({piece.begin:g} to {piece.end:g} %)" for piece in curve.pieces)
    told = f"gain in % of sales per point of accuracy: {gains}"
    if cost is None:
        return told
    stop = curve.stop(cost)
    if stop is None:
        return f"{told}; every measured point brings more than its cost of {cost:g}"
    if stop == curve.pieces[0].begin:
        return f"{told}; stop where you are: no measured point brings its cost of {cost:g}"
    return f"{told}; stop at {stop:g} %: from there on a point brings less than its cost of {cost:g}"
