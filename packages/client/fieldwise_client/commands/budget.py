"""`fieldwise budget share, size, reach, fit`: scarce means where they bring most, as tables and files."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.allocation.v1.resource_service_pb2 import (
    BudgetPlan,
    EffortLine,
    EffortQuestion,
    TargetPlan,
    WatchBudgetResponse,
)
from fieldwise.type.v1 import money_pb2
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.decision import Money
from fieldwise_client.plan.effort_files import read_question
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

MICROS = 1_000_000
SHOWN = 20

File = Annotated[
    Path, typer.Argument(help="Cells as .csv (five points each), or the whole question as .json.")
]
Have = Annotated[
    list[str] | None, typer.Option("--have", metavar="NAME=AMOUNT", help="How much there is; repeat it.")
]
Cost = Annotated[
    list[str] | None, typer.Option("--cost", metavar="NAME=MONEY", help="What one unit costs; repeat it.")
]
Out = Annotated[Path | None, typer.Option(help="Write the levels of all cells into this .csv file.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="People, material and money where they bring most.")
    for command in (share, size, reach, fit):
        group.command()(command)
    app.add_typer(group, name="budget")


def share(
    file: File,
    have: Have = None,
    cost: Cost = None,
    out: Out = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Share means out: a level for each cell, the price of each rule, the frontier."""
    question = _question(file, have, cost)
    with faults_told(), client_for(data) as client:
        plan = _watched(client.watch_budget(question))
    if out is not None:
        _write(out, plan.lines)
    typer.echo(json_text(plan) if as_json else "\n".join(_told(plan)))


def size(
    file: File,
    resource: Annotated[str, typer.Option(help="The resource that reps bring.")],
    per_rep: Annotated[float, typer.Option(help="How much of it one rep brings.")],
    cost_per_rep: Annotated[float, typer.Option(help="What one rep costs, in whole currency units.")],
    fewest: Annotated[int, typer.Option(help="Fewest reps compared.")] = 1,
    most: Annotated[int, typer.Option(help="Most reps compared.")] = 50,
    have: Have = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """How many reps pay."""
    question = _question(file, have, None)
    if resource not in [one.name for one in question.resources]:
        question.resources.add(name=resource)
    with faults_told(), client_for(data) as client:
        sized = client.size_force(question, resource, per_rep, _money(cost_per_rep), fewest=fewest, most=most)
    if as_json:
        typer.echo(json_text(sized))
        return
    typer.echo(
        f"{sized.reps} reps pay best; in {_currency()}\n{'reps':>6}{'value':>16}{'less their cost':>18}"
    )
    for one in sized.curve:
        mark = " <" if one.reps == sized.reps else ""
        typer.echo(f"{one.reps:>6}{_whole(one.value):>16,.0f}{_whole(one.profit):>18,.0f}{mark}")


def reach(
    file: File,
    target: Annotated[float, typer.Option(help="Sales to reach, in whole currency units.")],
    probability: Annotated[float, typer.Option(min=0.5, max=0.999, help="To reach it with.")] = 0.9,
    have: Have = None,
    cost: Cost = None,
    out: Out = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """The cheapest plan that reaches a sales target with a probability."""
    question = _question(file, have, cost)
    with faults_told(), client_for(data) as client:
        plans = client.reach_target(question, _money(target), probability=probability)
    if out is not None:
        _write(out, plans.plan.lines)
    if as_json:
        typer.echo(json_text(plans))
        return
    typer.echo(_reaching("the cheapest plan that is sure enough", plans.plan))
    typer.echo(_reaching("the cheapest that does so on average", plans.on_average))


def fit(file: File, as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Curves of the cells of a file."""
    question = _question(file, None, None)
    with faults_told(), client_for(data) as client:
        fitted = client.fit_curves(question.cells)
    if as_json:
        typer.echo(json_text(fitted))
        return
    width = max((len(one.cell) for one in fitted.curves), default=0)
    for one in fitted.curves:
        curve, seen = one.curve, one.curve.support
        basis = (
            "judged" if curve.assumed else f"{seen.observations} periods, {seen.lowest:g} to {seen.highest:g}"
        )
        typer.echo(
            f"{one.cell:<{width}} {curve.lowest:>12,.2f} to {curve.highest:>12,.2f}, half at {curve.half_level:g}, "
            f"shape {curve.shape:.2f}, +-{curve.spread:.0%} ({basis})"
        )


def _watched(news: Iterable[WatchBudgetResponse]) -> BudgetPlan:
    """The plan at the end, each step told before it."""
    line = Progress(stream=sys.stderr)
    last = WatchBudgetResponse()
    for last in news:
        if last.step:
            found = f", {_whole(last.worth):,.0f} of at most {_whole(last.bound):,.0f}"
            line.running(f"{last.step}{found if last.HasField('bound') else ''}")
    return last.plan


def _question(file: Path, have: Sequence[str] | None, cost: Sequence[str] | None) -> EffortQuestion:
    with faults_told():
        question = read_question(file)
    resources = {one.name: one for one in question.resources}
    for name, amount in _pairs("--have", have):
        if name not in resources:
            resources[name] = question.resources.add(name=name)
        resources[name].capacity = amount
    for name, amount in _pairs("--cost", cost):
        if name not in resources:
            resources[name] = question.resources.add(name=name)
        money = _money(amount)
        resources[name].unit_cost.CopyFrom(money_pb2.Money(currency_code=money.currency, micros=money.micros))
    return question


def _pairs(option: str, stated: Sequence[str] | None) -> Iterable[tuple[str, float]]:
    for one in stated or ():
        name, _, amount = one.rpartition("=")
        try:
            yield name, float(amount)
        except ValueError:
            raise typer.BadParameter(f"got {one!r}; give NAME=NUMBER", param_hint=option) from None


def _money(amount: float) -> Money:
    return Money(round(amount * MICROS), _currency())


def _currency() -> str:
    return os.environ.get("FIELDWISE_CURRENCY", "USD")


def _whole(amount: money_pb2.Money) -> float:
    return amount.micros / MICROS


def _told(plan: BudgetPlan) -> Iterable[str]:
    code = plan.value.currency_code
    yield (
        f"value {_whole(plan.value):,.0f} {code}, in 80 of 100 periods {_whole(plan.low):,.0f} to "
        f"{_whole(plan.high):,.0f}; at most {plan.gap:.3%} below the best; {plan.assumed_share:.0%} is judged"
    )
    if plan.HasField("today"):
        yield f"today's levels bring {_whole(plan.today):,.0f} {code}"
    if plan.cells_beyond_support:
        yield f"{plan.cells_beyond_support} cells go beyond what was observed"
    yield f"\n{'rule':<32}{'stated':>14}{'reached':>14}{'one unit more':>16}"
    for rule in plan.rules:
        yield f"{rule.rule:<32.32}{rule.stated:>14,.6g}{rule.reached:>14,.6g}{rule.price:>16,.4g}"
    for even in plan.break_even:
        yield f"{even.resource}: beyond {even.amount:,.6g} a unit brings less than the {even.threshold:g} it costs"
    if plan.HasField("nearest"):
        near = plan.nearest
        yield f"nearly as good with less change: {near.changed} cells leave today's level, in the best {near.best_changed}"
    yield f"\n{'cell':<32}{'level':>12}{'value':>14}"
    for line in plan.lines[:SHOWN]:
        marks = (" judged" if line.assumed else "") + (
            " beyond what was observed" if line.beyond_support else ""
        )
        yield f"{line.cell:<32.32}{line.level:>12,.4g}{line.value:>14,.2f}{marks}"
    if len(plan.lines) > SHOWN:
        yield f"and {len(plan.lines) - SHOWN} more; --out writes them all"
    yield f"\n{'budgets times':<16}{'value at most':>16}"
    for point in plan.frontier:
        yield f"{point.share:<16g}{_whole(point.value):>16,.0f}"


def _reaching(words: str, plan: TargetPlan) -> str:
    return (
        f"{words}: costs {_whole(plan.cost):,.2f} (no such plan costs less than {_whole(plan.bound):,.2f}), brings "
        f"{_whole(plan.sales):,.0f} on average, reaches the target with probability {plan.probability:.3f}"
    )


def _write(path: Path, lines: Iterable[EffortLine]) -> None:
    # With a byte order mark: a spreadsheet takes the names for its own local encoding without it.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("cell", "level", "value", "deviation", "judged", "beyond_support"))
        writer.writerows(
            (line.cell, line.level, line.value, line.deviation, line.assumed, line.beyond_support)
            for line in lines
        )
