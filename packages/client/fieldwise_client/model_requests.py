"""What is asked of models as they live: methods and requests. Knows no channel."""

from __future__ import annotations

from collections.abc import Sequence

from google.longrunning import operations_pb2

from fieldwise.forecast.v1 import model_pb2
from fieldwise.forecast.v1 import model_service_pb2 as models
from fieldwise.type.v1 import money_pb2
from fieldwise_client.decision import Money
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.talks import M, Method


def _of(method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.forecast.v1.ModelService/{method}", answer)


LIST_MODELS = _of("ListModels", models.ListModelsResponse)
GET_MODEL = _of("GetModel", models.Model)
SET_MODEL_SETTINGS = _of("SetModelSettings", models.Model)
REFRESH_MODEL = _of("RefreshModel", operations_pb2.Operation)
PROMOTE_MODEL = _of("PromoteModel", model_pb2.ModelVersion)
LIST_TRAININGS = _of("ListTrainings", models.ListTrainingsResponse)


def get(model: str) -> models.GetModelRequest:
    return models.GetModelRequest(name=resource("models", model))


def settings(
    model: str,
    *,
    retrain_days: float = 0.0,
    retrain_events: int = 0,
    retrain_on_drift: bool | None = None,
    goal: float = 0.0,
    training_cost: Money | None = None,
    worth_per_point: Money | None = None,
    reset: Sequence[str] = (),
) -> models.SetModelSettingsRequest:
    """What is 0 or None stays as it is."""
    asked = models.ModelSettings(
        retrain_days=retrain_days,
        retrain_events=retrain_events,
        retrain_on_drift=retrain_on_drift,
        goal=goal,
        training_cost=_money(training_cost),
        worth_per_point=_money(worth_per_point),
    )
    return models.SetModelSettingsRequest(name=resource("models", model), settings=asked, reset=reset)


def _money(amount: Money | None) -> money_pb2.Money | None:
    return None if amount is None else money_pb2.Money(currency_code=amount.currency, micros=amount.micros)


def refresh(model: str, request_id: str | None) -> models.RefreshModelRequest:
    return models.RefreshModelRequest(
        name=resource("models", model), request_id=request_id or new_request_id()
    )


def promote(version: str, request_id: str | None) -> models.PromoteModelRequest:
    return models.PromoteModelRequest(
        name=resource("models", version), request_id=request_id or new_request_id()
    )


def trainings(model: str) -> models.ListTrainingsRequest:
    return models.ListTrainingsRequest(model=resource("models", model) if model else "")
