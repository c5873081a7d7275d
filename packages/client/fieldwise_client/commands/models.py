"""`fieldwise models`: what serves, how it really did, whether it drifts; training, updating, promoting, rolling back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.forecast.v1.forecast_service_pb2 import TrainModelResponse
from fieldwise.forecast.v1.model_pb2 import ModelRole, ModelVersion
from fieldwise.forecast.v1.model_service_pb2 import Model, Training
from fieldwise_client.commands.customers import Json, json_line, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.decision import Money
from fieldwise_client.forecast_requests import Told, TrainingProgress
from fieldwise_client.names import short
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

Name = Annotated[str, typer.Argument(help="Such as weekly-sales or models/weekly-sales.")]
HEAD = (
    f"{'model':<20} {'version':>7}  {'learner':<20} {'age':>6}  {'loss':>6} {'came':>6}  "
    f"{'over naive [95 %]':<22} {'80 % held':>9}  {'drift':>6}  {'goal':>5}"
)
TRAININGS = f"{'as of':<16}  {'model':<20} {'asked by':<8} {'outcome':<10} {'made':>4} {'took':>9}  why"
LEGEND = (
    "loss: in the test, WAPE of series and tables, else log loss; came: as it really came; over naive: pt points of WAPE, "
    "% of the naive loss;\n80 % held: share of actuals inside the 80 % interval, (in the test) before any came; "
    "drift: share of the way to an alarm"
)
SERIES = "series"
NOTHING = "-"
MICROS = 1_000_000


def register(app: typer.Typer) -> None:
    """Adds the commands; without one, the table of all models."""
    group = typer.Typer(help="Models: what serves, how it did, what replaces it.")
    group.callback(invoke_without_command=True)(table)
    for command in (report, train, update, promote, rollback, trainings):
        group.command()(command)
    group.command("set")(set_)
    app.add_typer(group, name="models")


def table(context: typer.Context, as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """All models: version and learner, age, loss in the test and as it came, lift over naive, coverage, drift, goal."""
    if context.invoked_subcommand is not None:
        return
    with faults_told(), client_for(data) as client:
        models = list(client.models())
    if as_json:
        for model in models:
            typer.echo(json_line(model))
        return
    typer.echo("\n".join([HEAD, *(line(model) for model in models), LEGEND]))


def report(model: Name, as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """One model: its leaderboard, what the gate said, what drifts."""
    with faults_told(), client_for(data) as client:
        found = client.model(model)
    typer.echo(json_text(found) if as_json else "\n".join(report_lines(found)))


def train(
    models: Annotated[list[str] | None, typer.Argument(help="Models to train; default: all.")] = None,
    regardless: Annotated[
        bool, typer.Option("--regardless-of-cost", help="Also where the gain does not reach the cost.")
    ] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Train anew; a version that passes the gate serves at once. Ctrl-C ends it and changes nothing."""
    with faults_told(), client_for(data) as client:
        made = client.train_models(models or (), regardless_of_cost=regardless, progress=teller())
    tell_versions(made)


def update(model: Name = "weekly-sales", data: Data = Path(DEFAULT_DATA)) -> None:
    """Bring a model up to the newest data, at a fraction of a training's cost."""
    with faults_told(), client_for(data) as client:
        made = client.refresh_model(model, progress=teller())
    tell_versions(made)


def promote(
    version: Annotated[str, typer.Argument(help="Such as weekly-sales/versions/3.")],
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Make a kept version champion, whatever the gate said."""
    with faults_told(), client_for(data) as client:
        typer.echo(f"{client.promote_model(version).name} serves")


def rollback(model: Name, data: Data = Path(DEFAULT_DATA)) -> None:
    """Put the previous champion back."""
    with faults_told(), client_for(data) as client:
        typer.echo(f"{client.roll_back_model(model).name} serves again")


def trainings(
    model: Annotated[str, typer.Argument(help="Only of this model.")] = "",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """What was trained, refused or skipped, newest first."""
    with faults_told(), client_for(data) as client:
        if not as_json:
            typer.echo(TRAININGS)
        for training in client.trainings(model):
            typer.echo(json_line(training) if as_json else training_line(training))


def set_(
    model: Name,
    retrain_days: Annotated[float, typer.Option(min=0, help="Days between full trainings.")] = 0.0,
    retrain_events: Annotated[int, typer.Option(min=0, help="Train after so many new events.")] = 0,
    retrain_on_drift: Annotated[bool | None, typer.Option(help="Train when drift alarms.")] = None,
    goal: Annotated[float, typer.Option(min=0, max=1, help="Accuracy aimed at.")] = 0.0,
    training_cost: Annotated[float, typer.Option(min=0, help="What one training costs.")] = 0.0,
    worth_per_point: Annotated[
        float, typer.Option(min=0, help="What a point of accuracy is worth in a year.")
    ] = 0.0,
    currency: Annotated[
        str, typer.Option(envvar="FIELDWISE_CURRENCY", help="Of the two amounts; the company's.")
    ] = "USD",
    reset: Annotated[
        list[str] | None, typer.Option(help="Field to put back to its default, such as goal; repeat it.")
    ] = None,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Change a model's triggers, goal, cost and worth; what is not named stays."""
    with faults_told(), client_for(data) as client:
        found = client.set_model(
            model,
            retrain_days=retrain_days,
            retrain_events=retrain_events,
            retrain_on_drift=retrain_on_drift,
            goal=goal,
            training_cost=money(training_cost, currency),
            worth_per_point=money(worth_per_point, currency),
            reset=reset or (),
        )
    typer.echo(json_text(found.settings))


def money(amount: float, currency: str) -> Money | None:
    return Money(round(amount * MICROS), currency) if amount else None


def teller() -> Told:
    """Prints the steps of a training while it runs."""
    progress = Progress(stream=sys.stderr)

    def told(step: TrainingProgress) -> None:
        progress.running(f"{step.share:4.0%}  {step.step}")

    return told


def tell_versions(made: TrainModelResponse) -> None:
    for version in made.versions:
        typer.echo(
            f"{version.name}: {role(version)}, {version.learner}, {version.train_cpu_seconds:.1f} CPU s"
        )
        if version.verdict:
            typer.echo(f"  {version.verdict}")
    for skipped in made.skipped:
        typer.echo(f"{skipped.model}: skipped: {skipped.reason}")


def role(version: ModelVersion) -> str:
    return ModelRole.Name(version.role).removeprefix("MODEL_ROLE_").lower()


def line(model: Model) -> str:
    name = short(model.name)
    if not model.HasField("champion"):
        return f"{name:<20} {NOTHING:>7}  not trained"
    champion = model.champion
    came = f"{model.realised.loss:.4f}" if model.HasField("realised") else NOTHING
    promised = f"{model.realised.promised_loss:.4f}" if model.HasField("realised") else loss(champion)
    return (
        f"{name:<20} {champion.name.rpartition('/')[2]:>7}  {champion.learner:<20} {model.age_days:>4.0f} d  "
        f"{promised:>6} {came:>6}  {lift(model):<22} {coverage(model):>9}  {drift(model):>6}  {goal(model):>5}"
    )


def loss(version: ModelVersion) -> str:
    """The serving learner's loss in its test."""
    found = next((score for score in version.leaderboard if score.learner == version.learner), None)
    known = [found.metrics[name] for name in ("wape", "log_loss") if found and name in found.metrics]
    return f"{known[0]:.4f}" if known else NOTHING


def lift(model: Model) -> str:
    if not model.HasField("lift"):
        return NOTHING
    one = model.lift
    unit = "pt" if model.kind == SERIES else "%"
    return f"{100 * one.lift_vs_naive:+.1f} {unit} [{100 * one.low95:+.1f}, {100 * one.high95:+.1f}]"


def coverage(model: Model) -> str:
    """Share of actual values inside the 80 % interval: as they came, else in the test."""
    if model.realised.HasField("coverage80"):
        return f"{model.realised.coverage80:.1%}"
    return f"({model.lift.coverage80:.1%})" if model.lift.coverage80 else NOTHING


def drift(model: Model) -> str:
    return "ALARM" if model.drift.alarm else f"{model.drift.score:.2f}"


def goal(model: Model) -> str:
    return f"{model.settings.goal:.0%}" if model.settings.goal else NOTHING


def report_lines(model: Model) -> list[str]:
    """Everything about one model, line by line."""
    lines = [HEAD, line(model)]
    if not model.HasField("champion"):
        return lines
    lines += [
        "",
        "leaderboard of the champion's test; * serves, chosen on earlier periods, a table's learner on these rows",
    ]
    for score in model.champion.leaderboard:
        told = "  ".join(f"{name} {value:.4f}" for name, value in sorted(score.metrics.items()))
        mark = "*" if score.learner == model.champion.learner else " "
        lines.append(f"{mark} {score.learner:<22} {told}  ({score.fit_cpu_seconds:.2f} CPU s)")
    for title, version in (("champion", model.champion), ("challenger", model.challenger)):
        if version.name:
            lines += ["", f"{title} {version.name}: {version.verdict or 'no verdict is kept'}"]
            lines += [
                f"  {'ok ' if check.holds else 'NOT'} {check.check}: {check.detail}"
                for check in version.checks
            ]
    lines += ["", f"previous: {model.previous or 'none'}"]
    if model.drift.series:
        lines.append(f"series whose level has moved: {', '.join(model.drift.series)}")
    return lines + ([model.goal_alarm] if model.goal_alarm else [])


def training_line(training: Training) -> str:
    when = training.time.ToJsonString()[:16]
    version = training.version.rpartition("/")[2] or NOTHING
    return (
        f"{when}  {short(training.model):<20} {training.trigger:<8} {training.outcome:<10} "
        f"{version:>4} {training.seconds:>7.1f} s  {training.detail}"
    )
