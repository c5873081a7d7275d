"""Which models are due for a training, and what asks for it: schedule, volume of new events, drift. Knows no job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise.forecast.v1 import model_service_pb2_grpc as models_grpc
from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.jobs.store import JobStore

WEEKLY_SALES = "models/weekly-sales"
# An alarm that a training did not still asks for another one only so often.
DRIFT_AGAIN_AFTER = timedelta(days=1)
_MOST = 1000
_PAGE = 10_000
_EVENTS = "events-since-training"
_SERIES = "series"


@dataclass(frozen=True)
class Due:
    """Models, and what asks for their training: ``schedule``, ``volume`` or ``drift``."""

    trigger: str
    models: list[str]


async def due_trainings(backends: Backends, store: JobStore, now: datetime) -> list[Due]:
    """What is due; nothing before somebody has trained: the first training is asked for, not scheduled.

    Raises:
        RpcError: Forecast or profile did not answer.
    """
    models = [model for model in await known_models(backends, now) if model.kind != "table"]
    tries = await last_tries(backends)
    if not tries and not any(model.HasField("champion") for model in models):
        return []
    counted = any(model.settings.retrain_events for model in models)
    events = await new_events(backends, store) if counted else 0
    triggers = {model.name: trigger(model, last_try(model, tries), now, events) for model in models}
    return [
        Due(asked_by, named)
        for asked_by in ("drift", "volume", "schedule")
        if (named := [name for name, found in triggers.items() if found == asked_by])
    ]


def trigger(model: models_pb.Model, last: datetime | None, now: datetime, events: int) -> str:
    """What asks for a training of the model; empty when nothing does."""
    settings = model.settings
    if last is None and model.kind == _SERIES and model.name != WEEKLY_SALES:
        # A set that is being filled is not trained on the half of it that happens to be there.
        return ""
    if last is None or now - last >= timedelta(days=settings.retrain_days):
        return "schedule"
    if settings.retrain_on_drift and model.drift.alarm and now - last >= DRIFT_AGAIN_AFTER:
        return "drift"
    return "volume" if 0 < settings.retrain_events <= events else ""


def last_try(model: models_pb.Model, tries: Mapping[str, datetime]) -> datetime | None:
    """When it was last trained, or that was tried; None for never."""
    known = tries.get(model.name)
    if known is None and model.HasField("champion"):
        return model.champion.train_time.ToDatetime(tzinfo=UTC)
    return known


async def known_models(backends: Backends, now: datetime) -> Sequence[models_pb.Model]:
    asked = models_pb.ListModelsRequest(page_size=_MOST)
    asked.decision_time.FromDatetime(now)
    return (await _stub(backends).ListModels(asked)).models


async def last_tries(backends: Backends) -> dict[str, datetime]:
    """The newest training of each model, whatever came of it; updates with the newest data are none."""
    answer = await _stub(backends).ListTrainings(models_pb.ListTrainingsRequest(page_size=_MOST))
    full = [each for each in answer.trainings if each.trigger != "update"]
    return {each.model: each.time.ToDatetime(tzinfo=UTC) for each in reversed(full)}


async def new_events(backends: Backends, store: JobStore) -> int:
    """Events stored since the last training that volume asked for; the first look begins to count."""
    count, _, position = (await store.position(_EVENTS)).partition(" ")
    found = int(count or 0)
    while True:
        page = await backends.profile.ListChanges(
            profile_pb.ListChangesRequest(
                page_size=_PAGE,
                page_token=position,
                from_now=not position,
                kinds=[profile_pb.CHANGE_KIND_EVENT],
                purpose=consent_pb2.PURPOSE_SERVICE,
            )
        )
        found += len(page.changes)
        position = page.next_page_token or position
        if not page.changes:
            await store.move(_EVENTS, f"{found} {position}")
            return found


async def begin_to_count(store: JobStore) -> None:
    """A training has taken the events in: count from here."""
    _, _, position = (await store.position(_EVENTS)).partition(" ")
    if position:
        await store.move(_EVENTS, f"0 {position}")


async def refresh_is_due(backends: Backends, store: JobStore, now: datetime) -> bool:
    """Whether a week has ended that the champion of weekly sales has not seen, and it was not tried in vain today."""
    found = {model.name: model for model in await known_models(backends, now)}.get(WEEKLY_SALES)
    if found is None or not found.HasField("champion"):
        return False
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    last = await store.last_time("refresh-models")
    tried = last is not None and last >= monday and now - last < timedelta(days=1)
    return found.champion.train_time.ToDatetime(tzinfo=UTC) < monday and not tried


def _stub(backends: Backends) -> models_grpc.ModelServiceAsyncStub:
    stub: models_grpc.ModelServiceAsyncStub = models_grpc.ModelServiceStub(backends.forecast_channel)
    return stub
