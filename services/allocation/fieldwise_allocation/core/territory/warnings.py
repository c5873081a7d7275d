"""What looks wrong with a question and is no error; knows nothing of solvers or of the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Question
from fieldwise_allocation.core.travel import road_km

# Farther than this from everything else a place is more likely a slip of the pen, or at sea, than an account.
FAR_KM = 1500.0
# Accounts within one cell of so many degrees keep each other company.
CELL_DEGREES = 2.0
# Where more accounts than this lie alone the whole question is sparse: they are no slips.
MOST_ALONE = 200
SHOWN = 5


def warnings(question: Question) -> Iterator[str]:
    """One sentence per matter, with the first few names."""
    lonely = _lonely(question)
    if lonely:
        yield (
            f"{len(lonely)} accounts lie more than {FAR_KM:g} km from every home and every other account, at sea perhaps: "
            f"{_some(lonely)}; check their places"
        )
    idle = [a.name for a in question.accounts if not a.hours and not a.visits_per_week]
    if 0 < len(idle) < len(question.accounts):
        yield f"{len(idle)} accounts have no workload: {_some(idle)}; no band of workload feels them"
    strangers = {a.incumbent for a in question.accounts if a.incumbent} - {rep.name for rep in question.reps}
    if strangers:
        yield (
            f"{len(strangers)} incumbents are no reps of this plan: {_some(sorted(strangers))}; their accounts count as "
            "moved"
        )


def _lonely(question: Question) -> list[str]:
    named = [(a.name, (a.place.latitude, a.place.longitude)) for a in question.accounts if a.place]
    homes = [(rep.home.latitude, rep.home.longitude) for rep in question.reps if rep.home]
    if not named:
        return []
    places = np.array([place for _, place in named])
    square = np.round(places / CELL_DEGREES)
    _, first, cell, count = np.unique(
        square[:, 0] * 1000 + square[:, 1], return_index=True, return_inverse=True, return_counts=True
    )
    alone = np.flatnonzero(count[cell] == 1)
    if not 0 < len(alone) <= MOST_ALONE:
        return []
    nearest = _km(places[alone], places[first], same=cell[alone]).min(axis=1)
    if homes:
        nearest = np.minimum(nearest, _km(places[alone], np.array(homes)).min(axis=1))
    return [named[j][0] for j, km in zip(alone.tolist(), nearest.tolist(), strict=True) if km > FAR_KM]


def _km(
    here: npt.NDArray[np.float64],
    there: npt.NDArray[np.float64],
    same: npt.NDArray[np.integer] | None = None,
) -> npt.NDArray[np.float64]:
    """Distances; infinite to the one that each of ``here`` is itself."""
    km = road_km(here, there)
    if same is not None:
        km[np.arange(len(here)), same] = np.inf
    return km


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
