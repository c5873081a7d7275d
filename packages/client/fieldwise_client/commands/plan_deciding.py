"""`fieldwise plan override, approve, apply, rollback, who`: a manager's say, and what is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldwise_client.client import Client
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.plan_scenarios import By, Called, Note, PlanName, pair
from fieldwise_client.commands.up import Data
from fieldwise_client.errors import FailedPrecondition
from fieldwise_client.names import short
from fieldwise_client.plan.comparing import override_told, state_of
from fieldwise_client.plan.kept import plan_called, rep_called, rep_names
from fieldwise_client.supervisor.layout import DEFAULT_DATA

UNKNOWN_REPS = "UNKNOWN_REPS"


def override(
    plan: PlanName,
    assign: Annotated[list[str], typer.Option(help="ACCOUNT=REP; repeat it.")],
    accept: Annotated[
        bool, typer.Option("--accept-broken-rules", help="Although hard rules break; the plan names them.")
    ] = False,
    cost_only: Annotated[bool, typer.Option("--cost-only", help="Only say what it costs.")] = False,
    called: Called = "",
    by: By = "",
    note: Note = "",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Give accounts to reps by hand: what it costs, what it breaks, what would do instead; a new plan."""
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        names = rep_names(client.plan_question(name).reps)
        wish = {
            account: rep_called(names, rep) for account, rep in (pair("--assign", each) for each in assign)
        }
        answer = client.override_plan(name, wish, validate_only=True)
        broken = bool(answer.new_breaches) and not accept
        if not cost_only and not broken:
            answer = client.override_plan(
                name, wish, accept_broken_rules=accept, display_name=called, actor=by, note=note
            )
    if as_json:
        typer.echo(json_text(answer))
    else:
        typer.echo(override_told(answer, names))
        if answer.HasField("plan"):
            typer.echo(answer.plan.name)
    if broken and not cost_only:
        typer.echo("nothing was made; give --accept-broken-rules to do it all the same", err=True)
        raise typer.Exit(1)


def approve(plan: PlanName, by: By, note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Approve a draft."""
    with faults_told(), client_for(data) as client:
        approved = client.approve_plan(plan_called(client, plan), actor=by, note=note)
    typer.echo(f"{approved.name} is {state_of(approved)}")


def apply(
    plan: PlanName,
    add_reps: Annotated[
        bool,
        typer.Option("--add-reps", help="First add those of the plan's reps whom Fieldwise does not know."),
    ] = False,
    by: By = "",
    note: Note = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Put a plan in force; one that was in force before is restored so."""
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        if add_reps:
            _add_reps(client, name)
        try:
            applied = client.apply_plan(name, actor=by, note=note, timeout=60)
        except FailedPrecondition as refused:
            if refused.reason == UNKNOWN_REPS:
                typer.echo("give --add-reps to add them with this command", err=True)
            raise
    typer.echo(f"{applied.name} is {state_of(applied)}")


def _add_reps(client: Client, plan: str) -> None:
    known = {rep.name for rep in client.reps()}
    for rep in client.plan_question(plan).reps:
        if rep.name not in known:
            client.create_rep(rep)
            typer.echo(f"{rep.name} is added")


def rollback(by: By = "", note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Put the plan that was in force before in force again."""
    with faults_told(), client_for(data) as client:
        restored = client.roll_back_plan(actor=by, note=note)
    typer.echo(f"{restored.name} is {state_of(restored)} again")


def who(
    account: Annotated[str, typer.Argument(help="As plans name it, such as customers/417.")],
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Who serves an account now, by which plan and why."""
    with faults_told(), client_for(data) as client:
        found = client.assignment(account)
    if as_json:
        typer.echo(json_text(found))
        return
    applied = found.applied.event_time.ToJsonString()[:16].replace("T", " ")
    by = f" by {found.applied.actor}" if found.applied.actor else ""
    reason = found.assignment.reason
    typer.echo(f"{account}: {short(found.assignment.rep)} ({reason}), by {found.plan}, applied {applied}{by}")
