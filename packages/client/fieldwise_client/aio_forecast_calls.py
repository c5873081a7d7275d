"""The asyncio client's calls about forecasts and models. Thin; requests are in forecast_requests.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from fieldwise.forecast.v1 import customer_service_pb2 as customer_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast
from fieldwise.forecast.v1 import model_pb2
from fieldwise.forecast.v1 import model_service_pb2 as model_service
from fieldwise.forecast.v1 import returns_service_pb2 as returns_pb
from fieldwise.forecast.v1 import series_service_pb2 as series_pb
from fieldwise.forecast.v1 import table_service_pb2 as table_pb
from fieldwise_client import forecast_requests as asked
from fieldwise_client import interest_requests as interest_asked
from fieldwise_client import model_requests as model_asked
from fieldwise_client import returns_requests as returns_asked
from fieldwise_client import series_requests as series_asked
from fieldwise_client import table_requests as table_asked
from fieldwise_client.aio_caller import AsyncCaller
from fieldwise_client.decision import Money
from fieldwise_client.forecast_requests import TRAIN_SECONDS, Told
from fieldwise_client.names import new_request_id
from fieldwise_client.series_requests import FORECAST_SECONDS, Known, Observed
from fieldwise_client.table_requests import UPLOAD_SECONDS, Uploaded


class AsyncForecastCalls(AsyncCaller):
    """Models, series, tables. Long ones wait for their end; Ctrl-C, or an error in ``progress``, cancels them."""

    # Models

    async def train_models(
        self,
        models: Iterable[str] = (),
        *,
        regardless_of_cost: bool = False,
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = TRAIN_SECONDS,
    ) -> forecast.TrainModelResponse:
        """Train models (all when none is named) and promote those that pass the gate."""
        request = asked.train_models(models, regardless_of_cost, request_id)
        talk = asked.finished(
            asked.TRAIN_MODEL, request, forecast.TrainModelResponse, self._within(timeout), progress
        )
        return await self._lead(talk)

    async def roll_back_model(
        self, model: str, *, request_id: str | None = None, timeout: float | None = None
    ) -> model_pb2.ModelVersion:
        """Put the previous champion back."""
        return await self._send(asked.ROLLBACK_MODEL, asked.rollback_model(model, request_id), timeout)

    def models(self, *, timeout: float | None = None) -> AsyncIterator[model_service.Model]:
        """All models by name: what serves, how it did, whether it drifts."""
        request = model_service.ListModelsRequest()
        pages = self._pages(model_asked.LIST_MODELS, request, self._within(timeout))
        return (model async for page in pages for model in page.models)

    async def model(self, name: str, *, timeout: float | None = None) -> model_service.Model:
        """One model."""
        return await self._send(model_asked.GET_MODEL, model_asked.get(name), timeout)

    async def set_model(
        self,
        name: str,
        *,
        retrain_days: float = 0.0,
        retrain_events: int = 0,
        retrain_on_drift: bool | None = None,
        goal: float = 0.0,
        training_cost: Money | None = None,
        worth_per_point: Money | None = None,
        reset: Sequence[str] = (),
        timeout: float | None = None,
    ) -> model_service.Model:
        """Change what a person decides about a model; what is 0 or None stays, fields named in ``reset`` go back to default."""
        request = model_asked.settings(
            name,
            retrain_days=retrain_days,
            retrain_events=retrain_events,
            retrain_on_drift=retrain_on_drift,
            goal=goal,
            training_cost=training_cost,
            worth_per_point=worth_per_point,
            reset=reset,
        )
        return await self._send(model_asked.SET_MODEL_SETTINGS, request, timeout)

    async def refresh_model(
        self,
        name: str,
        *,
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = TRAIN_SECONDS,
    ) -> forecast.TrainModelResponse:
        """Update a model with the newest data alone, at a fraction of a training's cost."""
        request = model_asked.refresh(name, request_id)
        talk = asked.finished(
            model_asked.REFRESH_MODEL, request, forecast.TrainModelResponse, self._within(timeout), progress
        )
        return await self._lead(talk)

    async def promote_model(
        self, version: str, *, request_id: str | None = None, timeout: float | None = None
    ) -> model_pb2.ModelVersion:
        """Make a kept version champion, whatever the gate said."""
        return await self._send(model_asked.PROMOTE_MODEL, model_asked.promote(version, request_id), timeout)

    def trainings(
        self, model: str = "", *, timeout: float | None = None
    ) -> AsyncIterator[model_service.Training]:
        """Trainings newest first, of one model when it is named."""
        pages = self._pages(model_asked.LIST_TRAININGS, model_asked.trainings(model), self._within(timeout))
        return (training async for page in pages for training in page.trainings)

    # Returns that diminish

    async def fit_returns(
        self,
        points: Iterable[tuple[float, float]],
        *,
        cost_per_point: float | None = None,
        timeout: float | None = None,
    ) -> returns_pb.ReturnsCurve:
        """A curve through points of accuracy and sales, both in percent, whose gain per point never increases."""
        request = returns_asked.fit(points, cost_per_point)
        return await self._send(returns_asked.FIT_RETURNS, request, timeout)

    async def estimate_returns(
        self,
        model: str,
        *,
        cpu_hour_cost: Money | None = None,
        margin: float = 0.0,
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = TRAIN_SECONDS,
    ) -> returns_pb.LearningCurves:
        """Measure a model's learning curves; broken off, the same call goes on where it was."""
        request = returns_asked.estimate(model, cpu_hour_cost, margin, request_id)
        talk = asked.finished(
            returns_asked.ESTIMATE_RETURNS,
            request,
            returns_pb.LearningCurves,
            self._within(timeout),
            progress,
        )
        return await self._lead(talk)

    async def learning_curves(self, model: str, *, timeout: float | None = None) -> returns_pb.LearningCurves:
        """The learning curves measured last, and what one more training would bring now."""
        return await self._send(returns_asked.GET_RETURNS, returns_asked.get(model), timeout)

    # Interests

    async def outlook(
        self, customer: str, *, most: int = 0, timeout: float | None = None
    ) -> customer_pb.Outlook:
        """What is foreseen of a customer: where he stands, next categories, products, time of contact."""
        return await self._send(interest_asked.GET_OUTLOOK, interest_asked.outlook(customer, most), timeout)

    def dwell_thresholds(self, *, timeout: float | None = None) -> AsyncIterator[customer_pb.DwellThreshold]:
        """By category, the time on a page from which a purchase becomes likelier; none before models were trained."""
        request = customer_pb.ListDwellThresholdsRequest()
        pages = self._pages(interest_asked.LIST_DWELL_THRESHOLDS, request, self._within(timeout))
        return (threshold async for page in pages for threshold in page.thresholds)

    # Tables

    async def upload_table(
        self,
        table: str,
        path: Path,
        *,
        replace: bool = False,
        progress: Uploaded | None = None,
        timeout: float = UPLOAD_SECONDS,
    ) -> table_pb.Table:
        """Send a file of rows; called again after a break it goes on where it stopped.

        Args:
            progress: Gets the bytes that have arrived and the bytes in all.
        """
        return await self._lead(table_asked.upload(table, path, replace, self._within(timeout), progress))

    async def train_table(
        self,
        table: str,
        *,
        target: str = "",
        date: str = "",
        keys: Sequence[str] = (),
        test_share: float = 0.0,
        test_dates: int = 0,
        learners: Sequence[str] = (),
        without: Sequence[str] = (),
        before: datetime | None = None,
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = TRAIN_SECONDS,
    ) -> table_pb.TableReport:
        """Let all learners compete on a table; the best one serves. What is not named is guessed, and the report says so."""
        request = table_asked.train(
            table,
            target=target,
            date=date,
            keys=keys,
            test_share=test_share,
            test_dates=test_dates,
            learners=learners,
            without=without,
            before=before,
            request_id=request_id,
        )
        talk = asked.finished(
            table_asked.TRAIN_TABLE, request, table_pb.TableReport, self._within(timeout), progress
        )
        return await self._lead(talk)

    async def predict_table(
        self, table: str, rows: Iterable[Mapping[str, str]], *, timeout: float | None = None
    ) -> table_pb.PredictTableResponse:
        """Predictions for 1 to 10,000 rows, each as texts by column, in the form of the file."""
        return await self._send(table_asked.PREDICT_TABLE, table_asked.predict(table, rows), timeout)

    def tables(self, *, timeout: float | None = None) -> AsyncIterator[table_pb.Table]:
        """All tables, by name."""
        pages = self._pages(table_asked.LIST_TABLES, table_pb.ListTablesRequest(), self._within(timeout))
        return (table async for page in pages for table in page.tables)

    async def table(self, name: str, *, timeout: float | None = None) -> table_pb.Table:
        """One table: how much of it has arrived, and which version answers for it."""
        return await self._send(table_asked.GET_TABLE, table_asked.get(name), timeout)

    async def delete_table(self, name: str, *, timeout: float | None = None) -> None:
        """Delete a table and its file; versions that were trained on it stay."""
        await self._send(table_asked.DELETE_TABLE, table_asked.delete(name), timeout)

    # Series

    async def create_series_set(
        self,
        series_set: str,
        definition: series_pb.SeriesSet,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> series_pb.SeriesSet:
        """Make a set of series; the same definition again gives it back."""
        request = series_asked.create(series_set, definition, request_id or new_request_id())
        return await self._send(series_asked.CREATE, request, timeout)

    def series_sets(self, *, timeout: float | None = None) -> AsyncIterator[series_pb.SeriesSet]:
        """All sets of series, by name."""
        pages = self._pages(series_asked.LIST, series_pb.ListSeriesSetsRequest(), self._within(timeout))
        return (one async for page in pages for one in page.series_sets)

    async def series_set(self, series_set: str, *, timeout: float | None = None) -> series_pb.SeriesSet:
        """One set of series."""
        return await self._send(series_asked.GET, series_asked.get(series_set), timeout)

    async def delete_series_set(
        self, series_set: str, *, timeout: float | None = None
    ) -> series_pb.DeleteSeriesSetResponse:
        """Delete a set with its observations."""
        return await self._send(series_asked.DELETE, series_asked.delete(series_set), timeout)

    async def write_observations(
        self, series_set: str, observations: Iterable[Observed], *, timeout: float | None = None
    ) -> series_pb.WriteObservationsResponse:
        """Store 1 to 10,000 values (keys, begin of the period, value); what was there for the same period is replaced."""
        request = series_asked.observations(series_set, observations)
        return await self._send(series_asked.WRITE_OBSERVATIONS, request, timeout)

    async def write_inputs(
        self, series_set: str, inputs: Iterable[Known], *, timeout: float | None = None
    ) -> series_pb.WriteInputsResponse:
        """Store 1 to 10,000 values known in advance (input, keys or none for every series, begin of the period, value)."""
        return await self._send(series_asked.WRITE_INPUTS, series_asked.inputs(series_set, inputs), timeout)

    async def forecast_set(
        self,
        series_set: str,
        *,
        levels: Sequence[str] = (),
        keys: Sequence[str] = (),
        horizon: int = 0,
        quantiles: Sequence[float] = (),
        page_size: int = 0,
        page_token: str = "",
        decision_time: datetime | None = None,
        timeout: float = FORECAST_SECONDS,
    ) -> series_pb.ForecastSetResponse:
        """Forecasts that add up over the hierarchy, with their distribution.

        Args:
            levels: One level name per dimension, or ``total``; none for the finest.
            keys: The begin of the keys, ``*`` for any.
        """
        request = series_asked.forecast(
            series_set,
            levels=levels,
            keys=keys,
            horizon=horizon,
            quantiles=quantiles,
            page_size=page_size,
            page_token=page_token,
            decision_time=decision_time,
        )
        return await self._send(series_asked.FORECAST, request, timeout)

    async def reach(
        self,
        series_set: str,
        target: float,
        *,
        keys: Sequence[str] = (),
        first_period: datetime | None = None,
        periods: int = 0,
        decision_time: datetime | None = None,
        timeout: float = FORECAST_SECONDS,
    ) -> series_pb.GetReachResponse:
        """The chance that a sum over periods reaches a target; `weekly-sales` is the built-in set by category."""
        request = series_asked.reach(
            series_set,
            target,
            keys=keys,
            first_period=first_period,
            periods=periods,
            decision_time=decision_time,
        )
        return await self._send(series_asked.REACH, request, timeout)

    async def decompose(
        self,
        series_set: str,
        keys: Sequence[str] = (),
        *,
        decision_time: datetime | None = None,
        timeout: float = FORECAST_SECONDS,
    ) -> series_pb.DecomposeResponse:
        """The sum of the series that match, taken apart into trend, season, events and remainder."""
        return await self._send(
            series_asked.DECOMPOSE, series_asked.decompose(series_set, keys, decision_time), timeout
        )
