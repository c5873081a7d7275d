"""The calls about forecasts, of both clients: each reaches its method with a request that the gateway will take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fieldwise.forecast.v1.series_service_pb2 import SERIES_FREQUENCY_WEEK, Dimension, SeriesSet
from fieldwise_client.aio_forecast_calls import AsyncForecastCalls
from fieldwise_client.forecast_calls import ForecastCalls
from fieldwise_runtime.rules import violations
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving

# What the gateway fills in.
FILLED = {"decision_time", "as_of"}

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
SHOPS = SeriesSet(
    measure="sales",
    frequency=SERIES_FREQUENCY_WEEK,
    dimensions=[Dimension(name="product", levels=["category"])],
)

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("train_models", (["buys-28d"],), {"regardless_of_cost": True}, "TrainModel"),
    ("roll_back_model", ("buys-28d",), {}, "RollbackModel"),
    ("models", (), {}, "ListModels"),
    ("model", ("buys-28d",), {}, "GetModel"),
    ("set_model", ("buys-28d",), {"goal": 0.8, "reset": ["retrain_days"]}, "SetModelSettings"),
    ("refresh_model", ("weekly-sales",), {}, "RefreshModel"),
    ("promote_model", ("buys-28d/versions/1",), {}, "PromoteModel"),
    ("trainings", ("buys-28d",), {}, "ListTrainings"),
    ("fit_returns", ([(50, 0), (70, 15)],), {"cost_per_point": 0.6}, "FitReturns"),
    ("estimate_returns", ("buys-28d",), {"margin": 0.3}, "EstimateReturns"),
    ("learning_curves", ("buys-28d",), {}, "GetReturns"),
    ("outlook", ("1",), {"most": 3}, "GetOutlook"),
    ("dwell_thresholds", (), {}, "ListDwellThresholds"),
    ("upload_table", ("sales", Path(__file__)), {}, "WriteTable"),
    ("train_table", ("sales",), {"target": "sales", "test_dates": 4}, "TrainTable"),
    ("predict_table", ("sales", [{"price": "9"}]), {}, "PredictTable"),
    ("tables", (), {}, "ListTables"),
    ("table", ("sales",), {}, "GetTable"),
    ("delete_table", ("sales",), {}, "DeleteTable"),
    ("create_series_set", ("shops", SHOPS), {}, "CreateSeriesSet"),
    ("series_sets", (), {}, "ListSeriesSets"),
    ("series_set", ("shops",), {}, "GetSeriesSet"),
    ("delete_series_set", ("shops",), {}, "DeleteSeriesSet"),
    ("write_observations", ("shops", [(("food", "north"), MONDAY, 2.0)]), {}, "WriteObservations"),
    ("write_inputs", ("shops", [("promotion", (), MONDAY, 1.0)]), {}, "WriteInputs"),
    ("forecast_set", ("shops",), {"levels": ["total"], "decision_time": MONDAY}, "ForecastSet"),
    ("reach", ("shops", 100.0), {"first_period": MONDAY, "periods": 4}, "GetReach"),
    ("decompose", ("shops", ("food",)), {}, "Decompose"),
]


@pytest.fixture
def forecast() -> FakeServices:
    return FakeServices("fieldwise.forecast.v1")


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, forecast: FakeServices) -> Iterator[Ask]:
    with serving(forecast) as address:
        yield asking(request.param, address)


@pytest.mark.parametrize(("method", "args", "more", "reached"), CALLS, ids=lambda value: str(value)[:24])
def test_a_call_reaches_its_method_with_a_request_that_obeys_the_contract(
    ask: Ask, forecast: FakeServices, method: str, args: tuple[Any, ...], more: dict[str, Any], reached: str
) -> None:
    ask(method, *args, **more)
    assert reached in [name for name, _ in forecast.asked]
    for _, request in forecast.asked:
        assert [fault for fault in violations(request) if fault.field not in FILLED] == []


def test_every_call_about_forecasts_is_tried_here() -> None:
    for kind in (ForecastCalls, AsyncForecastCalls):
        own = {name for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}
        assert own == {method for method, *_ in CALLS}
