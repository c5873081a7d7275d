"""`fieldwise plan list, show, compare, copy, replan, delete, export, history`: scenarios, beside each other and as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from google.type.latlng_pb2 import LatLng

from fieldwise.allocation.v1.plan_change_pb2 import DemandChange, LockChange, PlanChange, RepHours
from fieldwise.allocation.v1.plan_pb2 import Account
from fieldwise.allocation.v1.plan_service_pb2 import PlanComparison
from fieldwise_client.client import Client
from fieldwise_client.commands.customers import Json, json_line, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.errors import InvalidRequest
from fieldwise_client.plan.comparing import HOUR_MORE, event_line, side_by_side, state_of, tree
from fieldwise_client.plan.files import read_practice
from fieldwise_client.plan.kept import outcome_of, plan_called, rep_called, rep_names
from fieldwise_client.plan.telling import ProgressLine, headline
from fieldwise_client.plan.writing import write_outcome
from fieldwise_client.requests import plan_progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

PlanName = Annotated[
    str,
    typer.Argument(
        metavar="PLAN", help="Its first four digits or more, the name you gave it, applied or latest."
    ),
]
By = Annotated[str, typer.Option("--by", help="Who says so, for the history.")]
Note = Annotated[str, typer.Option(help="Why, for the history.")]
Called = Annotated[str, typer.Option("--name", help="What to call the new plan.")]
USUAL_BAND = 0.1


def list_(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """All plans as a tree: what was made from what, and what stands where."""
    with faults_told(), client_for(data) as client:
        plans = list(client.plans())
    for line in map(json_line, plans) if as_json else tree(plans):
        typer.echo(line)


def show(plan: PlanName, as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """One plan: its figures beside the usual practices, its reps, its history."""
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        if as_json:
            typer.echo(json_text(client.get_plan(name, timeout=60)))
            return
        outcome = outcome_of(client, name)
        history = list(client.plan_events(name))
    typer.echo(f"{name}  {outcome.plan.display_name}  {state_of(outcome.plan)}\n{headline(outcome)}")
    for breach in outcome.plan.breaches[:20]:
        typer.echo(f"  breaks {breach.description}")
    typer.echo(f"\n{'rep':<20}{'accounts':>9}{'hours':>8}{'share':>8}{'value':>14}{'an hour more':>14}")
    for load in outcome.loads:
        typer.echo(
            f"{load.rep:<20.20}{load.accounts:>9,}{load.hours:>8.1f}{load.target_hours:>8.1f}{load.value:>14,.0f}"
            f"{load.hour_price:>14.2f}"
        )
    typer.echo(f"{HOUR_MORE}\n")
    for event in reversed(history):
        typer.echo(event_line(event))


def compare(
    plan: PlanName,
    base: Annotated[
        str, typer.Argument(help="The plan to compare with; default: what the company has today.")
    ] = "",
    practice: Annotated[
        Path | None, typer.Option(help="CSV: account, rep. An earlier practice to compare with.")
    ] = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Two plans side by side: cost, kilometres, balance, rules broken, what changes hands, per rep and in all."""
    if base and practice:
        typer.echo("give a plan to compare with, or --practice, not both", err=True)
        raise typer.Exit(2)
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        names = rep_names(client.plan_question(name).reps)
        if practice:
            called, found = practice.name, _beside_practice(client, name, practice, dict(names))
        else:
            other, called = (plan_called(client, base), base) if base else ("", "today")
            found = client.compare_plans(name, other)
    typer.echo(json_text(found) if as_json else side_by_side(found, plan, called, names))


def _beside_practice(client: Client, plan: str, practice: Path, names: dict[str, str]) -> PlanComparison:
    """The practice is brought in for as long as it is compared: no draft of it stays."""
    rep_of = read_practice(practice)
    ids = {account: rep_called(names, rep) if rep else "" for account, rep in rep_of.items()}
    brought_in = client.import_plan(plan, ids, display_name=practice.name).name
    try:
        return client.compare_plans(plan, brought_in)
    finally:
        client.delete_plan(brought_in)


def copy(plan: PlanName, called: Called = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Copy a plan, to go on from it."""
    with faults_told(), client_for(data) as client:
        typer.echo(client.copy_plan(plan_called(client, plan), display_name=called).name)


def delete(
    plan: PlanName,
    with_children: Annotated[
        bool, typer.Option("--with-children", help="And all that was made from it.")
    ] = False,
    by: By = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Remove a plan; its history stays."""
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        client.delete_plan(name, with_children=with_children, actor=by)
    typer.echo(f"{name} is removed")


def history(
    plan: Annotated[str, typer.Argument(help="Of one plan; default: of all.")] = "",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """What happened to plans, newest first: who made, approved, applied and rolled back what."""
    with faults_told(), client_for(data) as client:
        for event in client.plan_events(plan_called(client, plan) if plan else ""):
            typer.echo(json_line(event) if as_json else event_line(event))


def export(
    plan: PlanName,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("plan"),
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Write a kept plan as assignments.csv, moves.csv, summary.json, territories.geojson and map.html."""
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        outcome = outcome_of(client, name)
        band = client.plan_question(name).rules.workload_band or USUAL_BAND
    title = outcome.plan.display_name or "Territory plan"
    for path in write_outcome(outcome, out, title, band):
        typer.echo(f"  {path}")


def replan(
    plan: PlanName,
    leaves: Annotated[list[str] | None, typer.Option(help="A rep who leaves; repeat it.")] = None,
    hours: Annotated[list[str] | None, typer.Option(help="REP=HOURS a week; repeat it.")] = None,
    demand: Annotated[
        list[str] | None, typer.Option(help="ACCOUNT=FACTOR, or all=FACTOR; repeat it.")
    ] = None,
    lock: Annotated[list[str] | None, typer.Option(help="ACCOUNT=REP, or ACCOUNT alone; repeat it.")] = None,
    free: Annotated[list[str] | None, typer.Option(help="An account to unlock; repeat it.")] = None,
    gone: Annotated[list[str] | None, typer.Option(help="An account that is gone; repeat it.")] = None,
    new: Annotated[
        list[str] | None,
        typer.Option(
            help="An account that is new: ACCOUNT=HOURS, with a place ACCOUNT=HOURS@LAT,LON; repeat it."
        ),
    ] = None,
    from_today: Annotated[
        bool, typer.Option("--from-today", help="Count moves from today's reps, not from the plan's.")
    ] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Solve anew instead of repairing the plan.")] = False,
    called: Called = "",
    by: By = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """What if: change reps, demand or locks, and plan again from a plan, as a child of it."""
    line = ProgressLine(sys.stderr)
    with faults_told(), client_for(data) as client:
        name = plan_called(client, plan)
        names = dict(rep_names(client.plan_question(name).reps))
        changes = [
            *(PlanChange(rep_leaves=rep_called(names, each)) for each in leaves or ()),
            *(_hours(names, each) for each in hours or ()),
            *(_demand(each) for each in demand or ()),
            *(_lock(names, each) for each in lock or ()),
            *(PlanChange(locks=LockChange(accounts=[each], free=True)) for each in free or ()),
            *(PlanChange(account_leaves=each) for each in gone or ()),
            *(_new(each) for each in new or ()),
        ]
        made = client.replan(
            name,
            changes,
            from_today=from_today,
            whole=whole,
            display_name=called,
            actor=by,
            progress=lambda operation: line.tell(plan_progress(operation)),
        )
        line.end()
        found = client.compare_plans(made.name, name)
    typer.echo(f"{made.name}\n{side_by_side(found, called or 'new plan', plan, names)}")


def pair(option: str, text: str) -> tuple[str, str]:
    """`A=B` as A and B; names may hold the sign, what follows it may not."""
    left, sign, right = text.rpartition("=")
    if not sign or not left:
        raise InvalidRequest.of(option, text, "give two names with = between")
    return left, right


def _number(option: str, text: str) -> tuple[str, float]:
    name, number = pair(option, text)
    try:
        return name, float(number)
    except ValueError:
        raise InvalidRequest.of(option, text, "give a number after =") from None


def _hours(names: dict[str, str], text: str) -> PlanChange:
    rep, number = _number("--hours", text)
    return PlanChange(rep_hours=RepHours(rep=rep_called(names, rep), hours_per_week=number))


def _demand(text: str) -> PlanChange:
    account, factor = _number("--demand", text)
    accounts = [] if account == "all" else [account]
    return PlanChange(demand=DemandChange(accounts=accounts, workload_factor=factor))


def _lock(names: dict[str, str], text: str) -> PlanChange:
    account, sign, rep = text.rpartition("=")
    if not sign:
        return PlanChange(locks=LockChange(accounts=[text]))
    return PlanChange(locks=LockChange(accounts=[account], rep=rep_called(names, rep)))


def _new(text: str) -> PlanChange:
    account, _, stated = text.rpartition("=")
    hours, at, place = stated.partition("@")
    _, number = _number("--new", f"{account}={hours}")
    new = Account(name=account, workload_hours=number)
    if at:
        new.place.CopyFrom(_place(text, place))
    return PlanChange(account_joins=new)


def _place(text: str, place: str) -> LatLng:
    try:
        latitude, longitude = map(float, place.split(","))
    except ValueError:
        raise InvalidRequest.of("--new", text, "give degrees after @, such as 41.9,-87.6") from None
    return LatLng(latitude=latitude, longitude=longitude)
