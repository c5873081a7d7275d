"""`fieldwise models`: the table of all models, one model in full, and what is asked to train, update, promote, roll back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from google.longrunning.operations_pb2 import Operation

from fieldwise.forecast.v1 import model_service_pb2 as models
from fieldwise.forecast.v1.forecast_service_pb2 import SkippedTraining, TrainModelResponse
from fieldwise.forecast.v1.model_pb2 import MODEL_ROLE_CHALLENGER, GateCheck, LearnerScore, ModelVersion
from fieldwise.forecast.v1.score_pb2 import Lift
from fieldwise_client.commands import models as commands
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., typer.testing.Result]
SALES = "models/weekly-sales"


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
        yield lambda *words: runner.invoke(app, ["models", *map(str, words)])


def weekly_sales() -> models.Model:
    return models.Model(
        name=SALES,
        kind="series",
        champion=ModelVersion(
            name=f"{SALES}/versions/3",
            learner="ensemble",
            leaderboard=[LearnerScore(learner="ensemble", metrics={"wape": 0.15}, fit_cpu_seconds=1.0)],
        ),
        challenger=ModelVersion(
            name=f"{SALES}/versions/4",
            verdict="keep: gain of +0.2% in loss over the champion",
            checks=[GateCheck(check="loss", value=0.002, limit=0.0165, detail="gain of +0.2% in loss")],
        ),
        previous=f"{SALES}/versions/2",
        age_days=9.6,
        lift=Lift(lift_vs_naive=0.045, low95=0.031, high95=0.058, coverage80=0.8),
        realised=models.RealisedCoverage(actuals=40, loss=0.16, promised_loss=0.15, coverage80=0.775),
        drift=models.Drift(alarm=True, score=1.4, series=["category 3"]),
        settings=models.ModelSettings(goal=0.85),
    )


def asked(forecast: FakeServices, method: str) -> list[Any]:
    return [request for name, request in forecast.asked if name == method]


def ended(made: TrainModelResponse) -> list[Operation]:
    operation = Operation(name="operations/forecast/1", done=True)
    operation.response.Pack(made)
    return [operation]


def test_the_table_shows_what_was_promised_beside_what_came(forecast: FakeServices, run: Run) -> None:
    untrained = models.Model(name="models/churn-84d", kind="probability")
    forecast.answers["ListModels"] = lambda _: [models.ListModelsResponse(models=[untrained, weekly_sales()])]
    shown = run()
    assert shown.exit_code == 0, shown.output
    _, first, second, *legend = shown.stdout.splitlines()
    assert first.split() == ["churn-84d", "-", "not", "trained"]
    told = "weekly-sales 3 ensemble 10 d 0.1500 0.1600 +4.5 pt [+3.1, +5.8] 77.5% ALARM 85%"
    assert " ".join(second.split()) == told
    assert "pt points of WAPE, % of the naive loss" in " ".join(legend)


def test_a_report_says_why_a_challenger_waits_and_which_series_moved(
    forecast: FakeServices, run: Run
) -> None:
    forecast.answers["GetModel"] = lambda _: [weekly_sales()]
    lines = run("report", "weekly-sales").stdout.splitlines()
    assert asked(forecast, "GetModel")[0].name == SALES
    assert "  NOT loss: gain of +0.2% in loss" in lines
    assert [line[2:10] for line in lines if line.startswith("* ")] == ["ensemble"]
    assert f"previous: {SALES}/versions/2" in lines
    assert "series whose level has moved: category 3" in lines


def test_trainings_say_what_became_of_each_version_and_what_was_skipped(
    forecast: FakeServices, run: Run
) -> None:
    made = TrainModelResponse(
        versions=[ModelVersion(name=f"{SALES}/versions/4", role=MODEL_ROLE_CHALLENGER, learner="ensemble")],
        skipped=[SkippedTraining(model="models/buys-28d", reason="expected gain 12 < cost 40")],
    )
    forecast.answers["TrainModel"] = lambda _: ended(made)
    shown = run("train", "weekly-sales", "buys-28d", "--regardless-of-cost")
    assert shown.exit_code == 0, shown.output
    (request,) = asked(forecast, "TrainModel")
    assert (list(request.models), request.regardless_of_cost) == ([SALES, "models/buys-28d"], True)
    assert shown.stdout.splitlines() == [
        f"{SALES}/versions/4: challenger, ensemble, 0.0 CPU s",
        "models/buys-28d: skipped: expected gain 12 < cost 40",
    ]


def test_one_command_updates_promotes_and_rolls_back(forecast: FakeServices, run: Run) -> None:
    forecast.answers["RefreshModel"] = lambda _: ended(TrainModelResponse())
    for words in (("update",), ("promote", "weekly-sales/versions/2"), ("rollback", "weekly-sales")):
        shown = run(*words)
        assert shown.exit_code == 0, shown.output
    assert asked(forecast, "RefreshModel")[0].name == SALES
    assert asked(forecast, "PromoteModel")[0].name == f"{SALES}/versions/2"
    assert asked(forecast, "RollbackModel")[0].model == SALES


def test_only_the_settings_that_are_named_are_sent(forecast: FakeServices, run: Run) -> None:
    words = ("set", "weekly-sales", "--goal", 0.9, "--training-cost", 40, "--no-retrain-on-drift")
    shown = run(*words, "--reset", "retrain_days")
    assert shown.exit_code == 0, shown.output
    (request,) = asked(forecast, "SetModelSettings")
    assert (request.settings.goal, request.settings.retrain_days) == (0.9, 0)
    assert (request.settings.training_cost.micros, request.settings.retrain_on_drift) == (40_000_000, False)
    assert not request.settings.HasField("worth_per_point")
    assert list(request.reset) == ["retrain_days"]
