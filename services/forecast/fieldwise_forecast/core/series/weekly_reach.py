"""The sum of weekly sales of some categories over some weeks, past or ahead, against a target; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation

from .reach import total
from .weekly_model import WEEK, WeeklyModel


@dataclass(frozen=True)
class SalesReach:
    """In currency units.

    Attributes:
        probability: That the sum is at or above the target.
        actual: Of the sum, what has happened already.
        low90: The sum stays above it with probability 0.9; below ``high90`` likewise.
    """

    probability: float
    mean: float
    low90: float
    high90: float
    actual: float


def sales_reach(
    model: WeeklyModel,
    rows: Sequence[int],
    target: float,
    decision_time: datetime,
    first_week: datetime | None,
    weeks: int,
) -> SalesReach:
    """The sum of the categories in ``rows`` over ``weeks`` weeks from ``first_week`` on, else from the first still ahead.

    Weeks that the model knows count with what they were.

    Raises:
        InvalidRequest: ``first_week`` is no Monday, or lies before the history.
        FailedPrecondition: Reasons STALE_MODEL, MODEL_FROM_THE_FUTURE.
    """
    known = model.history.shape[1]
    begin = known + model.gap(decision_time, 0) if first_week is None else week_of(model, first_week)
    ahead = max(begin + weeks - known, 0)
    if ahead > model.steps:
        raise FailedPrecondition("STALE_MODEL", model.stale_message(decision_time, weeks))
    past = slice(min(begin, known), min(begin + weeks, known))
    actual = float(model.history[list(rows), past].sum())
    steps = range(max(begin - known, 0), ahead)
    if not steps:
        return SalesReach(float(actual >= target), actual, actual, actual, actual)
    found = total(model.ahead, rows, steps, actual)
    mean = actual + float(model.forecast[np.ix_(list(rows), list(steps))].sum())
    return SalesReach(found.probability(target), mean, found.quantile(0.1), found.quantile(0.9), actual)


def week_of(model: WeeklyModel, first_week: datetime) -> int:
    """Place of a week in the history, or behind it."""
    place, rest = divmod(first_week - model.first_week, WEEK)
    if rest:
        monday = model.first_week + place * WEEK
        raise refused(first_week, f"give a Monday, 00:00 UTC, such as {monday:%Y-%m-%d}")
    if place < 0:
        raise refused(first_week, f"give a week from {model.first_week:%Y-%m-%d} on")
    return place


def refused(first_week: datetime, remedy: str) -> InvalidRequest:
    return InvalidRequest([Violation("first_period", first_week.isoformat(), remedy)])
