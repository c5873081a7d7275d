"""`fieldwise roi`: what more accuracy and more effort bring, and where to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldwise.forecast.v1.returns_service_pb2 import (
    LearningCurve,
    LearningCurves,
    LearningPoint,
    ReturnsCurve,
)
from fieldwise.type.v1.money_pb2 import Money as MoneyMessage
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.models import MICROS, Name, money, teller
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

LEGEND = (
    "error: WAPE of series, log loss of questions; +-: its standard error over the test dates (a stop is judged by that of "
    "differences);\ngain, cost: of the step from the line above, in a year; a point of accuracy: .01 of WAPE, or 1 % of the "
    "base rate's log loss"
)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Returns that diminish: what more accuracy brings, and where to stop.")
    for command in (curve, learn, show):
        group.command()(command)
    app.add_typer(group, name="roi")


def point(text: str) -> tuple[float, float]:
    """``70:15`` as (70, 15).

    Raises:
        typer.BadParameter: It is no point.
    """
    accuracy, colon, sales = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(accuracy), float(sales)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no point; give ACCURACY:SALES in percent, such as 70:15"
        ) from None


def curve(
    points: Annotated[list[str], typer.Argument(help="ACCURACY:SALES in percent, such as 50:0 70:15 80:20.")],
    cost: Annotated[
        float | None, typer.Option(min=0, help="What one more point costs, in percent of sales.")
    ] = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Fit a curve to points of accuracy and sales; its gain per point never increases."""
    given = [point(text) for text in points]
    with faults_told(), client_for(data) as client:
        found = client.fit_returns(given, cost_per_point=cost)
    typer.echo(json_text(found) if as_json else "\n".join(curve_lines(found)))


def learn(
    model: Name,
    cpu_hour_cost: Annotated[float, typer.Option(min=0, help="What a CPU hour costs; 0 means 0.05.")] = 0.0,
    margin: Annotated[float, typer.Option(min=0, max=1, help="Earned on sales; 0 means 0.25.")] = 0.0,
    currency: Annotated[
        str, typer.Option(envvar="FIELDWISE_CURRENCY", help="Of the cost; the company's.")
    ] = "USD",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Measure a model's learning curves by training it many times; broken off, the same command goes on."""
    with faults_told(), client_for(data) as client:
        cost = money(cpu_hour_cost, currency)
        found = client.estimate_returns(model, cpu_hour_cost=cost, margin=margin, progress=teller())
    typer.echo(json_text(found) if as_json else "\n".join(learning_lines(found)))


def show(model: Name, as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """The learning curves measured last, and what one more training would bring now."""
    with faults_told(), client_for(data) as client:
        found = client.learning_curves(model)
    typer.echo(json_text(found) if as_json else "\n".join(learning_lines(found)))


def curve_lines(found: ReturnsCurve) -> list[str]:
    lines = [f"{'accuracy':<16} {'gain per point':>15}"]
    for piece in found.segments:
        span = f"{piece.from_accuracy:g} to {piece.to_accuracy:g} %"
        lines.append(f"{span:<16} {piece.gain_per_point:>13.4g} %{'' if piece.pays else '  below its cost'}")
    if found.misfit:
        lines.append(
            f"points lie up to {found.misfit:.3g} % of sales off: their own gains increase somewhere"
        )
    return [*lines, found.verdict]


def learning_lines(found: LearningCurves) -> list[str]:
    lines = [f"{found.model}, measured {found.measure_time.ToJsonString()[:16]}"]
    for each in found.curves:
        lines += ["", *effort_lines(each)]
    lines += [
        "",
        LEGEND,
        f"one point of accuracy is worth {amount(found.worth_per_point)} a year: {found.worth_basis}",
    ]
    if found.HasField("next_training_cost"):
        gain, cost = amount(found.next_training_gain), amount(found.next_training_cost)
        lines.append(f"one more training now: expected gain {gain}, cost {cost}")
    return lines


def effort_lines(each: LearningCurve) -> list[str]:
    head = f"{each.effort:<20} {'error':>8} {'+-':>7} {'fitted':>8} {'CPU s':>8} {'gain':>14} {'cost':>14}"
    return [head, *(point_line(one) for one in each.points), each.verdict]


def point_line(one: LearningPoint) -> str:
    name = one.learner or f"{one.effort:,.0f}"
    return (
        f"{name:<20} {one.error:>8.4f} {one.standard_error:>7.4f} {one.fitted:>8.4f} {one.cpu_seconds:>8.2f} "
        f"{amount(one.gain):>14} {amount(one.cost):>14}"
    )


def amount(value: MoneyMessage) -> str:
    return f"{value.micros / MICROS:,.2f} {value.currency_code}"
