"""Levels of a hierarchy, how they sum, and forecasts that add up across them; knows no forecaster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats

if TYPE_CHECKING:
    from scipy import sparse

Places = NDArray[np.intp]

# In a key: summed over this dimension.
ALL = "*"
TOTAL = "total"
# The systems below are dense: 2,000 sums above the finest level take 32 MB and a second.
MOST_SUMS = 2000
# Against a variance of exactly 0, as in hierarchicalforecast, so that both give the same numbers.
RIDGE = 2e-8
# Differences below 1 % of the error are noise on a year of weeks (measured on Complete Journey).
NOISE = 0.01


class Method(StrEnum):
    """How forecasts are made to add up."""

    BOTTOM_UP = "bottom-up"
    OLS = "ols"
    WLS_STRUCTURE = "wls-structure"
    WLS_VARIANCE = "wls-variance"
    MINT_SHRINK = "mint-shrink"


@dataclass(frozen=True)
class Hierarchy:
    """All levels of crossed hierarchies, coarsest first; the finest level, ``bottom``, comes last in its own order.

    Attributes:
        levels: Names such as ``total``, ``department``, ``department x region``.
        level_of: Index into ``levels`` of each node, shape (n_nodes,).
        keys: One value per dimension for each node; ``*`` where it is summed over the dimension.
        summing: Shape (n_nodes, n_bottom), 1 where a node contains a series of the finest level.
    """

    levels: tuple[str, ...]
    level_of: Places
    keys: tuple[tuple[str, ...], ...]
    summing: sparse.csr_array

    @classmethod
    def of(cls, keys: Sequence[tuple[str, ...]], hierarchies: Sequence[Sequence[str]]) -> Hierarchy:
        """The nodes over series with these keys.

        Args:
            keys: Of the finest level, all different; one value for each dimension, hierarchy after hierarchy.
            hierarchies: Dimensions from coarse to fine, such as (("department", "category"), ("region",)).
        """
        from scipy import sparse  # not at the start of a server: a second of imports

        names: list[str] = []
        level_of: list[int] = []
        nodes: list[tuple[str, ...]] = []
        parts = []
        for depths in _depths(hierarchies):
            own = [_cut(key, depths, hierarchies) for key in keys]
            found = list(dict.fromkeys(own))
            place = {key: row for row, key in enumerate(found)}
            rows = [place[key] for key in own]
            parts.append(
                sparse.csr_array((np.ones(len(own)), (rows, range(len(own)))), (len(found), len(own)))
            )
            level_of += [len(names)] * len(found)
            names.append(_level_name(depths, hierarchies))
            nodes += found
        return cls(tuple(names), np.array(level_of), tuple(nodes), sparse.csr_array(sparse.vstack(parts)))

    @property
    def bottom(self) -> int:
        """How many series the finest level has."""
        return int(self.summing.shape[1])

    @property
    def sums(self) -> int:
        """How many nodes lie above the finest level; they come first."""
        return len(self.keys) - self.bottom

    @cached_property
    def key_table(self) -> NDArray[np.object_]:
        """The keys as a table, shape (n_nodes, n_dimensions)."""
        return np.array(self.keys, dtype=object)

    def summed(self, bottom: Floats) -> Floats:
        """Values of all nodes, shape (n_nodes, n_periods), from those of the finest level; a missing part leaves a gap."""
        whole = np.asarray(self.summing @ np.nan_to_num(bottom))
        gaps = np.asarray(self.summing @ np.isnan(bottom).astype(np.float64)) > 0
        return np.where(gaps, np.nan, whole)

    def rows_of(self, level: int) -> Places:
        """Which nodes belong to a level, as indices."""
        return np.flatnonzero(self.level_of == level)


def _depths(hierarchies: Sequence[Sequence[str]]) -> Iterator[tuple[int, ...]]:
    """How many dimensions of each hierarchy a level keeps; coarsest first, the finest last."""
    every = product(*(range(len(one) + 1) for one in hierarchies))
    return iter(sorted(every, key=lambda depths: (sum(depths), [-depth for depth in depths])))


def _cut(
    key: tuple[str, ...], depths: Sequence[int], hierarchies: Sequence[Sequence[str]]
) -> tuple[str, ...]:
    values: list[str] = []
    for depth, one in zip(depths, hierarchies, strict=True):
        own = key[len(values) : len(values) + len(one)]
        values += (*own[:depth], *(ALL for _ in own[depth:]))
    return tuple(values)


def _level_name(depths: Sequence[int], hierarchies: Sequence[Sequence[str]]) -> str:
    kept = [one[depth - 1] for depth, one in zip(depths, hierarchies, strict=True) if depth]
    return " x ".join(kept) or TOTAL


def reconciled(hierarchy: Hierarchy, base: Floats, method: Method, misses: Floats | None = None) -> Floats:
    """Forecasts that add up, as close to the base forecasts as the method's weights ask for.

    Args:
        base: Forecasts of all nodes, shape (n_nodes, horizon).
        misses: Actual less forecast of all nodes on earlier periods, shape (n_nodes, n_seen), NaN where unknown; needed
            by WLS_VARIANCE and MINT_SHRINK.

    Returns:
        Shape (n_nodes, horizon); each node is the sum of its parts to rounding.

    Raises:
        FailedPrecondition: Reason TOO_MANY_SUMS, a method other than BOTTOM_UP on more than 2,000 sums.
    Source: Wickramasuriya, Athanasopoulos & Hyndman (2019), Optimal forecast reconciliation through trace minimization,
        equation 10 in the form of projections; Schaefer & Strimmer (2005) for the shrinkage.
    """
    bottom = base[hierarchy.sums :]
    if method is not Method.BOTTOM_UP and hierarchy.sums:
        _demand_few_sums(hierarchy)
        bottom = bottom + _moved(hierarchy, base, _weights(hierarchy, method, misses))
    return np.asarray(hierarchy.summing @ bottom)


def without_negatives(hierarchy: Hierarchy, coherent: Floats) -> Floats:
    """Coherent forecasts with what is below 0 at the finest level set to 0 and all sums taken anew.

    Source: Di Fonzo & Girolimetto (2023), Spatio-temporal reconciliation of solar forecasts, "set negative to zero".
    """
    return np.asarray(hierarchy.summing @ np.maximum(coherent[hierarchy.sums :], 0.0))


def _demand_few_sums(hierarchy: Hierarchy) -> None:
    if hierarchy.sums > MOST_SUMS:
        message = (
            f"{hierarchy.sums} sums lie above the finest level, reconciliation other than bottom-up takes at most "
            f"{MOST_SUMS}; leave out a dimension or use bottom-up"
        )
        raise FailedPrecondition("TOO_MANY_SUMS", message)


def _moved(hierarchy: Hierarchy, base: Floats, weights: Floats) -> Floats:
    """What is added to the finest level, given the covariance of the misses (or its diagonal alone)."""
    sums = hierarchy.sums
    above = hierarchy.summing[:sums].toarray()
    gap = base[:sums] - above @ base[sums:]
    if weights.ndim == 1:
        from_below = weights[sums:, None] * above.T
        system = above @ from_below + np.diag(weights[:sums])
    else:
        crossed = weights[:sums, sums:]
        from_below = weights[sums:, sums:] @ above.T - crossed.T
        system = weights[:sums, :sums] - crossed @ above.T + above @ from_below
    return np.asarray(from_below @ _solved(system, gap))


def _solved(system: Floats, gap: Floats) -> Floats:
    from scipy import linalg  # not at the start of a server: a second of imports

    try:
        return np.asarray(linalg.solve(system, gap, assume_a="sym"))
    except linalg.LinAlgError:
        # Sums that always missed alike, such as two of the same series: of all solutions the one that moves least.
        return np.asarray(linalg.lstsq(system, gap)[0])


def _weights(hierarchy: Hierarchy, method: Method, misses: Floats | None) -> Floats:
    if method is Method.OLS:
        return np.ones(len(hierarchy.keys))
    if method is Method.WLS_STRUCTURE:
        return np.asarray(hierarchy.summing.sum(axis=1), dtype=np.float64)
    assert misses is not None, f"{method} needs misses"
    return variances(misses) if method is Method.WLS_VARIANCE else shrunk_covariance(misses)


def variances(misses: Floats) -> Floats:
    """Mean squared miss of each node, shape (n_nodes,); of a node never seen, the median of the others'."""
    seen = ~np.isnan(misses)
    own = np.nansum(misses**2, axis=1) / np.maximum(seen.sum(axis=1), 1)
    known = seen.any(axis=1)
    return np.asarray(np.where(known, own, np.median(own[known]) if known.any() else 1.0) + RIDGE)


def shrunk_covariance(misses: Floats) -> Floats:
    """Covariance of the misses, its correlations shrunk to 0 as far as their own uncertainty asks for.

    A gap counts as an average miss, and the node's other misses are scaled up for it: so the matrix stays positive.

    Source: Schaefer & Strimmer (2005), A shrinkage approach to large-scale covariance matrix estimation, section 2.4.
    """
    seen = ~np.isnan(misses)
    count = misses.shape[1]
    own = np.maximum(seen.sum(axis=1), 1)
    mean = np.nansum(misses, axis=1) / own
    centred = np.where(seen, misses - mean[:, None], 0.0) * np.sqrt(count / own)[:, None]
    covariance = centred @ centred.T / (count - 1)
    shrunk = covariance * kept_correlation(centred)
    variance, known = np.diag(covariance), own > 1
    # Of a node that missed once at the most nothing is known: it counts as those do of which something is.
    usual = np.median(variance[known]) if known.any() else 1.0
    np.fill_diagonal(shrunk, np.maximum(variance, np.where(known, RIDGE, usual + RIDGE)))
    return np.asarray(shrunk)


def kept_correlation(centred: Floats) -> float:
    """The share of each correlation that is kept, in [0, 1]."""
    count = centred.shape[1]
    scaled = centred / (centred.std(axis=1) + RIDGE)[:, None]
    correlation = scaled @ scaled.T / count
    spread = (scaled**2) @ (scaled**2).T - count * correlation**2
    off = ~np.eye(len(centred), dtype=bool)
    noise = float(spread[off].sum()) / (count * (count - 1))
    return float(1 - np.clip(noise / (float((correlation[off] ** 2).sum()) + RIDGE), 0.0, 1.0))


@dataclass(frozen=True)
class Tested:
    """A method on rolling origins, level by level.

    Attributes:
        wape: Sum of absolute errors over sum of actuals.
        ratio: That over the base forecasts'.
        worse: By how much the ratio is above 1 beyond chance: less one standard error over the origins, at least 0.
    """

    method: Method
    wape: tuple[float, ...]
    ratio: tuple[float, ...]
    worse: tuple[float, ...]

    @property
    def worst(self) -> float:
        """Of the level that suffers most, what is beyond chance."""
        return max(self.worse)

    @property
    def mean(self) -> float:
        return float(np.mean(self.ratio))


@dataclass(frozen=True)
class Backtest:
    """Base forecasts of all nodes at rolling origins and what came, shapes (n_origins, n_nodes, horizon).

    Attributes:
        origins: How many periods were known at each, ascending.
        actual: NaN where it is missing or has not come.
    """

    origins: tuple[int, ...]
    actual: Floats
    base: Floats

    def misses_before(self, length: int) -> Floats:
        """Misses on periods before ``length``, shape (n_nodes, n_seen): all that was known then."""
        steps = np.arange(self.base.shape[2])
        parts = [
            (self.actual[i] - self.base[i])[:, origin + steps < length]
            for i, origin in enumerate(self.origins)
        ]
        return np.concatenate(parts, axis=1)


def reconciled_backtest(hierarchy: Hierarchy, tests: Backtest, method: Method) -> Floats:
    """What the method would have said at each origin, shape as ``tests.base``; weights see earlier periods only."""
    return np.stack(
        [
            reconciled(hierarchy, base, *_affordable(method, tests.misses_before(origin)))
            for origin, base in zip(tests.origins, tests.base, strict=True)
        ]
    )


def _affordable(method: Method, misses: Floats) -> tuple[Method, Floats]:
    """The method, or weights by structure as long as there are fewer than eight misses to learn from."""
    learned = method in (Method.WLS_VARIANCE, Method.MINT_SHRINK)
    return (Method.WLS_STRUCTURE if learned and misses.shape[1] < 8 else method), misses


def compared(
    hierarchy: Hierarchy, tests: Backtest, report: Callable[[str], None], base: Floats | None = None
) -> list[Tested]:
    """Every method on the same origins, the one to use first.

    That is the best on average over the levels among those that make no level worse by more than noise; where all do, the
    one whose worst level suffers least.

    Args:
        base: Forecasts that no level should be worse than, shape as ``tests.base``; None for those themselves.
    """
    methods = list(Method) if hierarchy.sums <= MOST_SUMS else [Method.BOTTOM_UP]
    found = []
    for method in methods:
        report(f"reconciling by {method}")
        found.append(tested(hierarchy, tests, method, tests.base if base is None else base))
    return sorted(found, key=preference)


def preference(one: Tested) -> tuple[bool, float]:
    """Methods that harm no level come first, by their mean; then the others, by what they do to the worst level."""
    harms = one.worst > NOISE
    return harms, one.worst if harms else one.mean


def tested(hierarchy: Hierarchy, tests: Backtest, method: Method, base: Floats) -> Tested:
    """One method on the origins of a backtest, beside base forecasts."""
    size = by_level(hierarchy, tests.actual)
    was = by_level(hierarchy, tests.actual - base)
    now = by_level(hierarchy, tests.actual - reconciled_backtest(hierarchy, tests, method))
    usual = np.maximum(was.mean(axis=1), RIDGE * np.maximum(size.mean(axis=1), 1.0))
    more = (now - was) / usual[:, None]
    error = more.std(axis=1, ddof=1) / np.sqrt(more.shape[1]) if more.shape[1] > 1 else 0.0
    ratio = 1 + more.mean(axis=1)
    wape = now.sum(axis=1) / np.maximum(size.sum(axis=1), RIDGE)
    worse = np.maximum(ratio - 1 - error, 0.0)
    return Tested(method, tuple(wape.tolist()), tuple(ratio.tolist()), tuple(worse.tolist()))


def by_level(hierarchy: Hierarchy, values: Floats) -> Floats:
    """Sums of absolute values at each level and origin, shape (n_levels, n_origins); NaN counts nothing."""
    each = np.nansum(np.abs(values), axis=2)
    return np.stack([each[:, hierarchy.rows_of(level)].sum(axis=1) for level in range(len(hierarchy.levels))])
