"""The ensemble for months, quarters and days: classical forecasts, and three models that learn from all series; knows no wire.

Each series' forecast is the mean, in logs, of a damped trend, a dynamic Theta, a learner that judges the classical
forecasts by how they erred at earlier origins, one that watches the series itself, and one linear model of lags.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features import Floats, Singles
from . import boosters, classical, intermittent, lessons, pooled_lines, signs
from .members import DAMPED, DYNAMIC, TESTED, Members, members_of
from .panel import Frequency, Panel
from .pooled_lines import PooledLines

if TYPE_CHECKING:
    from xgboost import Booster

# Chosen on M3 with the last h, 3h/2 and 2h periods of the training part held out; differences between 60 and 300 trees, depth
# 3 and 6, were below .3 % of the sMAPE.
JUDGE: boosters.Settings = boosters.COMMON | {
    "eta": 0.05,
    "max_depth": 6,
    "min_child_weight": 50,
    "subsample": 0.5,
    "colsample_bytree": 0.5,
}
WATCHER: boosters.Settings = {**JUDGE, "max_depth": 4}
JUDGE_TREES, WATCHER_TREES = 80, 150
# Changes when a file of before can no longer be read.
FORM = 1
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class FittedSeasonal:
    """What was learned from one panel; forecasts any panel of its frequency.

    Attributes:
        horizon: Steps ahead that were learned; further ones keep the last step's correction.
        season: Periods of a season; 1 where the history was too short to show one.
        judge, watcher, lines: None where there was too little to learn from.
    """

    frequency: Frequency
    horizon: int
    season: int
    judge: Booster | None
    watcher: Booster | None
    lines: PooledLines | None

    def forecast(self, panel: Panel, horizon: int) -> Floats:
        """Forecasts, shape (n_series, horizon); NaN for series without any value.

        Intermittent series get the mean of their demand; other series that logs do not suit stay classical.
        """
        values = panel.values
        usable = lessons.learnable(values, 1)
        out = np.empty((len(values), horizon))
        if not usable.all():
            out[~usable] = self.without_learning(values[~usable], horizon)
        if usable.any():
            now = members_of(values, usable, self.season, max(horizon, self.horizon))
            earlier = lessons.members_before(values, self.horizon, self.season, self.horizon)
            learned = self.learned(now.until(self.horizon).at(usable), earlier and earlier.at(usable))
            out[usable] = np.exp(carried(learned, now.at(usable).base)[:, :horizon])
        return out

    def without_learning(self, values: Floats, horizon: int) -> Floats:
        """Classical forecasts, shape (n_series, horizon)."""
        pair = (classical.damped, classical.dynamic_theta)
        plain = np.mean([forecaster(values, self.season, horizon) for forecaster in pair], axis=0)
        rare = intermittent.is_intermittent(values)[:, None]
        return np.where(rare, intermittent.tsb(values, self.season, horizon), plain)

    def learned(self, now: Members, earlier: Members | None) -> Floats:
        """The ensemble's forecasts in logs, shape (n_series, self.horizon)."""
        parts = [now.forecasts[DAMPED], now.forecasts[DYNAMIC]]
        if self.judge is not None:
            parts.append(now.base + corrections(self.judge, signs.judging(now, earlier), now))
        if self.watcher is not None:
            parts.append(now.forecasts[TESTED] + corrections(self.watcher, signs.watching(now), now))
        if self.lines is not None:
            parts.append(self.lines.forecast(now.logs))
        return np.asarray(np.mean(parts, axis=0))


def corrections(booster: Booster, rows: Singles, now: Members) -> Floats:
    return np.asarray(booster.inplace_predict(rows), dtype=np.float64).reshape(now.base.shape)


def carried(learned: Floats, base: Floats) -> Floats:
    """The learned steps, and beyond them the base with the last step's correction."""
    reach = learned.shape[1]
    last = learned[:, -1:] - base[:, reach - 1 : reach]
    return np.concatenate([learned, base[:, reach:] + last], axis=1)


def season_of(panel: Panel) -> int:
    """Periods of a season, 1 where the history is too short to show one."""
    season = panel.frequency.season
    return season if panel.length >= lessons.FEWEST_SEASONS * season else 1


def fit(panel: Panel, horizon: int, seed: int) -> FittedSeasonal:
    """Learn from all series of a panel at rolling origins; deterministic for a seed.

    With little history or few series the learners are left out, and what stays is classical.
    """
    season = season_of(panel)
    learned = lessons.at_rolling_origins(panel.values, season, horizon, seed)
    return FittedSeasonal(
        panel.frequency,
        horizon,
        season,
        boosters.grown(JUDGE, JUDGE_TREES, learned.judged, learned.judge_missed, seed),
        boosters.grown(WATCHER, WATCHER_TREES, learned.watched, learned.watcher_missed, seed),
        pooled_lines.fit(lessons.logs_to_learn(panel.values, season), season, horizon),
    )


def to_bytes(fitted: FittedSeasonal) -> bytes:
    """A header in JSON, the lines' coefficients, then the boosters; equal models give equal bytes."""
    packed = [b"" if one is None else boosters.saved(one) for one in (fitted.judge, fitted.watcher)]
    lines = np.empty((0, 0)) if fitted.lines is None else fitted.lines.coefficients
    header = {
        "form": FORM,
        "frequency": fitted.frequency.value,
        "horizon": fitted.horizon,
        "season": fitted.season,
        "lines": lines.shape,
        "boosters": [len(one) for one in packed],
    }
    plain = json.dumps(header, sort_keys=True).encode()
    return _LENGTH.pack(len(plain)) + plain + lines.astype("<f8").tobytes() + b"".join(packed)


def from_bytes(raw: bytes) -> FittedSeasonal:
    """The model that was packed so.

    Raises:
        ValueError: Another form of file.
    """
    (length,) = _LENGTH.unpack_from(raw)
    begin = _LENGTH.size + length
    header: dict[str, Any] = json.loads(raw[_LENGTH.size : begin])
    if header["form"] != FORM:
        raise ValueError(f"a file of form {header['form']}, this version reads {FORM}; train the model again")
    rows, columns = header["lines"]
    end = begin + 8 * rows * columns
    lines = np.frombuffer(raw[begin:end], dtype="<f8").astype(np.float64).reshape(rows, columns)
    judge_end = end + header["boosters"][0]
    packed = (raw[end:judge_end], raw[judge_end : judge_end + header["boosters"][1]])
    judge, watcher = (boosters.loaded(one) if one else None for one in packed)
    season: int = header["season"]
    return FittedSeasonal(
        Frequency(header["frequency"]),
        header["horizon"],
        season,
        judge,
        watcher,
        PooledLines(lines, season) if rows else None,
    )
