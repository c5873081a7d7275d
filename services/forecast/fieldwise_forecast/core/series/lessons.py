"""Rows to learn from: at rolling origins, what members forecast and how they erred; knows no learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats, Mask, Singles
from . import signs
from .intermittent import is_intermittent
from .members import TESTED, Members, floors, logs_of, members_of, raised

# Seasons, and periods, that a series must have behind it at an origin.
FEWEST_SEASONS = 2.5
FEWEST_PERIODS = 10
MOST_ORIGINS = 24
# More rows cost time and change nothing that was measured; they are drawn evenly from all origins.
MOST_ROWS = 150_000
RECENT = 4


@dataclass(frozen=True)
class Lessons:
    """Rows of signs, and by how much, in logs, the forecast that is to be corrected missed."""

    judged: Singles
    judge_missed: Floats
    watched: Singles
    watcher_missed: Floats


def fewest(season: int) -> int:
    return max(FEWEST_PERIODS, int(FEWEST_SEASONS * season))


def learnable(values: Floats, periods: int) -> Mask:
    """Series that began so many periods ago, were never negative, rarely zero, and lately not always."""
    known = ~np.isnan(values)
    begun = known.cumsum(axis=1, dtype=np.int64).astype(bool).sum(axis=1) >= periods
    filled = np.where(known, values, 0.0)
    recent = (filled[:, -RECENT:] > 0).any(axis=1)
    return np.asarray(begun & (filled >= 0).all(axis=1) & recent & ~is_intermittent(values))


def members_before(values: Floats, back: int, season: int, horizon: int) -> Members | None:
    """Forecasts ``back`` periods ago of series that had begun long enough before; None where none had."""
    length = values.shape[1] - back
    if length < fewest(season):
        return None
    known = values[:, :length]
    rows = learnable(known, fewest(season))
    return members_of(known, rows, season, horizon) if rows.any() else None


def logs_to_learn(values: Floats, season: int) -> Floats:
    """Logs of the series that can be learned from, NaN before they begin."""
    some = values[learnable(values, fewest(season))]
    return logs_of(raised(some, floors(some, season)))


def stride(horizon: int) -> int:
    """Periods between origins: the largest divisor of the horizon up to a quarter of it.

    A divisor, so that the origin one horizon before is an origin too.
    """
    return max(step for step in range(1, max(horizon // 4, 1) + 1) if horizon % step == 0)


def at_rolling_origins(values: Floats, season: int, horizon: int, seed: int) -> Lessons:
    """Lessons of all origins; deterministic for a seed."""
    step = stride(horizon)
    backs = range(step, step * MOST_ORIGINS + 1, step)
    older = range(backs[-1] + step, backs[-1] + horizon + 1, step)
    found = {back: members_before(values, back, season, horizon) for back in (*backs, *older)}
    used = {back: now for back in backs if (now := found[back]) is not None}
    cells = sum(int(np.isfinite(now.base[:, 0]).sum()) * min(back, horizon) for back, now in used.items())
    share = MOST_ROWS / max(cells, MOST_ROWS)
    drawn = np.random.default_rng(seed)
    parts = [lesson(values, back, now, found.get(back + horizon), share, drawn) for back, now in used.items()]
    return joined(parts)


def lesson(
    values: Floats, back: int, now: Members, earlier: Members | None, share: float, drawn: np.random.Generator
) -> Lessons:
    """A share of the rows of one origin."""
    rows: Mask = np.asarray(np.isfinite(now.base).all(axis=1))
    some, before = now.at(rows), earlier and earlier.at(rows)
    actual = actual_logs(values[rows], back, some)
    chosen = (np.isfinite(actual) & (drawn.random(actual.shape) < share)).ravel()
    return Lessons(
        signs.judging(some, before)[chosen],
        (actual - some.base).ravel()[chosen],
        signs.watching(some)[chosen],
        (actual - some.forecasts[TESTED]).ravel()[chosen],
    )


def actual_logs(values: Floats, back: int, now: Members) -> Floats:
    """Logs of what came after the origin ``back`` periods ago, NaN where it is not known, shape (n_series, horizon)."""
    length, horizon = values.shape[1], now.base.shape[1]
    came = np.full((len(values), horizon), np.nan)
    came[:, : min(back, horizon)] = values[:, length - back : length - back + horizon]
    return np.asarray(np.log(np.maximum(came, now.floor)))


def joined(parts: list[Lessons]) -> Lessons:
    if not parts:
        nothing = np.empty((0, 1), dtype=np.float32)
        return Lessons(nothing, np.empty(0), nothing, np.empty(0))
    return Lessons(
        np.concatenate([one.judged for one in parts]),
        np.concatenate([one.judge_missed for one in parts]),
        np.concatenate([one.watched for one in parts]),
        np.concatenate([one.watcher_missed for one in parts]),
    )
