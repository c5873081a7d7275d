"""Training weekly sales: what is read, and the fit judged against the champion; knows no registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from fieldwise_runtime.errors import FailedPrecondition

from .core.gate.sales import compared_sales, compared_update
from .core.series import weekly
from .core.series.weekly import WeeklySeries
from .core.series.weekly_update import updated
from .core.versions import WEEKLY_SALES, Champion, Trained
from .fitting_job import Task
from .profile_reader import ProfileReader


async def sales_tasks(
    reader: ProfileReader, decision_time: datetime, tell: Callable[[str, float], None]
) -> list[Task]:
    """The task of the one model there is."""
    tell("reading weekly sales", 0.3)
    series = await reader.weekly_sales(decision_time)
    return [Task(WEEKLY_SALES, 1, partial(fit_sales, series))]


def fit_sales(
    series: WeeklySeries,
    champion: Champion | None,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """A version of weekly sales with the gate's verdict on it."""
    trained = weekly.fit(series, cpu_seconds, tell, champion=champion)
    verdict, realised = compared_sales(series, trained, champion)
    return replace(trained, verdict=verdict, realised=realised)


async def sales_update(
    reader: ProfileReader, decision_time: datetime, tell: Callable[[str, float], None]
) -> Task:
    """The task of the update with the newest weeks."""
    tell("reading weekly sales", 0.1)
    series = await reader.weekly_sales(decision_time)
    return Task(WEEKLY_SALES, 1, partial(update_sales, series))


def update_sales(
    series: WeeklySeries,
    champion: Champion | None,
    _cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """The champion with the newest weeks, and the cheap gate's verdict on it."""
    if champion is None:
        message = f"models/{WEEKLY_SALES} has no champion whose file can be read; train it first"
        raise FailedPrecondition("NO_MODEL", message)
    trained = updated(series, champion, tell)
    verdict, realised = compared_update(series, trained, champion)
    return replace(trained, verdict=verdict, realised=realised)
