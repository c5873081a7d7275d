"""The learners that learn from all series of a set at once, behind one interface; knows no hierarchy."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..features import Floats
from ..learners import SEED
from . import engine, seasonal, series_file
from .engine import FittedSeries
from .panel import Frequency, Panel
from .pooled_lines import PooledLines
from .seasonal import FittedSeasonal

ENGINE, SEASONAL = "engine", "seasonal ensemble"
# Fewer values teach nothing that a series does not know itself.
FEWEST_VALUES = 1000
FEWEST_PERIODS = 30
# The pool of the set holds the classical forecasters already.
ENGINE_POOL = (*engine.MEMBERS, "ses")


class GlobalLearner(Protocol):
    """A fitted learner, ready for any panel of the same kind."""

    @property
    def name(self) -> str: ...

    def forecast(self, panel: Panel, horizon: int, levels: Sequence[str]) -> Floats:
        """Shape (n_series, horizon)."""

    def packed(self) -> bytes:
        """As bytes, for `opened`."""


@dataclass(frozen=True)
class Engine:
    """Boosted trees on standardised lags, for days and weeks."""

    fitted: FittedSeries
    name: str = ENGINE

    def forecast(self, panel: Panel, horizon: int, levels: Sequence[str]) -> Floats:
        return self.fitted.forecast(panel, horizon, levels)

    def packed(self) -> bytes:
        return series_file.to_bytes(self.fitted)


@dataclass(frozen=True)
class Seasonal:
    """Classical forecasts corrected by what all series teach, for months and quarters."""

    fitted: FittedSeasonal
    name: str = SEASONAL

    def forecast(self, panel: Panel, horizon: int, levels: Sequence[str]) -> Floats:
        return self.fitted.forecast(panel, horizon)

    def packed(self) -> bytes:
        one = self.fitted
        boosters = [b"" if each is None else bytes(each.save_raw("ubj")) for each in (one.judge, one.watcher)]
        lines = np.zeros((0, 0)) if one.lines is None else one.lines.coefficients
        header = {
            "frequency": one.frequency.value,
            "horizon": one.horizon,
            "season": one.season,
            "boosters": [len(raw) for raw in boosters],
            "lines": lines.shape,
        }
        plain = json.dumps(header, sort_keys=True).encode()
        return b"\n".join([plain, b"".join([*boosters, lines.astype("<f8").tobytes()])])


def opened(name: str, raw: bytes) -> GlobalLearner | None:
    """The learner that was packed so; None for no name."""
    if name == ENGINE:
        return Engine(series_file.from_bytes(raw))
    return _seasonal(raw) if name == SEASONAL else None


def _seasonal(raw: bytes) -> Seasonal:
    from xgboost import Booster

    plain, _, rest = raw.partition(b"\n")
    header = json.loads(plain)
    boosters: list[Booster | None] = []
    for length in header["boosters"]:
        boosters.append(Booster({"nthread": 1}, model_file=bytearray(rest[:length])) if length else None)
        rest = rest[length:]
    shape = tuple(header["lines"])
    lines = np.frombuffer(rest, dtype="<f8").reshape(shape)
    fitted = FittedSeasonal(
        frequency=Frequency(header["frequency"]),
        horizon=header["horizon"],
        season=header["season"],
        judge=boosters[0],
        watcher=boosters[1],
        lines=PooledLines(lines, header["season"]) if shape[0] else None,
    )
    return Seasonal(fitted)


def fit_global(
    panel: Panel,
    horizon: int,
    levels: Sequence[str],
    origins: Sequence[int],
    cpu_seconds: Callable[[], float],
) -> tuple[GlobalLearner, Floats] | None:
    """The learner of this calendar and its forecasts at the origins, each fitted on what was known there.

    Returns:
        None where there is too little to learn from; otherwise the forecasts have shape (n_origins, n_series, horizon).
    """
    if panel.length < FEWEST_PERIODS or np.isfinite(panel.values).sum() < FEWEST_VALUES:
        return None
    if panel.frequency in (Frequency.DAY, Frequency.WEEK):
        fitted = engine.fit(
            panel, horizon, cpu_seconds=cpu_seconds, levels=levels, origins=origins, pool=ENGINE_POOL
        )
        return Engine(fitted), fitted.backtest.forecast
    # It works on logarithms.
    if (panel.values < 0).any():
        return None
    made = [
        seasonal.fit(known, horizon, SEED).forecast(known, horizon) for known in map(panel.until, origins)
    ]
    return Seasonal(seasonal.fit(panel, horizon, SEED)), np.stack(made)
