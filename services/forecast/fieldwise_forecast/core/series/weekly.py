"""Weekly sales per category: training and its honest test; knows no wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats, Mask
from ..learners import SEED
from ..versions import WEEKLY_SALES, Champion, LearnerScore, Report, Trained
from . import engine
from .backtest import Lift, lift, naive_from, wape_by_series
from .distribution import issue
from .engine import FittedSeries
from .error_law import ErrorLaw, learn
from .panel import Frequency, Panel
from .pool import POOL
from .series_file import to_bytes
from .weekly_model import MICROS, WEEK, CategoryForecast, WeeklyModel, to_file
from .weekly_realised import champion_model, with_realised

HORIZON = 8
TEST_ORIGINS = 3
FIRST_ORIGIN = 12
# Weeks that a backtest must have seen for its errors to tell of later ones, and weeks between its origins.
FIRST_CALIBRATED, CALIBRATED_EVERY = 16, 4
MOST_STEPS = 26
FEWEST_WEEKS = FIRST_ORIGIN + 2 * HORIZON + 2
# A category that sells less a week is all noise: it is forecast, but it does not judge a model.
POOL_FROM = 50.0
STEADY, SMALL = "steady", "small"


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

    @property
    def panel(self) -> Panel:
        keys = tuple((category,) for category in self.categories)
        return Panel(keys, self.first_week, Frequency.WEEK, self.weeks)

    def in_order(self, rows: Sequence[int]) -> WeeklySeries:
        return WeeklySeries(tuple(self.categories[row] for row in rows), self.first_week, self.weeks[rows])


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


def tested_origins(length: int) -> list[int]:
    """All origins of the backtest: the late ones, and what teaches the law of the errors before and after them."""
    return sorted({*range(FIRST_CALIBRATED, length - 1, CALIBRATED_EVERY), *late_origins(length)})


def fit(
    series: WeeklySeries,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
    pool: Sequence[str] = tuple(POOL),
    champion: Champion | None = None,
) -> Trained:
    """Train on all weeks, test on late origins what was chosen before them, and learn how it misses.

    Args:
        pool: Names of the forecasters that compete.
        champion: What serves; it hands over how often its intervals held, and nothing else.
    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    tell(f"backtesting {WEEKLY_SALES}")
    length = demand_history(series)
    # Largest first, as they are answered.
    order = np.lexsort((np.array(series.categories), -series.weeks.mean(axis=1)))
    series = series.in_order(order.tolist())
    origins = late_origins(length)
    steady = series.weeks[:, : origins[0]].mean(axis=1) >= POOL_FROM
    if not steady.any():
        raise not_enough(f"no category sells {POOL_FROM:g} a week")
    fitted = engine.fit(
        series.panel,
        HORIZON,
        cpu_seconds=cpu_seconds,
        levels=levels_of(steady),
        origins=tested_origins(length),
        pool=pool,
    )
    model = model_of(series, steady, fitted)
    if (old := champion_model(champion)) is not None:
        model = replace(model, categories=with_realised(model, old))
    return Trained(report(series, steady, fitted), to_file(model), "")


def levels_of(steady: Mask) -> list[str]:
    """Small categories have a champion of their own."""
    return [STEADY if each else SMALL for each in steady]


def model_of(series: WeeklySeries, steady: Mask, fitted: FittedSeries) -> WeeklyModel:
    """The model that forecasts from the end: the whole backtest teaches the law of its errors."""
    weeks, tested = series.weeks, fitted.backtest
    steps = min(MOST_STEPS, series.length - FIRST_ORIGIN)
    law = learn(weeks[steady], tested.origins, tested.forecast[:, steady])
    forecast = fitted.forecast(series.panel, steps, levels_of(steady))
    late = [tested.origins.index(origin) for origin in late_origins(series.length)]
    return WeeklyModel(
        first_week=series.first_week,
        history=weeks,
        categories=categories(series, tested.forecast[late]),
        forecast=forecast,
        scale=law.scale(weeks, forecast),
        law=law,
        tested=tuple(tested.origins),
        backtest=tested.forecast,
        lift=honest_lift(weeks[steady], tested.origins, tested.forecast[:, steady]),
        learned=to_bytes(fitted),
    )


def honest_lift(weeks: Floats, tested: Sequence[int], forecast: Floats) -> Lift:
    """On the late origins; the intervals of each come from the errors at origins before it."""
    late = late_origins(weeks.shape[1])
    places = [list(tested).index(origin) for origin in late]
    actual = actuals(weeks, late)
    naive = naive_from(weeks, late, HORIZON)
    ranks = np.stack(
        [
            issue(law_before(weeks, tested, forecast, place), weeks[:, : tested[place]], forecast[place]).cdf(
                came
            )
            for place, came in zip(places, actual, strict=True)
        ]
    )
    return lift(actual, forecast[places], naive, ranks, SEED)


def law_before(weeks: Floats, tested: Sequence[int], forecast: Floats, place: int) -> ErrorLaw:
    """How forecasts missed, as far as it was known at an origin."""
    return learn(weeks[:, : tested[place]], tested[:place], forecast[:place])


def actuals(weeks: Floats, origins: Sequence[int]) -> Floats:
    """The weeks after each origin, shape (n_origins, n_series, HORIZON)."""
    return np.stack([weeks[:, origin : origin + HORIZON] for origin in origins])


def categories(series: WeeklySeries, late: Floats) -> tuple[CategoryForecast, ...]:
    """What is told of each category beside its forecast; ``late`` was forecast at the late origins."""
    weeks, origins = series.weeks, late_origins(series.length)
    actual = actuals(weeks, origins)
    naive = naive_from(weeks, origins, HORIZON)
    columns = (weeks[:, -1], weeks.mean(axis=1), wape_by_series(actual, late), wape_by_series(actual, naive))
    rows = zip(series.categories, range(len(weeks)), *(column.tolist() for column in columns), strict=True)
    return tuple(CategoryForecast(*row) for row in rows)


def report(series: WeeklySeries, steady: Mask, fitted: FittedSeries) -> Report:
    late = late_origins(series.length)
    early = [origin for origin in fitted.backtest.origins if origin < late[0]]
    return Report(
        model=WEEKLY_SALES,
        learner=fitted.champions[STEADY],
        feature_set=None,
        train_cutoffs=tuple(series.first_week + origin * WEEK for origin in early),
        test_cutoff=series.first_week + late[0] * WEEK,
        train_rows=int(steady.sum()) * len(early) * HORIZON,
        test_rows=int(steady.sum()) * len(late) * HORIZON,
        leaderboard=tuple(
            LearnerScore(
                one.learner, {"wape": one.wape, "smape": one.smape, "rmsse": one.rmsse}, one.cpu_seconds
            )
            for one in fitted.leaderboard
            if one.level == STEADY
        ),
        engine_difference=0.0,
        base_rate=0.0,
        metric="wape",
    )


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
