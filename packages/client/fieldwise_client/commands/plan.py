"""`fieldwise plan`: territories from a planner's files, or for the customers; and all that is done with plans."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.json_format import Parse, ParseError

from fieldwise.allocation.v1.plan_pb2 import TerritoryRules
from fieldwise_client.client import Client
from fieldwise_client.commands import plan_deciding as deciding
from fieldwise_client.commands import plan_scenarios as scenarios
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.plan.files import Question, read_question
from fieldwise_client.plan.outcome import Outcome, account_messages, read_outcome, rep_messages
from fieldwise_client.plan.table import decoded
from fieldwise_client.plan.telling import ProgressLine, headline
from fieldwise_client.plan.writing import write_outcome
from fieldwise_client.supervisor.layout import DEFAULT_DATA

USUAL_BAND = 0.1


def register(app: typer.Typer) -> None:
    """Adds the commands; without one, territories are planned."""
    group = typer.Typer(help="Territories: plan, compare, decide, put in force.")
    group.callback(invoke_without_command=True)(_unless_another(territories))
    for name, command in COMMANDS.items():
        group.command(name)(command)
    app.add_typer(group, name="plan")


def _unless_another(command: Callable[..., None]) -> Callable[..., None]:
    """The command with its own options, as what a group does when none of its commands is named."""

    @functools.wraps(command)
    def run(context: typer.Context, **options: Any) -> None:
        if context.invoked_subcommand is None:
            command(**options)

    own = inspect.signature(command, eval_str=True)
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    # Typer reads the options from here, and the words of a group from its help.
    shown = own.replace(parameters=[context, *own.parameters.values()])
    run.__signature__ = shown  # type: ignore[attr-defined]  # functions may carry it, their type does not say so
    run.__annotations__ = {"context": typer.Context, **command.__annotations__}
    run.__doc__ = None
    return run


def territories(
    accounts: Annotated[
        Path | None,
        typer.Option(
            help="CSV or GeoJSON: name, workload_hours, value; lat, lon, needs_skills, locked, visit_hours, visits_per_week, area."
        ),
    ] = None,
    reps: Annotated[
        Path | None, typer.Option(help="CSV or GeoJSON: name, hours_per_week; lat, lon, skills, share.")
    ] = None,
    incumbent: Annotated[Path | None, typer.Option(help="CSV: account, rep. Who has what today.")] = None,
    customers: Annotated[
        bool, typer.Option("--customers", help="Plan the customers and reps that Fieldwise knows.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the answer.")] = Path("plan"),
    band: Annotated[
        float, typer.Option(min=0.001, max=1, help="How far a workload may lie off its share.")
    ] = USUAL_BAND,
    time_limit: Annotated[float, typer.Option(min=1, max=3600, help="Seconds for the solver.")] = 10.0,
    move_cost: Annotated[
        float, typer.Option(min=0.001, help="Cost of a move, as a share of the account's value.")
    ] = 0.1,
    rules: Annotated[
        Path | None,
        typer.Option(
            help="JSON: all rules, as TerritoryRules of the contract; instead of --band and --move-cost."
        ),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Put the plan in force.")] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Divide accounts among reps; write assignments, moves, summary, territories and a map."""
    question = _question(accounts, reps, incumbent, customers)
    if question.locks_left_aside:
        typer.echo(
            f"{question.locks_left_aside} locks are left aside: no --incumbent says whose they are", err=True
        )
    asked = _rules(rules, TerritoryRules(workload_band=band, move_cost=move_cost))
    asked.time_limit_seconds = asked.time_limit_seconds or time_limit
    with faults_told(), client_for(data) as client:
        outcome = _solve(client, question, asked)
        title = (
            "Territory plan for the customers"
            if customers
            else f"Territory plan for {accounts and accounts.name}"
        )
        written = write_outcome(outcome, out, title, asked.workload_band or USUAL_BAND)
        if apply:
            client.apply_plan(outcome.plan.name)
    typer.echo(headline(outcome))
    for path in written:
        typer.echo(f"  {path}")
    if apply:
        typer.echo(f"{outcome.plan.name} is in force")


COMMANDS: Mapping[str, Callable[..., None]] = {
    "territories": territories,
    "list": scenarios.list_,
    "show": scenarios.show,
    "compare": scenarios.compare,
    "replan": scenarios.replan,
    "copy": scenarios.copy,
    "override": deciding.override,
    "approve": deciding.approve,
    "apply": deciding.apply,
    "rollback": deciding.rollback,
    "who": deciding.who,
    "history": scenarios.history,
    "export": scenarios.export,
    "delete": scenarios.delete,
}


def _question(accounts: Path | None, reps: Path | None, incumbent: Path | None, customers: bool) -> Question:
    if customers and not (accounts or reps or incumbent):
        return Question((), ())
    if customers or not (accounts and reps):
        typer.echo("give --accounts and --reps, or --customers alone", err=True)
        raise typer.Exit(2)
    with faults_told():
        return read_question(accounts, reps, incumbent)


def _rules(file: Path | None, otherwise: TerritoryRules) -> TerritoryRules:
    if file is None:
        return otherwise
    try:
        return Parse(decoded(file.read_bytes()), TerritoryRules())
    except (OSError, ParseError) as error:
        typer.echo(f'{file.name}: {error}; give the rules as JSON, such as {{"workloadBand": 0.1}}', err=True)
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
