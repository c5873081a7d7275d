"""Learning curves of a model and what one more training is worth: reads, trains in worker processes, keeps; knows no wire."""

from __future__ import annotations

import asyncio
import hashlib
import math
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from fieldwise_executor.executor import Executor
from fieldwise_executor.kept import Kept
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, NotFound
from fieldwise_runtime.logs import get_logger

from . import store
from .core.features import Floats, demand_columns
from .core.questions import Question, cutoffs
from .core.returns import customer_trials, retraining, sales_trials
from .core.returns.measured import Returns, Terms, measured
from .core.returns.retraining import Decision, decided
from .core.returns.trials import YEAR, Result, Trial, all_trials
from .core.returns.worth import CPU_HOUR_COST, Margin, Worth, customers_worth, sales_worth
from .core.series.weekly import HORIZON, WeeklySeries
from .core.versions import WEEKLY_SALES, Realised, Version
from .customer_models import QUESTIONS_BY_MODEL
from .kinds import KINDS, Tell
from .models_report import ModelSettings
from .profile_reader import ProfileReader
from .store import returns as returns_store
from .store import watching
from .training import Asked

log = get_logger(__name__)

TRIAL_SECONDS = 1800.0
# What the trials share is sent once for so many of them.
AT_A_TIME = 24
# Share of the whole after which reading is done.
READ = 0.1
MICROS = 1e6
WEEKS = 52
BASES = ("base-rate", "naive")
METRICS = ("log_loss", "wape")
# Days from an origin of the backtest of weekly sales to the weeks that it tests, in the mean.
MEAN_AHEAD = 7 * (HORIZON - 1) / 2


@dataclass(frozen=True)
class Wish:
    """What is to be measured, and at which prices in currency units."""

    model: str
    time: datetime
    cpu_hour_cost: float = CPU_HOUR_COST
    margin: Margin = Margin()


@dataclass(frozen=True)
class Material:
    """What the trials of one model need.

    Attributes:
        work: Does one trial; a partial of a module-level function, since it is pickled into worker processes.
        base: Error that stands for accuracy 0; None for the naive error.
        worth: Of the results and that base.
        content: Tells this data from any other.
    """

    work: Callable[[Trial], Result]
    origins: int
    learners: tuple[str, ...]
    base: float | None
    worth: Callable[[dict[Trial, Result], float], Worth]
    content: str


@dataclass(frozen=True)
class Known:
    """What the database knows for a decision on one more training."""

    champion: Version | None
    fitted: datetime | None
    realised: Sequence[Realised]
    settings: ModelSettings
    returns: Returns | None


class ReturnsMeter:
    """Measures learning curves, one model at a time, and weighs trainings."""

    def __init__(
        self, db: Database, reader: ProfileReader, executor: Executor, folder: Path, currency: str
    ) -> None:
        self._db = db
        self._reader = reader
        self._executor = executor
        self._folder = folder
        self._currency = currency
        self._turn = asyncio.Lock()

    async def measure(self, wish: Wish, tell: Tell) -> Returns:
        """Curves of a model, measured and kept. Broken off, the same wish on the same data goes on where it was.

        Raises:
            NotFound: Reason MODEL_NOT_FOUND.
            FailedPrecondition: Reasons NO_LEARNING_CURVE, NOT_ENOUGH_HISTORY.
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        async with self._turn:
            await self._demand_measurable(wish.model)
            tell("reading", 0.0)
            material = await self._material(wish)
            trials = all_trials(material.origins, material.learners)
            results = await self._tried(wish.model, material, trials, tell)
            found = await self._figured(wish, material, dict(zip(trials, results, strict=True)))
            await self._db.write(lambda connection: returns_store.keep(connection, self._db.dialect, found))
            log.info("returns measured", model=f"models/{wish.model}", trials=len(trials))
            tell("done", 1.0)
            return found

    async def measured(self, model: str) -> Returns:
        """The curves measured last.

        Raises:
            NotFound: Reason RETURNS_NOT_MEASURED.
        """
        found = await self._db.read(lambda connection: returns_store.of_model(connection, model))
        if found is None:
            remedy = f"measure them with EstimateReturns (fieldwise roi learn {model})"
            raise NotFound(f"learning curves of models/{model}", remedy, reason="RETURNS_NOT_MEASURED")
        return found

    async def worth(self, model: str, asked: Asked) -> str:
        """Why a training would not be worth its cost; empty where it is, where no cost was stated, or nothing is known."""
        known = await self._db.read(partial(known_of, model=model))
        if not known.settings.training_cost:
            return ""
        decision = next_training(known, asked.decision_time)
        return "" if decision is None else decision.words(self._currency, known.settings.retrain_days)

    async def next_training(self, model: str, now: datetime) -> Decision | None:
        """Gain and cost of one more training; None where nothing tells."""
        return next_training(await self._db.read(partial(known_of, model=model)), now)

    async def _demand_measurable(self, model: str) -> None:
        if model in QUESTIONS_BY_MODEL or model == WEEKLY_SALES:
            return
        known = await self._db.read(
            lambda connection: {each for kind in KINDS for each in kind.models(connection)}
        )
        if model not in known:
            remedy = "list models to see which there are"
            raise NotFound(f"models/{model}", remedy, reason="MODEL_NOT_FOUND")
        measurable = ", ".join(f"models/{each}" for each in (*QUESTIONS_BY_MODEL, WEEKLY_SALES))
        message = f"learning curves of models/{model} are not measured; name one of {measurable}"
        raise FailedPrecondition("NO_LEARNING_CURVE", message)

    async def _material(self, wish: Wish) -> Material:
        if wish.model == WEEKLY_SALES:
            series = await self._reader.weekly_sales(wish.time)
            return await asyncio.to_thread(sales_material, series, wish.margin)
        columns, snapshots = await self._reader.snapshots(cutoffs(wish.time))
        demand_columns(columns)
        question = QUESTIONS_BY_MODEL[wish.model]
        customers = await asyncio.to_thread(customer_trials.customers_of, question, columns, tuple(snapshots))
        return await asyncio.to_thread(customer_material, question, customers, wish.margin)

    async def _tried(
        self, model: str, material: Material, trials: Sequence[Trial], tell: Tell
    ) -> list[Result]:
        folder = self._folder / model / material.content
        await asyncio.to_thread(remove_others, folder)
        kept = Kept(folder)
        found: dict[int, Result] = {}
        async for index, result in self._executor.each(
            material.work, trials, timeout=TRIAL_SECONDS, at_a_time=AT_A_TIME, kept=kept
        ):
            found[index] = result
            tell(f"trained {len(found)} of {len(trials)} times", READ + (1 - READ) * len(found) / len(trials))
        await asyncio.to_thread(kept.forget)
        return [found[index] for index in range(len(trials))]

    async def _figured(self, wish: Wish, material: Material, results: dict[Trial, Result]) -> Returns:
        settings = await self._db.read(partial(settings_of, model=wish.model))
        terms = Terms(
            cpu_hour_cost=wish.cpu_hour_cost,
            trainings=YEAR / settings.retrain_days,
            stated_cost=settings.training_cost / MICROS,
            stated_worth=settings.worth_per_point / MICROS,
        )
        worth_of = partial(material.worth, results)
        return measured(wish.model, wish.time, results, material.learners, material.base, worth_of, terms)


def sales_material(series: WeeklySeries, margin: Margin) -> Material:
    """Raises: FailedPrecondition, reason NOT_ENOUGH_HISTORY."""
    sales = sales_trials.sales_of(series)
    newest = series.weeks[:, -WEEKS:]
    worth = sales_worth(float(newest.sum()) * WEEKS / newest.shape[1], margin)
    return Material(
        work=partial(sales_trials.tried, sales, time.process_time),
        origins=len(sales.origins),
        learners=sales_trials.LEARNERS,
        base=1.0,
        worth=lambda _results, _base: worth,
        content=digest([sales.panel.values]),
    )


def customer_material(question: Question, customers: customer_trials.Customers, margin: Margin) -> Material:
    days = float(question.window.days)
    return Material(
        work=partial(customer_trials.tried, customers, time.process_time),
        origins=len(customers.origins),
        learners=customer_trials.LEARNERS,
        base=None,
        worth=lambda results, base: customers_worth(results, days, base, margin),
        content=digest(each for part in customers.rows for each in (part.features, part.labels)),
    )


def digest(arrays: Iterable[Floats]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:32]


def remove_others(folder: Path) -> None:
    """Parts kept of a measurement on other data will never be asked for again."""
    if folder.parent.exists():
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other)


def settings_of(connection: sa.Connection, model: str) -> ModelSettings:
    return ModelSettings(**watching.settings(connection).get(model, {}))


def known_of(connection: sa.Connection, model: str) -> Known:
    champion = store.champion(connection, model)
    return Known(
        champion=champion,
        fitted=None if champion is None else store.fitted_time(connection, champion),
        realised=watching.realised(connection).get(model, ()),
        settings=settings_of(connection, model),
        returns=returns_store.of_model(connection, model),
    )


def next_training(known: Known, now: datetime) -> Decision | None:
    """Gain of a training until the next one is due, and its cost; None where nothing tells, so that nothing is refused.

    An incremental update makes a model as young as its data; what it promised is still what its full training did.
    """
    champion, measured_so = known.champion, known.returns
    worth = known.settings.worth_per_point / MICROS or (measured_so.worth.per_point if measured_so else 0.0)
    if (
        champion is None
        or known.fitted is None
        or (not known.settings.worth_per_point and measured_so is None)
    ):
        return None
    loss, naive = promised(champion)
    age = days(now - champion.train_time)
    periods = [period for period in known.realised if period.begin >= known.fitted]
    # Between updates a model is never older than it is now; without any, each period found it at another age.
    ages = [age if champion.parent else days(period.begin - known.fitted) for period in periods]
    aged = None if measured_so is None else measured_so.aging
    cycle = known.settings.retrain_days
    tested_at = MEAN_AHEAD if champion.model == WEEKLY_SALES else 0.0
    seen = retraining.Seen(loss / naive, periods, ages, tested_at)
    found = retraining.lost(aged, age, cycle, seen)
    scale = accuracy_per_relative(champion, naive, measured_so)
    if found is None or math.isnan(scale):
        return None
    stated = known.settings.training_cost / MICROS
    computing = champion.cpu_seconds * (measured_so.cpu_hour_cost if measured_so else CPU_HOUR_COST) / 3600
    return decided(found, scale, worth, cycle, stated + computing)


def days(span: timedelta) -> float:
    return span / timedelta(days=1)


def promised(champion: Version) -> tuple[float, float]:
    """Loss in its own test, of the serving learner and of the naive rival; NaN where it is not known."""
    report = champion.report
    metrics = report.leaderboard[0].metrics if report.leaderboard else {}
    metric = next((name for name in METRICS if name in metrics), "")
    if not metric:
        return math.nan, math.nan
    own = report.score_of(report.learner, metric)
    rivals = [report.score_of(name, metric) for name in BASES]
    naive = next((rival for rival in rivals if rival), None)
    return math.nan if own is None else own, math.nan if naive is None else naive


def accuracy_per_relative(champion: Version, naive: float, returns: Returns | None) -> float:
    """See `retraining.decided`."""
    if returns is not None:
        return returns.accuracy_per_relative()
    return 1.0 if champion.kind == "probability" else naive
