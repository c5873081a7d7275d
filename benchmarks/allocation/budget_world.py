"""Segments with concave and S-shaped curves, drawn anew from a seed; knows no solver. Frozen before the solver was tuned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

S_SHAPED = 0.6
BUDGET_SHARE = 0.2


@dataclass(frozen=True)
class World:
    """Value and use of each level of each segment, shape (n, levels); three resources in the order hours, packs, money."""

    value: Floats
    use: Floats
    budget: Floats
    potential: Floats


def world(segments: int, levels: int, seed: int, *, s_shaped: float = S_SHAPED) -> World:
    """ADBUDG curves over whole levels; the budgets are a fifth of what all highest levels take.

    The notes' setting: sales = potential x^c / (d + x^c), 60 % of the curves with c in 2 to 4, the rest in 0.5 to 1.
    """
    rng = np.random.default_rng(seed)
    potential = rng.lognormal(0.0, 1.0, segments)
    shape = np.where(
        rng.random(segments) < s_shaped, rng.uniform(2, 4, segments), rng.uniform(0.5, 1, segments)
    )
    half = rng.uniform(0.2, 0.9, segments) * (levels - 1)
    level = np.arange(levels, dtype=np.float64)[None, :]
    grown = level ** shape[:, None]
    value = potential[:, None] * grown / (half[:, None] ** shape[:, None] + grown)
    unit = np.stack(
        [
            rng.integers(1, 5, segments).astype(np.float64),
            rng.uniform(0.0, 2.0, segments),
            rng.lognormal(0.0, 0.5, segments),
        ]
    )
    use = unit[:, :, None] * level[None]
    return World(value, use, BUDGET_SHARE * use[:, :, -1].sum(axis=1), potential)
