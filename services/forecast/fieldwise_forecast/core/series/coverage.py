"""Realised coverage: how many actuals fell inside the intervals that had been given; knows no forecaster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..features import Floats

NOMINAL = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Coverage:
    """Hits of central intervals so far; ``hits[k]`` belongs to the nominal share ``NOMINAL[k]``."""

    seen: int = 0
    hits: tuple[int, ...] = (0,) * len(NOMINAL)

    @classmethod
    def empty(cls) -> Coverage:
        return cls()

    def counted(self, ranks: Floats) -> Coverage:
        """With more actuals, each by its rank: the probability its distribution gave to less. NaN are left out."""
        known = ranks[~np.isnan(ranks)]
        outside = np.abs(known - 0.5)
        more = [int((outside <= nominal / 2).sum()) for nominal in NOMINAL]
        return replace(
            self, seen=self.seen + known.size, hits=tuple(a + b for a, b in zip(self.hits, more, strict=True))
        )

    def joined(self, other: Coverage) -> Coverage:
        hits = tuple(a + b for a, b in zip(self.hits, other.hits, strict=True))
        return Coverage(self.seen + other.seen, hits)

    def share(self, nominal: float) -> float:
        """Share inside the interval of that nominal share, one of ``NOMINAL``; NaN before any actual came."""
        return self.hits[NOMINAL.index(nominal)] / self.seen if self.seen else float("nan")

    def to_plain(self) -> dict[str, Any]:
        return {"seen": self.seen, "hits": list(self.hits)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Coverage:
        return cls(int(plain["seen"]), tuple(int(hits) for hits in plain["hits"]))
