"""A trained model of a set against its champion on periods that neither has seen; knows no registry and no clock."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from ..features import Floats
from ..series.error_law import ahead
from ..series.hierarchy import Backtest
from ..series.panel import Panel
from ..series.periods import begin_of, number_of
from ..series.set_model import SetModel, forecast_set, some_series
from ..versions import Realised
from .evidence import Evidence
from .judging import Verdict, judge

# Later periods than these tell how the champion does; each costs a forecast of the set.
MOST_REALISED = 12
# Series whose errors are recorded by name.
MOST_NAMED = 50


def compared_set(
    bottom: Panel, tests: Backtest, champion: SetModel
) -> tuple[Verdict | None, tuple[Realised, ...]]:
    """The verdict on the origins since the champion was trained (None before there is any), and how it did since."""
    first = number_of(bottom.frequency, bottom.start)
    later = [i for i, origin in enumerate(tests.origins) if first + origin >= champion.end]
    realised = realised_periods(bottom, champion, max(champion.end - first, 1))
    if not later:
        return None, realised
    horizon = tests.base.shape[2]
    finest = slice(tests.base.shape[1] - bottom.size, None)
    theirs, ours, naive, block = [], [], [], []
    for i in later:
        origin = tests.origins[i]
        actual = ahead(bottom.values, origin, horizon)
        theirs.append(np.abs(actual - champion_says(champion, bottom, origin, horizon)))
        ours.append(np.abs(actual - tests.base[i][finest]))
        naive.append(np.abs(actual - last_known(bottom.values[:, :origin])[:, None]))
        block.append(np.broadcast_to(np.arange(origin, origin + horizon), actual.shape))
    evidence = Evidence(flat(theirs), flat(ours), flat(naive), np.concatenate([one.ravel() for one in block]))
    return judge(evidence), realised


def flat(parts: list[Floats]) -> Floats:
    return np.concatenate([part.ravel() for part in parts])


def champion_says(champion: SetModel, bottom: Panel, origin: int, horizon: int) -> Floats:
    """Its forecasts of the finest level from an origin, NaN for series that had no value then."""
    known = bottom.until(origin)
    born = np.flatnonzero(~np.isnan(known.values).all(axis=1))
    some = some_series(known, born)
    made = forecast_set(champion, some, horizon)
    said = np.full((bottom.size, horizon), np.nan)
    said[born] = made.points[made.hierarchy.sums :]
    return said


def realised_periods(bottom: Panel, champion: SetModel, begin: int) -> tuple[Realised, ...]:
    """How the champion did one period ahead, in the periods since it was trained."""
    periods = range(max(begin, bottom.length - MOST_REALISED), bottom.length)
    return tuple(realised_period(bottom, champion, period) for period in periods)


def realised_period(bottom: Panel, champion: SetModel, period: int) -> Realised:
    actual = bottom.values[:, period]
    history = bottom.values[:, :period]
    said = champion_says(champion, bottom, period, 1)[:, 0]
    naive = last_known(history)
    both = ~np.isnan(actual) & ~np.isnan(said)
    size = max(float(np.abs(actual[both]).sum()), 1e-9)
    scale = np.maximum(champion.law.scale(history, said[:, None])[:, 0], 1e-9)
    scores = champion.law.scores((actual - said) / scale)
    largest = np.argsort(-np.where(both, np.abs(said), -1.0), kind="stable")[
        : min(MOST_NAMED, int(both.sum()))
    ]
    return Realised(
        begin=begin_of(bottom.frequency, number_of(bottom.frequency, bottom.start) + period),
        rows=int(both.sum()),
        loss=float(np.abs(actual - said)[both].sum()) / size,
        naive_loss=float(np.abs(actual - naive)[both].sum()) / size,
        inside80=share_within(scores[both], 0.8),
        inside90=share_within(scores[both], 0.9),
        errors={"/".join(bottom.keys[row]): float(scores[row]) for row in largest.tolist()},
    )


def share_within(scores: Floats, share: float) -> float:
    """Share of normal scores inside the central interval; NaN without any."""
    return float((np.abs(scores) <= ndtri((1 + share) / 2)).mean()) if len(scores) else float("nan")


def last_known(history: Floats) -> Floats:
    """The last value of each series, NaN before the first."""
    known = np.where(np.isnan(history), -1, np.arange(history.shape[1]))
    last = known.max(axis=1, initial=-1)
    return np.where(last < 0, np.nan, history[np.arange(len(history)), last])
