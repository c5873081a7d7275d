"""What a learner sees of a series at one origin: how members differ, how they erred, how restless the series is.

Knows no learner and no dates. A row is a series and a step ahead; everything is a difference of logs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..features import Floats, Singles
from . import season as seasons
from .members import NAMES, TESTED, Members, year

YEARS_BACK = 3
MOST_LAGS = 12


def known_mean(values: Floats) -> Floats:
    """Mean of the known values of each row, shape (n,); NaN without any."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def known_deviation(values: Floats) -> Floats:
    """Standard deviation of the known values of each row, shape (n,)."""
    return np.asarray(np.sqrt(known_mean((values - known_mean(values)[:, None]) ** 2)))


def restlessness(members: Members) -> list[Floats]:
    """How a series moves, shape (n_series,) each: of neighbours, of late, a season apart, drift, memory, season."""
    flat, season = members.deseasonalised, members.season
    moves = np.diff(flat, axis=1, prepend=np.nan)
    apart = flat[:, season:] - flat[:, :-season] if flat.shape[1] > season else np.full_like(flat, np.nan)
    memory = np.divide(
        known_mean(moves[:, 1:] * moves[:, :-1]),
        known_mean(moves**2),
        out=np.zeros(len(flat)),
        where=known_mean(moves**2) > 0,
    )
    return [
        known_deviation(moves),
        known_deviation(moves[:, -year(season) :]),
        known_deviation(apart),
        known_mean(moves),
        memory,
        members.seasonal.astype(np.float64),
        members.factors.std(axis=1),
    ]


def placed(members: Members, base: Floats) -> list[Floats]:
    """Where a step lies, shape (n_series, horizon) each: its number, its season, the base against level and last season."""
    horizon = base.shape[1]
    level = members.deseasonalised[:, -year(members.season) :]
    return [
        np.tile(np.arange(horizon, dtype=np.float64), (len(base), 1)),
        seasons.ahead(members.factors, horizon),
        base - known_mean(level)[:, None],
        base - members.forecasts[0],
    ]


def erred(members: Members, earlier: Members | None) -> list[Floats]:
    """How the base and each member erred at the origin one horizon before, shape (n_series,) each; NaN if there is none."""
    horizon = members.base.shape[1]
    if earlier is None:
        return [np.full(len(members.logs), np.nan)] * (2 + len(NAMES))
    missed = members.logs[:, -horizon:] - earlier.base
    size = known_mean(np.abs(missed))
    each = [known_mean(np.abs(members.logs[:, -horizon:] - one)) - size for one in earlier.forecasts]
    return [known_mean(missed), size, *each]


def course(members: Members) -> list[Floats]:
    """Last values against the level and growth from year to year, shape (n_series,) each."""
    flat, span = members.deseasonalised, year(members.season)
    level = known_mean(flat[:, -span:])
    years = [
        known_mean(flat[:, max(flat.shape[1] - span * (back + 1), 0) : flat.shape[1] - span * back])
        for back in range(YEARS_BACK + 1)
    ]
    lags = min(span, MOST_LAGS)
    last = [
        flat[:, -1 - lag] - level if lag < flat.shape[1] else np.full_like(level, np.nan)
        for lag in range(lags)
    ]
    return [*last, *(late - early for late, early in pairwise(years))]


def rows(by_step: list[Floats], by_series: list[Floats], horizon: int) -> Singles:
    """One row per series and step, series by series, shape (n_series * horizon, n_signs)."""
    spread = [np.repeat(sign[:, None], horizon, axis=1) for sign in by_series]
    return np.stack([*by_step, *spread], axis=2).reshape(-1, len(by_step) + len(by_series)).astype(np.float32)


def judging(members: Members, earlier: Members | None) -> Singles:
    """For the learner that judges members: it corrects their base."""
    base = members.base
    differ = [one - base for one in members.forecasts]
    return rows(
        [*differ, *placed(members, base)], restlessness(members) + erred(members, earlier), base.shape[1]
    )


def watching(members: Members) -> Singles:
    """For the learner that watches the series itself: it corrects the tested Theta."""
    base = members.forecasts[TESTED]
    return rows(placed(members, base), restlessness(members) + course(members), base.shape[1])
