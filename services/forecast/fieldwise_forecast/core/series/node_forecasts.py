"""Forecasts of each node of a set by itself, the learner chosen level by level; knows no hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats
from .classical import CLASSICAL
from .global_learners import GlobalLearner, fit_global
from .panel import Panel

MEDIAN = "median"
POOL = ("naive", "seasonal-naive", "ses", "damped", "theta")


@dataclass(frozen=True)
class Standing:
    """How a learner did on one level over all origins."""

    level: str
    learner: str
    wape: float
    cpu_seconds: float


@dataclass(frozen=True)
class BaseForecasts:
    """Classical learners, their median, one that learned from all series, and the mean of these two.

    Attributes:
        champions: Learner by level.
        learned: What learned from all series; None where there was too little.
        origins: Of the backtest: how many periods were known.
        backtest: Forecasts at the origins, shape (n_origins, n_series, horizon); the learner of each origin was chosen on
            what had come by then.
    """

    champions: Mapping[str, str]
    learned: GlobalLearner | None
    origins: tuple[int, ...]
    backtest: Floats
    leaderboard: tuple[Standing, ...]

    def forecast(self, panel: Panel, horizon: int, levels: Sequence[str]) -> Floats:
        """Shape (n_series, horizon); NaN for a series without any value."""
        found = classical_forecasts(panel, horizon)
        if self.learned is not None:
            found = with_learned(found, self.learned.name, self.learned.forecast(panel, horizon, levels))
        chosen = [self.champions.get(level, MEDIAN) for level in levels]
        return np.stack([found[learner][row] for row, learner in enumerate(chosen)])


def fit_base(
    panel: Panel,
    horizon: int,
    levels: Sequence[str],
    origins: Sequence[int],
    cpu_seconds: Callable[[], float],
) -> BaseForecasts:
    """Choose a learner for each level by rolling origins."""
    spent: dict[str, float] = {}
    begun = cpu_seconds()
    every = [classical_forecasts(panel.until(origin), horizon) for origin in origins]
    spent = dict.fromkeys(every[0], (cpu_seconds() - begun) / len(every[0]))
    begun = cpu_seconds()
    learned = fit_global(panel, horizon, levels, origins, cpu_seconds)
    if learned is not None:
        name = learned[0].name
        every = [with_learned(one, name, made) for one, made in zip(every, learned[1], strict=True)]
        spent |= dict.fromkeys((name, with_median(name)), cpu_seconds() - begun)
    names = tuple(every[0])
    missed, size = _missed(panel.values, origins, [np.stack([one[name] for name in names]) for one in every])
    rows_of = {level: np.flatnonzero(np.array(levels) == level) for level in dict.fromkeys(levels)}
    errors = np.stack([missed[:, :, rows].sum(axis=2) for rows in rows_of.values()])
    backtest = np.full((len(origins), panel.size, horizon), np.nan)
    for i, origin in enumerate(origins):
        chosen = _best(names, errors[:, :i], _come(origins[:i], origin, horizon))
        for rows, learner in zip(rows_of.values(), chosen, strict=True):
            backtest[i, rows] = every[i][learner][rows]
    champions = _best(names, errors, np.ones((len(origins), horizon)))
    board = [
        Standing(level, name, float(errors[i, :, j].sum() / max(size[:, rows].sum(), 1e-9)), spent[name])
        for i, (level, rows) in enumerate(rows_of.items())
        for j, name in enumerate(names)
    ]
    order = list(rows_of)
    return BaseForecasts(
        champions=dict(zip(rows_of, champions, strict=True)),
        learned=None if learned is None else learned[0],
        origins=tuple(origins),
        backtest=backtest,
        leaderboard=tuple(sorted(board, key=lambda one: (order.index(one.level), one.wape, one.learner))),
    )


def classical_forecasts(panel: Panel, horizon: int) -> dict[str, Floats]:
    """By learner, shapes (n_series, horizon)."""
    season = panel.frequency.season if panel.length >= 2 * panel.frequency.season else 1
    found = {name: CLASSICAL[name](panel.values, season, horizon) for name in POOL}
    return found | {MEDIAN: np.median(np.stack(list(found.values())), axis=0)}


def with_learned(found: Mapping[str, Floats], name: str, made: Floats) -> dict[str, Floats]:
    return {**found, name: made, with_median(name): (made + found[MEDIAN]) / 2}


def with_median(name: str) -> str:
    return f"{name} and {MEDIAN}"


def _come(origins: Sequence[int], now: int, horizon: int) -> Floats:
    """1 for the periods ahead of earlier origins that have come by now, shape (n_origins, horizon)."""
    ahead = np.array(origins, dtype=np.int64)[:, None] + np.arange(horizon)
    return np.asarray(ahead < now, dtype=np.float64)


def _best(names: Sequence[str], errors: Floats, come: Floats) -> list[str]:
    """For each level the learner with the least error over the periods that have come; the median before there are any.

    Half of the judgement is how the learner does on all levels: a level of one series is too small to judge by itself.

    Args:
        errors: Shape (n_levels, n_origins, n_learners, horizon).
    """
    total = (errors * come[None, :, None, :]).sum(axis=(1, 3))
    usual = total[:, names.index(MEDIAN)]
    if not (usual > 0).any():
        return [MEDIAN] * len(errors)
    share = np.where(usual[:, None] > 0, total / np.maximum(usual[:, None], 1e-12), 1.0)
    judged = share + share[usual > 0].mean(axis=0)
    return [names[int(place)] for place in judged.argmin(axis=1)]


def _missed(values: Floats, origins: Sequence[int], made: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Absolute errors by origin, learner, series and period ahead, and absolute actuals by origin and series."""
    missed, size = [], []
    for origin, forecasts in zip(origins, made, strict=True):
        actual = values[:, origin : origin + forecasts.shape[2]]
        missed.append(np.nan_to_num(np.abs(actual - forecasts)))
        size.append(np.nansum(np.abs(actual), axis=1))
    return np.stack(missed), np.stack(size)
