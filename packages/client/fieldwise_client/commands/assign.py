"""`fieldwise assign`: any items to any agents from CSV files; a file as the answer."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer
from google.longrunning import operations_pb2

from fieldwise.allocation.v1.task_service_pb2 import AssignTasksMetadata, TaskPlan
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.plan.task_files import read_tasks
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

SHOWN = 20


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(assign)


def assign(
    items: Annotated[Path, typer.Option(help="CSV: name, use, cost, leave_out.")],
    agents: Annotated[Path, typer.Option(help="CSV: name, capacity, most_items.")],
    pairs: Annotated[
        Path | None, typer.Option(help="CSV: item, agent, cost, use, forbidden. Others: the item's own.")
    ] = None,
    profit: Annotated[bool, typer.Option("--profit", help="Costs are profits, to be large.")] = False,
    only_listed: Annotated[
        bool, typer.Option("--only-listed", help="Pairs that are not listed are forbidden.")
    ] = False,
    time_limit: Annotated[float, typer.Option(min=1, max=600, help="Seconds for the solver.")] = 10.0,
    out: Annotated[Path, typer.Option(help="CSV for the answer.")] = Path("assigned.csv"),
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Give every item to an agent within capacities: leads to reps, cases to teams."""
    with faults_told():
        tasks = read_tasks(items, agents, pairs)
    line = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        plan = client.assign_tasks(
            tasks.items,
            tasks.agents,
            tasks.pairs,
            most_profit=profit,
            only_listed_pairs=only_listed,
            time_limit=time_limit,
            progress=lambda operation: line.running(under_way(operation)),
        )
    _write(plan, out)
    typer.echo(told(plan, profit))
    typer.echo(f"  {out}")


def _write(plan: TaskPlan, out: Path) -> None:
    with out.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("item", "agent", "cost", "use"))
        lines.writerows(
            (line.item, line.agent, f"{line.cost:g}", f"{line.use:g}") for line in plan.assignments
        )


def under_way(operation: operations_pb2.Operation) -> str:
    """How far the assignment is: `searching, 606 so far, bound 628`."""
    metadata = AssignTasksMetadata()
    operation.metadata.Unpack(metadata)
    best = f", {metadata.objective:,.10g} so far" if metadata.HasField("objective") else ""
    bound = f", bound {metadata.bound:,.10g}" if metadata.HasField("bound") else ""
    return f"{metadata.step or 'queued'}{best}{bound}"


def told(plan: TaskPlan, profit: bool) -> str:
    """How good the plan is, and the agents whose capacity is worth most."""
    word, bound = ("profit", "no more than") if profit else ("cost", "no less than")
    scarce = sorted(plan.loads, key=lambda load: -load.capacity_price)
    head = (
        f"{len(plan.assignments) - plan.left_out} items assigned, {plan.left_out} left out: "
        f"{word} {plan.objective:,.10g}, {bound} {plan.bound:,.10g} is possible (gap {plan.gap:.3%})"
    )
    lines = (
        f"  {load.agent:<24} {load.items:>6} items, {load.used:>10,.6g} used; one more unit is worth {load.capacity_price:,.4g}"
        for load in scarce[:SHOWN]
    )
    return "\n".join([head, *lines])
