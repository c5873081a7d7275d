"""The model of a set of series: base forecasts, made coherent, with their distribution; knows no store and no wire."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest

from ..features import Floats
from ..learners import SEED
from .backtest import resampled_lift
from .cold_start import Booleans, is_cold, with_borrowed
from .coverage import Coverage
from .distribution import Distribution, issue
from .error_law import ErrorLaw, ahead, learn
from .global_learners import opened
from .hierarchy import (
    Backtest,
    Hierarchy,
    Method,
    Places,
    Tested,
    compared,
    preference,
    reconciled,
    reconciled_backtest,
    without_negatives,
)
from .leaks import refuse_leaks
from .levelling import factors, levelled
from .node_forecasts import BaseForecasts, Standing, fit_base
from .nodes import node_panel
from .panel import Frequency, Panel
from .periods import number_of
from .sets import Definition

# Periods ahead that a training tests.
HORIZON = {Frequency.DAY: 14, Frequency.WEEK: 8, Frequency.MONTH: 12, Frequency.QUARTER: 8}
FEWEST_PERIODS = 12
# Mean absolute value of a standard normal error.
MEAN_OF_NORMAL = 0.798
FIRST_ORIGIN = 8
# Learning from all series is repeated at every origin, and costs most by months and quarters.
MOST_ORIGINS = {Frequency.DAY: 8, Frequency.WEEK: 8, Frequency.MONTH: 5, Frequency.QUARTER: 5}
TEST_ORIGINS = 3
MOST_AHEAD = 90
# Columns of misses kept for the weights of the reconciliation.
KEPT_MISSES = 64


@dataclass(frozen=True)
class SetModel:
    """What forecasts any later panel of the set.

    Attributes:
        end: Number of the period behind the last one that was seen (`periods.number_of`).
        horizon: Periods ahead that were tested.
        factors: By level: what the base forecasts are multiplied by before they are made coherent.
        misses: Actual less base forecast of the backtest, shape (n_nodes, n_seen), of the nodes ``keys``.
        law: How coherent forecasts miss.
        tested: The ways to make forecasts coherent, the one in use first.
        lift: Fields of the contract's Lift, on the finest level.
    """

    definition: Definition
    end: int
    horizon: int
    base: BaseForecasts
    factors: Mapping[str, float]
    keys: tuple[tuple[str, ...], ...]
    misses: Floats
    law: ErrorLaw
    tested: tuple[Tested, ...]
    lift: Mapping[str, float]

    @property
    def method(self) -> Method:
        return self.tested[0].method


@dataclass(frozen=True)
class SetForecast:
    """Forecasts of all nodes.

    Attributes:
        panel: Of the nodes, as known.
        points: Coherent, shape (n_nodes, horizon).
        cold: Nodes of the finest level whose level and shape are borrowed, shape (n_nodes,).
        learners: By level of the hierarchy.
    """

    hierarchy: Hierarchy
    panel: Panel
    points: Floats
    distribution: Distribution
    cold: Booleans
    learners: tuple[str, ...]

    @property
    def incoherence(self) -> float:
        """Largest difference between a sum and its parts."""
        parts = self.hierarchy.summing @ self.points[self.hierarchy.sums :]
        return float(np.abs(self.points - parts).max(initial=0.0))

    def quantiles(self, rows: Places, levels: Sequence[float]) -> Floats:
        """Of some nodes, shape (n_rows, horizon, n_levels)."""
        ahead = self.distribution
        some = replace(ahead, forecast=ahead.forecast[rows], scale=ahead.scale[rows], shift=ahead.shift[rows])
        return some.quantile(levels)


def fit_set(
    definition: Definition,
    bottom: Panel,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> tuple[SetModel, Backtest]:
    """Choose learners and the way to coherence by rolling origins, and learn how the result misses.

    Returns:
        The model, and the backtest of its coherent forecasts, in which nothing was chosen on the periods tested.

    Raises:
        FailedPrecondition: Reasons NOT_ENOUGH_HISTORY, TARGET_LEAK.
    """
    horizon, origins = demanded_origins(definition, bottom.length)
    hierarchy = Hierarchy.of(bottom.keys, definition.hierarchies)
    nodes = node_panel(hierarchy, bottom, definition.holiday_countries, horizon)
    demand_no_leak(definition, nodes)
    levels = [hierarchy.levels[level] for level in hierarchy.level_of]
    tell("fitting base forecasts")
    base = fit_base(nodes, horizon, levels, origins, cpu_seconds)
    tests = _born(definition, hierarchy, nodes, base)
    tell("testing reconciliation")
    level_tests = levelled(hierarchy, tests)
    early = [_known_at(one, max(len(origins) - TEST_ORIGINS, 1)) for one in (tests, level_tests)]
    chosen, first = _chosen(hierarchy, *early)[0]
    honest = _coherent_tests(definition, hierarchy, level_tests if chosen else tests, first.method)
    ranked = _chosen(hierarchy, tests, level_tests)
    leans, best = ranked[0]
    used = level_tests if leans else tests
    coherent = _coherent_tests(definition, hierarchy, used, best.method)
    by_level = factors(hierarchy, tests, nodes.length) if leans else np.ones(len(hierarchy.levels))
    law = learn(nodes.values, origins, coherent.base, never_negative=not definition.allow_negative)
    lift = _lift(definition, hierarchy, nodes.values, honest)
    misses = used.misses_before(nodes.length)[:, -KEPT_MISSES:]
    tested = tuple(one for leaned, one in ranked if leaned == leans)
    end = number_of(bottom.frequency, bottom.start) + bottom.length
    by_name = dict(zip(hierarchy.levels, by_level.tolist(), strict=True))
    model = SetModel(definition, end, horizon, base, by_name, hierarchy.keys, misses, law, tested, lift)
    return model, honest


def forecast_set(model: SetModel, bottom: Panel, horizon: int) -> SetForecast:
    """Coherent forecasts of all nodes, ``horizon`` periods behind the end of the panel."""
    hierarchy = Hierarchy.of(bottom.keys, model.definition.hierarchies)
    nodes = node_panel(hierarchy, bottom, model.definition.holiday_countries, horizon)
    born = np.flatnonzero(~np.isnan(bottom.values).all(axis=1))
    points = np.zeros((bottom.size, horizon))
    points[born] = _coherent(model, some_series(bottom, born), horizon)
    # A series never seen is in no sum so far; it comes on top of what those of the others say.
    lent = with_borrowed(bottom.keys, model.definition.hierarchies, bottom.values, points)
    unborn = np.setdiff1d(np.arange(bottom.size), born)
    points[unborn] = lent.forecast[unborn]
    whole = np.asarray(hierarchy.summing @ points)
    cold = np.zeros(len(hierarchy.keys), dtype=bool)
    cold[hierarchy.sums :] = is_cold(bottom.values)
    learners = tuple(model.base.champions.get(level, "") for level in hierarchy.levels)
    distribution = issue(model.law, nodes.values, whole)
    distribution = replace(distribution, scale=_scale_of_cold(distribution.scale, whole, cold, lent.unsure))
    return SetForecast(hierarchy, nodes, whole, distribution, cold, learners)


def _scale_of_cold(scale: Floats, points: Floats, cold: Booleans, unsure: Floats) -> Floats:
    """Scales in which cold series are at least as restless as usual, and unsure of their level besides."""
    finest = np.zeros(len(cold), dtype=bool)
    finest[len(cold) - len(unsure) :] = True
    size = np.abs(points)
    warm = finest & ~cold & (size > 0).all(axis=1)
    usual = np.median(scale[warm] / size[warm], axis=0) if warm.any() else np.zeros(scale.shape[1])
    level = np.concatenate([np.zeros(len(cold) - len(unsure)), MEAN_OF_NORMAL * unsure])
    wide = np.hypot(np.maximum(scale, usual * size), level[:, None] * size)
    return np.where(cold[:, None], wide, scale)


def _coherent(model: SetModel, bottom: Panel, horizon: int) -> Floats:
    """Forecasts of the finest level from which all sums are taken, shape (n_bottom, horizon)."""
    definition = model.definition
    hierarchy = Hierarchy.of(bottom.keys, definition.hierarchies)
    nodes = node_panel(hierarchy, bottom, definition.holiday_countries, horizon)
    levels = [hierarchy.levels[level] for level in hierarchy.level_of]
    base = model.base.forecast(nodes, horizon, levels)
    base = _with_cold(definition, hierarchy, nodes.values, base)
    base = base * np.array([model.factors.get(level, 1.0) for level in levels])[:, None]
    points = reconciled(hierarchy, base, *_weighed(model, hierarchy))[hierarchy.sums :]
    return points if definition.allow_negative else np.maximum(points, 0.0)


def some_series(panel: Panel, rows: Places) -> Panel:
    """The panel of some of its series."""
    known = replace(panel.known, values=panel.known.values[rows]) if panel.known else panel.known
    keys = tuple(panel.keys[row] for row in rows.tolist())
    return replace(panel, keys=keys, values=panel.values[rows], known=known)


def demand_no_leak(definition: Definition, nodes: Panel) -> None:
    """Raises FailedPrecondition, reason TARGET_LEAK: one set must not keep other models from being trained."""
    try:
        refuse_leaks(nodes)
    except InvalidRequest as fault:
        raise FailedPrecondition("TARGET_LEAK", f"{definition.name}: {fault.message}") from fault


def demanded_origins(definition: Definition, length: int) -> tuple[int, tuple[int, ...]]:
    """Periods ahead to test, and the lengths of history at which to."""
    if length < FEWEST_PERIODS:
        message = (
            f"{definition.name} has {length} {definition.frequency.value}s of observations; at least "
            f"{FEWEST_PERIODS} are needed. Write more of them or train at a later time."
        )
        raise FailedPrecondition("NOT_ENOUGH_HISTORY", message)
    horizon = min(HORIZON[definition.frequency], max((length - FIRST_ORIGIN) // 3, 1))
    step = max(horizon // 2, 1)
    found = range(length - horizon, FIRST_ORIGIN - 1, -step)[: MOST_ORIGINS[definition.frequency]]
    return horizon, tuple(reversed(found))


def _born(definition: Definition, hierarchy: Hierarchy, nodes: Panel, base: BaseForecasts) -> Backtest:
    """The backtest with cold series borrowing; a series without a value at an origin adds nothing there."""
    made = [
        _with_cold(definition, hierarchy, nodes.values[:, :origin], forecast)
        for origin, forecast in zip(base.origins, base.backtest, strict=True)
    ]
    horizon = base.backtest.shape[2]
    actual = np.stack([ahead(nodes.values, origin, horizon) for origin in base.origins])
    unborn = np.stack([np.isnan(nodes.values[:, :origin]).all(axis=1) for origin in base.origins])
    return Backtest(base.origins, np.where(unborn[:, :, None], np.nan, actual), np.stack(made))


def _with_cold(definition: Definition, hierarchy: Hierarchy, values: Floats, base: Floats) -> Floats:
    """Base forecasts without gaps: short series borrow, sums that cannot be forecast take those of their parts."""
    sums = hierarchy.sums
    bottom, keys = values[sums:], hierarchy.keys[sums:]
    born = ~np.isnan(bottom).all(axis=1)
    filled = np.zeros_like(base[sums:])
    chosen = [keys[row] for row in np.flatnonzero(born)]
    filled[born] = with_borrowed(chosen, definition.hierarchies, bottom[born], base[sums:][born]).forecast
    whole = np.asarray(hierarchy.summing @ np.nan_to_num(filled))
    gaps = np.isnan(base)
    gaps[sums:] |= (is_cold(bottom) | ~born)[:, None]
    return np.where(gaps, whole, base)


def _chosen(hierarchy: Hierarchy, tests: Backtest, level_tests: Backtest) -> list[tuple[bool, Tested]]:
    """The ways to coherence, the one to use first, each with whether it starts from levelled base forecasts."""
    plain = [(False, one) for one in compared(hierarchy, tests, _silently)]
    leaned = [(True, one) for one in compared(hierarchy, level_tests, _silently, tests.base)]
    return sorted(plain + leaned, key=lambda pair: preference(pair[1]))


def _known_at(tests: Backtest, origin: int) -> Backtest:
    """The origins before one of them, with what had come by then."""
    steps = np.arange(tests.base.shape[2])
    come = np.array(tests.origins[:origin])[:, None] + steps < (*tests.origins, np.inf)[origin]
    actual = np.where(come[:, None, :], tests.actual[:origin], np.nan)
    return Backtest(tests.origins[:origin], actual, tests.base[:origin])


def _coherent_tests(
    definition: Definition, hierarchy: Hierarchy, tests: Backtest, method: Method
) -> Backtest:
    made = reconciled_backtest(hierarchy, tests, method)
    if not definition.allow_negative:
        made = np.stack([without_negatives(hierarchy, one) for one in made])
    return replace(tests, base=made)


def _weighed(model: SetModel, hierarchy: Hierarchy) -> tuple[Method, Floats]:
    """The method and the misses of the nodes as they are now: nothing is known of new ones."""
    place = {key: row for row, key in enumerate(model.keys)}
    misses = np.full((len(hierarchy.keys), model.misses.shape[1]), np.nan)
    for row, key in enumerate(hierarchy.keys):
        if key in place:
            misses[row] = model.misses[place[key]]
    return model.method, misses


def _lift(definition: Definition, hierarchy: Hierarchy, values: Floats, honest: Backtest) -> dict[str, float]:
    """Against naive on the last origins and the finest level, with what the intervals really covered there."""
    last = slice(-min(TEST_ORIGINS, len(honest.origins)), None)
    origins, bottom = honest.origins[last], slice(hierarchy.sums, None)
    actual, ours = honest.actual[last][:, bottom], honest.base[last][:, bottom]
    naive = np.stack([_last_known(values[bottom, :origin]) for origin in origins])[:, :, None]
    sums = np.stack(
        [
            np.nansum(np.abs(actual - ours), axis=(0, 2)),
            np.nansum(np.abs(actual - naive), axis=(0, 2)),
            np.nansum(np.abs(actual), axis=(0, 2)),
        ]
    )
    low, high = resampled_lift(sums, SEED)
    missed, naive_missed, size = (max(float(part), 1e-9) for part in sums.sum(axis=1))
    covered = _coverage(definition, values, honest, len(honest.origins) - len(origins))
    return {
        "lift_vs_naive": (naive_missed - missed) / size,
        "low95": low,
        "high95": high,
        "accuracy": 1 - missed / size,
        "naive_accuracy": 1 - naive_missed / size,
        "coverage80": covered.share(0.8),
        "coverage90": covered.share(0.9),
        "coverage95": covered.share(0.95),
        "series": float(sums.shape[1]),
        "origins": float(len(origins)),
    }


def _last_known(history: Floats) -> Floats:
    """The last value of each series, NaN before the first."""
    known = np.where(np.isnan(history), -1, np.arange(history.shape[1]))
    last = known.max(axis=1)
    return np.where(last < 0, np.nan, history[np.arange(len(history)), last])


def _coverage(definition: Definition, values: Floats, honest: Backtest, first: int) -> Coverage:
    """What intervals of all nodes would have covered, each learned on what had come before its origin."""
    counted = Coverage.empty()
    for i in range(max(first, 1), len(honest.origins)):
        origin = honest.origins[i]
        law = learn(
            values[:, :origin],
            honest.origins[:i],
            honest.base[:i],
            never_negative=not definition.allow_negative,
        )
        counted = counted.counted(issue(law, values[:, :origin], honest.base[i]).cdf(honest.actual[i]))
    return counted


def to_file(model: SetModel) -> bytes:
    """The model as bytes, the same for the same model."""
    learned = model.base.learned
    plain = {
        "id": model.definition.id,
        "definition": model.definition.to_plain(),
        "end": model.end,
        "horizon": model.horizon,
        "champions": dict(model.base.champions),
        "learned": "" if learned is None else learned.name,
        "origins": model.base.origins,
        "leaderboard": [asdict(one) for one in model.base.leaderboard],
        "factors": dict(model.factors),
        "keys": model.keys,
        "law": model.law.to_plain(),
        "tested": [asdict(one) for one in model.tested],
        "lift": dict(model.lift),
    }
    text = np.frombuffer(json.dumps(plain, sort_keys=True).encode(), dtype=np.uint8)
    packed = np.frombuffer(b"" if learned is None else learned.packed(), dtype=np.uint8)
    backtest = model.base.backtest.astype(np.float32)
    file = io.BytesIO()
    np.savez(file, plain=text, learned=packed, misses=model.misses, backtest=backtest)
    return file.getvalue()


def from_file(raw: bytes) -> SetModel:
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        plain = json.loads(arrays["plain"].tobytes())
        misses, backtest = arrays["misses"], arrays["backtest"].astype(np.float64)
        learned = opened(plain["learned"], arrays["learned"].tobytes())
    board = tuple(Standing(**one) for one in plain["leaderboard"])
    base = BaseForecasts(plain["champions"], learned, tuple(plain["origins"]), backtest, board)
    tested = tuple(
        Tested(Method(one["method"]), tuple(one["wape"]), tuple(one["ratio"]), tuple(one["worse"]))
        for one in plain["tested"]
    )
    return SetModel(
        definition=Definition.from_plain(plain["id"], plain["definition"]),
        end=plain["end"],
        horizon=plain["horizon"],
        base=base,
        factors=plain["factors"],
        keys=tuple(tuple(key) for key in plain["keys"]),
        misses=misses,
        law=ErrorLaw.from_plain(plain["law"]),
        tested=tested,
        lift=plain["lift"],
    )


def _silently(_: str) -> None:
    """Progress that nobody watches."""
