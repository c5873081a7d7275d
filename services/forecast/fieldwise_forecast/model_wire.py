"""Models as they live, as messages of the contract and back; knows no rule of a model."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

from fieldwise.forecast.v1 import model_service_pb2 as pb
from fieldwise.forecast.v1 import score_pb2
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_runtime.errors import InvalidRequest, Violation

from .core.drift.model_drift import Drift
from .core.series.backtest import Lift
from .models_report import ModelSettings, ModelState, RealisedCoverage
from .profile_reader import timestamp
from .store.watching import Training
from .wire import version_message

# What the contract calls the kinds that forecast series.
SERIES_KINDS = {"weekly-sales": "series", "series-set": "series"}
NUMBER_FIELDS = ("retrain_days", "retrain_events", "goal")


def model_message(state: ModelState, now: datetime, currency: str) -> pb.Model:
    """A model at a moment."""
    return pb.Model(
        name=f"models/{state.model}",
        kind=SERIES_KINDS.get(state.kind, state.kind),
        champion=None if state.champion is None else version_message(state.champion),
        challenger=None if state.challenger is None else version_message(state.challenger),
        previous="" if state.previous is None else state.previous.name,
        age_days=state.age_days(now),
        lift=None if state.lift is None else lift_message(state.lift),
        realised=None if state.realised is None else realised_message(state.realised),
        drift=drift_message(state.drift),
        settings=settings_message(state.settings, currency),
        goal_alarm=state.goal_alarm,
    )


def lift_message(lift: Lift) -> score_pb2.Lift:
    return score_pb2.Lift(**{name: value for name, value in asdict(lift).items() if known(value)})


def realised_message(realised: RealisedCoverage) -> pb.RealisedCoverage:
    return pb.RealisedCoverage(**{name: value for name, value in asdict(realised).items() if known(value)})


def known(value: float) -> bool:
    return not math.isnan(value)


def drift_message(drift: Drift) -> pb.Drift:
    return pb.Drift(
        alarm=drift.alarm,
        score=drift.score,
        series=drift.series,
        input_psi=drift.stability if known(drift.stability) else None,
        since=None if drift.since is None else timestamp(drift.since),
    )


def settings_message(settings: ModelSettings, currency: str) -> pb.ModelSettings:
    return pb.ModelSettings(
        retrain_days=settings.retrain_days,
        retrain_events=settings.retrain_events,
        retrain_on_drift=settings.retrain_on_drift,
        goal=settings.goal,
        training_cost=money(settings.training_cost, currency),
        worth_per_point=money(settings.worth_per_point, currency),
    )


def money(micros: int, currency: str) -> Money | None:
    return Money(currency_code=currency, micros=micros) if micros else None


def settings_changes(settings: pb.ModelSettings, currency: str) -> dict[str, Any]:
    """The fields that are set, by name.

    Raises:
        InvalidRequest: Money in another currency than the company's, or below 0.
    """
    faults = []
    changes: dict[str, Any] = {
        name: getattr(settings, name) for name in NUMBER_FIELDS if getattr(settings, name)
    }
    if settings.HasField("retrain_on_drift"):
        changes["retrain_on_drift"] = settings.retrain_on_drift
    for name, amount in stated_money(settings):
        if amount.currency_code not in ("", currency) or amount.micros < 0:
            given = f"{amount.currency_code} {amount.micros}"
            faults.append(Violation.of(f"settings.{name}", given, f"give micros of {currency}, 0 or more"))
        changes[name] = amount.micros
    if faults:
        raise InvalidRequest(faults)
    return changes


def stated_money(settings: pb.ModelSettings) -> list[tuple[str, Money]]:
    found = []
    if settings.HasField("training_cost"):
        found.append(("training_cost", settings.training_cost))
    if settings.HasField("worth_per_point"):
        found.append(("worth_per_point", settings.worth_per_point))
    return found


def training_message(training: Training) -> pb.Training:
    return pb.Training(
        model=f"models/{training.model}",
        time=timestamp(training.time),
        trigger=training.asked_by,
        outcome=training.outcome,
        detail=training.detail,
        version=f"models/{training.model}/versions/{training.version}" if training.version else "",
        seconds=training.seconds,
    )
