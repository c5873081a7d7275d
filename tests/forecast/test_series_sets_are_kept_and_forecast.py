"""Sets of series from end to end: a real server, a real worker process, SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from fieldwise.forecast.v1 import model_service_pb2 as model_pb
from fieldwise.forecast.v1 import model_service_pb2_grpc, series_service_pb2_grpc
from fieldwise.forecast.v1 import series_service_pb2 as pb
from fieldwise_forecast import series_sets as use_cases
from fieldwise_forecast.core.series.periods import number_of
from fieldwise_forecast.core.series.sets import Rows, panel_of
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.servicer import series as servicer
from fieldwise_runtime.errors import from_rpc_error
from tests.forecast.forecast_servers import NOWHERE, Forecast, forecast_server
from tests.forecast.shop_worlds import KEYS, SHOPS, created, observation, observations, period, shop_sales

# Too few for the learners that learn from all series: these have tests of their own.
WEEKS = 29
SALES = shop_sales(WEEKS)
NAME = "seriesSets/shops"
NOW = timestamp(period(WEEKS))


@asynccontextmanager
async def serving(folder: Path, url: str = "") -> AsyncIterator[tuple[Any, Forecast]]:
    async with forecast_server(folder, NOWHERE, url) as forecast:
        yield series_service_pb2_grpc.SeriesServiceStub(forecast.channel), forecast


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a service in which the shops are trained, by TrainModel and its worker process."""
    folder = tmp_path_factory.mktemp("shops")

    async def prepare() -> None:
        async with serving(folder) as (series, forecast):
            await series.CreateSeriesSet(created())
            batch = pb.WriteObservationsRequest(name=NAME, observations=observations(SALES))
            await series.WriteObservations(batch)
            operation = await forecast.train("shops", at=period(WEEKS))
            assert not operation.HasField("error"), operation.error

    asyncio.run(prepare())
    return folder


@asynccontextmanager
async def trained(shops: Path, folder: Path) -> AsyncIterator[tuple[Any, Forecast]]:
    shutil.copytree(shops, folder, dirs_exist_ok=True)
    async with serving(folder) as found:
        yield found


def asked(**options: Any) -> pb.ForecastSetRequest:
    return pb.ForecastSetRequest(name=NAME, **{"decision_time": NOW} | options)


async def fault(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return from_rpc_error(refused.value)


async def test_a_set_is_made_once_and_given_back(tmp_path: Path, database_url: str) -> None:
    async with serving(tmp_path, database_url) as (series, _):
        first = await series.CreateSeriesSet(created())
        again = await series.CreateSeriesSet(created())
        other = await fault(series.CreateSeriesSet(created(measure="visits")))
        listed = await series.ListSeriesSets(pb.ListSeriesSetsRequest())
        missing = await fault(series.GetSeriesSet(pb.GetSeriesSetRequest(name="seriesSets/none")))
    assert first == again == listed.series_sets[0]
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SERIES_SET_EXISTS")
    assert missing.reason == "SERIES_SET_NOT_FOUND"


async def test_a_batch_sent_again_changes_nothing_and_a_correction_replaces(
    tmp_path: Path, database_url: str
) -> None:
    batch = observations(SALES[:, :12])
    late = [observation(KEYS[0], 1, 7.0), observation(KEYS[0], 15, 8.0)]
    async with serving(tmp_path, database_url) as (series, _):
        await series.CreateSeriesSet(created())
        answers = [
            await series.WriteObservations(pb.WriteObservationsRequest(name=NAME, observations=each))
            for each in (batch, batch, late)
        ]
        kept = await series.GetSeriesSet(pb.GetSeriesSetRequest(name=NAME))
        parts = await series.Decompose(pb.DecomposeRequest(name=NAME, decision_time=NOW))
        gone = await series.DeleteSeriesSet(pb.DeleteSeriesSetRequest(name=NAME))
    assert [(one.added, one.changed, one.unchanged) for one in answers] == [
        (120, 0, 0),
        (0, 0, 120),
        (1, 1, 0),
    ]
    assert (kept.series, kept.last_period) == (10, timestamp(period(15)))
    assert parts.periods[1].value == pytest.approx(SALES[1:, 1].sum() + 7.0)
    assert gone.observations == 121


async def test_every_fault_of_a_batch_is_named_and_nothing_of_it_is_stored(tmp_path: Path) -> None:
    wrong = [
        observation(KEYS[0], 0, 1.0),
        observation(("food",), 0, 1.0),
        pb.Observation(keys=KEYS[1], period=timestamp(period(0) + timedelta(days=1)), value=1.0),
        observation(KEYS[2], 0, -1.0),
        observation(KEYS[0], 0, 2.0),
        observation(("food", "*", "north"), 0, 1.0),
    ]
    async with serving(tmp_path) as (series, _):
        await series.CreateSeriesSet(created())
        refused = await fault(
            series.WriteObservations(pb.WriteObservationsRequest(name=NAME, observations=wrong))
        )
        infinite = await fault(
            series.WriteObservations(
                pb.WriteObservationsRequest(name=NAME, observations=[observation(KEYS[0], 0, float("inf"))])
            )
        )
        kept = await series.GetSeriesSet(pb.GetSeriesSetRequest(name=NAME))
    fields = [violation.field for violation in refused.violations]
    assert fields == [
        "observations[1].keys",
        "observations[2].period",
        "observations[3].value",
        "observations[4]",
        "observations[5].keys[1]",
    ]
    assert "observations[0] is of the same series" in refused.message
    assert infinite.violations[0].field == "observations[0].value"
    assert kept.series == 0


async def test_a_definition_that_cannot_be_is_refused_whole(tmp_path: Path) -> None:
    twice = [pb.Dimension(name="a", levels=["x"]), pb.Dimension(name="b", levels=["x", "total"])]
    async with serving(tmp_path) as (series, _):
        request = created(id="weekly-sales", dimensions=twice, holiday_countries=["ZZ"])
        refused = await fault(series.CreateSeriesSet(request))
    assert {violation.field for violation in refused.violations} == {
        "series_set_id",
        "series_set.dimensions[1].levels[0]",
        "series_set.dimensions[1].levels[1]",
        "series_set.holiday_countries",
    }


async def test_forecasts_add_up_over_the_hierarchy_and_pages_hold_every_node_once(
    tmp_path: Path, shops: Path
) -> None:
    async with trained(shops, tmp_path) as (series, _):
        finest = await series.ForecastSet(asked(horizon=4))
        total = await series.ForecastSet(asked(levels=["total"], horizon=4))
        regions = await series.ForecastSet(asked(levels=["total", "region"], horizon=4))
        north = await series.ForecastSet(asked(keys=["*", "*", "north"], horizon=4))
        first = await series.ForecastSet(asked(horizon=4, page_size=7))
        rest = await series.ForecastSet(asked(horizon=4, page_size=7, page_token=first.next_page_token))
    assert finest.model_version == "models/shops/versions/1"
    assert [*first.nodes, *rest.nodes] == list(finest.nodes)
    assert (len(first.nodes), rest.next_page_token) == (7, "")
    assert finest.incoherence <= 1e-6
    assert finest.lift.lift_vs_naive > 0
    assert [tuple(node.keys) for node in regions.nodes] == [("*", "*", "north"), ("*", "*", "south")]
    means = np.array([[point.mean for point in node.points] for node in finest.nodes])
    whole = np.array([point.mean for point in total.nodes[0].points])
    assert np.abs(means.sum(axis=0) - whole).max() <= 1e-6
    by_region = np.array([[point.mean for point in node.points] for node in regions.nodes])
    assert np.abs(by_region.sum(axis=0) - whole).max() <= 1e-6
    of_north = sum(np.array([point.mean for point in node.points]) for node in north.nodes)
    assert np.abs(of_north - by_region[0]).max() <= 1e-6
    point = total.nodes[0].points[0]
    assert point.period == NOW
    assert list(point.quantiles) == sorted(point.quantiles)
    assert point.quantiles[0] < point.mean < point.quantiles[-1]


async def test_what_is_written_after_the_training_moves_the_forecast_at_once(
    tmp_path: Path, shops: Path
) -> None:
    later = timestamp(period(WEEKS + 2))
    async with trained(shops, tmp_path) as (series, _):
        before = await series.ForecastSet(asked(levels=["total"], decision_time=later))
        more = observations(3 * SALES[:, -2:], WEEKS)
        await series.WriteObservations(pb.WriteObservationsRequest(name=NAME, observations=more))
        after = await series.ForecastSet(asked(levels=["total"], decision_time=later))
        earlier = await series.ForecastSet(asked(levels=["total"]))
    assert before.nodes[0].points[0].period == after.nodes[0].points[0].period == later
    assert after.nodes[0].points[0].mean > 1.5 * before.nodes[0].points[0].mean
    # Nothing later than the decision is seen.
    assert earlier.nodes[0].points[0].mean < 1.2 * before.nodes[0].points[0].mean


async def test_a_series_never_seen_is_forecast_from_those_like_it(tmp_path: Path, shops: Path) -> None:
    async with trained(shops, tmp_path) as (series, _):
        new = await series.ForecastSet(asked(keys=["home", "glass", "west"]))
        old = await series.ForecastSet(asked(keys=["home", "glass"]))
        nobody = await fault(series.ForecastSet(asked(keys=["a", "b", "c"])))
        typing = await fault(series.ForecastSet(asked(levels=["region", "category"])))
    assert [node.cold_start for node in new.nodes] == [True]
    assert not any(node.cold_start for node in old.nodes)
    means = sorted(node.points[0].mean for node in old.nodes)
    assert means[0] / 2 < new.nodes[0].points[0].mean < 2 * means[1]
    assert nobody.reason == "SERIES_NOT_FOUND"
    assert [violation.field for violation in typing.violations] == ["levels[0]", "levels[1]"]


async def test_the_table_of_models_shows_the_lift_of_a_set(tmp_path: Path, shops: Path) -> None:
    async with trained(shops, tmp_path) as (series, forecast):
        told = (await series.ForecastSet(asked())).lift
        ask = model_pb.GetModelRequest(name="models/shops", decision_time=NOW)
        shown = await model_service_pb2_grpc.ModelServiceStub(forecast.channel).GetModel(ask)
    assert shown.lift == told
    assert shown.lift.series == len(KEYS)


async def test_reach_counts_what_was_and_falls_with_the_target(tmp_path: Path, shops: Path) -> None:
    begun = timestamp(period(WEEKS - 4))
    past = SALES[:, -4:].sum()
    async with trained(shops, tmp_path) as (series, _):

        async def reach(target: float, **options: Any) -> Any:
            request = pb.GetReachRequest(name=NAME, target=target, **{"decision_time": NOW} | options)
            return await series.GetReach(request)

        whole = await reach(0.0, first_period=begun, periods=8)
        falling = [
            (await reach(share * whole.mean, first_period=begun, periods=8)).probability
            for share in (0.8, 0.95, 1.0, 1.05, 1.2)
        ]
        past_only = await reach(past, first_period=begun, periods=4)
        some = await reach(1.0, keys=["*", "bread"])
    assert whole.actual == pytest.approx(past)
    assert whole.low90 < whole.mean < whole.high90
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 0.95
    assert falling[-1] < 0.05
    assert past_only.probability == 1.0
    assert some.mean < whole.mean


async def test_before_the_first_training_the_cure_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path) as (series, _):
        await series.CreateSeriesSet(created())
        untrained = await fault(series.ForecastSet(asked()))
    assert untrained.reason == "NO_MODEL"
    assert "TrainModel" in untrained.message


async def test_parts_add_up_to_the_series(tmp_path: Path) -> None:
    promoted = [3, 8, 14, 20, 25]
    raised = SALES.copy()
    raised[:, promoted] *= 1.8
    plan = [
        pb.InputValue(
            input="promotion", period=timestamp(period(week)), value=1.0 if week in promoted else 0.0
        )
        for week in range(WEEKS + 8)
    ]
    async with serving(tmp_path) as (series, _):
        await series.CreateSeriesSet(created(holiday_countries=["CN"]))
        await series.WriteObservations(
            pb.WriteObservationsRequest(name=NAME, observations=observations(raised))
        )
        written = await series.WriteInputs(pb.WriteInputsRequest(name=NAME, values=plan))
        stray = await fault(
            series.WriteInputs(
                pb.WriteInputsRequest(name=NAME, values=[pb.InputValue(input="price", period=NOW, value=1.0)])
            )
        )
        parts = await series.Decompose(
            pb.DecomposeRequest(name=NAME, decision_time=NOW, keys=["*", "*", "north"])
        )
    assert written.written == len(plan)
    assert stray.violations[0].field == "values[0].input"
    off = [one.value - one.trend - one.season - one.events - one.remainder for one in parts.periods]
    assert np.abs(off).max() <= 1e-6
    assert len(parts.periods) == WEEKS
    effect = next(one for one in parts.effects if one.event == "promotion")
    usual = SALES[::2].sum(axis=0).mean()
    assert effect.low95 < 0.8 * usual < effect.high95
    assert effect.low95 > 0
    assert not parts.season_known
    assert "104 are needed" in parts.note


async def test_a_set_made_anew_holds_nothing_of_the_deleted_one(tmp_path: Path, database_url: str) -> None:
    ask = pb.DecomposeRequest(name=NAME, decision_time=NOW)
    write = pb.WriteObservationsRequest(name=NAME, observations=observations(SALES))
    async with serving(tmp_path, database_url) as (series, _):
        totals = []
        for factor in (1.0, 3.0):
            await series.CreateSeriesSet(created())
            for each in write.observations:
                each.value *= factor
            await series.WriteObservations(write)
            totals.append(sum(one.value for one in (await series.Decompose(ask)).periods))
            await series.DeleteSeriesSet(pb.DeleteSeriesSetRequest(name=NAME))
    assert totals[1] == pytest.approx(3 * totals[0])


async def test_values_later_than_the_question_are_told_with_where_they_begin(tmp_path: Path) -> None:
    async with serving(tmp_path) as (series, _):
        await series.CreateSeriesSet(created())
        await series.WriteObservations(
            pb.WriteObservationsRequest(name=NAME, observations=observations(SALES))
        )
        early = pb.DecomposeRequest(name=NAME, decision_time=timestamp(period(-3)))
        refused = await fault(series.Decompose(early))
    assert refused.reason == "NO_OBSERVATIONS"
    assert "no observation before 2022-12-12" in refused.message
    assert "290 values begin on 2023-01-02" in refused.message


def test_where_no_plan_was_given_an_input_is_what_it_was_on_average() -> None:
    known = [
        ("promotion", -1, number_of(SHOPS.frequency, period(week)), float(week % 4 == 0)) for week in range(8)
    ]
    planned = ("promotion", 0, number_of(SHOPS.frequency, period(9)), 1.0)
    first = number_of(SHOPS.frequency, period(0))
    rows = Rows(
        keys=KEYS[:2],
        series=np.repeat([0, 1], 8),
        periods=np.tile(np.arange(first, first + 8), 2),
        values=np.ones(16),
        inputs=(*known, planned),
    )
    found = panel_of(SHOPS, rows, first + 8, 3).known.values[:, :, 0]
    assert found[:, 8:].tolist() == [[0.25, 1.0, 0.25], [0.25, 0.25, 0.25]]


async def test_a_set_deleted_while_it_trains_is_told_and_leaves_no_version(tmp_path: Path) -> None:
    async with serving(tmp_path) as (series, forecast):
        await series.CreateSeriesSet(created())
        batch = pb.WriteObservationsRequest(name=NAME, observations=observations(SALES))
        await series.WriteObservations(batch)
        training = asyncio.create_task(forecast.train("shops", at=period(WEEKS)))
        await asyncio.sleep(0.3)
        await series.DeleteSeriesSet(pb.DeleteSeriesSetRequest(name=NAME))
        operation = await training
        assert "models/shops does not exist" in operation.error.message
        assert not await forecast.versions()


async def test_a_value_too_large_to_be_squared_and_summed_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (series, _):
        await series.CreateSeriesSet(created())
        batch = pb.WriteObservationsRequest(name=NAME, observations=[observation(KEYS[0], 0, 1e16)])
        refused = await fault(series.WriteObservations(batch))
    assert [violation.field for violation in refused.violations] == ["observations[0].value"]


async def test_no_large_part_of_an_answer_is_made_where_other_calls_wait(
    shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_on = {}
    large = [(use_cases, "demanded_panel"), (use_cases, "demand_observations"), (use_cases, "summed_up")]
    for module, name in [*large, (servicer, "node_messages"), (servicer, "observations_of")]:
        work = getattr(module, name)

        def told(*given: Any, work: Any = work, name: str = name) -> Any:
            made_on[name] = threading.current_thread()
            return work(*given)

        monkeypatch.setattr(module, name, told)
    async with trained(shops, tmp_path / "copy") as (series, _):
        batch = pb.WriteObservationsRequest(name=NAME, observations=[observation(KEYS[0], 0, 5.0)])
        await series.WriteObservations(batch)
        await series.ForecastSet(asked())
        await series.GetReach(pb.GetReachRequest(name=NAME, decision_time=NOW, target=1.0))
    assert len(made_on) == 5
    assert threading.current_thread() not in made_on.values()
