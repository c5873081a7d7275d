"""`fieldwise forecast`: what goes out, what a person reads, what is written."""

from __future__ import annotations

import builtins
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from google.longrunning.operations_pb2 import Operation

from fieldwise.forecast.v1 import table_service_pb2 as tables
from fieldwise.forecast.v1.model_pb2 import LearnerScore, ModelVersion
from fieldwise_client.commands import forecast as commands
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., typer.testing.Result]
VERSION = "models/table-sales-data/versions/1"


@pytest.fixture
def forecast() -> FakeServices:
    return FakeServices("fieldwise.forecast.v1")


@pytest.fixture
def run(forecast: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    with serving(forecast) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        monkeypatch.chdir(tmp_path)
        runner = typer.testing.CliRunner()
        yield lambda *words: runner.invoke(app, ["forecast", *map(str, words)])


@pytest.fixture
def sales_data(tmp_path: Path) -> Path:
    path = tmp_path / "sales_data.csv"
    path.write_text("date,price,sales\n" + "\n".join(f"2024-01-{i:02},{i},{2 * i}" for i in range(1, 29)))
    return path


def trained(*_: Any) -> list[Any]:
    scores = {"linear-regression": (4.0, 1.5, 0.05), "xgboost": (9.0, 2.5, 0.08)}
    board = [
        LearnerScore(learner=name, metrics={"mse": mse, "mae": mae, "wape": wape}, fit_cpu_seconds=0.1)
        for name, (mse, mae, wape) in scores.items()
    ]
    report = tables.TableReport(
        version=ModelVersion(name=VERSION, learner="linear-regression", leaderboard=board),
        target="sales",
        date="date",
        split_by_time=True,
        notes=["target: column 'sales' was guessed"],
        encoding="utf-8",
        rows=28,
    )
    for day in range(6):
        point = report.points.add(actual=day, predicted=day + 0.5)
        point.date.FromSeconds(1_704_067_200 + 86_400 * day)
    operation = Operation(name="operations/forecast/1", done=True)
    operation.response.Pack(report)
    return [operation]


def asked(forecast: FakeServices, method: str) -> list[Any]:
    return [request for name, request in forecast.asked if name == method]


def test_a_file_is_sent_trained_on_and_its_leaderboard_shown(
    forecast: FakeServices, run: Run, sales_data: Path
) -> None:
    forecast.answers["TrainTable"] = trained
    shown = run("train", sales_data, "--horizon", 5, "--without", "price", "--plot", "board.png")
    assert shown.exit_code == 0, shown.output
    (created,) = asked(forecast, "CreateTable")
    (written,) = asked(forecast, "WriteTable")
    (request,) = asked(forecast, "TrainTable")
    assert (created.table_id, created.size) == ("sales-data", sales_data.stat().st_size)
    assert written.content == sales_data.read_bytes()
    assert (request.name, request.test_dates, list(request.without)) == ("tables/sales-data", 5, ["price"])
    lines = shown.stdout.splitlines()
    assert "target: column 'sales' was guessed" in lines
    assert any(line.startswith("* linear-regression") and "5.00%" in line for line in lines)
    assert any(line.startswith("  xgboost") and "8.00%" in line for line in lines)
    assert f"{VERSION} serves: linear-regression, as it was tested" in lines
    assert sales_data.with_name("board.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_is_there_already_is_not_sent_again_and_a_broken_upload_goes_on(
    forecast: FakeServices, run: Run, sales_data: Path
) -> None:
    forecast.answers["TrainTable"] = trained
    size = sales_data.stat().st_size
    forecast.answers["CreateTable"] = lambda _: [tables.Table(size=size, received=size)]
    assert run("train", sales_data).exit_code == 0
    assert not asked(forecast, "WriteTable")
    forecast.answers["CreateTable"] = lambda _: [tables.Table(size=size, received=100)]
    assert run("train", sales_data).exit_code == 0
    (written,) = asked(forecast, "WriteTable")
    assert (written.offset, written.content) == (100, sales_data.read_bytes()[100:])


def test_an_svg_is_drawn_for_a_split_without_dates(tmp_path: Path) -> None:
    from fieldwise_client.table_drawing import draw

    report = tables.TableReport()
    trained()[0].response.Unpack(report)
    report.split_by_time = False
    report.target = "销售额"  # without a font for it, drawn as another word and not as boxes with warnings
    draw(report, tmp_path / "board.svg")
    assert (
        "linear-regression" in (tmp_path / "board.svg").read_text()
        or "<svg" in (tmp_path / "board.svg").read_text()
    )


@pytest.mark.parametrize(
    ("plot", "said"), [("board.doc", "ends in .png, .svg, .pdf"), ("nowhere/board.png", "does not exist")]
)
def test_a_drawing_that_cannot_be_made_is_refused_before_anything_is_sent(
    forecast: FakeServices, run: Run, sales_data: Path, plot: str, said: str
) -> None:
    refused = run("train", sales_data, "--plot", plot)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert not forecast.asked


def test_without_matplotlib_a_drawing_says_what_to_install(
    forecast: FakeServices, run: Run, sales_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    refused = run("train", sales_data, "--plot", "board.png")
    assert refused.exit_code == 2
    assert "pip install 'fieldwise-client[plot]'" in refused.stderr
    assert not forecast.asked


def test_an_empty_file_is_refused_before_anything_is_sent(
    forecast: FakeServices, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty.csv").touch()
    refused = run("train", "empty.csv")
    assert refused.exit_code == 1
    assert "0 bytes" in refused.stderr
    assert not forecast.asked


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_rows_are_foretold_with_what_answered(
    forecast: FakeServices, run: Run, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "rows.csv").write_text("门店;价格\n北店;9\n月店;10\n", encoding=encoding)
    forecast.answers["PredictTable"] = lambda _: [
        tables.PredictTableResponse(
            model_version=VERSION,
            missing=["日期"],
            predictions=[
                tables.TablePrediction(value=12.5),
                tables.TablePrediction(value=7, unseen=["门店"]),
            ],
        )
    ]
    done = run("predict", "sales-data", "rows.csv", "--out", "said.csv")
    assert done.exit_code == 0, done.output
    (request,) = asked(forecast, "PredictTable")
    assert [dict(row.values) for row in request.rows] == [
        {"门店": "北店", "价格": "9"},
        {"门店": "月店", "价格": "10"},
    ]
    with (tmp_path / "said.csv").open(encoding="utf-8", newline="") as file:
        said = list(csv.DictReader(file))
    assert [(row["prediction"], row["unseen"], row["model_version"]) for row in said] == [
        ("12.5", "", VERSION),
        ("7", "门店", VERSION),
    ]
    assert "1 rows hold a text that no training row had" in done.stderr
    assert "columns 日期 are missing" in done.stderr


def test_tables_are_listed_with_what_answers(forecast: FakeServices, run: Run) -> None:
    assert "fieldwise forecast train sales_data.csv" in run("list").stdout
    forecast.answers["ListTables"] = lambda _: [
        tables.ListTablesResponse(
            tables=[
                tables.Table(name="tables/a", size=10, received=10, champion=VERSION),
                tables.Table(name="tables/b", size=10, received=4),
            ]
        )
    ]
    one, two = run("list").stdout.splitlines()
    assert VERSION in one
    assert "upload not finished" in two


def test_a_name_is_made_of_the_file() -> None:
    names = [commands.name_of(Path(name)) for name in ("Sales Data (2).csv", "2024.csv", "销售.csv")]
    assert names == ["sales-data-2", "table-2024", "table"]
