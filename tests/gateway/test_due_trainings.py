"""What asks for a training of one model, on plain messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fieldwise.forecast.v1.model_service_pb2 import Drift, Model, ModelSettings
from fieldwise_gateway.jobs.due import trigger

NOW = datetime(2017, 12, 25, tzinfo=UTC)
SETTINGS = ModelSettings(retrain_days=7, retrain_on_drift=True)


def test_a_set_that_is_being_filled_waits_for_its_first_training_and_is_then_on_schedule() -> None:
    shops = Model(name="models/shops", kind="series", settings=SETTINGS)
    assert trigger(shops, None, NOW, 0) == ""
    assert trigger(shops, NOW - timedelta(days=7), NOW, 0) == "schedule"
    assert trigger(shops, NOW - timedelta(days=6), NOW, 0) == ""


def test_models_that_nobody_fills_by_hand_are_due_at_once() -> None:
    for name, kind in (("models/weekly-sales", "series"), ("models/buys-28d", "probability")):
        assert trigger(Model(name=name, kind=kind, settings=SETTINGS), None, NOW, 0) == "schedule"


def test_an_alarm_asks_again_only_after_a_day() -> None:
    drifted = Model(name="models/shops", kind="series", settings=SETTINGS, drift=Drift(alarm=True))
    assert trigger(drifted, NOW - timedelta(days=1), NOW, 0) == "drift"
    assert trigger(drifted, NOW - timedelta(hours=23), NOW, 0) == ""
