"""The engine of series: a pool, a champion per level chosen by backtest, forecasts and cheap updates; knows no wire, no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from ..learners import SEED
from .backtests import Backtest, actuals, usual_origins
from .leaks import refuse_leaks
from .panel import Frequency, Panel
from .periods import number_of
from .pool import DIRECT_BOOSTER, POOL, RECURSIVE_BOOSTER, Forecaster
from .prepared import Prepared
from .standings import ALL, ENSEMBLE, Choice, Standing, blended, choice_at, honest, squared_steps, standing

# Two views that err differently: one from the level of each series, one back towards its history.
MEMBERS = (DIRECT_BOOSTER, RECURSIVE_BOOSTER)
# Periods of history without which there is nothing to test on.
FEWEST_BEFORE_HORIZON = 8


@dataclass(frozen=True)
class FittedSeries:
    """A champion for each level, fitted and ready for any panel of the same kind.

    Attributes:
        frequency, inputs: Of the panel it was fitted on; the panels it forecasts have the same.
        end: Number of the period after the last one learned from (see periods.number_of).
        horizon: Periods ahead that it was fitted for.
        choices: By level; the empty level is that of all series together.
        forecasters: By name, those that the choices need.
        backtest: Of the champions, each chosen on what was known at its origin.
        leaderboard: Best first in each level.
    """

    frequency: Frequency
    inputs: tuple[str, ...]
    end: int
    horizon: int
    seed: int
    choices: Mapping[str, Choice]
    forecasters: Mapping[str, Forecaster]
    backtest: Backtest
    leaderboard: tuple[Standing, ...]

    @property
    def champions(self) -> dict[str, str]:
        """By level: who forecasts it."""
        return {level: choice.learner for level, choice in self.choices.items()}

    def forecast(self, panel: Panel, horizon: int, levels: Sequence[str] | None = None) -> Floats:
        """Shape (n_series, horizon), from the end of the panel.

        A series without any value gets the median of its level; the caller knows better when it knows siblings.

        Args:
            levels: A label for each series; one that was not fitted, or none, means the champion of all series.
        Raises:
            FailedPrecondition: Reason OTHER_KIND_OF_PANEL.
        """
        self.demand_same_kind(panel)
        prepared = Prepared.of(panel, horizon)
        shares = self.shares(levels or [ALL] * panel.size)
        found = np.zeros((panel.size, horizon))
        for name, share in shares.items():
            found += np.where(
                share[:, None] > 0, share[:, None] * self.forecasters[name].forecast(prepared), 0.0
            )
        return with_unknown(found, levels or [ALL] * panel.size)

    def demand_same_kind(self, panel: Panel) -> None:
        theirs = (panel.frequency.value, panel.known.names)
        ours = (self.frequency.value, self.inputs)
        if theirs != ours:
            raise FailedPrecondition(
                "OTHER_KIND_OF_PANEL",
                f"series by {theirs[0]} with inputs {list(theirs[1])}; this model was fitted by {ours[0]} with inputs "
                f"{list(ours[1])}. Give the same inputs in the same order, or train again.",
            )

    def shares(self, levels: Sequence[str]) -> dict[str, Floats]:
        """By forecaster: its share of each series' forecast, shape (n_series,)."""
        by_level = {level: self.choices.get(level, self.choices[ALL]).shares() for level in set(levels)}
        names = sorted({name for shares in by_level.values() for name in shares})
        return {name: np.array([by_level[level].get(name, 0.0) for level in levels]) for name in names}

    def update(self, panel: Panel) -> FittedSeries:
        """Learn from what has come since, without a backtest and on a sample. Champions, weights and backtest stay.

        Raises:
            FailedPrecondition: Reason OTHER_KIND_OF_PANEL.
        """
        self.demand_same_kind(panel)
        prepared = Prepared.of(panel, self.horizon)
        updated = {name: each.updated(prepared, self.seed) for name, each in self.forecasters.items()}
        return replace(self, forecasters=updated, end=number_of(panel.frequency, panel.start) + panel.length)


def fit(
    panel: Panel,
    horizon: int,
    *,
    cpu_seconds: Callable[[], float],
    levels: Sequence[str] | None = None,
    origins: Sequence[int] | None = None,
    seed: int = SEED,
    tell: Callable[[str], None] = lambda _: None,
    pool: Sequence[str] = tuple(POOL),
) -> FittedSeries:
    """Backtest the pool on rolling origins, choose a champion for each level, and fit what the champions need.

    Args:
        levels: A label for each series, such as its level of a hierarchy; None for one level of all.
        origins: Numbers of periods known at each origin of the backtest; None for the usual ones.
        pool: Names of the forecasters that compete.
    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
        InvalidRequest: Reason TARGET_LEAK, a known input equals the target.
    """
    demand_history(panel, horizon)
    refuse_leaks(panel)
    chosen_origins = tuple(origins) if origins is not None else usual_origins(panel.length, horizon)
    tests, spent = backtested(panel, horizon, chosen_origins, pool, cpu_seconds, seed, tell)
    members = [name for name in MEMBERS if name in tests]
    labels = list(levels) if levels is not None else [ALL] * panel.size
    masks = {level: np.array([label == level for label in labels]) for level in dict.fromkeys(labels)}
    masks[ALL] = np.ones(panel.size, dtype=np.bool_)
    choices = {level: choice_at(tests, rows, members, panel.length) for level, rows in masks.items()}
    tell("fitting the champions")
    prepared = Prepared.of(panel, horizon)
    needed = sorted({name for choice in choices.values() for name in choice.shares()})
    fitted = {name: POOL[name].fitted(prepared, seed) for name in needed}
    return FittedSeries(
        frequency=panel.frequency,
        inputs=panel.known.names,
        end=number_of(panel.frequency, panel.start) + panel.length,
        horizon=horizon,
        seed=seed,
        choices=choices,
        forecasters={name: found for name, found in fitted.items() if found is not None},
        backtest=honest(tests, labels, members),
        leaderboard=leaderboard(panel, tests, masks, choices, spent),
    )


def backtested(
    panel: Panel,
    horizon: int,
    origins: tuple[int, ...],
    pool: Sequence[str],
    cpu_seconds: Callable[[], float],
    seed: int,
    tell: Callable[[str], None],
) -> tuple[dict[str, Backtest], dict[str, float]]:
    """Every forecaster fitted and tested at every origin, and the CPU seconds each took; those that can't learn yet are out."""
    actual = actuals(panel.values, origins, horizon)
    forecasts: dict[str, list[Floats]] = {name: [] for name in pool}
    spent = dict.fromkeys(pool, 0.0)
    for place, origin in enumerate(origins):
        tell(f"backtest {place + 1} of {len(origins)}")
        prepared = Prepared.of(panel.until(origin), horizon)
        for name in pool:
            begun = cpu_seconds()
            found = POOL[name].fitted(prepared, seed)
            if found is not None:
                forecasts[name].append(found.forecast(prepared))
            spent[name] += cpu_seconds() - begun
    whole = {name: found for name, found in forecasts.items() if len(found) == len(origins)}
    return {name: Backtest(origins, actual, np.stack(found)) for name, found in whole.items()}, spent


def leaderboard(
    panel: Panel,
    tests: Mapping[str, Backtest],
    masks: Mapping[str, np.ndarray],
    choices: Mapping[str, Choice],
    spent: Mapping[str, float],
) -> tuple[Standing, ...]:
    """All forecasters and the ensemble in every level, best first."""
    steps = squared_steps(panel.values)
    board = []
    for level, rows in masks.items():
        weights = choices[level].weights
        entries = dict(tests) | ({ENSEMBLE: blended(tests, weights)} if weights else {})
        cpu = dict(spent) | {ENSEMBLE: sum(spent[name] for name in weights)}
        found = [
            standing(level, name, test, rows, steps, cpu[name], weights.get(name, 0.0))
            for name, test in entries.items()
        ]
        board += sorted(found, key=lambda one: (one.wape, one.learner))
    return tuple(board)


def with_unknown(forecast: Floats, levels: Sequence[str]) -> Floats:
    """Forecasts with the median of the level where a series has no value to start from; 0 where none of it has."""
    unknown = ~np.isfinite(forecast).all(axis=1)
    if not unknown.any():
        return forecast
    labels = np.array(levels)
    for level in set(labels[unknown].tolist()):
        known = forecast[(labels == level) & ~unknown]
        forecast[(labels == level) & unknown] = np.median(known, axis=0) if len(known) else 0.0
    return forecast


def demand_history(panel: Panel, horizon: int) -> None:
    needed = horizon + FEWEST_BEFORE_HORIZON
    if panel.size and panel.length >= needed:
        return
    raise FailedPrecondition(
        "NOT_ENOUGH_HISTORY",
        f"{panel.size} series of {panel.length} periods; at least one series and {needed} periods are needed to test "
        f"forecasts {horizon} periods ahead. Give more history or a shorter horizon.",
    )
