"""`fieldwise plan`: territories from a planner's files, or for the customers; files and a map as the answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.allocation.v1.plan_pb2 import TerritoryRules
from fieldwise_client.client import Client
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.plan.files import Question, read_question
from fieldwise_client.plan.outcome import Outcome, account_messages, read_outcome, rep_messages
from fieldwise_client.plan.table import FilesAreWrong
from fieldwise_client.plan.telling import ProgressLine, headline
from fieldwise_client.plan.writing import write_outcome
from fieldwise_client.supervisor.layout import DEFAULT_DATA

USUAL_BAND = 0.1


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(plan)


def plan(
    accounts: Annotated[
        Path | None, typer.Option(help="CSV: name, lat, lon, workload_hours, value, needs_skills, locked.")
    ] = None,
    reps: Annotated[Path | None, typer.Option(help="CSV: name, lat, lon, hours_per_week, skills.")] = None,
    incumbent: Annotated[Path | None, typer.Option(help="CSV: account, rep. Who has what today.")] = None,
    customers: Annotated[
        bool, typer.Option("--customers", help="Plan the customers and reps that Fieldwise knows.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the answer.")] = Path("plan"),
    band: Annotated[
        float, typer.Option(min=0.001, max=1, help="How far a workload may lie off its share.")
    ] = USUAL_BAND,
    time_limit: Annotated[float, typer.Option(min=1, max=600, help="Seconds for the solver.")] = 10.0,
    move_cost: Annotated[
        float, typer.Option(min=0.001, help="Cost of a move, as a share of the account's value.")
    ] = 0.1,
    apply: Annotated[bool, typer.Option("--apply", help="Put the plan in force.")] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Divide accounts among reps; write assignments.csv, moves.csv, summary.json and map.html."""
    question = _question(accounts, reps, incumbent, customers)
    if question.locks_left_aside:
        typer.echo(
            f"{question.locks_left_aside} locks are left aside: no --incumbent says whose they are", err=True
        )
    rules = TerritoryRules(workload_band=band, time_limit_seconds=time_limit, move_cost=move_cost)
    with faults_told(), client_for(data) as client:
        outcome = _solve(client, question, rules)
        title = (
            "Territory plan for the customers"
            if customers
            else f"Territory plan for {accounts and accounts.name}"
        )
        written = write_outcome(outcome, out, title, band)
        if apply:
            client.apply_plan(outcome.plan.name)
    typer.echo(headline(outcome))
    for path in written:
        typer.echo(f"  {path}")
    if apply:
        typer.echo(f"{outcome.plan.name} is in force")


def _question(accounts: Path | None, reps: Path | None, incumbent: Path | None, customers: bool) -> Question:
    if customers and not (accounts or reps or incumbent):
        return Question((), ())
    if customers or not (accounts and reps):
        typer.echo("give --accounts and --reps, or --customers alone", err=True)
        raise typer.Exit(2)
    try:
        return read_question(accounts, reps, incumbent)
    except FilesAreWrong as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None


def _solve(client: Client, question: Question, rules: TerritoryRules) -> Outcome:
    currency = os.environ.get("FIELDWISE_CURRENCY", "USD")
    line = ProgressLine(sys.stderr)
    try:
        made = client.plan_territories(
            account_messages(question, currency), rep_messages(question), rules=rules, progress=line.show
        )
    except KeyboardInterrupt:
        line.end("cancelled; nothing was written")
        raise
    line.end()
    return read_outcome(made, question)
