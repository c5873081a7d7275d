"""Forecasts of weekly sales from the champion; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fieldwise_runtime.errors import FailedPrecondition, NotFound

from .core.backtest import Lift
from .core.versions import Version
from .core.weekly import HORIZON, CategoryForecast, Point, WeeklyModel

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
) -> Forecasts:
    """Weeks from ``decision_time`` on, of the named categories or of the largest.

    Raises:
        FailedPrecondition: Reasons NO_MODEL, STALE_MODEL, MODEL_FROM_THE_FUTURE.
        NotFound: Reason CATEGORY_NOT_FOUND.
    """
    if champion is None:
        message = (
            "models/weekly-sales has not been trained; call TrainModel (fieldwise demo does) and ask again"
        )
        raise FailedPrecondition("NO_MODEL", message)
    version, model = champion
    wanted = named(model, categories) if categories else model.categories[: most or DEFAULT_SERIES]
    weeks = horizon or HORIZON
    return Forecasts(version, model.lift, [(one, model.points(one, decision_time, weeks)) for one in wanted])


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
