"""A trained model of weekly sales against its champion on weeks that neither has seen; knows no registry and no clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..features import Floats
from ..series.series_file import from_bytes
from ..series.weekly import HORIZON, POOL_FROM, WeeklySeries, levels_of
from ..series.weekly_model import WEEK, Honest, Promised, WeeklyModel, from_file
from ..series.weekly_realised import champion_model
from ..series.weekly_update import laid_like
from ..versions import Champion, Realised, Trained
from .evidence import Evidence, Ints
from .judging import Verdict, judge

# Series whose errors are watched one by one: enough for any shop's categories, little enough to keep week by week.
WATCHED = 1000
# The upper end of an 80 % interval lies so many standard deviations from the mean of a normal distribution.
ONE_SIDED = 1.2816
# Latest origins of the challenger that are compared; older ones tell of another time.
COMPARED = 6
# Forecasts this close, in mean weeks, are the same but for the single precision in which they are kept.
SAME = 1e-5


def compared_sales(
    series: WeeklySeries, trained: Trained, champion: Champion | None
) -> tuple[Verdict, tuple[Realised, ...]]:
    """The verdict on the latest origins, and how the champion did in the weeks that came after its training.

    Both forecast each origin from what was known there: the challenger in its backtest; the champion in its own, and from
    the origins since its training as it stands. A week counts as one period, from however many origins it was forecast.
    """
    model = from_file(trained.file)
    ours = latest(model.honest(), model)
    old = champion_model(champion)
    shape = ours.actual.shape
    evidence = Evidence(
        champion=np.full(shape, np.nan).ravel() if old is None else champion_missed(ours, old, series),
        challenger=np.abs(ours.actual - ours.forecast).ravel(),
        naive=np.abs(ours.actual - naive_of(ours, model)).ravel(),
        block=weeks_of(ours, series),
        unit=np.tile(np.repeat(np.arange(shape[1]), shape[2]), shape[0]),
    )
    verdict = judge(evidence, serving=old is not None)
    return verdict, () if old is None else realised_weeks(series, old)


def compared_update(
    series: WeeklySeries, trained: Trained, champion: Champion
) -> tuple[Verdict, tuple[Realised, ...]]:
    """The cheap gate: on the newest week, which the update has learned from, it must not be worse than before.

    That is no proof of its worth, which its weeks to come will show; it finds the update that went wrong.
    """
    old, new = from_file(champion.file), from_file(trained.file)
    laid = laid_like(series, old)
    judging = [one.row for one in old.categories if one.size >= POOL_FROM]
    actual = laid.weeks[judging, -1]
    before, after = (
        np.abs(actual - forecast_from(model, laid, laid.length - 1)[judging, 0]) for model in (old, new)
    )
    naive = np.abs(actual - laid.weeks[judging, -2])
    places = np.arange(len(judging))
    evidence = Evidence(before, after, naive, np.zeros_like(places), places)
    return judge(evidence, serving=True, update=True), realised_weeks(series, old)


def latest(honest: Honest, model: WeeklyModel) -> Honest:
    """The last origins, and the categories that judge a model; weeks that have not come are NaN."""
    origins = list(range(len(honest.origins)))[-COMPARED:]
    rows = [one.row for one in model.categories if one.size >= POOL_FROM]
    both = np.ix_(origins, rows)
    names = tuple(honest.categories[row] for row in rows)
    return Honest(
        tuple(honest.origins[i] for i in origins), names, honest.actual[both], honest.forecast[both]
    )


def champion_missed(ours: Honest, old: WeeklyModel, series: WeeklySeries) -> Floats:
    """Absolute errors of the champion where ``ours`` was tested, flat; NaN where it would not be fair, or tells nothing.

    At an origin where both forecast the same, the challenger is the champion refitted: only later origins can tell them
    apart.
    """
    found = missed(ours, old.honest()).reshape(ours.actual.shape)
    same = np.nanmax(np.abs(found - np.abs(ours.actual - ours.forecast)), axis=(1, 2), initial=0.0)
    found[same <= SAME * np.nanmean(ours.actual)] = np.nan
    laid = laid_like(series, old)
    row = {one.category: one.row for one in old.categories}
    shared = [i for i, name in enumerate(ours.categories) if name in row]
    rows = [row[ours.categories[i]] for i in shared]
    for i, origin in enumerate(ours.origins):
        if origin >= old.end:
            made = forecast_from(old, laid, (origin - laid.first_week) // WEEK)[rows]
            found[i, shared] = np.abs(ours.actual[i, shared] - made)
    return found.ravel()


def forecast_from(model: WeeklyModel, laid: WeeklySeries, known: int) -> Floats:
    """What the model forecasts when so many weeks are known, shape (n_categories, HORIZON)."""
    levels = levels_of(laid.weeks.mean(axis=1) >= POOL_FROM)
    return from_bytes(model.learned).forecast(laid.panel.until(known), HORIZON, levels)


def missed(ours: Honest, theirs: Honest) -> Floats:
    """Absolute errors of ``theirs`` where ``ours`` was tested, NaN where it was not, flat."""
    found = np.full(ours.actual.shape, np.nan)
    row = {name: i for i, name in enumerate(theirs.categories)}
    shared = [i for i, name in enumerate(ours.categories) if name in row]
    rows = [row[ours.categories[i]] for i in shared]
    for i, origin in enumerate(ours.origins):
        if origin in theirs.origins:
            made = theirs.forecast[theirs.origins.index(origin), rows]
            found[i, shared] = np.abs(ours.actual[i, shared] - made)
    return found.ravel()


def naive_of(ours: Honest, model: WeeklyModel) -> Floats:
    """Every week like the one before the origin."""
    rows = {one.category: one.row for one in model.categories}
    chosen = [rows[name] for name in ours.categories]
    before = [(origin - model.first_week) // WEEK - 1 for origin in ours.origins]
    return np.repeat(model.history[np.ix_(chosen, before)].T[:, :, None], HORIZON, axis=2)


def weeks_of(ours: Honest, series: WeeklySeries) -> Ints:
    """The week that each error is of, in the order of `missed`."""
    first = [(origin - series.first_week) // WEEK for origin in ours.origins]
    ahead = np.arange(HORIZON)
    return np.concatenate([np.tile(week + ahead, len(ours.categories)) for week in first])


def realised_weeks(series: WeeklySeries, model: WeeklyModel) -> tuple[Realised, ...]:
    """What came in each week that the model had forecast, of its largest categories."""
    told = model.promised()
    first = (told.begin - series.first_week) // WEEK
    row = {name: i for i, name in enumerate(series.categories)}
    watched = [one for one in model.categories if one.size >= POOL_FROM and one.category in row][:WATCHED]
    ahead = min(series.length - first, model.steps)
    if first < 0 or not watched:
        return ()
    weeks = series.weeks[[row[one.category] for one in watched]]
    known = [one.row for one in watched]
    return tuple(realised_week(told, known, step, weeks[:, first + step]) for step in range(ahead))


def realised_week(told: Promised, known: Sequence[int], step: int, actual: Floats) -> Realised:
    mean, naive = told.mean[known, step], told.naive[known, step]
    sold = max(float(actual.sum()), 1e-9)
    errors = (actual - mean) / np.maximum((told.high80 - told.mean)[known, step] / ONE_SIDED, 1e-9)
    return Realised(
        begin=told.begin + step * WEEK,
        rows=len(actual),
        loss=float(np.abs(actual - mean).sum()) / sold,
        naive_loss=float(np.abs(actual - naive).sum()) / sold,
        inside80=inside(actual, told.low80[known, step], told.high80[known, step]),
        inside90=inside(actual, told.low90[known, step], told.high90[known, step]),
        errors={told.categories[i]: round(float(e), 3) for i, e in zip(known, errors, strict=True)},
    )


def inside(actual: Floats, low: Floats, high: Floats) -> float:
    """Share of actuals inside their intervals; NaN where there are none."""
    return float(((low <= actual) & (actual <= high)).mean()) if np.isfinite(low).all() else np.nan
