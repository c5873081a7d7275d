"""A change of behaviour in the gaps between purchase days; knows no wire and no other signal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln

from fieldwise_profile.core.event import DAY, MICROSECOND

# Gaps that say what his rhythm is; older ones are of another life.
MEMORY_GAPS: Final = 40
# A change is looked for in the last gaps; one that is older has become his rhythm.
RECENT_GAPS: Final = 8
# Gaps before a change that are needed to have something to change from.
REFERENCE_GAPS: Final = 4
# Purchase days below which nothing can be judged: the reference, and a gap to compare.
LEAST_PURCHASE_DAYS: Final = REFERENCE_GAPS + 2

# How regular a customer can be: shapes of the gamma distribution of his gaps. 1 is chance alone, below it he comes in bursts.
SHAPES: Final = (0.6, 1.0, 1.6, 2.5, 4.0, 6.0, 9.0)
# How many times faster he may have become; below 1: slower. All equally likely beforehand.
SPEEDS: Final = (1 / 4, 1 / 2, 2.0, 4.0)
YEAR_DAYS: Final = 365.25

# Customers and days whose answer is kept, about 2 kB each.
_REMEMBERED: Final = 10_000
# Rounds of learning; the shares stand still before.
_ROUNDS: Final = 60
# Keeps the logarithm of a chance that has become too small for a double.
_LEAST: Final = 1e-300

Array = NDArray[np.float64]

_SHAPES: Final[Array] = np.array(SHAPES)
_SPEEDS: Final[Array] = np.array(SPEEDS)
_LOG_SPEEDS: Final[Array] = np.log(_SPEEDS)
_LOG_GAMMA_SHAPES: Final[Array] = gammaln(_SHAPES)


@dataclass(frozen=True)
class ChangeParams:
    """How often a customer who does not change may be flagged, and how regular customers are.

    Args:
        false_alarms_per_year: Per customer and year, above 0. The lower, the later a true change is flagged.
        shape_shares: Share of customers with each of `SHAPES`; `learned` finds them.
    """

    false_alarms_per_year: float = 2.5
    shape_shares: tuple[float, ...] = (1 / len(SHAPES),) * len(SHAPES)

    def __post_init__(self) -> None:
        if len(self.shape_shares) != len(SHAPES) or not all(share > 0 for share in self.shape_shares):
            raise ValueError(f"shape_shares: got {self.shape_shares}; give {len(SHAPES)} shares above 0")
        if not self.false_alarms_per_year > 0:
            raise ValueError(f"false_alarms_per_year: got {self.false_alarms_per_year}; give a rate above 0")


@dataclass(frozen=True)
class Change:
    """What was found.

    Args:
        changed: The evidence reached the threshold.
        since: Microseconds; where the change began, best guess; None when nothing is flagged.
        direction: ``slower`` or ``faster``; empty when nothing is flagged.
        evidence: 1 is the threshold; the logarithm of the odds over that of the threshold, never below 0.
        false_alarms_per_year: What the threshold was set for.
    """

    changed: bool
    since: int | None
    direction: str
    evidence: float
    false_alarms_per_year: float


DEFAULT_PARAMS: Final = ChangeParams()


def judge(purchase_days: Sequence[int], moment: int, params: ChangeParams = DEFAULT_PARAMS) -> Change | None:
    """Whether his rhythm changed lately; None when he bought on too few days.

    Args:
        purchase_days: Days since 1970, ascending, distinct, before ``moment``.
        moment: Microseconds since 1970.
    Source: Shiryaev (1963) and Roberts (1966), the sum of likelihood ratios over all beginnings; Pollak (1987) for mixtures.
    """
    if len(purchase_days) < LEAST_PURCHASE_DAYS:
        return None
    return _judged(tuple(purchase_days[-MEMORY_GAPS - 1 :]), (moment - MICROSECOND) // DAY, params)


# The answer of a day stays until he buys or the day is over, and is asked for with every full profile.
@lru_cache(maxsize=_REMEMBERED)
def _judged(purchase_days: tuple[int, ...], today: int, params: ChangeParams) -> Change:
    gaps = np.diff(np.array(purchase_days, dtype=np.float64))
    # Today is not over: he may still come, so of the running gap only what lies behind is certain.
    odds = change_odds(gaps, max(today - purchase_days[-1] - 0.5, 0.0), params.shape_shares)
    threshold = log(alarm_odds(float(gaps.mean()), params))
    evidence = max(0.0, float(_log_sum(odds.ravel())) / threshold)
    if evidence < 1:
        return Change(False, None, "", evidence, params.false_alarms_per_year)
    begin, speed = np.unravel_index(int(odds.argmax()), odds.shape)
    began = purchase_days[len(purchase_days) - 1 - int(begin)]
    direction = "faster" if SPEEDS[int(speed)] > 1 else "slower"
    return Change(True, began * DAY, direction, evidence, params.false_alarms_per_year)


def alarm_odds(mean_gap_days: float, params: ChangeParams) -> float:
    """The sum of odds at which is flagged: one over the false alarms allowed per gap.

    Without a change the sum minus the number of gaps is a martingale, so the mean number of gaps to a false alarm is at
    least this threshold (Pollak, 1987).
    """
    return max(2.0, YEAR_DAYS / mean_gap_days / params.false_alarms_per_year)


def change_odds(gaps: Array, running: float, shape_shares: Sequence[float]) -> Array:
    """Log of prior weight x likelihood ratio against no change, by beginning and speed.

    Row ``i`` is a change after which ``i`` whole gaps followed, so row 0 concerns the running gap only. His own pace and
    regularity are integrated out: pace under the scale-invariant prior, regularity over `SHAPES`.

    Args:
        gaps: Days, oldest first.
        running: Days without a purchase since the last one that are over.
    """
    n = len(gaps)
    rows = min(RECENT_GAPS, n - REFERENCE_GAPS) + 1
    after = np.concatenate(([0.0], np.cumsum(gaps[::-1][: rows - 1])))[:, None]
    total = float(gaps.sum())
    # Time as it would have been at the old pace: shape (rows, speeds).
    stretched = total + (_SPEEDS - 1.0) * after
    gained = np.arange(rows, dtype=np.float64)[:, None] * _LOG_SPEEDS
    size = n * _SHAPES
    same = np.log(np.array(shape_shares)) + _regularity(gaps)
    changed = same + gained[..., None] * _SHAPES - size * np.log(stretched / total)[..., None]
    if running > 0:
        same = same + np.log(betainc(size, _SHAPES, total / (total + running)) + _LEAST)
        unbroken = stretched / (stretched + running * _SPEEDS)
        changed = changed + np.log(betainc(size, _SHAPES, unbroken[..., None]) + _LEAST)
    odds: Array = _log_sum(changed) - _log_sum(same) - log(len(SPEEDS))
    return odds


def learned(histories: Iterable[Sequence[int]], params: ChangeParams = DEFAULT_PARAMS) -> ChangeParams:
    """The parameters with the shares of shapes that make the customers' gaps most likely (EM; Dempster et al., 1977).

    Args:
        histories: Purchase days of each customer, ascending.
    """
    logs = np.array(
        [
            _regularity(np.diff(np.array(days[-MEMORY_GAPS - 1 :], dtype=np.float64)))
            for days in histories
            if len(days) > REFERENCE_GAPS
        ]
    )
    if not len(logs):
        return params
    shares = np.full(len(SHAPES), 1 / len(SHAPES))
    for _ in range(_ROUNDS):
        weighted = logs + np.log(shares)
        mine = np.exp(weighted - _log_sum(weighted)[:, None])
        # As if one customer more had been seen with each shape: none becomes impossible.
        shares = (mine.sum(axis=0) + 1.0) / (len(logs) + len(SHAPES))
    return replace(params, shape_shares=tuple(float(share) for share in shares))


def _regularity(gaps: Array) -> Array:
    """Log likelihood of the gaps under each shape, pace integrated out, up to what all shapes share."""
    n, size = len(gaps), len(gaps) * _SHAPES
    likelihood: Array = (
        (_SHAPES - 1.0) * float(np.log(gaps).sum())
        - n * _LOG_GAMMA_SHAPES
        + gammaln(size)
        - size * log(float(gaps.sum()))
    )
    return likelihood


def _log_sum(logs: Array) -> Array:
    """Log of the sum over the last axis."""
    peak = logs.max(axis=-1, keepdims=True)
    summed: Array = np.log(np.exp(logs - peak).sum(axis=-1)) + peak[..., 0]
    return summed
