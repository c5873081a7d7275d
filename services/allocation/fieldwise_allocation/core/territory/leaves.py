"""Reps in small groups of neighbours, so that whole groups can be ruled out at once; knows no prices of accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory.problem import Floats, Ints

# Reps per group: fewer cost more groups to look at, more cost reps that a group could have ruled out.
LEAF = 12


@dataclass(frozen=True)
class Leaves:
    """Groups of reps.

    Args:
        order: All reps, group after group, shape (r,).
        start: Where each group begins in ``order``, and the end, shape (groups + 1,).
        centre: Shape (groups, 3).
        radius: Straight distance from the centre that holds every home, on the unit sphere; infinite for reps
            without home, shape (groups,).
    """

    order: Ints
    start: Ints
    centre: Floats
    radius: Floats


def leaves(home: Floats) -> Leaves:
    """Halves the reps along their widest direction until the groups are small."""
    nowhere = np.isnan(home).any(axis=1)
    groups = _halved(np.flatnonzero(~nowhere), home)
    apart = np.flatnonzero(nowhere)
    groups += [apart[at : at + LEAF] for at in range(0, len(apart), LEAF)]
    centre = np.array([np.nan_to_num(home[group].mean(axis=0)) for group in groups])
    radius = [
        float(np.sqrt(((home[g] - c) ** 2).sum(axis=1)).max()) for g, c in zip(groups, centre, strict=True)
    ]
    return Leaves(
        order=np.concatenate(groups).astype(np.int32),
        start=np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int32),
        centre=centre,
        # A hair wider: sums of floats must not rule out a home on the rim.
        radius=np.nan_to_num(np.array(radius) * (1 + 1e-9) + 1e-12, nan=np.inf),
    )


def _halved(reps: npt.NDArray[np.int64], home: Floats) -> list[npt.NDArray[np.int64]]:
    if len(reps) <= LEAF:
        return [reps] if len(reps) else []
    axis = int(np.argmax(np.ptp(home[reps], axis=0)))
    along = reps[np.argsort(home[reps, axis], kind="stable")]
    half = len(along) // 2
    return _halved(along[:half], home) + _halved(along[half:], home)
