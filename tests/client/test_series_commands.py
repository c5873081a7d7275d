"""`fieldwise series`: what goes out, and what a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.forecast.v1 import series_service_pb2 as pb
from fieldwise_client.commands import series as commands
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., typer.testing.Result]
MONDAY = Timestamp(seconds=int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()))
SHOPS = pb.SeriesSet(
    name="seriesSets/shops",
    measure="sales",
    frequency=pb.SERIES_FREQUENCY_WEEK,
    dimensions=[
        pb.Dimension(name="product", levels=["category"]),
        pb.Dimension(name="place", levels=["region", "shop"]),
    ],
    inputs=["promotion"],
)


@pytest.fixture
def services() -> FakeServices:
    services = FakeServices("fieldwise.forecast.v1")
    services.answers["GetSeriesSet"] = lambda *_: [SHOPS]
    return services


@pytest.fixture
def run(services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    with serving(services) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        monkeypatch.chdir(tmp_path)
        runner = typer.testing.CliRunner()
        yield lambda *words: runner.invoke(app, ["series", *map(str, words)])


def sent(services: FakeServices, method: str) -> list[Any]:
    return [request for name, request in services.asked if name == method]


def test_a_set_is_made_from_words(run: Run, services: FakeServices) -> None:
    places = ("--dimension", "product=category", "--dimension", "place=region,shop")
    done = run("create", "shops", *places, "--input", "promotion", "--holidays", "CN")
    assert done.exit_code == 0, done.output
    (request,) = sent(services, "CreateSeriesSet")
    assert request.series_set_id == "shops"
    assert list(request.series_set.dimensions) == list(SHOPS.dimensions)
    assert list(request.series_set.holiday_countries) == ["CN"]
    assert run("create", "shops", "--dimension", "place").exit_code == 2


def test_a_file_goes_out_as_observations_and_inputs(run: Run, services: FakeServices, tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(
        "date,category,region,shop,sales,promotion\n"
        "2024-01-01,bread,north,s1,12.5,1\n"
        "2024-01-03,bread,north,s2,7,\n"
        "2024-01-08,bread,north,s1,,0\n"
        "2024-01-08,,,,,1\n"
    )
    done = run("load", file, "--set", "shops", "--align")
    assert done.exit_code == 0, done.output
    (values,) = sent(services, "WriteObservations")
    assert [(list(one.keys), one.period, one.value) for one in values.observations] == [
        (["bread", "north", "s1"], MONDAY, 12.5),
        (["bread", "north", "s2"], MONDAY, 7.0),
    ]
    (inputs,) = sent(services, "WriteInputs")
    assert [(list(one.keys), one.value) for one in inputs.values] == [
        (["bread", "north", "s1"], 1.0),
        (["bread", "north", "s1"], 0.0),
        ([], 1.0),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("date,category,region,sales\n2024-01-01,b,n,1\n", "shop is missing"),
        ("date,category,region,shop,sales\n2024-01-01,b,n,s,many\n", "row 2, sales"),
        ("date,category,region,shop,sales\n1.2.2024,b,n,s,1\n", "row 2, date"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_row_and_column(
    run: Run, services: FakeServices, tmp_path: Path, text: str, told: str
) -> None:
    services.answers["GetSeriesSet"] = lambda *_: [pb.SeriesSet(**{"inputs": []} | plain(SHOPS))]
    file = tmp_path / "sales.csv"
    file.write_text(text)
    done = run("load", file, "--set", "shops")
    assert done.exit_code == 1
    assert told in done.output
    assert not sent(services, "WriteObservations")


def plain(message: pb.SeriesSet) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields() if field.name != "inputs"}


def test_forecasts_targets_and_parts_are_told_in_lines(run: Run, services: FakeServices) -> None:
    point = pb.NodePoint(period=MONDAY, mean=100.0, quantiles=[80.0, 125.0])
    services.answers["ForecastSet"] = lambda *_: [
        pb.ForecastSetResponse(
            model_version="models/shops/versions/1",
            nodes=[pb.NodeForecast(keys=["bread", "*", "*"], points=[point], learner="ses", cold_start=True)],
            reconciliation="wls-structure",
        )
    ]
    services.answers["GetReach"] = lambda *_: [
        pb.GetReachResponse(probability=0.7, mean=110, low90=90, high90=130)
    ]
    services.answers["Decompose"] = lambda *_: [
        pb.DecomposeResponse(
            periods=[pb.DecomposedPeriod(period=MONDAY, value=10, trend=9, events=2, remainder=-1)],
            effects=[pb.EventEffect(event="promotion", effect=2, low95=1, high95=3)],
            note="not enough evidence for a season",
        )
    ]
    shown = run("forecast", "shops", "--level", "category", "--level", "total", "--at", "2024-01-01").output
    assert "wls-structure" in shown
    assert "bread / * / *  (ses, borrowed: new series)" in shown
    assert "80.0 to 125.0" in shown
    assert sent(services, "ForecastSet")[0].decision_time == MONDAY
    assert "probability 70.0%" in run("reach", "shops", 100).output
    parts = run("decompose", "shops", "--key", "bread").output
    assert "promotion: +2.0 a period where it is 1 (95 %: +1.0 to +3.0)" in parts
    assert "not enough evidence" in parts


def test_no_set_says_how_to_make_one(run: Run) -> None:
    assert "series create" in run("list").output
