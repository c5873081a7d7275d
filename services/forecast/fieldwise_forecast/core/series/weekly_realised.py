"""How often the intervals of weekly sales held, handed on from version to version; knows no training and no wire."""

from __future__ import annotations

from dataclasses import replace

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from ..versions import Champion
from .weekly_model import WEEK, CategoryForecast, WeeklyModel, from_file


def champion_model(champion: Champion | None) -> WeeklyModel | None:
    """None also for a file of an earlier release: a training replaces it."""
    try:
        return None if champion is None else from_file(champion.file)
    except FailedPrecondition:
        return None


def with_realised(model: WeeklyModel, old: WeeklyModel) -> tuple[CategoryForecast, ...]:
    """The categories of ``model`` with what came of ``old``'s intervals in the weeks that it had not seen."""
    before = {one.category: one for one in old.categories}
    first = (old.end - model.first_week) // WEEK
    came = range(first, min(model.history.shape[1], first + old.steps)) if first >= 0 else range(0)
    return tuple(
        counted_on(one, before[one.category], old, model.history[one.row, came])
        if one.category in before
        else one
        for one in model.categories
    )


def counted_on(
    one: CategoryForecast, before: CategoryForecast, old: WeeklyModel, came: Floats
) -> CategoryForecast:
    _, low80, high80, _ = old.ends[before.row, : len(came)].T
    inside = int(((low80 <= came) & (came <= high80)).sum())
    return replace(one, seen=before.seen + len(came), inside80=before.inside80 + inside)
