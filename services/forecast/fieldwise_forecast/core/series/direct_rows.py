"""Rows for learners that forecast every period ahead directly, relative to the level of each series; knows no learner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features import Floats, Singles
from .blanks import mean_known, smoothed, trailing_mean
from .prepared import LEVEL_RATE, Prepared, given

# Periods that a series must have shown before it teaches.
FIRST = 10
LAGS = 8
MEANS = (4, 8)
SLOPES = (8, 16)
TINY = 1e-6
INPUT_SPAN = 8


@dataclass(frozen=True)
class Rows:
    """What a learner is fitted on: features (n_rows, n_features) and targets (n_rows,)."""

    features: Singles
    targets: Floats

    def __len__(self) -> int:
        return len(self.targets)


class DirectRows:
    """Features of each series at any origin, and for any period ahead of it.

    Everything is measured from the smoothed level of the series, in units of its usual step from one period to the next.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.level = prepared.paths[:, :, 0]
        self.moves = np.abs(np.diff(prepared.values, axis=1))
        self.steps: dict[int, Floats] = {}
        self.season = prepared.panel.frequency.season
        # In their own units: trees need no scale, and the size of a promotion means something.
        self.inputs = given(prepared.panel.known, prepared.panel.size, prepared.length + prepared.horizon)
        self.smooth_inputs = [
            smoothed(each, (LEVEL_RATE,))[:, :, 0] for each in np.moveaxis(self.inputs, 2, 0)
        ]

    def step(self, origin: int) -> Floats:
        """Mean distance of a period from the one before, as known at an origin, shape (n_series,); above 0."""
        if origin not in self.steps:
            self.steps[origin] = mean_known(self.moves[:, : origin - 1]) + TINY
        return self.steps[origin]

    def at(self, origin: int) -> Floats:
        """What is known of each series at an origin, shape (n_series, n_features)."""
        values, level = self.prepared.values[:, :origin], self.level[:, origin - 1 : origin]
        step = self.step(origin)[:, None]
        lags = np.full((len(values), LAGS), np.nan)
        reach = min(LAGS, origin)
        lags[:, :reach] = values[:, -reach:][:, ::-1]
        means = np.stack([trailing_mean(values, span) for span in (*MEANS, origin)], axis=1)
        paths = self.prepared.paths[:, origin - 1, 1:]
        slopes = np.stack([slope(values, span) for span in SLOPES], axis=1)
        return np.hstack([(np.hstack([lags, means, paths]) - level) / step, slopes / step, step])

    def ahead(self, origin: int, steps: int) -> Floats:
        """What is known of the period ``steps`` after the last one at an origin, shape (n_series, n_features)."""
        column = origin + steps - 1
        last_season = self.same_season(origin, column)
        return np.column_stack(
            [np.full(len(self.level), float(steps)), last_season, *self.planned(origin, column)]
        )

    def planned(self, origin: int, column: int) -> list[Floats]:
        """Each known input of a period beside what it usually was, and of the periods around beside that period's."""
        if not self.inputs.shape[2]:
            return []
        now = self.inputs[:, column]
        after = self.inputs[:, min(column + 1, self.inputs.shape[1] - 1)]
        usual = [trailing_mean(each, INPUT_SPAN) for each in np.moveaxis(self.inputs[:, :origin], 2, 0)]
        smooth = [path[:, origin - 1] for path in self.smooth_inputs]
        beside = [now - np.stack(each, axis=1) for each in (usual, smooth)]
        return [
            each for block in (*beside, after - now, self.inputs[:, column - 1] - now) for each in block.T
        ]

    def same_season(self, origin: int, column: int) -> Floats:
        """How far the same period of earlier seasons, at most four, stood from the level before it; NaN without one."""
        earlier = range(column - self.season, -1, -self.season)
        columns = [each for each in earlier if FIRST <= each < origin][:4]
        if not columns:
            return np.full(len(self.level), np.nan)
        values, level = self.prepared.values, self.level
        away = [(values[:, ago] - level[:, ago - 1]) / self.step(ago) for ago in columns]
        return np.asarray(np.mean(away, axis=0))

    def features(self, origin: int, horizon: int) -> Singles:
        """All series at all periods ahead, shape (horizon x n_series, n_features), nearest period first."""
        known, first = self.at(origin), self.ahead(origin, 1)
        width = known.shape[1]
        found = np.empty((horizon, len(known), width + first.shape[1]), dtype=np.float32)
        found[:, :, :width] = known
        for steps in range(1, horizon + 1):
            found[steps - 1, :, width:] = self.ahead(origin, steps)
        return found.reshape(horizon * len(known), -1)

    def targets(self, origin: int, steps: int) -> Floats:
        away = self.prepared.targets[:, origin + steps - 1] - self.level[:, origin - 1]
        return np.asarray(away / self.step(origin))

    def forecast(self, away: Floats, origin: int) -> Floats:
        """Scaled values from what a learner says, shape (n_series, horizon)."""
        return np.asarray(away * self.step(origin)[:, None] + self.level[:, origin - 1 : origin])

    def rows(self, horizon: int, most: int, seed: int) -> Rows:
        """Rows of all origins whose target is known, drawn at random where they are more than ``most``."""
        pairs = list(origins_and_steps(self.prepared.length, horizon))
        share = min(1.0, most / max(len(pairs) * len(self.level), 1))
        rng = np.random.default_rng(seed)
        features, targets, seen, known = [], [], -1, np.empty((0, 0))
        for origin, steps in pairs:
            if origin != seen:
                seen, known = origin, self.at(origin)
            target = self.targets(origin, steps)
            chosen = drawn(np.isfinite(target), share, rng)
            features.append(np.hstack([known[chosen], self.ahead(origin, steps)[chosen]]).astype(np.float32))
            targets.append(target[chosen])
        if not features:
            return Rows(np.empty((0, 0), dtype=np.float32), np.empty(0))
        return Rows(np.vstack(features), np.concatenate(targets))


def origins_and_steps(length: int, horizon: int) -> Iterator[tuple[int, int]]:
    for origin in range(FIRST, length):
        for steps in range(1, min(horizon, length - origin) + 1):
            yield origin, steps


def drawn(usable: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of usable rows, each kept with a probability."""
    chosen = usable if share >= 1 else usable & (rng.random(len(usable)) < share)
    return np.asarray(np.flatnonzero(chosen))


def slope(history: Floats, span: int) -> Floats:
    """Change per period of a straight line through the last ``span`` periods, fewer where the history is shorter."""
    reach = min(span, history.shape[1])
    time = np.arange(reach) - (reach - 1) / 2
    return np.asarray(history[:, -reach:] @ time / max(float(time @ time), 1.0))
