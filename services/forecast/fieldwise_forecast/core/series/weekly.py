"""Weekly sales per category: choice of a forecaster, its honest test, and forecasts with intervals; knows no wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from .backtest import Lift, errors, half_widths, lift, wape
from .features import Floats
from .learners import SEED
from .series import LEVELS, Level, naive, restlessness
from .versions import WEEKLY_SALES, LearnerScore, Report, Trained, series_refusal

WEEK = timedelta(days=7)
HORIZON = 8
TEST_ORIGINS = 3
FIRST_ORIGIN = 12
MOST_STEPS = 26
FEWEST_WEEKS = FIRST_ORIGIN + 2 * HORIZON + 2
# A category that sells less a week is all noise: it is forecast, but it does not judge a model.
POOL_FROM = 50.0
MICROS = 1_000_000


@dataclass(frozen=True)
class WeeklySeries:
    """Sales of each category in currency units, shape (n_categories, n_weeks); ``first_week`` is a Monday, 00:00 UTC."""

    categories: tuple[str, ...]
    first_week: datetime
    weeks: Floats

    @property
    def length(self) -> int:
        return int(self.weeks.shape[1])

    @property
    def end(self) -> datetime:
        """Monday after the last week known."""
        return self.first_week + self.length * WEEK


@dataclass(frozen=True)
class CategoryForecast:
    """What is needed to forecast one category; money in currency units."""

    category: str
    level: float
    naive: float
    restlessness: float
    size: float
    wape: float
    naive_wape: float


@dataclass(frozen=True)
class Point:
    """One week of a forecast, in micros of the currency."""

    week: datetime
    mean: int
    low80: int
    high80: int
    naive: int


@dataclass(frozen=True)
class WeeklyModel:
    """Forecasts of all categories from ``end`` on, largest category first.

    ``half_widths[h]`` is half the width of the 80 % interval h + 1 weeks after the last known one, in units of a
    category's restlessness.
    """

    end: datetime
    half_widths: tuple[float, ...]
    lift: Lift
    categories: tuple[CategoryForecast, ...]

    def points(self, category: CategoryForecast, decision_time: datetime, horizon: int) -> list[Point]:
        """The first ``horizon`` weeks that have not ended at ``decision_time``.

        Raises:
            FailedPrecondition: Reason STALE_MODEL, they lie further ahead than intervals are known for; reason
                MODEL_FROM_THE_FUTURE, the model has seen weeks that had not ended at ``decision_time``.
        """
        gap = (decision_time - self.end) // WEEK
        if gap < 0:
            raise FailedPrecondition("MODEL_FROM_THE_FUTURE", self.future_message(decision_time))
        if gap + horizon > len(self.half_widths):
            raise FailedPrecondition("STALE_MODEL", self.stale_message(decision_time, horizon))
        return [self.point(category, step) for step in range(gap, gap + horizon)]

    def point(self, category: CategoryForecast, step: int) -> Point:
        half = self.half_widths[step] * category.restlessness
        values = (category.level, max(category.level - half, 0.0), category.level + half, category.naive)
        mean, low, high, last = (round(value * MICROS) for value in values)
        return Point(self.end + step * WEEK, mean, low, high, last)

    def future_message(self, decision_time: datetime) -> str:
        return (
            f"models/weekly-sales has seen sales until {self.end:%Y-%m-%d}, after decision_time "
            f"{decision_time:%Y-%m-%d}; ask for a later time or train at this one"
        )

    def stale_message(self, decision_time: datetime, horizon: int) -> str:
        return (
            f"models/weekly-sales has seen sales until {self.end:%Y-%m-%d} and forecasts {len(self.half_widths)} weeks "
            f"from there; {horizon} weeks from {decision_time:%Y-%m-%d} lie beyond: train it again"
        )


def to_file(model: WeeklyModel) -> bytes:
    return json.dumps(asdict(model) | {"end": model.end.isoformat()}, sort_keys=True).encode()


def from_file(raw: bytes) -> WeeklyModel:
    plain = json.loads(raw)
    categories = tuple(CategoryForecast(**one) for one in plain["categories"])
    end = datetime.fromisoformat(plain["end"])
    return WeeklyModel(end, tuple(plain["half_widths"]), Lift(**plain["lift"]), categories)


def series_of(found: Mapping[str, tuple[datetime, Sequence[int]]]) -> WeeklySeries:
    """Lay series (first week and micros, by category) over one calendar, with 0 before a category's first sale.

    Recording rarely begins on a Monday: a first week with less than half the sales of the second is left out.
    """
    first = min((week for week, _ in found.values()), default=datetime.fromtimestamp(0, UTC))
    offsets = {name: (week - first) // WEEK for name, (week, _) in found.items()}
    length = max((offsets[name] + len(amounts) for name, (_, amounts) in found.items()), default=0)
    weeks = np.zeros((len(found), length))
    for row, (name, (_, amounts)) in enumerate(found.items()):
        weeks[row, offsets[name] : offsets[name] + len(amounts)] = np.asarray(amounts) / MICROS
    if length > 1 and weeks[:, 0].sum() < weeks[:, 1].sum() / 2:
        return WeeklySeries(tuple(found), first + WEEK, weeks[:, 1:])
    return WeeklySeries(tuple(found), first, weeks)


def late_origins(length: int) -> list[int]:
    """The last three origins with 8 weeks after each, 6 weeks apart where the history allows."""
    step = min(6, (length - 2 * HORIZON - FIRST_ORIGIN) // (TEST_ORIGINS - 1))
    return [length - HORIZON - step * back for back in range(TEST_ORIGINS - 1, -1, -1)]


def fit(
    series: WeeklySeries,
    champion: str,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """Choose a forecaster on early origins, test it on late ones, and forecast with it from the end.

    Args:
        champion: Learner of the champion; empty when there is none.
    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    tell(f"backtesting {WEEKLY_SALES}")
    length = demand_history(series)
    origins = late_origins(length)
    # Choosing must not see a test week: its windows end where the first test window begins.
    early = range(FIRST_ORIGIN, origins[0] - HORIZON + 1)
    pool = series.weeks[series.weeks[:, : origins[0]].mean(axis=1) >= POOL_FROM]
    if not len(pool):
        raise not_enough(f"no category sells {POOL_FROM:g} a week")
    chosen = min(LEVELS, key=lambda name: wape(pool, LEVELS[name], early, HORIZON))
    board, lifts = leaderboard(pool, origins, cpu_seconds)
    model = model_of(series, pool, LEVELS[chosen], origins, lifts[chosen])
    report = Report(
        model=WEEKLY_SALES,
        learner=chosen,
        feature_set=None,
        train_cutoffs=tuple(series.first_week + origin * WEEK for origin in early),
        test_cutoff=series.first_week + origins[0] * WEEK,
        train_rows=len(pool) * len(early) * HORIZON,
        test_rows=len(pool) * len(origins) * HORIZON,
        leaderboard=board,
        engine_difference=0.0,
        base_rate=0.0,
    )
    rival = report.score_of(champion, "wape")
    return Trained(report, to_file(model), series_refusal(1 - lifts[chosen].accuracy, rival))


def model_of(
    series: WeeklySeries, pool: Floats, level: Level, origins: Sequence[int], tested: Lift
) -> WeeklyModel:
    """The model that forecasts from the end: all of the history calibrates its intervals, test weeks included."""
    steps = min(MOST_STEPS, series.length - FIRST_ORIGIN)
    widths = half_widths(pool, level, range(FIRST_ORIGIN, series.length), steps)
    return WeeklyModel(series.end, tuple(widths.tolist()), tested, categories(series, level, origins))


def demand_history(series: WeeklySeries) -> int:
    length = series.length
    if length < FEWEST_WEEKS:
        raise not_enough(f"{length} whole weeks of sales; at least {FEWEST_WEEKS} are needed")
    return length


def not_enough(fact: str) -> FailedPrecondition:
    message = (
        f"models/{WEEKLY_SALES} cannot be trained: {fact}. Ingest more history or train at a later time."
    )
    return FailedPrecondition("NOT_ENOUGH_HISTORY", message)


def leaderboard(
    pool: Floats, origins: Sequence[int], cpu_seconds: Callable[[], float]
) -> tuple[tuple[LearnerScore, ...], dict[str, Lift]]:
    """All forecasters on the test origins, best first."""
    lifts, scores = {}, []
    for name, level in LEVELS.items():
        begun = cpu_seconds()
        found = lifts[name] = lift(pool, level, origins, HORIZON, FIRST_ORIGIN, SEED)
        metrics = {
            "wape": 1 - found.accuracy,
            "lift_vs_naive": found.lift_vs_naive,
            "coverage80": found.coverage80,
        }
        scores.append(LearnerScore(name, metrics, cpu_seconds() - begun))
    return tuple(sorted(scores, key=lambda score: score.metrics["wape"])), lifts


def categories(series: WeeklySeries, level: Level, origins: Sequence[int]) -> tuple[CategoryForecast, ...]:
    """Forecasts of all categories from the end of the series, largest first."""
    weeks = series.weeks
    columns = (
        level(weeks),
        naive(weeks),
        restlessness(weeks),
        weeks.mean(axis=1),
        wape_by_series(weeks, level, origins),
        wape_by_series(weeks, naive, origins),
    )
    rows = zip(series.categories, *(column.tolist() for column in columns), strict=True)
    return tuple(sorted((CategoryForecast(*row) for row in rows), key=lambda one: (-one.size, one.category)))


def wape_by_series(weeks: Floats, level: Level, origins: Sequence[int]) -> Floats:
    """WAPE of each series over the test origins; without any sales 0 when nothing was forecast, else 1."""
    missed = sum(np.abs(errors(weeks, level, origin, HORIZON)).sum(axis=1) for origin in origins)
    actual = sum(weeks[:, origin : origin + HORIZON].sum(axis=1) for origin in origins)
    return np.asarray(np.where(actual > 0, missed / np.maximum(actual, 1e-9), np.sign(missed)))
