"""Training the sets of series: what is read, and the fit judged against the champion; knows no registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from fieldwise_runtime.database import Database

from .core.gate.series_set import compared_set
from .core.series.hierarchy import Backtest
from .core.series.panel import Panel
from .core.series.periods import begin_of, number_of
from .core.series.set_model import TEST_ORIGINS, SetModel, fit_set, from_file, to_file
from .core.series.sets import Definition, Rows, demand_seen, panel_of
from .core.versions import Champion, LearnerScore, Report, Trained
from .fitting_job import Task
from .store import series as store

STEPS = 2


async def set_tasks(
    db: Database, models: Sequence[str], decision_time: datetime, tell: Callable[[str, float], None]
) -> list[Task]:
    """One task for each set."""
    tell("reading series sets", 0.3)
    tasks = []
    for model in models:
        stored, rows = await db.read(partial(store.rows_of, id=model))
        before = number_of(stored.definition.frequency, decision_time)
        tasks.append(Task(model, STEPS, partial(fit_series_set, stored.definition, rows, before)))
    return tasks


def fit_series_set(
    definition: Definition,
    rows: Rows,
    before: int,
    champion: Champion | None,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """A version of a set with the gate's verdict on it.

    Args:
        before: Number of the first period that is not seen.
    Raises:
        FailedPrecondition: Reasons NO_OBSERVATIONS, NOT_ENOUGH_HISTORY.
    """
    demand_seen(definition, rows, before)
    bottom = panel_of(definition, rows, before, 0)
    begun = cpu_seconds()
    model, tests = fit_set(definition, bottom, cpu_seconds, tell)
    report = report_of(model, bottom, tests, cpu_seconds() - begun)
    serving = None if champion is None else from_file(champion.file)
    if serving is None or serving.definition != definition:
        return Trained(report, to_file(model), "")
    verdict, realised = compared_set(bottom, tests, serving)
    return Trained(report, to_file(model), "", verdict, realised)


def report_of(model: SetModel, bottom: Panel, tests: Backtest, spent: float) -> Report:
    """What is recorded: the coherent forecasts first, then the learners of the finest level by themselves."""
    first = number_of(bottom.frequency, bottom.start)
    times = tuple(begin_of(bottom.frequency, first + origin) for origin in tests.origins)
    early = times[:-TEST_ORIGINS] or times[:1]
    finest = model.base.leaderboard[-1].level
    rivals = [one for one in model.base.leaderboard if one.level == finest]
    learner = f"{model.base.champions[finest]}, {model.method}"
    metrics = {"wape": 1 - model.lift["accuracy"]} | {
        name: model.lift[name] for name in ("lift_vs_naive", "coverage80", "coverage90", "coverage95")
    }
    board = [LearnerScore(one.learner, {"wape": one.wape}, one.cpu_seconds) for one in rivals]
    rows = bottom.size * model.horizon
    return Report(
        model=model.definition.id,
        learner=learner,
        feature_set=None,
        train_cutoffs=early,
        test_cutoff=times[-TEST_ORIGINS:][0],
        train_rows=rows * len(early),
        test_rows=rows * len(times[-TEST_ORIGINS:]),
        leaderboard=(LearnerScore(learner, metrics, spent), *board),
        engine_difference=0.0,
        base_rate=0.0,
        metric="wape",
    )
