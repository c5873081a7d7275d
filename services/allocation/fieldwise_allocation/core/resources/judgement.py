"""A manager's five points as a curve; knows no data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from fieldwise_allocation.core.resources.curves import Curve, Family
from fieldwise_runtime.errors import Violation

# What a judgement may be off by when nobody says: a share of what the effort brings.
SPREAD = 0.2
# Halves of a decision are never quite at the ends: keeps the logarithms finite.
_EDGE = 1e-3


@dataclass(frozen=True)
class Judgement:
    """Value per period without effort, at half of today's, today's, half more, and at any effort.

    Source: Lodish (1971), CALLPLAN; Little (1970).
    """

    level_now: float
    zero: float
    half: float
    now: float
    half_more: float
    saturation: float
    spread: float = SPREAD

    def curve(self) -> Curve:
        """ADBUDG through both ends and today; its shape is the middle points' own by least squares of the logits."""
        reach = self.saturation - self.zero
        if reach <= 0:
            return Curve(
                Family.ADBUDG, self.zero, self.zero, self.level_now, spread=self.spread, assumed=True
            )
        now = self._logit(self.now)
        points = ((math.log(0.5), self._logit(self.half)), (math.log(1.5), self._logit(self.half_more)))
        shape = sum(x * (y - now) for x, y in points) / sum(x * x for x, _ in points)
        shape = min(max(shape, 0.05), 12.0)
        half = self.level_now * math.exp(-now / shape)
        return Curve(Family.ADBUDG, self.zero, self.saturation, half, shape, spread=self.spread, assumed=True)

    def _logit(self, value: float) -> float:
        share = (value - self.zero) / (self.saturation - self.zero)
        share = min(max(share, _EDGE), 1 - _EDGE)
        return math.log(share / (1 - share))

    def faults(self, path: str) -> list[Violation]:
        """Values that fall, and a level of today that is not above 0."""
        found = []
        if self.level_now <= 0:
            remedy = "give today's level, above 0; the points are shares of it"
            found.append(Violation.of(f"{path}.level_now", self.level_now, remedy))
        names = ("zero", "half", "now", "half_more", "saturation")
        values = (self.zero, self.half, self.now, self.half_more, self.saturation)
        for (earlier, later), name in zip(pairwise(values), names[1:], strict=True):
            if later < earlier:
                remedy = f"a curve may not fall: give {earlier:g} or more, the value at less effort"
                found.append(Violation.of(f"{path}.{name}", later, remedy))
        return found
