"""`fieldwise roi`: a curve through points, learning curves as a table, and points that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
import typer.testing
from google.longrunning.operations_pb2 import Operation

from fieldwise.forecast.v1 import returns_service_pb2 as pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.commands import roi as commands
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., typer.testing.Result]


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
        yield lambda *words: runner.invoke(app, ["roi", *map(str, words)])


def dollars(amount: float) -> Money:
    return Money(currency_code="USD", micros=round(amount * 1e6))


def sales_curves() -> pb.LearningCurves:
    points = [
        pb.LearningPoint(effort=0.1, error=0.17, fitted=0.17, learner="ses"),
        pb.LearningPoint(effort=2.8, error=0.18, fitted=0.17, learner="forest", cost=dollars(3)),
    ]
    return pb.LearningCurves(
        model="models/weekly-sales",
        curves=[pb.LearningCurve(effort="cpu", points=points, knee=0.1, verdict="stop at ses")],
        worth_per_point=dollars(5605),
        worth_basis="a margin of 25% (assumed)",
        next_training_gain=dollars(12),
        next_training_cost=dollars(40),
    )


def test_a_curve_is_fitted_to_points_and_told_with_its_stop(run: Run, forecast: FakeServices) -> None:
    segments = [
        pb.ReturnsSegment(from_accuracy=50, to_accuracy=70, gain_per_point=0.75, pays=True),
        pb.ReturnsSegment(from_accuracy=70, to_accuracy=80, gain_per_point=0.5),
    ]
    forecast.answers["FitReturns"] = lambda _: [pb.ReturnsCurve(segments=segments, verdict="stop at 70 %")]
    told = run("curve", "50:0", "70:15", "80:20", "--cost", 0.6)
    assert told.exit_code == 0, told.output
    ((_, asked),) = forecast.asked
    assert [(point.accuracy, point.sales) for point in asked.points] == [(50, 0), (70, 15), (80, 20)]
    assert asked.cost_per_point == 0.6
    lines = told.output.splitlines()
    assert lines[1].split() == ["50", "to", "70", "%", "0.75", "%"]
    assert lines[2].endswith("0.5 %  below its cost")
    assert lines[-1] == "stop at 70 %"


@pytest.mark.parametrize("word", ["50", "a:b", "50:"])
def test_a_word_that_is_no_point_is_named(run: Run, word: str) -> None:
    told = run("curve", word, "70:15")
    assert told.exit_code == 2
    assert repr(word) in told.output


def test_learning_curves_are_shown_with_their_worth_and_the_next_training(
    run: Run, forecast: FakeServices
) -> None:
    forecast.answers["GetReturns"] = lambda _: [sales_curves()]
    told = run("show", "weekly-sales")
    assert told.exit_code == 0, told.output
    assert "stop at ses" in told.output
    assert "one point of accuracy is worth 5,605.00 USD a year" in told.output
    assert "expected gain 12.00 USD, cost 40.00 USD" in told.output


def test_learning_waits_for_the_curves(run: Run, forecast: FakeServices) -> None:
    done = Operation(name="operations/forecast/1", done=True)
    done.response.Pack(sales_curves())
    forecast.answers["EstimateReturns"] = lambda _: [done]
    told = run("learn", "weekly-sales", "--cpu-hour-cost", 0.1, "--margin", 0.3)
    assert told.exit_code == 0, told.output
    ((_, asked),) = forecast.asked
    assert (asked.cpu_hour_cost.micros, asked.margin) == (100_000, 0.3)
    assert "forest" in told.output
