"""The update of weekly sales by newer weeks: nothing is chosen anew; knows no wire and no registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from ..versions import WEEKLY_SALES, Champion, Trained
from .error_law import ErrorLaw
from .series_file import from_bytes, to_bytes
from .weekly import POOL_FROM, WeeklySeries, levels_of
from .weekly_model import WEEK, CategoryForecast, WeeklyModel, from_file, to_file
from .weekly_realised import with_realised


def updated(series: WeeklySeries, champion: Champion, tell: Callable[[str], None]) -> Trained:
    """The champion with newer weeks: its learner goes on learning, its law is told what came; nothing is chosen anew.

    Raises:
        FailedPrecondition: Reason NOTHING_NEW, it has seen all weeks there are.
    """
    tell(f"updating {WEEKLY_SALES}")
    old = from_file(champion.file)
    if series.end <= old.end:
        message = (
            f"models/{WEEKLY_SALES} has seen all weeks until {old.end:%Y-%m-%d}; ingest newer events first"
        )
        raise FailedPrecondition("NOTHING_NEW", message)
    series = laid_like(series, old)
    steady = series.weeks.mean(axis=1) >= POOL_FROM
    fitted = from_bytes(old.learned).update(series.panel)
    law = told_law(old, series)
    forecast = fitted.forecast(series.panel, old.steps, levels_of(steady))
    model = replace(
        old,
        first_week=series.first_week,
        history=series.weeks,
        categories=all_categories(series, old),
        forecast=forecast,
        scale=law.scale(series.weeks, forecast),
        law=law,
        backtest=with_rows(old.backtest, len(series.weeks)),
        learned=to_bytes(fitted),
    )
    model = replace(model, categories=with_realised(model, old))
    return Trained(champion.report, to_file(model), "")


def laid_like(series: WeeklySeries, old: WeeklyModel) -> WeeklySeries:
    """Rows in the old order, new categories behind them; the calendar begins where the old one did."""
    row = {name: i for i, name in enumerate(series.categories)}
    known = [one.category for one in old.categories]
    names = (*known, *sorted(set(series.categories) - set(known)))
    begin = (old.first_week - series.first_week) // WEEK
    weeks = np.zeros((len(names), (series.end - old.first_week) // WEEK))
    for i, name in enumerate(names):
        if name in row:
            own = series.weeks[row[name], max(begin, 0) :]
            weeks[i, weeks.shape[1] - len(own) :] = own
    return WeeklySeries(names, old.first_week, weeks)


def told_law(old: WeeklyModel, series: WeeklySeries) -> ErrorLaw:
    """The law after the weeks that came: each was forecast by the old model, as many weeks ahead as it then was."""
    steady = [one.row for one in old.categories if one.size >= POOL_FROM]
    ahead = old.ahead.of(steady)
    for week in range(old.history.shape[1], min(series.length, old.history.shape[1] + old.steps)):
        ahead = ahead.observe(series.weeks[steady, week])
    return ahead.law


def all_categories(series: WeeklySeries, old: WeeklyModel) -> tuple[CategoryForecast, ...]:
    """The old ones, and new ones that nothing is known of yet, with their last week."""
    count = len(old.categories)
    sizes = series.weeks[count:].mean(axis=1).tolist()
    fresh = zip(series.categories[count:], sizes, strict=True)
    added = [CategoryForecast(name, count + i, 0.0, size, 1.0, 1.0) for i, (name, size) in enumerate(fresh)]
    last = series.weeks[:, -1].tolist()
    return tuple(replace(one, naive=last[one.row]) for one in (*old.categories, *added))


def with_rows(backtest: Floats, count: int) -> Floats:
    """NaN where a category was not yet known."""
    return np.pad(backtest, ((0, 0), (0, count - backtest.shape[1]), (0, 0)), constant_values=np.nan)
