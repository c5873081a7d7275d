"""One series taken apart into trend, season, events and remainder; knows no forecaster and no holiday."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from .panel import Frequency
from .periods import begin_of, number_of

Booleans = NDArray[np.bool_]

FEWEST = 8
# An event that acted once cannot be told from the chance of that period.
FEWEST_OCCURRENCES = 2
# Cycles after which a season can be told from a trend and from chance.
CYCLES = 2
YEAR_DAYS = 365.2425
# Sine and cosine pairs for a year seen by weeks or days: enough for a peak of a month.
HARMONICS = 6
# Candidate trends let cycles pass that are longer than this many periods, roughly.
CUTOFFS = (10.0, 20.0, 40.0, 80.0, 160.0)
BLOCKS = 5
NORMAL95 = 1.959964
# Neighbours are left out together, or a trend that follows its neighbours' chance looks good.
_BLOCK_LENGTH = {Frequency.DAY: 7, Frequency.WEEK: 4, Frequency.MONTH: 3, Frequency.QUARTER: 2}
_CYCLE = {Frequency.DAY: 7, Frequency.MONTH: 12, Frequency.QUARTER: 4}
_NOUN = {
    Frequency.DAY: "days",
    Frequency.WEEK: "weeks",
    Frequency.MONTH: "months",
    Frequency.QUARTER: "quarters",
}


@dataclass(frozen=True)
class Events:
    """What acted when: promotions, prices, holidays.

    Attributes:
        names: One per event.
        values: Shape (n_periods, n_events); 0 where it does not act. NaN counts as its usual value.
    """

    names: tuple[str, ...]
    values: Floats


@dataclass(frozen=True)
class Effect:
    """What an event adds to a period in which it acts with one unit more than usual, and its 95 % interval."""

    event: str
    effect: float
    low95: float
    high95: float


@dataclass(frozen=True)
class Decomposition:
    """value = trend + season + events + remainder, in every period; arrays of shape (n_periods,).

    Attributes:
        value, remainder: NaN where the period is missing.
        season: 0 everywhere unless ``season_known``.
        note: What could not be told, in words.
    """

    value: Floats
    trend: Floats
    season: Floats
    events: Floats
    remainder: Floats
    effects: tuple[Effect, ...]
    season_known: bool
    note: str


def decomposed(frequency: Frequency, start: datetime, values: Floats, events: Events) -> Decomposition:
    """Take a series apart, additively.

    Trend is a smoother whose stiffness is chosen by leaving blocks out; season and events are a regression beside it, so
    that a promotion does not bend the trend. A season is only looked for after two cycles and only kept if it
    tells left-out blocks better.

    Args:
        values: Shape (n_periods,), NaN where missing.
    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY, fewer than 8 periods are known.
    Source: Eilers (2003), A perfect smoother (trend); Speckman (1988), Kernel smoothing in partial linear models
        (regression beside a smoother).
    """
    seen = ~np.isnan(values)
    demand_history(frequency, int(seen.sum()))
    told, untold = _told_apart(events, seen)
    seasons, notes = _seasons(frequency, start, values, told)
    if untold:
        notes.append(f"acted once or always, so their effect cannot be told: {', '.join(untold)}")
    waves = np.hstack([np.zeros((len(values), 0)), *(season.columns for season in seasons)])
    # A trend that bends within a cycle would take the season for its own.
    longest = max((season.cycle for season in seasons), default=0)
    columns = np.hstack([waves, told.values])
    stiff = [cutoff for cutoff in CUTOFFS if cutoff > longest] or [1.5 * longest]
    cutoff = min(stiff, key=lambda one: _left_out_error(values, columns, one, frequency))
    return _parts(values, waves, told, cutoff, "; ".join(notes))


def demand_history(frequency: Frequency, known: int) -> None:
    if known < FEWEST:
        message = f"{known} {_NOUN[frequency]} are known; at least {FEWEST} are needed to take a series apart"
        raise FailedPrecondition("NOT_ENOUGH_HISTORY", message)


def _told_apart(events: Events, seen: Booleans) -> tuple[Events, list[str]]:
    """Events that acted at least twice, less their usual value, and the names of the others that acted."""
    values = np.zeros((len(seen), 0))
    if events.names:
        usual = np.nan_to_num(
            np.nanmedian(np.vstack([events.values, np.zeros_like(events.values[:1])]), axis=0)
        )
        values = np.nan_to_num(events.values - usual)
    acts = (values != 0) & seen[:, None]
    often = [occurrences(column) >= FEWEST_OCCURRENCES for column in acts.T]
    names = np.array(events.names, dtype=object)
    chosen = np.array(often, dtype=bool)
    untold = names[~chosen & acts.any(axis=0)].tolist() if events.names else []
    kept = tuple(names[chosen].tolist()) if events.names else ()
    return Events(kept, values[:, chosen] if events.names else values), untold


def occurrences(acts: Booleans) -> int:
    """How often something began to act."""
    return int(np.count_nonzero(acts & ~np.concatenate([[False], acts[:-1]])))


@dataclass(frozen=True)
class _Season:
    """Columns that repeat every ``cycle`` periods, shape (n_periods, n_columns)."""

    cycle: int
    columns: Floats


def _seasons(
    frequency: Frequency, start: datetime, values: Floats, told: Events
) -> tuple[list[_Season], list[str]]:
    """The seasons that are there, and why others are not."""
    known = np.flatnonzero(~np.isnan(values))
    length = int(known[-1] - known[0] + 1)
    found: list[_Season] = []
    notes: list[str] = []
    for season in _candidates(frequency, start, len(values)):
        others = np.hstack([told.values, *(one.columns for one in found)])
        if length < CYCLES * season.cycle:
            notes.append(_too_short(frequency, length, season.cycle))
        elif _repeats(values, season, others):
            found.append(season)
        else:
            notes.append(
                f"no season of {season.cycle} {_NOUN[frequency]}: one cycle does not tell the others"
            )
    return found, notes


def _candidates(frequency: Frequency, start: datetime, length: int) -> list[_Season]:
    first = number_of(frequency, start)
    numbers = np.arange(first, first + length)
    found = []
    if cycle := _CYCLE.get(frequency):
        found.append(_Season(cycle, _harmonics(numbers / cycle, cycle // 2, cycle)))
    if frequency in (Frequency.DAY, Frequency.WEEK):
        days = np.array([begin_of(frequency, int(number)).toordinal() for number in numbers])
        cycle = 365 if frequency is Frequency.DAY else 52
        found.append(_Season(cycle, _harmonics(days / YEAR_DAYS, HARMONICS, cycle)))
    return found


def _repeats(values: Floats, season: _Season, others: Floats) -> bool:
    """Whether the season of the other cycles tells each cycle better than no season does."""
    seen = ~np.isnan(values)
    trend, betas, _ = _fitted(values, others, seen, 1.5 * season.cycle)
    rest = values - trend - others @ betas
    cycles = np.minimum(np.arange(len(values)) // season.cycle, len(values) // season.cycle - 1)
    gained = 0.0
    for cycle in range(int(cycles[-1]) + 1):
        own, other = seen & (cycles == cycle), seen & (cycles != cycle)
        shape = np.linalg.lstsq(season.columns[other], rest[other], rcond=None)[0]
        gained += float((rest[own] ** 2).sum() - ((rest[own] - season.columns[own] @ shape) ** 2).sum())
    return gained > 0


def _too_short(frequency: Frequency, known: int, cycle: int) -> str:
    noun = _NOUN[frequency]
    return f"not enough evidence for a season of {cycle} {noun}: {known} {noun} are known, {CYCLES * cycle} are needed"


def _harmonics(phase: Floats, pairs: int, cycle: int) -> Floats:
    angles = [2 * np.pi * pair * phase for pair in range(1, pairs + 1)]
    cosines = [np.cos(angle) for angle in angles]
    # The last sine of an even cycle is 0 in every period.
    sines = [np.sin(angle) for pair, angle in enumerate(angles, 1) if 2 * pair != cycle]
    return np.stack(cosines + sines, axis=1)


class _Smoother:
    """Values drawn towards a straight line where they are known, interpolated where they are not."""

    def __init__(self, weights: Floats, cutoff: float) -> None:
        self._weights = weights
        length = len(weights)
        stiffness = (2 * np.sin(np.pi / cutoff)) ** -4
        self._bands = np.zeros((3, length))
        self._bands[2] = weights + stiffness * np.convolve(np.ones(length - 2), [1.0, 4.0, 1.0])
        self._bands[1, 1:] = stiffness * np.convolve(np.ones(length - 2), [-2.0, -2.0])
        self._bands[0, 2:] = stiffness
        waves = 2 - 2 * np.cos(np.pi * np.arange(length) / length)
        self.freedom = float((1 / (1 + stiffness * waves**2)).sum())

    def __call__(self, columns: Floats) -> Floats:
        """The trend of each column, shape as given."""
        from scipy import linalg  # not at the start of a server: a second of imports

        weighted = (columns.T * self._weights).T
        return np.asarray(linalg.solveh_banded(self._bands, weighted))


def _fitted(values: Floats, columns: Floats, seen: Booleans, cutoff: float) -> tuple[Floats, Floats, Floats]:
    """Trend of all periods, weights of the columns, and the covariance of those for remainders of variance 1."""
    weights = seen.astype(np.float64)
    smoother = _Smoother(weights, cutoff)
    known = np.where(seen, values, 0.0)
    rough = (columns - smoother(columns)) * weights[:, None]
    inverse = np.linalg.pinv(columns.T @ rough, hermitian=True)
    betas = inverse @ (rough.T @ known)
    # rough' y differs from y' (I - H) columns by nothing: the smoother is symmetric in the known periods.
    spread = inverse @ (rough.T @ rough) @ inverse
    return smoother(known - (columns * weights[:, None]) @ betas), betas, spread


def _left_out_error(values: Floats, columns: Floats, cutoff: float, frequency: Frequency) -> float:
    """Mean squared error of blocks that the fit did not see."""
    seen = ~np.isnan(values)
    missed = []
    for left_out in _folds(len(values), _BLOCK_LENGTH[frequency]):
        trend, betas, _ = _fitted(values, columns, seen & ~left_out, cutoff)
        missed.append((values - trend - columns @ betas)[left_out & seen])
    return float(np.mean(np.concatenate(missed) ** 2))


def _folds(length: int, block: int) -> Iterator[Booleans]:
    """Every fifth block of neighbours, in turn; the ends are never left out, since a trend beyond them is a guess."""
    place = (np.arange(length) - 1) // block
    inside = (np.arange(length) > 0) & (np.arange(length) < length - 1)
    for fold in range(min(BLOCKS, int(place[-1]) + 1)):
        if (left_out := inside & (place % BLOCKS == fold)).any():
            yield left_out


def _parts(values: Floats, waves: Floats, told: Events, cutoff: float, note: str) -> Decomposition:
    seen = ~np.isnan(values)
    columns = np.hstack([waves, told.values])
    trend, betas, spread = _fitted(values, columns, seen, cutoff)
    width = waves.shape[1]
    season, events = waves @ betas[:width], told.values @ betas[width:]
    remainder = values - (trend + season + events)
    freedom = max(seen.sum() - _Smoother(seen.astype(np.float64), cutoff).freedom - len(betas), 1.0)
    deviation = np.sqrt(np.nansum(remainder**2) / freedom)
    half = NORMAL95 * deviation * np.sqrt(np.maximum(np.diag(spread)[width:], 0.0))
    effects = _effects(told.names, betas[width:], half)
    return Decomposition(values, trend, season, events, remainder, effects, width > 0, note)


def _effects(names: Sequence[str], betas: Floats, half: Floats) -> tuple[Effect, ...]:
    rows = zip(names, betas.tolist(), half.tolist(), strict=True)
    return tuple(Effect(name, effect, effect - wide, effect + wide) for name, effect, wide in rows)
