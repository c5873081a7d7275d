"""Models as they live: what serves, how it really did, whether it drifts, what was set; knows no wire."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import NotFound

from . import store
from .core.drift.model_drift import Drift, drift_of
from .core.returns.measured import Returns
from .core.returns.trials import goal_alarm
from .core.series.backtest import Lift
from .core.versions import Realised, Role, Version
from .kinds import KINDS
from .lineup import Lineup
from .store import returns as returns_store
from .store import watching

RETRAIN_DAYS = 7.0


@dataclass(frozen=True)
class ModelSettings:
    """What a person decides about a model.

    Attributes:
        retrain_days: Days between full trainings.
        retrain_events: New events after which it is trained; 0: not for that reason.
        goal: Accuracy aimed at; 0: none.
        training_cost: Micros of the company's currency for one training; 0: cost refuses none.
        worth_per_point: Micros that one point of accuracy is worth in a year; 0: as measured.
    """

    retrain_days: float = RETRAIN_DAYS
    retrain_events: int = 0
    retrain_on_drift: bool = True
    goal: float = 0.0
    training_cost: int = 0
    worth_per_point: int = 0


@dataclass(frozen=True)
class RealisedCoverage:
    """What was promised and what came, over the periods that are kept.

    ``loss`` and ``promised_loss`` are WAPE of series and log loss of probabilities; shares are NaN where there are no
    intervals, the calibration error where there are no probabilities.
    """

    actuals: int
    coverage80: float
    coverage90: float
    loss: float
    promised_loss: float
    calibration_error: float


@dataclass(frozen=True)
class ModelState:
    """One model; ``realised`` is None before any actual came, ``lift`` where there is no naive rival."""

    model: str
    kind: str
    champion: Version | None
    challenger: Version | None
    previous: Version | None
    lift: Lift | None
    realised: RealisedCoverage | None
    drift: Drift
    settings: ModelSettings
    goal_alarm: str = ""

    def age_days(self, now: datetime) -> float:
        """Days since the champion was trained; 0 without one."""
        return 0.0 if self.champion is None else (now - self.champion.train_time).total_seconds() / 86400


@dataclass(frozen=True)
class Records:
    """What the database knows of all models."""

    kinds: Mapping[str, str]
    versions: Sequence[Version]
    fitted: Mapping[str, datetime]
    realised: Mapping[str, Sequence[Realised]]
    settings: Mapping[str, dict[str, Any]]
    returns: Mapping[str, Returns]


def records(connection: sa.Connection) -> Records:
    living = store.living(connection)
    trainable = {model: kind.name for kind in KINDS for model in kind.models(connection)}
    kinds = {version.model: version.kind for version in living} | trainable
    champions = [version for version in living if version.role is Role.CHAMPION]
    fitted = {version.model: store.fitted_time(connection, version) for version in champions}
    return Records(
        kinds,
        living,
        fitted,
        watching.realised(connection),
        watching.settings(connection),
        returns_store.all_measured(connection),
    )


async def states(db: Database, lineup: Lineup) -> list[ModelState]:
    """All models by name, trained or not."""
    known = await db.read(records)
    return [state(known, model, lineup) for model in sorted(known.kinds)]


async def state_of(db: Database, lineup: Lineup, model: str) -> ModelState:
    """One model.

    Raises:
        NotFound: Reason MODEL_NOT_FOUND.
    """
    known = await db.read(records)
    if model not in known.kinds:
        raise NotFound(f"models/{model}", "list models to see which there are", reason="MODEL_NOT_FOUND")
    return state(known, model, lineup)


def state(known: Records, model: str, lineup: Lineup) -> ModelState:
    by_role = {version.role: version for version in known.versions if version.model == model}
    champion = by_role.get(Role.CHAMPION)
    periods = known.realised.get(model, ())
    fitted = known.fitted.get(model)
    settings = ModelSettings(**known.settings.get(model, {}))
    returns = known.returns.get(model)
    return ModelState(
        model=model,
        kind=known.kinds[model],
        champion=champion,
        challenger=by_role.get(Role.CHALLENGER),
        previous=by_role.get(Role.PREVIOUS),
        lift=lift_of(lineup, model, champion),
        realised=realised_of(periods, promised_loss(champion)) if periods else None,
        drift=drift_of([period for period in periods if fitted is not None and period.begin >= fitted]),
        settings=settings,
        goal_alarm="" if returns is None else goal_alarm(returns.curves, returns.base, settings.goal),
    )


def lift_of(lineup: Lineup, model: str, champion: Version | None) -> Lift | None:
    """Of series as their backtest measured it; of others the gate's: by what share the loss is below the naive rival's."""
    loaded = lineup.loaded.get(model)
    own = getattr(loaded.model, "lift", None) if loaded else None
    if isinstance(own, Lift):
        return own
    if isinstance(own, Mapping):
        found = Lift(**{field.name: own[field.name] for field in fields(Lift)})
        return replace(found, series=int(found.series), origins=int(found.origins))
    if champion is None or champion.verdict is None:
        return None
    judged = champion.verdict
    return Lift(judged.lift, judged.lift_low, judged.lift_high, 0.0, 0.0, math.nan, 0, judged.periods)


def promised_loss(champion: Version | None) -> float:
    """The loss of the serving learner in its own test; NaN where it is not known."""
    if champion is None:
        return math.nan
    own = next(
        (score for score in champion.report.leaderboard if score.learner == champion.report.learner), None
    )
    metrics = own.metrics if own else {}
    return metrics.get("wape", metrics.get("log_loss", math.nan))


def realised_of(periods: Sequence[Realised], promised: float) -> RealisedCoverage:
    return RealisedCoverage(
        actuals=sum(period.rows for period in periods),
        coverage80=mean_of(periods, "inside80"),
        coverage90=mean_of(periods, "inside90"),
        loss=mean_of(periods, "loss"),
        promised_loss=promised,
        calibration_error=mean_of(periods, "calibration"),
    )


def mean_of(periods: Sequence[Realised], figure: str) -> float:
    """Mean over the periods that have the figure, weighted by rows; NaN where none has it."""
    known = [period for period in periods if math.isfinite(getattr(period, figure))]
    rows = sum(period.rows for period in known)
    return sum(getattr(period, figure) * period.rows for period in known) / rows if rows else math.nan


async def change_settings(
    db: Database, lineup: Lineup, model: str, changes: Mapping[str, Any], reset: Sequence[str]
) -> ModelState:
    """Change some settings and put others back to their defaults.

    Raises:
        NotFound: Reason MODEL_NOT_FOUND.
    """
    before = (await state_of(db, lineup, model)).settings
    defaults = ModelSettings()
    restored = {name: getattr(defaults, name) for name in reset}
    after = replace(before, **dict(changes) | restored)
    kept = {each.name: getattr(after, each.name) for each in fields(after)}
    await db.write(lambda connection: watching.keep_settings(connection, db.dialect, model, kept))
    return await state_of(db, lineup, model)
