"""Apps reach forecast's services through the gateway: what is for them is passed on, what is not names the way to take."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest

import fieldwise.forecast.v1
from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc as forecast_grpc
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise_gateway.relay import OF_THE_FORECASTS, relayed_services
from fieldwise_runtime.errors import from_rpc_error
from tests.gateway.backend_fakes import KNOWN, World


async def test_the_business_time_is_filled_in(world: World) -> None:
    stub: forecast_grpc.ForecastServiceAsyncStub = forecast_grpc.ForecastServiceStub(world.channel)
    operation = await stub.TrainModel(pb.TrainModelRequest(request_id="r1"), timeout=5)
    assert operation.name
    assert world.fakes.forecast.trainings[-1].decision_time.ToJsonString() == "2017-12-25T00:00:00Z"


async def test_scores_are_refused_with_the_way_to_take(world: World) -> None:
    path = "/fieldwise.forecast.v1.ForecastService/ScoreCustomers"
    call: Any = world.channel.stream_unary(path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(iter([]), timeout=5)
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_AT_THE_GATEWAY")
    assert "Decide" in fault.message


async def test_a_decision_asks_only_the_questions_it_rests_on(world: World) -> None:
    await world.gateway.Decide(gateway_pb.DecideRequest(request_id="d1", customer=KNOWN[0]), timeout=5)
    asked = world.fakes.forecast.scored[-1]
    assert set(asked.questions) == {"models/buys-28d", "models/silent-28d"}


def test_every_service_of_forecast_is_found_by_its_contract() -> None:
    services = {service.name: service for service in relayed_services(fieldwise.forecast.v1)}
    assert {"ModelService", "SeriesService", "CustomerService", "TableService"} <= set(services)
    assert {method.name for method in services["ForecastService"].methods} >= OF_THE_FORECASTS
