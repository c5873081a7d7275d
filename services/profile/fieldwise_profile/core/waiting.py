"""Past his own rhythm a customer waits or is lost: two probabilities from gaps and signs of life; knows no wire, no model file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaincc, gammaln

from fieldwise_profile.core.event import DAY, MICROSECOND

# Gaps below which a customer has no rhythm to be past of.
LEAST_GAPS: Final = 3
# Gaps that say what his rhythm is; older ones are of another life.
MEMORY_GAPS: Final = 40
# A gap this many times his median was a pause, and says nothing about his usual gaps.
PAUSE_GAPS: Final = 2.5

# Counts of a state that are signs of life, beside browsing and opened messages.
SIGN_COUNTS: Final = ("message_answered", "review", "satisfaction", "service_case")

# How regular the usual gaps can be: shapes of the gamma distribution. All equally likely beforehand.
_SHAPES: Final = np.array((0.6, 1.0, 1.6, 2.5, 4.0, 6.0, 9.0))
# What pauses may be like, tried by `learned`: mean in usual gaps, and shape.
_PAUSE_MEANS: Final = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0)
_PAUSE_SHAPES: Final = (1.0, 2.0, 4.0, 8.0)
_SIGN_RATIOS: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0)
_ROUNDS: Final = 30
_LEAST: Final = 1e-300
# Customers and days of whom it is kept what does not depend on the parameters, about 5 kB each.
_REMEMBERED: Final = 5_000

Array = NDArray[np.float64]


class History(NamedTuple):
    """One customer's days (since 1970), ascending, distinct.

    Args:
        purchases: With a purchase.
        signs: With something else that he did himself: looked, clicked, searched, answered, called.
    """

    purchases: tuple[int, ...]
    signs: tuple[int, ...] = ()


@dataclass(frozen=True)
class WaitingParams:
    """How customers of this company pause and leave; `learned` finds it. The defaults are stated, not measured.

    Args:
        lost_share: Chance that a purchase was the last one.
        pause_share: Chance that a gap is a pause.
        pause_gaps: Mean length of a pause, in the customer's own usual gaps.
        pause_shape: Regularity of pauses, the shape of a gamma distribution.
        lost_signs: Signs of life of one who is lost, as a share of those before.
        signs_per_day: Of an average customer; counts as much as ``signs_days`` days of his own.
    """

    lost_share: float = 0.01
    pause_share: float = 0.02
    pause_gaps: float = 4.0
    pause_shape: float = 2.0
    lost_signs: float = 0.3
    signs_per_day: float = 0.05
    signs_days: float = 30.0


class Standing(NamedTuple):
    """Probabilities at one moment; they sum to 1.

    Args:
        active: Within his usual rhythm: the next purchase is due as always.
        waiting: He pauses, and will buy again.
        lost: He will not buy again.
    """

    active: float
    waiting: float
    lost: float


DEFAULT_PARAMS: Final = WaitingParams()


def standing(history: History, moment: int, params: WaitingParams = DEFAULT_PARAMS) -> Standing | None:
    """Where he stands at ``moment`` (microseconds); None without a rhythm.

    Source: the mixture of Schmittlein, Morrison and Colombo (1987) in the form of Fader, Hardie and Lee (2005), with gaps of
    his own regularity instead of exponential ones, pauses, and signs of life.
    """
    if len(history.purchases) <= LEAST_GAPS:
        return None
    seen = _seen(history, (moment - MICROSECOND) // DAY)
    return Standing(*(float(share) for share in _shares(_weights(seen, params))))


class _Seen(NamedTuple):
    """What one customer's days say, as far as the parameters do not matter."""

    gaps: Array  # whole gaps, days
    usual_gap: float  # mean of those that are no pauses
    usual: Array  # density of each whole gap in his usual rhythm
    running: float
    still_usual: float  # chance that a usual gap lasts longer than the running one
    signs_before: int
    days_before: float
    signs_since: int


@lru_cache(maxsize=_REMEMBERED)
def _seen(history: History, today: int) -> _Seen:
    bought = np.array(history.purchases[-MEMORY_GAPS - 1 :], dtype=np.float64)
    gaps = np.diff(bought)
    own = gaps[gaps <= PAUSE_GAPS * float(np.median(gaps))]
    size, total = len(own) * _SHAPES, float(own.sum())
    shares = _posterior(own)
    # Today is not over: he may still come.
    running = max(today - history.purchases[-1] - 0.5, 0.0)
    densities = np.exp(
        (_SHAPES - 1) * np.log(gaps)[:, None]
        + size * log(total)
        - betaln(_SHAPES, size)
        - (size + _SHAPES) * np.log(gaps + total)[:, None]
    )
    days = set(history.purchases)
    signs = [day for day in history.signs if day not in days and day < today]
    since = sum(day > history.purchases[-1] for day in signs)
    first = int(bought[0])
    before = sum(day >= first for day in signs) - since
    return _Seen(
        gaps=gaps,
        usual_gap=total / len(own),
        usual=densities @ shares,
        running=running,
        still_usual=float(betainc(size, _SHAPES, total / (total + running)) @ shares),
        signs_before=before,
        days_before=float(bought[-1] - first - len(gaps)),
        signs_since=since,
    )


def _posterior(gaps: Array) -> Array:
    """Share of each shape, given the gaps; pace integrated out."""
    n, size = len(gaps), len(gaps) * _SHAPES
    logs = (
        (_SHAPES - 1) * float(np.log(gaps).sum())
        - n * gammaln(_SHAPES)
        + gammaln(size)
        - size * log(float(gaps.sum()))
    )
    weights: Array = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _weights(seen: _Seen, params: WaitingParams) -> tuple[float, float, float]:
    """What is seen of the running gap, times how likely it was beforehand: as active, waiting and lost."""
    stays = 1 - params.lost_share
    paused = float(
        gammaincc(
            params.pause_shape, params.pause_shape * seen.running / (params.pause_gaps * seen.usual_gap)
        )
    )
    return (
        stays * (1 - params.pause_share) * seen.still_usual,
        stays * params.pause_share * paused,
        params.lost_share * exp(_lost_signs(seen, params)),
    )


def _lost_signs(seen: _Seen, params: WaitingParams) -> float:
    """Log likelihood ratio of the signs since his last purchase: fewer of them when he is lost.

    Signs are a Poisson process at a pace of his own, which has a gamma distribution.
    """
    shape = params.signs_per_day * params.signs_days + seen.signs_before
    days = params.signs_days + seen.days_before
    kept = params.lost_signs
    return seen.signs_since * log(kept) + (shape + seen.signs_since) * log(
        (days + seen.running) / (days + kept * seen.running)
    )


def _shares(weights: Sequence[float]) -> Array:
    found = np.array(weights) + _LEAST
    shares: Array = found / found.sum()
    return shares


def learned(
    histories: Iterable[History], moment: int, params: WaitingParams = DEFAULT_PARAMS
) -> WaitingParams:
    """The parameters that make all customers' gaps and signs most likely (EM; Dempster et al., 1977).

    Nobody is told who is lost: those whose silence fits neither rhythm nor pause are it.
    """
    today = (moment - MICROSECOND) // DAY
    seen = [_seen(each, today) for each in histories if len(each.purchases) > LEAST_GAPS]
    if not seen:
        return params
    days = sum(each.days_before for each in seen)
    found = replace(params, signs_per_day=max(1e-4, sum(each.signs_before for each in seen) / max(days, 1.0)))
    whole = _Whole(seen)
    for _ in range(_ROUNDS):
        found = whole.better(found)
    return found


class _Whole:
    """All customers' gaps side by side."""

    def __init__(self, seen: Sequence[_Seen]) -> None:
        self._seen = seen
        self._gaps = sum(len(each.gaps) for each in seen)
        self._usual = np.concatenate([each.usual for each in seen])
        self._units = np.concatenate([np.full(len(each.gaps), each.usual_gap) for each in seen])
        self._relative = np.concatenate([each.gaps for each in seen]) / self._units
        self._running = np.array([each.running / each.usual_gap for each in seen])

    def better(self, params: WaitingParams) -> WaitingParams:
        """One round: who is what under ``params``, and what that says about the parameters."""
        paused = self._paused(params)
        standings = np.array([_shares(_weights(each, params)) for each in self._seen])
        waits, lost = standings[:, 1], standings[:, 2]
        gaps, customers = self._gaps, len(self._seen)
        # One pause and one loss more than seen: no chance becomes 0.
        pauses = float(paused.sum() + waits.sum())
        mean, shape = self._pause(paused, waits)
        return replace(
            params,
            lost_share=(float(lost.sum()) + 0.5) / (gaps + customers + 1),
            pause_share=(pauses + 0.5) / (gaps + customers - float(lost.sum()) + 1),
            pause_gaps=mean,
            pause_shape=shape,
            lost_signs=self._lost_signs(lost, params),
        )

    def _paused(self, params: WaitingParams) -> Array:
        """Probability of each whole gap to have been a pause."""
        pause = (
            params.pause_share * _density(self._relative, params.pause_gaps, params.pause_shape) / self._units
        )
        usual = (1 - params.pause_share) * self._usual
        probability: Array = pause / (pause + usual + _LEAST)
        return probability

    def _pause(self, paused: Array, waits: Array) -> tuple[float, float]:
        def likelihood(mean: float, shape: float) -> float:
            ended = paused @ np.log(_density(self._relative, mean, shape) + _LEAST)
            going = waits @ np.log(gammaincc(shape, shape * self._running / mean) + _LEAST)
            return float(ended + going)

        tried = ((likelihood(mean, shape), mean, shape) for mean in _PAUSE_MEANS for shape in _PAUSE_SHAPES)
        _, mean, shape = max(tried)
        return mean, shape

    def _lost_signs(self, lost: Array, params: WaitingParams) -> float:
        def likelihood(kept: float) -> float:
            tried = replace(params, lost_signs=kept)
            return sum(
                float(weight) * _lost_signs(each, tried)
                for weight, each in zip(lost, self._seen, strict=True)
                if weight > 1e-3
            )

        return max(_SIGN_RATIOS, key=likelihood)


def _density(relative: Array, mean: float, shape: float) -> Array:
    """Density of a gamma distribution, in units of the usual gap."""
    rate = shape / mean
    logs: Array = shape * log(rate) - gammaln(shape) + (shape - 1) * np.log(relative) - rate * relative
    return np.asarray(np.exp(logs))
