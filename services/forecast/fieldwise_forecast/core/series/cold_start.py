"""Series without a history of their own: level and shape borrowed from series like them; knows no calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..features import Floats

if TYPE_CHECKING:
    from scipy import sparse

Booleans = NDArray[np.bool_]

# A series with fewer periods than this borrows.
OWN_PERIODS = 8
# The level of a series is its mean over this many last periods.
RECENT = 8
# Penalties tried, in units of one series: how many series a group must have to be half believed.
PENALTIES = (0.3, 1.0, 3.0, 10.0)
FOLDS = 5
FEWEST_SIBLINGS = 3
# So many siblings are believed as much as all series together about how unusual a period was.
FEW_SIBLINGS = 10.0
# Before the first pair of fold and penalty tells anything: a new series is within a factor of e of those like it.
UNTOLD_VARIANCE = 1.0


def is_cold(values: Floats) -> Booleans:
    """Which series have too few periods to be forecast from themselves; ``values`` is (n_series, n_periods)."""
    return np.asarray((~np.isnan(values)).sum(axis=1) < OWN_PERIODS)


@dataclass(frozen=True)
class Borrowed:
    """Forecasts of all series, shape (n_series, horizon), and how unsure a borrowed level is.

    Attributes:
        unsure: Standard deviation of the level in shares of it, shape (n_series,); 0 for a series of its own history.
    """

    forecast: Floats
    unsure: Floats


def with_borrowed(
    keys: Sequence[tuple[str, ...]], hierarchies: Sequence[Sequence[str]], values: Floats, forecast: Floats
) -> Borrowed:
    """The forecasts with those of cold series replaced by borrowed ones.

    Level: what the series' groups say (department, category, region, ... each shrunk to the coarser ones and estimated
    together), moved to what the series itself has shown as far as its few periods are to be believed. Shape: the forecast of the
    series most like it, relative to their level.

    Args:
        keys: One value per dimension for each series.
        hierarchies: Dimensions from coarse to fine.
        values: Shape (n_series, n_periods), NaN where unknown.
        forecast: Of the series that are not cold; what stands for the others is not read.
    Source: Buehlmann (1967), Experience rating and credibility; Robinson (1991), That BLUP is a good thing, section 5 (crossed
        groups, estimated together under a penalty).
    """
    cold = is_cold(values)
    unsure = np.zeros(len(values))
    if not cold.any():
        return Borrowed(forecast, unsure)
    if cold.all():
        return Borrowed(_from_own(values, forecast.shape[1]), unsure + UNTOLD_VARIANCE)
    groups = _groups(keys, hierarchies)
    siblings = _siblings(groups, cold)
    level, unsure[cold] = _levels(groups, values, cold, siblings)
    warm_level = np.maximum(np.abs(_recent(values[~cold])), 1e-9)
    shape = (siblings @ forecast[~cold]) / (siblings @ warm_level)[:, None]
    filled = forecast.copy()
    filled[cold] = level[:, None] * shape
    return Borrowed(filled, unsure)


def _from_own(values: Floats, horizon: int) -> Floats:
    """Nobody to borrow from: the mean of what was seen, 0 where nothing was."""
    seen = (~np.isnan(values)).sum(axis=1)
    return np.repeat((np.nansum(values, axis=1) / np.maximum(seen, 1))[:, None], horizon, axis=1)


def _groups(keys: Sequence[tuple[str, ...]], hierarchies: Sequence[Sequence[str]]) -> sparse.csr_array:
    """1 where a series belongs to a group (a department, a category of it, a region), shape (n_series, n_groups)."""
    from scipy import sparse  # not at the start of a server: a second of imports

    rows, columns, names = [], [], dict[tuple[int, tuple[str, ...]], int]()
    begin = 0
    for one in hierarchies:
        for depth in range(1, len(one) + 1):
            for row, key in enumerate(keys):
                rows.append(row)
                columns.append(names.setdefault((begin, key[begin : begin + depth]), len(names)))
        begin += len(one)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), (len(keys), max(len(names), 1)))


def _siblings(groups: sparse.csr_array, cold: Booleans) -> Floats:
    """For each cold series the series that share most groups with it, at least three, shape (n_cold, n_warm)."""
    shared = (groups[cold] @ groups[~cold].T).toarray()
    needed = min(FEWEST_SIBLINGS, shared.shape[1])
    least = -np.partition(-shared, needed - 1, axis=1)[:, needed - 1 : needed]
    return np.asarray(shared >= least, dtype=np.float64)


def _recent(values: Floats) -> Floats:
    """Mean of the last periods known of each series, shape (n_series,)."""
    last = values[:, -RECENT:]
    seen = (~np.isnan(last)).sum(axis=1)
    # A series that has paused keeps the level of its whole history.
    whole = np.nansum(values, axis=1) / np.maximum((~np.isnan(values)).sum(axis=1), 1)
    return np.asarray(np.where(seen > 0, np.nansum(last, axis=1) / np.maximum(seen, 1), whole))


@dataclass(frozen=True)
class _Scale:
    """Logarithms where all levels are positive or 0, plain values otherwise."""

    floor: float

    @classmethod
    def of(cls, levels: Floats) -> _Scale:
        return cls(float(np.median(levels) / 100 + 1e-9) if (levels >= 0).all() else 0.0)

    def to(self, levels: Floats) -> Floats:
        return np.log(np.maximum(levels, 0.0) + self.floor) if self.floor else levels

    def back(self, scaled: Floats) -> Floats:
        return np.maximum(np.exp(scaled) - self.floor, 0.0) if self.floor else scaled


def _levels(
    groups: sparse.csr_array, values: Floats, cold: Booleans, siblings: Floats
) -> tuple[Floats, Floats]:
    """The level of each cold series over the recent periods and how unsure it is in shares of it, shapes (n_cold,)."""
    warm_levels = _recent(values[~cold])
    scale = _Scale.of(warm_levels)
    prior, variance = _told_by_groups(groups[~cold], scale.to(warm_levels), groups[cold])
    own, periods = _own_levels(values, cold, siblings, warm_levels)
    restless = _restlessness(values[~cold], scale)
    belief = np.where(np.isnan(own), 0.0, periods / (periods + restless / max(variance, 1e-12)))
    level = scale.back(belief * scale.to(np.nan_to_num(own)) + (1 - belief) * prior)
    spread = np.sqrt((1 - belief) * variance)
    return level, spread if scale.floor else spread / np.maximum(np.abs(level), 1e-9)


def _told_by_groups(known: sparse.csr_array, levels: Floats, asked: sparse.csr_array) -> tuple[Floats, float]:
    """Scaled levels that the groups tell, and the variance of what they miss on series left out."""
    folds = np.arange(len(levels)) % FOLDS
    if len(levels) < 2 * FOLDS:
        return np.full(asked.shape[0], levels.mean()), float(levels.var()) or UNTOLD_VARIANCE
    missed = []
    for penalty in PENALTIES:
        errors = [
            levels[folds == fold]
            - _ridge(known[folds != fold], levels[folds != fold], known[folds == fold], penalty)
            for fold in range(FOLDS)
        ]
        missed.append(float(np.mean(np.concatenate(errors) ** 2)))
    return _ridge(known, levels, asked, PENALTIES[int(np.argmin(missed))]), min(missed)


def _ridge(known: sparse.csr_array, levels: Floats, asked: sparse.csr_array, penalty: float) -> Floats:
    from scipy.sparse.linalg import lsqr  # not at the start of a server: a second of imports

    mean = levels.mean()
    effects = lsqr(known, levels - mean, damp=np.sqrt(penalty), atol=1e-8, btol=1e-8)[0]
    return np.asarray(mean + asked @ effects)


def _own_levels(
    values: Floats, cold: Booleans, siblings: Floats, warm_levels: Floats
) -> tuple[Floats, Floats]:
    """What the cold series' own few periods say of their level over the recent ones (NaN: nothing), and how many they are.

    They are read against what these periods were to others: a first week that was Christmas must not count as usual.
    """
    own, others = values[cold], values[~cold]
    seen = ~np.isnan(own)
    periods = seen.sum(axis=1)
    count = siblings.sum(axis=1)
    like, all_alike = (
        ((group @ np.nan_to_num(others)) * seen).sum(axis=1)
        / np.maximum(periods * (group @ warm_levels), 1e-9)
        for group in (siblings, np.ones((1, len(others))))
    )
    weight = count / (count + FEW_SIBLINGS)
    # Where nobody sold, nothing is known of the period.
    told = (like > 0) & (all_alike > 0)
    unusual = np.exp(
        weight * np.log(np.where(told, like, 1.0)) + (1 - weight) * np.log(np.where(told, all_alike, 1.0))
    )
    level = np.nansum(own, axis=1) / np.maximum(periods, 1) / unusual
    return np.where(periods > 0, level, np.nan), periods.astype(np.float64)


def _restlessness(values: Floats, scale: _Scale) -> float:
    """Variance of a single period around its series' level, scaled, in the usual series."""
    scaled = scale.to(values[:, -2 * RECENT :])
    seen = (~np.isnan(scaled)).sum(axis=1)
    enough = scaled[seen > 2]
    return float(np.median(np.nanvar(enough, axis=1))) if len(enough) else UNTOLD_VARIANCE
