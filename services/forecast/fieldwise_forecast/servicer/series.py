"""SeriesService on the wire: translates, calls, translates back; no rules, no SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import numpy as np

from fieldwise.forecast.v1 import score_pb2, series_service_pb2_grpc
from fieldwise.forecast.v1 import series_service_pb2 as pb
from fieldwise_forecast.core.series.decomposition import Decomposition
from fieldwise_forecast.core.series.panel import Frequency, Panel
from fieldwise_forecast.core.series.periods import begin_of, number_of
from fieldwise_forecast.core.series.sets import Definition, Dimension, InputValue, Observation
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.series_sets import HORIZON, Ahead, SeriesSets, Wanted
from fieldwise_forecast.store.series import Stored
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE, MOST = 100, 1000
MOST_NODES = 10_000
QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)
SETS = "series sets"
FREQUENCIES = {
    pb.SERIES_FREQUENCY_DAY: Frequency.DAY,
    pb.SERIES_FREQUENCY_WEEK: Frequency.WEEK,
    pb.SERIES_FREQUENCY_MONTH: Frequency.MONTH,
    pb.SERIES_FREQUENCY_QUARTER: Frequency.QUARTER,
}
OF_FREQUENCY = {frequency: number for number, frequency in FREQUENCIES.items()}
# Fields of the lift that are counts.
WHOLE = ("series", "origins")


class SeriesServicer(series_service_pb2_grpc.SeriesServiceServicer):
    """Sets of series, their forecasts, targets and parts."""

    def __init__(self, sets: SeriesSets) -> None:
        self._sets = sets

    async def CreateSeriesSet(self, request: pb.CreateSeriesSetRequest, context: Any) -> pb.SeriesSet:
        return set_message(await self._sets.create(definition_of(request.series_set_id, request.series_set)))

    async def GetSeriesSet(self, request: pb.GetSeriesSetRequest, context: Any) -> pb.SeriesSet:
        return set_message(await self._sets.get(request.name))

    async def ListSeriesSets(
        self, request: pb.ListSeriesSetsRequest, context: Any
    ) -> pb.ListSeriesSetsResponse:
        size = clamp_page_size(request.page_size, PAGE, MOST)
        found = await self._sets.page(cursor_of(request.page_token, SETS), size + 1)
        more = page_token(found[size - 1].definition.id, SETS) if len(found) > size else ""
        return pb.ListSeriesSetsResponse(
            series_sets=[set_message(one) for one in found[:size]], next_page_token=more
        )

    async def DeleteSeriesSet(
        self, request: pb.DeleteSeriesSetRequest, context: Any
    ) -> pb.DeleteSeriesSetResponse:
        return pb.DeleteSeriesSetResponse(observations=await self._sets.delete(request.name))

    async def WriteObservations(
        self, request: pb.WriteObservationsRequest, context: Any
    ) -> pb.WriteObservationsResponse:
        batch = await asyncio.to_thread(observations_of, request)
        written = await self._sets.write_observations(request.name, batch)
        return pb.WriteObservationsResponse(
            added=written.added, changed=written.changed, unchanged=written.unchanged
        )

    async def WriteInputs(self, request: pb.WriteInputsRequest, context: Any) -> pb.WriteInputsResponse:
        batch = await asyncio.to_thread(inputs_of, request)
        return pb.WriteInputsResponse(written=await self._sets.write_inputs(request.name, batch))

    async def ForecastSet(self, request: pb.ForecastSetRequest, context: Any) -> pb.ForecastSetResponse:
        wanted = Wanted(
            name=request.name,
            decision_time=request.decision_time.ToDatetime(UTC),
            levels=tuple(request.levels),
            keys=tuple(request.keys),
            periods=request.horizon,
        )
        size = clamp_page_size(request.page_size, PAGE, MOST_NODES)
        scope = f"{request.name}:{request.levels}:{request.keys}:{request.horizon}:{request.quantiles}"
        begin = int(cursor_of(request.page_token, scope) or 0)
        ahead = await self._sets.forecast(wanted)
        more = page_token(str(begin + size), scope) if len(ahead.rows) > begin + size else ""
        levels = sorted(request.quantiles) or QUANTILES
        periods = request.horizon or HORIZON
        # Thousands of series take longer to write down than other calls should wait.
        nodes = await asyncio.to_thread(node_messages, ahead, begin, size, periods, levels)
        return pb.ForecastSetResponse(
            model_version=ahead.version.name,
            nodes=nodes,
            lift=lift_message(ahead),
            incoherence=ahead.forecast.incoherence,
            next_page_token=more,
            reconciliation=ahead.model.method.value,
        )

    async def GetReach(self, request: pb.GetReachRequest, context: Any) -> pb.GetReachResponse:
        wanted = Wanted(
            name=request.name,
            decision_time=request.decision_time.ToDatetime(UTC),
            keys=tuple(request.keys),
            periods=request.periods,
        )
        first = request.first_period.ToDatetime(UTC) if request.HasField("first_period") else None
        found = await self._sets.reach(wanted, request.target, first)
        return pb.GetReachResponse(
            probability=found.probability,
            mean=found.mean,
            low90=found.low90,
            high90=found.high90,
            actual=found.actual,
            model_version=found.version,
        )

    async def Decompose(self, request: pb.DecomposeRequest, context: Any) -> pb.DecomposeResponse:
        moment = request.decision_time.ToDatetime(UTC)
        panel, parts = await self._sets.decompose(Wanted(request.name, moment, keys=tuple(request.keys)))
        return parts_message(panel, parts)


def observations_of(request: pb.WriteObservationsRequest) -> list[Observation]:
    return [
        Observation(tuple(one.keys), one.period.ToDatetime(UTC), one.value) for one in request.observations
    ]


def inputs_of(request: pb.WriteInputsRequest) -> list[InputValue]:
    return [
        InputValue(one.input, tuple(one.keys), one.period.ToDatetime(UTC), one.value)
        for one in request.values
    ]


def definition_of(id: str, message: pb.SeriesSet) -> Definition:
    return Definition(
        id=id,
        measure=message.measure,
        unit=message.unit,
        frequency=FREQUENCIES[message.frequency],
        dimensions=tuple(Dimension(one.name, tuple(one.levels)) for one in message.dimensions),
        inputs=tuple(message.inputs),
        holiday_countries=tuple(message.holiday_countries),
        allow_negative=message.allow_negative,
        missing_is_zero=message.missing_is_zero,
    )


def set_message(stored: Stored) -> pb.SeriesSet:
    definition = stored.definition
    ends = [
        None if number is None else timestamp(begin_of(definition.frequency, number))
        for number in (stored.first, stored.last)
    ]
    return pb.SeriesSet(
        name=definition.name,
        measure=definition.measure,
        unit=definition.unit,
        frequency=OF_FREQUENCY[definition.frequency],
        dimensions=[pb.Dimension(name=one.name, levels=one.levels) for one in definition.dimensions],
        inputs=definition.inputs,
        holiday_countries=definition.holiday_countries,
        allow_negative=definition.allow_negative,
        missing_is_zero=definition.missing_is_zero,
        series=stored.series,
        first_period=ends[0],
        last_period=ends[1],
    )


def node_messages(
    ahead: Ahead, begin: int, size: int, periods: int, levels: Sequence[float]
) -> list[pb.NodeForecast]:
    forecast, rows = ahead.forecast, ahead.rows[begin : begin + size]
    steps = range(ahead.skip, ahead.skip + periods)
    frequency = ahead.definition.frequency
    times = [timestamp(begin_of(frequency, ahead.first + step)) for step in range(periods)]
    quantiles = forecast.quantiles(rows, levels)
    hierarchy = forecast.hierarchy
    return [
        pb.NodeForecast(
            keys=hierarchy.keys[row],
            points=[
                pb.NodePoint(period=time, mean=forecast.points[row, step], quantiles=quantiles[i, step])
                for time, step in zip(times, steps, strict=True)
            ],
            learner=forecast.learners[int(hierarchy.level_of[row])],
            cold_start=bool(forecast.cold[row]),
        )
        for i, row in enumerate(rows.tolist())
    ]


def lift_message(ahead: Ahead) -> score_pb2.Lift:
    """The lift; what the contract has no field for stays in the report of the version."""
    lift = score_pb2.Lift()
    for field in score_pb2.Lift.DESCRIPTOR.fields:
        value = ahead.model.lift.get(field.name, 0.0)
        setattr(lift, field.name, int(value) if field.name in WHOLE else value)
    return lift


def parts_message(panel: Panel, parts: Decomposition) -> pb.DecomposeResponse:
    first = number_of(panel.frequency, panel.start)
    known = np.flatnonzero(~np.isnan(parts.value)).tolist()
    return pb.DecomposeResponse(
        periods=[
            pb.DecomposedPeriod(
                period=timestamp(begin_of(panel.frequency, first + step)),
                value=parts.value[step],
                trend=parts.trend[step],
                season=parts.season[step],
                events=parts.events[step],
                remainder=parts.remainder[step],
            )
            for step in known
        ],
        effects=[
            pb.EventEffect(event=one.event, effect=one.effect, low95=one.low95, high95=one.high95)
            for one in parts.effects
        ],
        season_known=parts.season_known,
        note=parts.note,
    )
