"""What serving costs: one customer's row, one series by RPC, ten thousand series refreshed; beside the libraries' own calls."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

from benchmarks.forecast.journey_series import commodities
from benchmarks.report import Row
from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc
from fieldwise_forecast import store
from fieldwise_forecast.__main__ import PACKAGE, assembled
from fieldwise_forecast.core.calibration import BETA, Calibration
from fieldwise_forecast.core.engines import LogOdds, SingleEngine, batch_engine, onnx_model
from fieldwise_forecast.core.features import FeatureSet, Floats, Singles
from fieldwise_forecast.core.learners import boost
from fieldwise_forecast.core.linear import logistic
from fieldwise_forecast.core.probability import (
    BG_NBD,
    LOGISTIC,
    XGBOOST,
    About,
    ProbabilityModel,
    probability,
)
from fieldwise_forecast.core.probability import assembled as assembled_model
from fieldwise_forecast.core.repeat_buying import READ, repeat_buying
from fieldwise_forecast.core.series import engine, weekly
from fieldwise_forecast.core.series.panel import Frequency, Panel
from fieldwise_forecast.core.series.quantiles import LEVELS
from fieldwise_forecast.core.series.weekly import WeeklySeries
from fieldwise_forecast.core.spend import UNTRAINED
from fieldwise_forecast.core.trees import trees_of
from fieldwise_forecast.core.versions import Trained
from fieldwise_forecast.model_files import keep
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.settings import Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database
from fieldwise_runtime.server import start

if TYPE_CHECKING:
    from xgboost import Booster

COLUMNS, ROWS = 45, 4000
SERVED = "trees, logistic regression, BG/NBD, calibration"
SERIES, WEEKS, HORIZON = 10_000, 104, 8
# Series that the ten thousand's engine learns from: how long it learned is not what is measured.
LEARNED_FROM = 400
MONDAY = datetime(2016, 1, 4, tzinfo=UTC)


def rows(*, quick: bool) -> Iterator[Row]:
    yield from single_rows(rounds=9 if quick else 31)
    yield from asyncio.run(rpc_rows(calls=300 if quick else 1500, rounds=3 if quick else 7))
    yield from refreshed_rows(rounds=3 if quick else 7)


def single_rows(rounds: int) -> Iterator[Row]:
    """One row of features to one number: by a served model, by its trees alone, and by XGBoost of the same booster."""
    values, labels = many_customers(np.random.default_rng(1))
    booster = boost(values, labels)
    served = blended(booster, values, labels)
    trees, theirs = SingleEngine(onnx_model(trees_of(booster), COLUMNS)), batch_engine(booster)
    table = values.astype(np.float32)
    calls = [partial(each_row, predict, table) for predict in (served.log_odds, trees.of_one, theirs)]
    whole_cost, trees_cost, their_cost = both_costs(calls, rounds)
    name = f"one row of a served customer model ({SERVED}; 200 trees x {COLUMNS} columns)"
    peer = "xgboost inplace_predict, trees only"
    yield Row(name, whole_cost, "us CPU", peer=peer, peer_value=their_cost)
    yield Row(
        "one row, served model: cost over that of inplace_predict",
        whole_cost / their_cost,
        "x",
        "must",
        "<= 0.1",
    )
    off = alone_or_together(served.log_odds, served.log_odds, table)
    yield Row(
        "one row or all together, served model: largest difference in probability", off, "", "must", "<= 1e-6"
    )
    yield Row("one row, trees alone", trees_cost, "us CPU", peer=peer, peer_value=their_cost)
    off = alone_or_together(trees, theirs, table)
    yield Row("one row, trees alone: largest difference in probability to inplace_predict", off, "")


def many_customers(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Features with holes, histories of purchases in the first three columns, and answers that depend on both."""
    values = rng.normal(size=(ROWS, COLUMNS))
    values[rng.random(values.shape) < 0.1] = np.nan
    first = rng.uniform(30, 350, ROWS)
    repeats = rng.poisson(first * rng.gamma(0.8, 0.03, ROWS))
    last = np.where(repeats > 0, first * rng.beta(1, 2, ROWS), first)
    values[:, : len(READ)] = np.column_stack([repeats + 1, first, last])
    values[rng.random(ROWS) < 0.05, : len(READ)] = [0, np.nan, np.nan]
    signal = np.nan_to_num(values[:, 3]) + np.nan_to_num(values[:, 4]) - np.nan_to_num(last) / 60 + 1
    return values, (rng.random(ROWS) < probability(signal)).astype(np.float64)


def blended(booster: Booster, values: Floats, labels: Floats) -> ProbabilityModel:
    """The dearest form of a served question: all three parts, bent by a calibration."""
    columns = FeatureSet("bench", 1, (*READ, *(f"f{i}" for i in range(COLUMNS - len(READ)))))
    repeats = repeat_buying(columns, values, float(labels.mean()), 28, 1)
    assert repeats is not None
    weights = {XGBOOST: 0.5, LOGISTIC: 0.3, BG_NBD: 0.2}
    about = About(columns, 0.5, UNTRAINED, weights, Calibration(BETA, 1.1, 0.9, 0.1))
    return assembled_model(booster, logistic(values, labels), repeats, about)[0]


def alone_or_together(one: LogOdds, many: LogOdds, table: Singles) -> float:
    """Largest difference in probability between rows scored one by one and all at once."""
    one_by_one = np.concatenate([one(table[i : i + 1]) for i in range(len(table))])
    return float(np.abs(probability(one_by_one) - probability(many(table))).max())


def each_row(predict: Callable[[Any], object], table: Any, count: int = 200) -> float:
    """CPU microseconds of one prediction."""
    begun = time.process_time_ns()
    for i in range(count):
        predict(table[i : i + 1])
    return (time.process_time_ns() - begun) / count / 1e3


def both_costs(calls: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Medians of calls taken in turn, so that a noisy moment meets all of them."""
    found = [[call() for call in calls] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*found, strict=True)]


async def rpc_rows(calls: int, rounds: int) -> list[Row]:
    """One category with intervals and seven quantiles, asked of a running service over a socket."""
    panel = commodities()
    series = WeeklySeries(tuple(key[-1] for key in panel.keys), panel.start, panel.values)
    begun = time.process_time()
    trained = weekly.fit(series, time.process_time, lambda _: None)
    spent = time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder:
        waits = await asked(Path(folder), trained, series, calls, rounds)
    p99 = [float(np.quantile(each, 0.99)) for each in waits]
    name = f"one series by RPC with 7 quantiles, {calls} calls: p99, median of {rounds} rounds"
    return [
        Row(name, statistics.median(p99), "ms", "must", "<= 10"),
        Row("one series by RPC: p50", float(np.median(np.concatenate(waits))), "ms"),
        Row("training of weekly sales, 202 series x 51 weeks", spent, "s CPU", "must", "<= 25"),
    ]


async def asked(
    folder: Path, trained: Trained, series: WeeklySeries, calls: int, rounds: int
) -> list[list[float]]:
    """Milliseconds of each call, by round."""
    settings = Settings(
        listen="127.0.0.1:0",
        database_url=f"sqlite:///{folder / 'forecast.sqlite'}",
        profile_address="127.0.0.1:1",
        data=folder,
        log_level="WARNING",
    )
    await asyncio.to_thread(migrations.migrate, settings.database_url, PACKAGE)
    await registered(folder, trained, settings.database_url, series.end)
    running = await start(await assembled(settings))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub: Any = forecast_service_pb2_grpc.ForecastServiceStub(channel)
        try:
            requests = [
                pb.ForecastSeriesRequest(
                    decision_time=timestamp(series.end), categories=[name], quantiles=LEVELS
                )
                for name in series.categories
            ]
            for request in requests[:50]:
                await stub.ForecastSeries(request)
            return [
                [await timed(stub, requests[i % len(requests)]) for i in range(calls)] for _ in range(rounds)
            ]
        finally:
            await running.stop()


async def timed(stub: Any, request: Any) -> float:
    begun = time.perf_counter()
    await stub.ForecastSeries(request)
    return 1000 * (time.perf_counter() - begun)


def refreshed_rows(rounds: int) -> Iterator[Row]:
    """Eight weeks of ten thousand series from their newest week, by learners that were trained before."""
    values = many_series()
    keys = tuple((f"s{i}",) for i in range(SERIES))
    panel = Panel(keys, MONDAY, Frequency.WEEK, values)
    part = Panel(keys[:LEARNED_FROM], MONDAY, Frequency.WEEK, values[:LEARNED_FROM])
    fitted = engine.fit(part, HORIZON, cpu_seconds=time.process_time, origins=[WEEKS - 16, WEEKS - 8])
    theirs = rival(values)
    ours_cost, their_cost = both_costs(
        [partial(cpu_of, lambda: fitted.forecast(panel, HORIZON)), partial(cpu_of, theirs)], rounds
    )
    name = "10,000 series x 8 weeks refreshed"
    yield Row(name, ours_cost, "s CPU", "must", "<= 0.3", "mlforecast predict", their_cost)
    yield Row(f"{name} (stretch)", ours_cost, "s CPU", "stretch", "<= 0.15")


def many_series() -> Floats:
    """Levels under noise with a slow drift."""
    rng = np.random.default_rng(2)
    level = rng.uniform(50, 2000, (SERIES, 1))
    drift = np.cumsum(rng.normal(0, 0.02, (SERIES, WEEKS)), axis=1)
    return np.asarray(level * np.exp(drift) * rng.gamma(25.0, 1 / 25.0, (SERIES, WEEKS)))


def cpu_of(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def rival(values: Floats) -> Callable[[], object]:
    """mlforecast with XGBoost on twelve standardised lags, fitted on the same part, with all series' history laid in."""
    from mlforecast import MLForecast
    from mlforecast.target_transforms import LocalStandardScaler

    from benchmarks.forecast.interval_peers import absolute_error_trees, long_table

    peer = MLForecast(
        {"xgb": absolute_error_trees()},
        freq=1,
        lags=range(1, 13),
        target_transforms=[LocalStandardScaler()],
        num_threads=1,
    )
    prepared: Any = peer.preprocess(long_table(values))
    part = prepared[prepared["unique_id"] < LEARNED_FROM]
    peer.fit_models(part.drop(columns=["unique_id", "ds", "y"]), part["y"].to_numpy())
    return lambda: peer.predict(HORIZON)


async def registered(folder: Path, trained: Trained, database_url: str, at: datetime) -> None:
    """The version in the registry of a service that does not run yet."""
    db = Database.open(database_url)
    file = keep(folder / "models", trained.report.model, trained.file)
    await db.write(partial(store.add, trained=trained, file=file, train_time=at))
    await db.close()
