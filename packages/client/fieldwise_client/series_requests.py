"""What is asked of sets of series. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from fieldwise.forecast.v1 import series_service_pb2 as series
from fieldwise_client.names import resource
from fieldwise_client.requests import timestamp
from fieldwise_client.talks import M, Method

# As many as one call takes.
BATCH = 10_000
# The first forecast of a large set is computed, later ones are remembered.
FORECAST_SECONDS = 60.0

Asked = TypeVar("Asked", series.ForecastSetRequest, series.GetReachRequest, series.DecomposeRequest)
# Values of the dimensions, begin of the period, value.
Observed = tuple[Sequence[str], datetime, float]
# Name of the input, values of the dimensions (empty for every series), begin of the period, value.
Known = tuple[str, Sequence[str], datetime, float]


def _of(method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.forecast.v1.SeriesService/{method}", answer)


CREATE = _of("CreateSeriesSet", series.SeriesSet)
GET = _of("GetSeriesSet", series.SeriesSet)
LIST = _of("ListSeriesSets", series.ListSeriesSetsResponse)
DELETE = _of("DeleteSeriesSet", series.DeleteSeriesSetResponse)
WRITE_OBSERVATIONS = _of("WriteObservations", series.WriteObservationsResponse)
WRITE_INPUTS = _of("WriteInputs", series.WriteInputsResponse)
FORECAST = _of("ForecastSet", series.ForecastSetResponse)
REACH = _of("GetReach", series.GetReachResponse)
DECOMPOSE = _of("Decompose", series.DecomposeResponse)


def name_of(series_set: str) -> str:
    return resource("seriesSets", series_set)


def create(series_set: str, definition: series.SeriesSet, request_id: str) -> series.CreateSeriesSetRequest:
    return series.CreateSeriesSetRequest(
        series_set_id=series_set.removeprefix("seriesSets/"), series_set=definition, request_id=request_id
    )


def get(series_set: str) -> series.GetSeriesSetRequest:
    return series.GetSeriesSetRequest(name=name_of(series_set))


def delete(series_set: str) -> series.DeleteSeriesSetRequest:
    return series.DeleteSeriesSetRequest(name=name_of(series_set))


def observations(series_set: str, values: Iterable[Observed]) -> series.WriteObservationsRequest:
    listed = [
        series.Observation(keys=keys, period=timestamp("period", period), value=value)
        for keys, period, value in values
    ]
    return series.WriteObservationsRequest(name=name_of(series_set), observations=listed)


def inputs(series_set: str, values: Iterable[Known]) -> series.WriteInputsRequest:
    listed = [
        series.InputValue(input=name, keys=keys, period=timestamp("period", period), value=value)
        for name, keys, period, value in values
    ]
    return series.WriteInputsRequest(name=name_of(series_set), values=listed)


def forecast(
    series_set: str,
    *,
    levels: Sequence[str],
    keys: Sequence[str],
    horizon: int,
    quantiles: Sequence[float],
    page_size: int,
    page_token: str,
    decision_time: datetime | None,
) -> series.ForecastSetRequest:
    request = series.ForecastSetRequest(
        name=name_of(series_set),
        levels=levels,
        keys=keys,
        horizon=horizon,
        quantiles=quantiles,
        page_size=page_size,
        page_token=page_token,
    )
    return at(request, decision_time)


def reach(
    series_set: str,
    target: float,
    *,
    keys: Sequence[str],
    first_period: datetime | None,
    periods: int,
    decision_time: datetime | None,
) -> series.GetReachRequest:
    request = series.GetReachRequest(name=name_of(series_set), target=target, keys=keys, periods=periods)
    if first_period is not None:
        request.first_period.CopyFrom(timestamp("first_period", first_period))
    return at(request, decision_time)


def decompose(
    series_set: str, keys: Sequence[str], decision_time: datetime | None
) -> series.DecomposeRequest:
    return at(series.DecomposeRequest(name=name_of(series_set), keys=keys), decision_time)


def at(request: Asked, decision_time: datetime | None) -> Asked:
    """The request at a moment of the caller's own; otherwise the gateway fills its clock in."""
    if decision_time is not None:
        request.decision_time.CopyFrom(timestamp("decision_time", decision_time))
    return request
