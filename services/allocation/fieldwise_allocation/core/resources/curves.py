"""What a level of effort brings: ADBUDG, exponential and power curves, many at once; knows no data and no budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from fieldwise_allocation.core.resources.programme import Floats, Ints

# Halvings of an interval: beyond these a level of a million is exact to the last bit but a few.
HALVINGS = 60


class Family(IntEnum):
    """Form of a curve between its lowest and its highest value; x is the level, h the half level, c the shape.

    Source: Little (1970), Models and managers, equation 1 (ADBUDG).
    """

    ADBUDG = 1  # x^c / (h^c + x^c): concave for c <= 1, S-shaped above
    EXPONENTIAL = 2  # 1 - 2^(-x / h)
    POWER = 3  # (x / h)^c with c <= 1: no ceiling; `highest` is the value at h


@dataclass(frozen=True)
class Support:
    """The observations that a curve was fitted to."""

    lowest: float
    highest: float
    observations: int


@dataclass(frozen=True)
class Curve:
    """One curve and how sure it is.

    Args:
        noise: Standard deviation of a period's value around the curve, in value.
        spread: Standard deviation of the curve itself, as a share of what it brings above its lowest value.
        assumed: A judgement, not fitted to data.
    """

    family: Family
    lowest: float
    highest: float
    half: float
    shape: float = 1.0
    noise: float = 0.0
    spread: float = 0.0
    assumed: bool = False
    support: Support | None = None

    def at(self, level: float) -> float:
        """The value at a level."""
        return float(Curves.of([self]).values(np.array([[level]]))[0, 0])


@dataclass(frozen=True)
class Curves:
    """Parameters of curves, each of shape (n,)."""

    family: Ints
    lowest: Floats
    reach: Floats
    half: Floats
    shape: Floats

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> Curves:
        table = np.array([(c.family, c.lowest, c.highest - c.lowest, c.half, c.shape) for c in curves], float)
        family, lowest, reach, half, shape = table.reshape(-1, 5).T
        return cls(family.astype(np.int64), lowest, reach, half, shape)

    def values(self, level: Floats) -> Floats:
        """Values at levels, shape (n, l)."""
        return np.asarray(self.lowest[:, None] + self.reach[:, None] * self.grown(level))

    def grown(self, level: Floats) -> Floats:
        """Share of the way from lowest to highest, shape (n, l)."""
        relative = level / self.half[:, None]
        power = relative ** np.where(self.family == Family.EXPONENTIAL, 1.0, self.shape)[:, None]
        family = self.family[:, None]
        saturating = np.where(
            family == Family.EXPONENTIAL, -np.expm1(-np.log(2) * relative), power / (1 + power)
        )
        return np.where(family == Family.POWER, power, saturating)

    def _slopes(self, level: Floats) -> Floats:
        """Value per unit of level, shape (n,), at one level > 0 each."""
        relative = level / self.half
        power = relative**self.shape
        by_family = (
            self.shape * power / (level * (1 + power) ** 2),
            np.log(2) / self.half * np.exp2(-relative),
            self.shape * power / level,
        )
        return np.asarray(self.reach * np.choose(self.family - 1, by_family))

    def bend(self) -> Floats:
        """Where each curve turns from convex to concave, shape (n,); 0 where it is concave throughout."""
        shape = np.where(self.family == Family.ADBUDG, np.maximum(self.shape, 1.0), 1.0)
        return np.asarray(self.half * ((shape - 1) / (shape + 1)) ** (1 / shape))

    def peaks(self, low: Floats, high: Floats, worth: Floats, price: Floats) -> tuple[Floats, Floats]:
        """(level, most) of ``worth x value - price x level`` within [low, high], each of shape (n,).

        On the convex part an end is best, on the concave part the point where the slope is the price: exact, so that
        the result bounds every level between.
        """
        turn = np.clip(self.bend(), low, high)
        left, right = turn.copy(), high.copy()
        for _ in range(HALVINGS):
            middle = (left + right) / 2
            rising = worth * self._slopes(np.maximum(middle, 1e-300)) > price
            left, right = np.where(rising, middle, left), np.where(rising, right, middle)
        tried = np.stack([low, high, left], axis=1)
        net = worth[:, None] * self.values(tried) - price[:, None] * tried
        best = net.argmax(axis=1)
        cells = np.arange(len(best))
        # Where value itself has a price above its worth the parts are bounded one by one.
        loose = worth * self.values(low[:, None])[:, 0] - np.minimum(price * low, price * high)
        return tried[cells, best], np.where(worth > 0, net[cells, best], loose)
