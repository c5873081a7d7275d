"""Learners that compete on tables: ours, and those that other packages offer by entry point; knows no table.

An entry point of group ``fieldwise.learners`` names a class: ``fit(X, y)``, ``predict(X)``, ``to_bytes()`` and a class method
``from_bytes(content)``. One without the last two competes and is never served: pickles of others are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .core.features import Floats
from .core.table.learners import ALL_ROWS, BUILT_IN, Learner, Predictor

GROUP = "fieldwise.learners"  # in the terms of importlib.metadata


def installed() -> dict[str, Learner]:
    """Learners by name, ours first; one of another package cannot take the name of one of ours."""
    ours = {learner.name: learner for learner in (*BUILT_IN, ALL_ROWS)}
    found = {point.name: foreign(point) for point in entry_points(group=GROUP)}
    return ours | {name: learner for name, learner in sorted(found.items()) if name not in ours}


def chosen(names: Mapping[str, Learner], wanted: list[str]) -> list[Learner]:
    """The wanted ones, or all, of those that learn in one process. Who wants none but the one on all rows gets its like."""
    asked = ["xgboost"] if wanted == [ALL_ROWS.name] else wanted
    here = [learner for name, learner in names.items() if name != ALL_ROWS.name]
    return [learner for learner in here if not asked or learner.name in asked]


def foreign(point: EntryPoint) -> Learner:
    return Learner(point.name, partial(fitted, point), partial(loaded, point), foreign=True)


def fitted(point: EntryPoint, rows: Floats, targets: Floats) -> Predictor:
    learner = point.load()()
    learner.fit(rows, targets)
    return Foreign(learner)


def loaded(point: EntryPoint, content: bytes) -> Predictor:
    kind = point.load()
    if not hasattr(kind, "from_bytes"):
        raise TypeError("it has no from_bytes, and pickles are not read")
    return Foreign(kind.from_bytes(content))


@dataclass(frozen=True)
class Foreign:
    """A fitted learner of another package."""

    learner: Any

    def predict(self, rows: Floats) -> Floats:
        found: Floats = self.learner.predict(rows)
        return found

    def to_bytes(self) -> bytes:
        if not hasattr(self.learner, "to_bytes"):
            raise TypeError("it has no to_bytes, and pickles are not written")
        return bytes(self.learner.to_bytes())
