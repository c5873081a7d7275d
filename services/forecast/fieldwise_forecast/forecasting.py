"""Forecasts of weekly sales from the champion; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, NotFound, Violation

from .core.series.backtest import Lift
from .core.series.hierarchy import ALL
from .core.series.weekly import HORIZON
from .core.series.weekly_model import CategoryForecast, Point, WeeklyModel
from .core.series.weekly_reach import SalesReach, sales_reach
from .core.versions import Version

DEFAULT_SERIES = 10


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of some categories, largest first, and how good the model is."""

    version: Version
    lift: Lift
    series: list[tuple[CategoryForecast, list[Point]]]


def forecast(
    champion: tuple[Version, WeeklyModel] | None,
    decision_time: datetime,
    categories: Sequence[str],
    horizon: int,
    most: int,
    levels: Sequence[float] = (),
) -> Forecasts:
    """Weeks from ``decision_time`` on, of the named categories or of the largest, with quantiles at ``levels``.

    Raises:
        FailedPrecondition: Reasons NO_MODEL, STALE_MODEL, MODEL_FROM_THE_FUTURE.
        NotFound: Reason CATEGORY_NOT_FOUND.
    """
    version, model = trained(champion)
    wanted = named(model, categories) if categories else model.categories[: most or DEFAULT_SERIES]
    weeks = horizon or HORIZON
    points = [(one, model.points(one, decision_time, weeks, levels)) for one in wanted]
    return Forecasts(version, model.lift, points)


def trained(champion: tuple[Version, WeeklyModel] | None) -> tuple[Version, WeeklyModel]:
    if champion is None:
        message = (
            "models/weekly-sales has not been trained; "
            "train it with TrainModel (fieldwise models train weekly-sales) and ask again"
        )
        raise FailedPrecondition("NO_MODEL", message)
    return champion


def reach_of_sales(
    champion: tuple[Version, WeeklyModel] | None,
    decision_time: datetime,
    target: float,
    keys: Sequence[str],
    first_week: datetime | None,
    weeks: int,
) -> tuple[Version, SalesReach]:
    """The sum of one category, or of all without a key or with ``*``, against a target in currency units.

    Raises:
        FailedPrecondition: Reasons NO_MODEL, STALE_MODEL, MODEL_FROM_THE_FUTURE.
        NotFound: Reason CATEGORY_NOT_FOUND.
        InvalidRequest: More than one key, or a first week that is none.
    """
    version, model = trained(champion)
    if len(keys) > 1:
        raise InvalidRequest(
            [Violation.of("keys", list(keys), "name one category, or none for all together")]
        )
    chosen = model.categories if not keys or keys[0] == ALL else named(model, keys)
    rows = [one.row for one in chosen]
    return version, sales_reach(model, rows, target, decision_time, first_week, weeks or HORIZON)


def named(model: WeeklyModel, categories: Sequence[str]) -> list[CategoryForecast]:
    known = {one.category for one in model.categories}
    missing = sorted(set(categories) - known)
    if missing:
        words = f"categories {missing}" if len(missing) > 1 else f"category {missing[0]!r}"
        raise NotFound(
            words, "name categories that had sales before the training", reason="CATEGORY_NOT_FOUND"
        )
    wanted = set(categories)
    return [one for one in model.categories if one.category in wanted]
